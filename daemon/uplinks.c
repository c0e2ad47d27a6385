/* SPDX-License-Identifier: MIT
 *
 * uplinks.c - sockets bound to the uplinks that the host does not use as a rule
 */
#include "daemon/uplinks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static bool among(unsigned index, const unsigned *list, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (list[i] == index)
			return true;
	return false;
}

void uplinks_assign(const unsigned *now, unsigned count, unsigned held[static UPLINKS_HELD])
{
	for (unsigned i = 0; i < UPLINKS_HELD; i++)
		if (held[i] && !among(held[i], now, count))
			held[i] = 0;
	for (unsigned i = 1; i < count; i++)
		for (unsigned k = 0; k < UPLINKS_HELD; k++) {
			if (among(now[i], held, UPLINKS_HELD))
				break;
			if (!held[k])
				held[k] = now[i];
		}
}

/* ---- what the host has ---- */

static const struct host_address *address_of(const struct node *n, unsigned index, bool v4)
{
	for (unsigned i = 0; i < n->host_count; i++) {
		const struct host_address *h = &n->hosts[i];

		if (h->index == index && !h->tunnel && !h->bridge_of_containers &&
		    ipaddr_is_v4(&h->ip) == v4)
			return h;
	}
	return NULL;
}

/* look_out() - the uplinks that packets of ours may take: with an address of our own, no
 * tunnel of another VPN; families without an address are struck. Their number. */
static unsigned look_out(const struct node *n, struct uplink out[static UPLINKS_MAX])
{
	struct uplink all[UPLINKS_MAX];
	int got = gateway_uplinks(n->device.index, all);
	unsigned count = 0;

	for (int i = 0; i < got; i++) {
		struct uplink u = all[i];

		u.v4 &= address_of(n, u.index, true) != NULL;
		u.v6 &= address_of(n, u.index, false) != NULL;
		if (u.v4 || u.v6)
			out[count++] = u;
	}
	return count;
}

/* ---- ports ---- */

static bool open_slot(struct node *n, unsigned slot, const char *device, bool v6)
{
	struct udp_params p = { .gro = true, .v6 = v6, .mark = n->conf.mark,
				.buffer_octets = 4 << 20, .device = device };
	struct port *port = &n->ports[slot];
	int err;

	if (atomic_load(&port->open))
		err = udp_renew(&port->udp[0], &p);
	else
		err = udp_open(&port->udp[0], &p);
	if (err) {
		log_warn("uplink %s: no port for %s (%s); going on without", device,
			 v6 ? "IPv6" : "IPv4", strerror(-err));
		return false;
	}
	port->v6 = v6;
	atomic_store(&port->open, true);
	return worker_watch_port(&n->workers[0], slot) == 0;
}

static void take_up(struct node *n, unsigned place, const struct uplink *u)
{
	struct uplink_hold *h = &n->uplinks->held[place];
	const struct host_address *v4 = address_of(n, u->index, true);
	const struct host_address *any = v4 ? v4 : address_of(n, u->index, false);
	unsigned slot = PATHSET_UPLINKS + 2 * place;

	*h = (struct uplink_hold){ .index = u->index, .ip = any->ip };
	snprintf(h->name, sizeof(h->name), "%s", any->name);
	/* where IPv4 goes by a translator, an uplink's own would have to be found first */
	h->v4 = u->v4 && !nat64_here() && open_slot(n, slot, h->name, false);
	h->v6 = u->v6 && open_slot(n, slot + 1, h->name, true);
	log_info("uplink %s: spare", h->name);
}

/* refresh() - one that stays: has it gained or lost a family, another address? */
static bool refresh(struct node *n, unsigned place, const struct uplink *u)
{
	struct uplink_hold *h = &n->uplinks->held[place];
	const struct host_address *a = address_of(n, u->index, u->v4);

	if (u->v4 == h->v4 && u->v6 == h->v6 && ipaddr_eq(&a->ip, &h->ip))
		return false;
	take_up(n, place, u);
	return true;
}

static bool settle(struct node *n, unsigned place, unsigned index, const struct uplink *seen,
		   unsigned count)
{
	struct uplink_hold *h = &n->uplinks->held[place];

	if (!index && !h->index)
		return false;
	if (!index) {
		log_info("uplink %s: gone", h->name);
		*h = (struct uplink_hold){ .index = 0 };
		return true;
	}
	for (unsigned i = 0; i < count; i++) {
		if (seen[i].index != index)
			continue;
		if (h->index == index)
			return refresh(n, place, &seen[i]);
		take_up(n, place, &seen[i]);
	}
	return true;
}

bool uplinks_look(struct node *n)
{
	struct uplinks *u = n->uplinks;
	struct uplink seen[UPLINKS_MAX];
	unsigned now[UPLINKS_MAX], held[UPLINKS_HELD];
	unsigned count = look_out(n, seen);
	unsigned usual = count ? seen[0].index : 0;
	bool changed = usual != u->usual;

	for (unsigned i = 0; i < count; i++)
		now[i] = seen[i].index;
	for (unsigned i = 0; i < UPLINKS_HELD; i++)
		held[i] = u->held[i].index;
	uplinks_assign(now, count, held);
	for (unsigned i = 0; i < UPLINKS_HELD; i++)
		changed |= settle(n, i, held[i], seen, count);
	u->usual = usual;
	return changed;
}

/* ---- what others ask ---- */

unsigned uplinks_mask(const struct node *n)
{
	unsigned mask = 0;

	for (unsigned i = 0; i < UPLINKS_HELD; i++)
		mask |= (unsigned)n->uplinks->held[i].v4 << 2 * i |
			(unsigned)n->uplinks->held[i].v6 << (2 * i + 1);
	return mask;
}

bool uplinks_is_slot(unsigned port)
{
	return port >= PATHSET_UPLINKS && port < PATHSET_UPLINKS + PATHSET_UPLINK_SOCKETS;
}

bool uplinks_slot_v6(unsigned port)
{
	return uplinks_is_slot(port) && (port - PATHSET_UPLINKS) % 2 == 1;
}

uint16_t uplinks_port(const struct node *n, const struct host_address *h)
{
	bool v4 = ipaddr_is_v4(&h->ip);

	if (h->index == n->uplinks->usual)
		return 0;
	for (unsigned i = 0; i < UPLINKS_HELD; i++) {
		const struct uplink_hold *u = &n->uplinks->held[i];

		if (u->index == h->index && (v4 ? u->v4 : u->v6))
			return n->ports[PATHSET_UPLINKS + 2 * i + !v4].udp[0].port;
	}
	return 0;
}

const struct uplink_hold *uplinks_get(const struct node *n, unsigned place)
{
	if (!n->uplinks || !n->uplinks->held[place].index)
		return NULL;
	return &n->uplinks->held[place];
}

bool uplinks_is_usual(const struct node *n, unsigned index)
{
	return n->uplinks && n->uplinks->usual == index;
}

int uplinks_start(struct node *n)
{
	n->uplinks = calloc(1, sizeof(*n->uplinks));
	return n->uplinks ? 0 : -ENOMEM;
}

void uplinks_stop(struct node *n)
{
	free(n->uplinks); /* the ports are the host's to close */
	n->uplinks = NULL;
}
