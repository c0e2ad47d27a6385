/* SPDX-License-Identifier: MIT
 *
 * lan.c - peers of one LAN find each other without a server (glue around hello.h)
 *
 * Calls leave from the main sockets, so their source is where we may be pinged; they are
 * heard by sockets of their own on HELLO_PORT, which join the group on each link with
 * neighbours and on no other.
 */
#include "daemon/lan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/udp.h"
#include "daemon/peer.h"
#include "traversal/budget.h"
#include "traversal/hello.h"
#include "tun/netconf.h"

enum {
	FAMILIES = 2, /* as the main ports: 0 is IPv4 */
	LINKS = 16,
};

struct lan {
	struct node *node;
	struct udp heard[FAMILIES];
	struct loop_watch watch[FAMILIES];
	unsigned link[LINKS]; /* interfaces to call on */
	unsigned links;
	struct rate rate;
};

/* ---- hearing ---- */

static bool believed(const struct node *n, const struct udp_in *in)
{
	struct prefix net[ARRAY_SIZE(n->hosts)];
	unsigned count = 0;

	for (unsigned i = 0; i < n->host_count; i++)
		if (n->hosts[i].index == in->index)
			net[count++] = n->hosts[i].on_link;
	return hello_believed(&in->from, net, count);
}

static enum drop take(struct lan *l, unsigned family, struct udp_in *in, nsec_t now)
{
	struct pathset_source src = { .hello = true,
				      .socket = family,
				      .from = in->from };
	struct node *n = l->node;
	struct peer *p;
	enum drop d;

	if (in->n > HELLO_OCTETS_MAX || in->truncated)
		return DROP_BAD_LENGTH;
	if (!box_is(in->data, in->n))
		return DROP_UNKNOWN_TYPE;
	if (!believed(n, in))
		return DROP_HELLO_REFUSED;
	p = peers_by_hint(n, in->data + 4);
	if (!p)
		return DROP_DISCO_UNKNOWN;
	d = pathset_input(p->paths, &src, in->data, in->n, n->epoch, now);
	peer_run(n, p, now);
	return d;
}

static void hear(struct lan *l, unsigned family, nsec_t now)
{
	uint8_t m[HELLO_OCTETS_MAX + 1];
	struct udp_in in = { .data = m, .room = sizeof(m) };

	for (int i = 0; i < UDP_BATCH_MAX; i++) {
		enum drop d;

		if (udp_recv(&l->heard[family], &in, 1) <= 0)
			return;
		d = take(l, family, &in, now);
		if (d != DROP_NONE)
			drop_count(&l->node->drops, d);
	}
}

static void on_v4(struct loop_watch *w, nsec_t now)
{
	hear(container_of(w, struct lan, watch[0]), 0, now);
}

static void on_v6(struct loop_watch *w, nsec_t now)
{
	hear(container_of(w, struct lan, watch[1]), 1, now);
}

/* ---- calling ---- */

static void call(struct lan *l, struct peer *p, unsigned family, unsigned link)
{
	struct node *n = l->node;
	uint8_t m[HELLO_OCTETS_MAX];
	struct udp_out o = {
		.to = { .ip = hello_group(family), .port = HELLO_PORT },
		.data = m,
		.index = link,
	};
	unsigned sent;

	if (!atomic_load(&n->ports[family].open))
		return;
	if (family)
		o.to.scope = link;
	o.n = pathset_hello(p->paths, n->epoch, m);
	if (udp_send(&n->ports[family].udp[0], &o, 1, &sent) < 0)
		drop_count(&n->drops, DROP_UDP_SEND);
}

void lan_look(struct node *n, struct peer *p, nsec_t now)
{
	struct lan *l = n->lan;

	if (!l || !p->paths)
		return;
	if (pathset_is_direct(p->paths)) {
		hello_again(&p->hello);
		return;
	}
	if (!hello_due(&p->hello, now))
		return;
	if (!rate_take(&l->rate, HELLO_BURST, HELLO_WINDOW, now))
		return; /* its turn comes in the next second */
	hello_sent(&p->hello, now);
	for (unsigned i = 0; i < l->links; i++)
		for (unsigned f = 0; f < FAMILIES; f++)
			call(l, p, f, l->link[i]);
}

/* ---- where we are ---- */

static void join(struct lan *l)
{
	int got = netconf_host_links(l->node->device.index, l->link, LINKS);

	l->links = got > 0 ? (unsigned)got : 0;
	for (unsigned i = 0; i < l->links; i++)
		for (unsigned f = 0; f < FAMILIES; f++) {
			struct ipaddr group = hello_group(f);
			int err = l->heard[f].fd < 0 ? 0 :
				  udp_join(&l->heard[f], &group, l->link[i]);

			if (err && err != -EADDRINUSE)
				log_debug("interface %u: peers of its LAN are not "
					  "heard by IPv%d: %s", l->link[i],
					  f ? 6 : 4, strerror(-err));
		}
}

void lan_network_changed(struct node *n, nsec_t now)
{
	if (!n->lan)
		return;
	join(n->lan);
	for (unsigned i = 0; i < n->peer_count; i++)
		hello_again(&n->peers[i]->hello);
	(void)now; /* the tick calls those with traffic */
}

/* ---- life ---- */

static void open_family(struct lan *l, unsigned family)
{
	struct udp_params p = { .local.port = HELLO_PORT,
				.v6 = family,
				.reuse_port = true, /* others may run beside us */
				.mark = l->node->conf.mark };
	struct udp *u = &l->heard[family];
	int err = udp_open(u, &p);

	if (!err)
		err = loop_watch_add(&l->node->loop, &l->watch[family], u->fd,
				     family ? on_v6 : on_v4);
	if (!err)
		return;
	udp_close(u);
	log_info("UDP port %d cannot be opened for IPv%d (%s): peers of the LAN "
		 "are found through the server alone", HELLO_PORT,
		 family ? 6 : 4, strerror(-err));
}

int lan_start(struct node *n, nsec_t now)
{
	if (!n->conf.lan_hello)
		return 0;
	n->lan = calloc(1, sizeof(*n->lan));
	if (!n->lan)
		return -ENOMEM;
	n->lan->node = n;
	for (unsigned f = 0; f < FAMILIES; f++)
		open_family(n->lan, f);
	lan_network_changed(n, now);
	return 0;
}

void lan_stop(struct node *n)
{
	struct lan *l = n->lan;

	if (!l)
		return;
	for (unsigned f = 0; f < FAMILIES; f++) {
		loop_watch_del(&l->watch[f]);
		udp_close(&l->heard[f]);
	}
	n->lan = NULL;
	free(l);
}
