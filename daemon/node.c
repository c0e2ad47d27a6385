/* SPDX-License-Identifier: MIT
 *
 * node.c - up and down, in one order; and the one way to send from the control thread
 */
#include "daemon/node.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "daemon/admission.h"
#include "daemon/discovery.h"
#include "daemon/exitnode.h"
#include "daemon/hops.h"
#include "daemon/longevity.h"
#include "daemon/host.h"
#include "daemon/ikeport.h"
#include "daemon/lan.h"
#include "daemon/nameserver.h"
#include "daemon/mapping.h"
#include "daemon/network.h"
#include "daemon/peer.h"
#include "daemon/peerrelay.h"
#include "daemon/quiet.h"
#include "daemon/relays.h"
#include "daemon/rotation.h"
#include "daemon/router.h"
#include "daemon/streams.h"
#include "daemon/translator.h"
#include "daemon/whereabouts.h"

void node_send(struct node *n, unsigned port, const struct endpoint *to, uint8_t ttl,
	       const void *data, size_t octets)
{
	struct udp_out o = { .to = *to, .data = data, .n = octets, .ttl = ttl };
	unsigned sent;

	if (port >= WORKER_STREAM_PORT)
		streams_send(n, port, data, octets);
	else if (!atomic_load(&n->ports[port].open) ||
	    udp_send(&n->ports[port].udp[0], &o, 1, &sent) < 0)
		drop_count(&n->drops, DROP_UDP_SEND);
}

void node_answer(struct node *n, unsigned port, const struct endpoint *to,
		 const struct ipaddr *from, unsigned index, const void *data, size_t octets)
{
	struct udp_out o = { .to = *to, .data = data, .n = octets, .from = *from,
			     .index = index };
	unsigned sent;

	if (port >= WORKER_PORTS_MAX || ipaddr_is_zero(from) ||
	    !atomic_load(&n->ports[port].open) ||
	    udp_send(&n->ports[port].udp[0], &o, 1, &sent) < 0)
		node_send(n, port, to, 0, data, octets);
}

static void on_timer(struct loop_timer *t, nsec_t now)
{
	struct node *n = container_of(t, struct node, timer);

	if (!n->up)
		return;
	relays_run(n, now);
	discovery_run(n, now);
	peers_run_due(n, now);
	fwd_reclaim(&n->fwd); /* retired keys do not linger */
}

static void on_tick(struct loop_timer *t, nsec_t now)
{
	struct node *n = container_of(t, struct node, tick);

	if (n->up)
		peers_tick(n, now);
}

static void on_save(struct loop_timer *t, nsec_t now)
{
	struct node *n = container_of(t, struct node, save);

	if (!n->up)
		return;
	peers_save_now(n);
	whereabouts_save(n);
	if (n->netmap_unsaved)
		network_save(n);
}

void node_schedule(struct node *n)
{
	const struct due *first = heap_first(&n->due);
	nsec_t at = first ? first->at : NSEC_NEVER;

	at = nsec_min(at, relays_next_expiry(n));
	at = nsec_min(at, streams_next_expiry(n));
	at = nsec_min(at, discovery_next_expiry(n));
	loop_timer_at(&n->timer, at);
}

static int start_timers(struct node *n)
{
	int err = loop_timer_init(&n->loop, &n->timer, on_timer);

	if (!err)
		err = loop_timer_init(&n->loop, &n->tick, on_tick);
	if (!err)
		err = loop_timer_init(&n->loop, &n->save, on_save);
	if (!err)
		err = quiet_start(n);
	if (!err)
		err = rotation_start(n);
	if (!err)
		err = admission_init(n);
	return err;
}

static void load_netmap(struct node *n)
{
	char path[PATH_MAX];
	int err;

	if (!n->state.enrolled || n->netmap.version)
		return;
	err = netmap_load(&n->netmap,
			  state_path(&n->state, "netmap.json", path));
	if (err && err != -ENOENT)
		log_warn("netmap.json: %s; waiting for the server's",
			 strerror(-err));
}

int node_up(struct node *n, char why[static 512])
{
	nsec_t now = time_now();
	int err;

	exitnode_set_mark(n);
	err = host_open(n, why);
	if (err)
		return err;
	n->started = now;
	n->aead = n->stream_worker.aead;
	load_netmap(n);
	err = start_timers(n);
	n->up = true;
	if (!err)
		err = discovery_start(n, now);
	if (!err)
		err = hops_start(n);
	if (!err)
		err = longevity_start(n);
	if (!err)
		err = whereabouts_start(n, now);
	if (!err)
		err = ikeport_start(n);
	if (!err)
		err = translator_start(n, now);
	if (!err)
		err = mapping_start(n, now);
	if (!err)
		err = lan_start(n, now);
	if (err) {
		node_down(n);
		snprintf(why, 512, "cannot start: %s", strerror(-err));
		return err;
	}
	exitnode_close(n); /* of a run that was killed */
	network_stock_peers(n, now);
	network_apply(n, now);
	exitnode_update(n);
	network_start(n);
	if (peerrelay_start(n) < 0)
		log_warn("out of memory: this node does not relay for others");
	quiet_soon(n, now);
	log_info("up: %s, UDP port %u, %u worker%s, %s", n->device.name,
		 n->ports[0].udp[0].port, n->worker_count,
		 n->worker_count == 1 ? "" : "s",
		 aead_name(AEAD_CHACHA20_POLY1305));
	return 0;
}

void node_down(struct node *n)
{
	if (!n->up)
		return;
	if (n->peer_count)
		peers_save_now(n);
	if (n->netmap_unsaved)
		network_save(n);
	lan_stop(n);
	mapping_stop(n);
	peerrelay_stop(n);
	network_stop(n);
	nameserver_close(n);
	router_close(n);
	exitnode_close(n);
	relays_close(n);
	while (n->peer_count)
		peer_free(n, n->peers[n->peer_count - 1]);
	peers_publish_routes(n);
	translator_stop(n);
	ikeport_stop(n);
	hops_stop(n);
	longevity_stop(n);
	whereabouts_stop(n);
	discovery_stop(n);
	host_close(n);
	fwd_reclaim(&n->fwd);
	loop_timer_done(&n->timer);
	loop_timer_done(&n->tick);
	loop_timer_done(&n->save);
	quiet_stop(n);
	rotation_stop(n);
	loop_timer_done(&n->recall);
	n->aead = NULL;
	n->ticking = n->save_pending = n->netmap_saved = false;
	n->up = false;
	log_info("down");
}
