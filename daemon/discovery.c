/* SPDX-License-Identifier: MIT
 *
 * discovery.c - our own side of path discovery: candidates, NAT, ports, epochs
 */
#include "daemon/discovery.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "daemon/candidates.h"
#include "daemon/cross.h"
#include "daemon/direct.h"
#include "daemon/mapping.h"
#include "daemon/fan.h"
#include "daemon/hops.h"
#include "daemon/host.h"
#include "daemon/ikeport.h"
#include "daemon/longevity.h"
#include "daemon/peer.h"
#include "daemon/peerrelay.h"
#include "daemon/relays.h"
#include "daemon/uplinks.h"
#include "daemon/whereabouts.h"

#define STUN_FRESH SEC(10) /* a younger reflexive address is not asked again */
#define PORT_GAP   SEC(2) /* between two fresh ports */

enum {
	FIRST_EXTRA_PORT = 2, /* behind the two main ones */
	AUX_PORT = PATHSET_UPLINKS - 1, /* for classification alone */
};

static uint64_t current_epoch(const struct node *n)
{
	int64_t s = (int64_t)(time_wall() / SEC(1)) + n->clock_offset_s;

	return (uint64_t)s / NODE_EPOCH_S;
}

/* epoch_left() - until hints change */
static nsec_t epoch_left(const struct node *n)
{
	int64_t s = (int64_t)(time_wall() / SEC(1)) + n->clock_offset_s;

	return current_epoch(n) == n->epoch ?
		       SEC(NODE_EPOCH_S - (uint64_t)s % NODE_EPOCH_S) :
		       0;
}

/* ---- ports beside the main ones ---- */

/* open_port() - a fresh IPv4 socket in a slot; one that was there is replaced under its
 * descriptor, because a worker may be about to use it */
static bool open_port(struct node *n, unsigned slot)
{
	struct udp_params p = { .gro = true, .mark = n->conf.mark,
				.buffer_octets = 4 << 20, .nat64 = nat64_here() };
	struct port *port = &n->ports[slot];

	if (atomic_load(&port->open)) {
		if (udp_renew(&port->udp[0], &p) < 0)
			return false;
	} else {
		if (udp_open(&port->udp[0], &p) < 0)
			return false;
		atomic_store(&port->open, true);
	}
	natcheck_free(n->check[slot]);
	n->check[slot] = NULL;
	return worker_watch_port(&n->workers[0], slot) == 0;
}

/* ---- STUN ---- */

/* count_hops() - beside the classification, so that both are told of at once */
static void count_hops(struct node *n, nsec_t now)
{
	struct endpoint s[NATCHECK_SERVERS_MAX];

	if (discovery_stun_servers(n, s, false))
		hops_look(n, &s[0], now);
}

/* classify() - measure what our NAT does, with a socket that may be spoilt by it */
static void classify(struct node *n, nsec_t now)
{
	/* what the NAT does with other ports says nothing of the one that it spares */
	bool aux = !ikeport_in_use(n) && open_port(n, AUX_PORT);

	natcheck_set_aux(n->check[0], aux ? n->ports[AUX_PORT].udp[0].port : 0);
	natcheck_start(n->check[0], true, now);
	count_hops(n, now);
}

static void start(struct node *n, unsigned port, nsec_t now)
{
	if (port == 0)
		classify(n, now);
	else
		natcheck_start(n->check[port], false, now);
}

static void tell_hosts(struct node *n, unsigned port, nsec_t now)
{
	struct ipaddr ips[ARRAY_SIZE(n->hosts)];
	uint16_t p6 = port == 0 && n->ports[1].open ? n->ports[1].udp[0].port : 0;

	for (unsigned i = 0; i < n->host_count; i++)
		ips[i] = n->hosts[i].ip;
	natcheck_set_local(n->check[port], ips, n->host_count,
			   n->ports[port].udp[0].port, p6, now);
}

unsigned discovery_stun_servers(const struct node *n, struct endpoint *out, bool v6)
{
	unsigned count = 0;

	for (unsigned i = 0; i < n->netmap.relay_count; i++)
		for (unsigned f = 0; f < 2; f++) {
			struct endpoint e = n->netmap.relays[i].at[f];

			if (endpoint_is_zero(&e) || (f && !v6) ||
			    n->netmap.relays[i].node)
				continue;
			if (count + 2 > NATCHECK_SERVERS_MAX)
				break;
			out[count++] = e;
			e.port++;
			out[count++] = e;
		}
	return count;
}

static void set_servers_of(struct node *n, unsigned port, nsec_t now)
{
	struct endpoint s[NATCHECK_SERVERS_MAX];
	unsigned count = discovery_stun_servers(n, s, port == 0);

	natcheck_set_servers(n->check[port], s, count, now);
}

void discovery_servers(struct node *n, nsec_t now)
{
	for (unsigned i = 0; i < WORKER_PORTS_MAX; i++)
		if (n->check[i]) {
			set_servers_of(n, i, now);
			start(n, i, now);
		}
	mapping_servers(n, now);
	discovery_run(n, now);
}

static int start_check(struct node *n, unsigned port, nsec_t now)
{
	n->check[port] = natcheck_new(rand_u64());
	if (!n->check[port])
		return -ENOMEM;
	tell_hosts(n, port, now);
	set_servers_of(n, port, now);
	start(n, port, now);
	return 0;
}

void discovery_relay_back(struct node *n, nsec_t now)
{
	if (!n->check[0] || natcheck_running(n->check[0]) ||
	    natcheck_last(n->check[0])->profile.known)
		return;
	start(n, 0, now);
	discovery_run(n, now);
}

void discovery_refresh(struct node *n, nsec_t now)
{
	for (unsigned i = 0; i < WORKER_PORTS_MAX; i++) {
		bool changed;
		nsec_t at;

		if (!n->check[i] || natcheck_running(n->check[i]))
			continue;
		at = natcheck_report(n->check[i], &changed)->measured;
		if (changed)
			discovery_local_changed(n, now);
		if (n->check[i] && (!at || nsec_since(at, now) > STUN_FRESH))
			natcheck_start(n->check[i], false, now);
	}
	node_schedule(n);
}

enum drop discovery_stun(struct node *n, const uint8_t *m, size_t octets,
			 const struct pathset_source *src, nsec_t now)
{
	unsigned port = src->socket == 1 || src->socket == AUX_PORT ?
				0 :
				src->socket;
	enum drop d = mapping_stun(n, m, octets, src, now);

	if (d != DROP_STUN_UNEXPECTED)
		return d;
	if (!n->check[port])
		return DROP_STUN_UNEXPECTED;
	d = natcheck_input(n->check[port], m, octets, &src->from, now);
	discovery_run(n, now);
	return d;
}

/* ---- what peers are told of us ---- */

static void publish(struct node *n)
{
	struct coord_client_rtts rtts;

	relays_rtts(n, &rtts);
	if (n->coord)
		coord_client_publish(n->coord, &n->local, n->generation, &rtts);
}

void discovery_tell(struct node *n, struct peer *p, nsec_t now)
{
	bool v6[WORKER_PORTS_MAX] = { [1] = true };
	unsigned count = FIRST_EXTRA_PORT;

	for (unsigned i = FIRST_EXTRA_PORT; i < WORKER_PORTS_MAX; i++) {
		v6[i] = uplinks_slot_v6(i);
		/* the NAT spares one port: from others there is nothing to be begun */
		if (ikeport_in_use(n) && !uplinks_is_slot(i))
			continue;
		if (i != AUX_PORT && atomic_load(&n->ports[i].open))
			count = i + 1;
	}
	pathset_set_sockets(p->paths, v6, count, now);
	pathset_set_uplinks(p->paths, uplinks_mask(n), now);
	pathset_set_local(p->paths, &n->local, &n->nat, n->generation, now);
}

/* tell_all() - every path set learns of our ports */
static void tell_all(struct node *n, nsec_t now)
{
	for (unsigned i = 0; i < n->peer_count; i++)
		if (n->peers[i]->paths)
			discovery_tell(n, n->peers[i], now);
}

void discovery_local_changed(struct node *n, nsec_t now)
{
	struct candidate_list l = { .count = 0 };
	struct nat_profile nat = n->nat;
	uint32_t wall = (uint32_t)(time_wall() / SEC(1));

	candidates_gather(n, &l);
	publish(n);
	if (candidate_list_same(&l, &n->local) &&
	    !memcmp(&nat, &n->nat, sizeof(nat)))
		return;
	peerrelay_update(n, now);
	n->local = l;
	n->generation = n->generation >= wall ? n->generation + 1 : wall;
	publish(n);
	for (unsigned i = 0; i < n->peer_count; i++)
		if (n->peers[i]->paths) {
			discovery_tell(n, n->peers[i], now);
			peer_run(n, n->peers[i], now);
		}
	ikeport_consider(n, now);
}

/* ---- ports ---- */

/* is_used() - does a peer's traffic go through this port? */
static bool is_used(const struct node *n, unsigned slot)
{
	for (unsigned i = 0; i < n->peer_count; i++) {
		const struct path_choice *c = &n->peers[i]->use.best;

		if (c->kind == PATH_DIRECT && c->socket == slot)
			return true;
	}
	return false;
}

/* next_slot() - the next one in turn that carries nobody; 0: all do */
static unsigned next_slot(struct node *n)
{
	for (unsigned i = FIRST_EXTRA_PORT; i < AUX_PORT; i++) {
		unsigned slot = n->next_port++;

		if (n->next_port == AUX_PORT)
			n->next_port = FIRST_EXTRA_PORT;
		if (!is_used(n, slot))
			return slot;
	}
	return 0;
}

void discovery_fresh_port(struct node *n, nsec_t now)
{
	unsigned slot;

	if (ikeport_in_use(n))
		return;
	if (n->port_opened && nsec_since(n->port_opened, now) < PORT_GAP)
		return;
	n->port_opened = now;
	slot = next_slot(n);
	if (!slot || !open_port(n, slot) || start_check(n, slot, now) < 0) {
		log_warn("no fresh UDP port to be had; trying on with the old");
		return;
	}
	log_debug("port %u opened for a fresh try", n->ports[slot].udp[0].port);
	tell_all(n, now);
	node_schedule(n);
}

bool discovery_adopt_port(struct node *n, unsigned slot, struct udp *udp, nsec_t now)
{
	struct port *port = &n->ports[slot];

	if (!atomic_load(&port->open)) {
		port->udp[0] = *udp;
		atomic_store(&port->open, true);
	} else if (udp_replace(&port->udp[0], udp) < 0) {
		return false;
	}
	if (worker_watch_port(&n->workers[0], slot) < 0)
		log_warn("port slot %u is deaf: out of memory", slot);
	tell_all(n, now);
	return true;
}

/* ---- the host's network ---- */

static void read_hosts(struct node *n)
{
	int got = netconf_host_addresses(n->device.index, n->hosts,
					 ARRAY_SIZE(n->hosts));

	n->host_count = got > 0 ? (unsigned)got : 0;
}

/* check_uplinks() - each spare uplink's IPv4 port is seen from outside as something else */
static void check_uplinks(struct node *n, nsec_t now)
{
	unsigned mask = uplinks_mask(n);

	for (unsigned i = 0; i < PATHSET_UPLINK_SOCKETS; i++) {
		unsigned slot = PATHSET_UPLINKS + i;

		natcheck_free(n->check[slot]);
		n->check[slot] = NULL;
		if (mask & 1u << i && !uplinks_slot_v6(slot) &&
		    start_check(n, slot, now) < 0)
			log_warn("port slot %u is not checked: out of memory", slot);
	}
}

/* ask_all() - nothing that others told us of ourselves holds any more */
static void ask_all(struct node *n, nsec_t now)
{
	for (unsigned i = 0; i < WORKER_PORTS_MAX; i++)
		if (n->check[i]) {
			tell_hosts(n, i, now);
			start(n, i, now);
		}
	relays_network_changed(n, now);
	peerrelay_retry(n, now);
	if (n->coord)
		coord_client_network_changed(n->coord);
	discovery_local_changed(n, now);
	for (unsigned i = 0; i < n->peer_count; i++)
		if (n->peers[i]->paths) {
			pathset_network_changed(n->peers[i]->paths, now);
			peer_run(n, n->peers[i], now);
		}
	discovery_run(n, now);
}

void discovery_renew_ipv4(struct node *n, nsec_t now)
{
	if (!host_renew_ipv4(n))
		log_warn("the IPv4 sockets cannot be opened anew; going on with the old");
	for (unsigned i = FIRST_EXTRA_PORT; i < AUX_PORT; i++)
		if (atomic_load(&n->ports[i].open) && open_port(n, i) &&
		    !ikeport_in_use(n) && start_check(n, i, now) < 0)
			log_warn("port slot %u is not checked: out of memory", i);
	ask_all(n, now);
}

void discovery_network_changed(struct node *n, nsec_t now)
{
	struct host_address before[ARRAY_SIZE(n->hosts)];
	unsigned count = n->host_count;
	bool uplinks;

	memcpy(before, n->hosts, sizeof(before));
	read_hosts(n);
	direct_listen(n);
	uplinks = uplinks_look(n);
	if (uplinks) {
		check_uplinks(n, now);
		tell_all(n, now);
	}
	if (!uplinks && count == n->host_count &&
	    !memcmp(before, n->hosts, count * sizeof(before[0])))
		return;
	log_info("network changed: %u addresses", n->host_count);
	ikeport_network_changed(n, now);
	hops_forget(n);
	longevity_forget(n);
	whereabouts_look(n, now);
	ask_all(n, now);
}

/* ---- the turn ---- */

/* check_complete() - nothing is being measured: what the NAT does is known, or cannot be */
static void check_complete(struct node *n, nsec_t now)
{
	const struct natcheck_report *r = natcheck_last(n->check[0]);

	if (r->profile.known)
		whereabouts_learn(n, &n->nat, &r->reflexive.ip);
	longevity_look(n, now);
}

static void run_check(struct node *n, unsigned port, nsec_t now)
{
	struct natcheck_send out;
	bool changed;

	while (natcheck_poll(n->check[port], &out, now)) {
		unsigned from = out.aux ? (unsigned)AUX_PORT : port;

		if (out.sample) {
			fan_sample(n->fan, out.sample, &out.to, out.message,
				   out.n);
			continue;
		}
		node_send(n, ipaddr_is_v4(&out.to.ip) ? from : 1, &out.to,
			  out.ttl, out.message, out.n);
	}
	if (port == 0 && !natcheck_running(n->check[0]))
		fan_samples_close(n->fan);
	natcheck_report(n->check[port], &changed);
	if (changed)
		discovery_local_changed(n, now);
	if (port == 0 && !natcheck_running(n->check[0]))
		check_complete(n, now);
}

void discovery_run(struct node *n, nsec_t now)
{
	uint64_t epoch = current_epoch(n);

	for (unsigned i = 0; i < WORKER_PORTS_MAX; i++)
		if (n->check[i])
			run_check(n, i, now);
	if (epoch != n->epoch) {
		n->epoch = epoch;
		peers_refresh_hints(n);
	}
	node_schedule(n);
}

nsec_t discovery_next_expiry(const struct node *n)
{
	nsec_t at = nsec_add(time_now(), epoch_left(n));

	for (unsigned i = 0; i < WORKER_PORTS_MAX; i++)
		if (n->check[i])
			at = nsec_min(at, natcheck_next_expiry(n->check[i]));
	return at;
}

int discovery_start(struct node *n, nsec_t now)
{
	n->gate = gate_new(&n->identity.public_key);
	n->fan = fan_new(n);
	if (!n->gate || !n->fan)
		return -ENOMEM;
	n->next_port = FIRST_EXTRA_PORT;
	n->epoch = current_epoch(n);
	read_hosts(n);
	if (direct_start(n) < 0 || cross_start(n) < 0 || uplinks_start(n) < 0)
		return -ENOMEM;
	direct_listen(n);
	(void)uplinks_look(n);
	if (start_check(n, 0, now) < 0)
		return -ENOMEM;
	check_uplinks(n, now);
	discovery_local_changed(n, now);
	return 0;
}

void discovery_stop(struct node *n)
{
	for (unsigned i = 0; i < WORKER_PORTS_MAX; i++) {
		natcheck_free(n->check[i]);
		n->check[i] = NULL;
	}
	cross_stop(n);
	direct_stop(n);
	uplinks_stop(n);
	n->no_udp = false;
	fan_free(n->fan);
	n->fan = NULL;
	gate_free(n->gate);
	n->gate = NULL;
	n->local.count = 0;
}
