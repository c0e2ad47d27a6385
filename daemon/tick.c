/* SPDX-License-Identifier: MIT
 *
 * tick.c - what the packet path saw, told to the path sets of active peers
 *
 * Workers only write counters and time stamps. Ten times a second this compares them with
 * the last look, at peers with traffic in the last seconds; a worker says when there is
 * some again. A machine that is left alone is not woken.
 */
#include "base/log.h"
#include "daemon/lan.h"
#include "daemon/peer.h"
#include "daemon/quiet.h"
#include "daemon/relays.h"
#include "daemon/routes.h"

/* Sending without hearing for this long is worth a ping (and 4 round trips). */
#define SILENCE MSEC(200)

enum {
	ALSO_BUDGET = 200, /* packets of one tick doubled onto the second path */
};

/* A relay, if there is one, has registered us by then. */
#define RECALL_AFTER MSEC(300)
#define RECALL_GAP   SEC(2)

#define RETRIES SEC(5) /* in which retry() has its say */

static void look_at_silence(struct peer *p, nsec_t last_tx, nsec_t heard,
			    nsec_t now)
{
	struct path_info info;
	nsec_t limit;

	if (!path_is_direct(&p->use.best) || !last_tx)
		return;
	pathset_current(p->paths, &info);
	limit = nsec_max(4 * info.rtt, SILENCE);
	if (last_tx > heard && nsec_since(last_tx, now) < limit &&
	    nsec_since(heard, now) > limit)
		pathset_silent(p->paths, heard, now);
}

void peer_note_best(struct peer *p, nsec_t now)
{
	nsec_t heard = atomic_load(&p->fwd->heard_best);

	if (path_is_direct(&p->use.best) && heard &&
	    nsec_since(heard, now) <= PEER_TICK)
		pathset_heard(p->paths, p->use.best.socket, &p->use.best.to,
			      heard); /* not now: a ping sent since is not answered by it */
}

/* recall() - after a restart with no relay in sight: the peer may still be where it was,
 * and our NAT may still let it in. Not sooner: at a NAT that has forgotten us an early
 * packet spoils the punch that a relay could have timed (traversal.md 3.4). */
static void recall(struct node *n, struct peer *p, nsec_t now)
{
	if (p->use.best.kind != PATH_NONE || endpoint_is_zero(&p->remembered) ||
	    nsec_since(n->started, now) < RECALL_AFTER ||
	    (p->recalled && nsec_since(p->recalled, now) < RECALL_GAP))
		return;
	p->recalled = now;
	log_debug("peer %s: no relay yet, trying its last endpoint", p->name);
	pathset_remember(p->paths, &p->remembered, now);
	peer_hurry(n, p, now);
}

/* retry() - traffic waits and the handshake got lost: again after 0.25, 0.5, 1 and 2 s
 * rather than WireGuard's 5, at which its own retry goes on */
static void retry(struct peer *p, nsec_t now)
{
	if (p->current || p->hurries > 3 || p->use.best.kind == PATH_NONE ||
	    nsec_since(p->initiated, now) < MSEC(250) << p->hurries)
		return;
	p->hurries++;
	tunnel_rehandshake(p->tunnel, true, now);
}

static void look_at(struct node *n, struct peer *p, nsec_t now)
{
	struct fwd_peer *f = p->fwd;
	uint64_t tx = atomic_load(&f->tx_packets);
	uint64_t rx = atomic_load(&f->rx_packets);
	bool moved = tx != p->last_tx_packets || rx != p->last_rx_packets;

	p->last_tx_packets = tx;
	p->last_rx_packets = rx;
	atomic_store(&f->also_budget, ALSO_BUDGET);
	if (moved)
		p->idle_since = now;
	if (!p->paths)
		return;
	recall(n, p, now);
	lan_look(n, p, now);
	routes_watch(n, p, now);
	retry(p, now);
	if (moved && p->use.best.kind == PATH_RELAY)
		relays_traffic(n, p->use.best.relay, now);
	if (moved && nsec_since(p->traffic_told, now) >= SEC(1)) {
		p->traffic_told = now;
		pathset_traffic(p->paths, now);
	}
	peer_note_best(p, now);
	look_at_silence(p, atomic_load(&f->last_tx),
			atomic_load(&f->heard_best), now);
	peer_run(n, p, now);
}

/* watch_for() - so long without traffic until it is not worth a look any more */
static nsec_t watch_for(const struct peer *p)
{
	if (!p->paths || (p->current && p->use.best.kind != PATH_NONE &&
			  !p->silent_since))
		return PEER_QUIET;
	if (p->silent_since || (p->use.best.kind == PATH_NONE &&
				!endpoint_is_zero(&p->remembered)))
		return PEER_IDLE; /* routes_watch(), recall() go on */
	return RETRIES;
}

/* watch() - as long as it pays; the next packet of a worker begins it anew */
static void watch(struct node *n, struct peer *p, nsec_t now)
{
	look_at(n, p, now);
	if (nsec_since(p->idle_since, now) <= watch_for(p))
		return;
	p->watched = false;
	atomic_store(&p->fwd->active, false);
}

static void fall_idle(struct node *n, struct peer *p)
{
	p->active = p->watched = false;
	atomic_store(&p->fwd->active, false);
	peers_save_soon(n);
}

void peers_tick(struct node *n, nsec_t now)
{
	struct peer **at = &n->active, *p;
	nsec_t next = NSEC_NEVER;

	n->ticking = false;
	while ((p = *at)) {
		if (p->watched)
			watch(n, p, now);
		if (nsec_since(p->idle_since, now) > PEER_IDLE) {
			*at = p->next_active;
			fall_idle(n, p);
			continue;
		}
		n->ticking |= p->watched;
		next = nsec_min(next, p->idle_since + PEER_IDLE + MSEC(1));
		at = &p->next_active;
	}
	n->ticking |= fwd_reclaim(&n->fwd);
	loop_timer_at(&n->tick, n->ticking ? now + PEER_TICK : next);
	if (!n->ticking)
		quiet_soon(n, now);
}
