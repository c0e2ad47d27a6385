/* SPDX-License-Identifier: MIT
 *
 * fwd.h - the forwarding table: all that packet workers see of peers
 *
 * Theory: the control thread writes, workers read without locks. What a worker follows
 * (routes, a slot's peer, a peer's session and egress) are atomic pointers to objects
 * that never change once published; a replaced object is freed only after every worker
 * has passed a quiescent point (QSBR: a worker announces the epoch it has seen at the
 * top of each turn, and "asleep" while it waits). Counters flow the other way: workers
 * write with relaxed stores, the control thread reads.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/attr.h"
#include "base/time.h"
#include "base/trie.h"
#include "crypto/tunnel.h"
#include "daemon/flows.h"
#include "relay/client.h"

enum {
	FWD_WORKERS_MAX = 16,
	FWD_CHUNK = 256, /* slots of one chunk */
	FWD_CHUNKS = (1 << TUNNEL_SLOT_BITS) / FWD_CHUNK,
};

/* Bits beside SESSION_WAKE_* that a worker raises for a peer. */
enum {
	FWD_WAKE_ACTIVE = 0x100, /* traffic after a pause: look at paths and timers */
};

/* Where the datagrams of a peer go; immutable once published. */
struct egress {
	bool usable;
	uint8_t port; /* index into the node's ports */
	uint8_t header_n; /* octets of relay header; 0: direct */
	uint8_t header[RELAY_HEADER_MAX];
	struct endpoint to;
};

struct egress_pair {
	struct egress best, also; /* also: doubled while best is suspect */
};

struct fwd_peer {
	uint32_t slot;
	uint32_t number; /* of all peers ever made: a slot may be used again */
	struct fwd *fwd; /* control thread's */
	_Atomic(struct session *) send; /* NULL: stage */
	_Atomic(struct egress_pair *) egress; /* NULL: no path */
	_Atomic uint32_t wake; /* bits raised and not yet taken by the control thread */
	_Atomic bool active; /* set by workers, cleared by the control thread */
	_Atomic uint8_t is; /* enum inside_peer */
	_Atomic int also_budget; /* doubled packets still allowed in this tick */
	_Atomic nsec_t last_tx, last_rx; /* inner data sent, authenticated received */
	_Atomic nsec_t heard_best; /* last data from best's endpoint */
	_Atomic nsec_t heard_noted; /* last note about another endpoint */
	_Atomic uint64_t tx_octets, rx_octets; /* inner octets */
	_Atomic uint64_t tx_packets, rx_packets;
};

struct fwd_slot {
	_Atomic(struct fwd_peer *) peer;
	_Atomic(struct session *) sessions[TUNNEL_SLOT_SESSIONS];
};

struct acl;

struct fwd_retired {
	struct fwd_retired *next;
	uint64_t epoch;
	void (*release)(void *object);
	void *object;
};

struct fwd {
	_Atomic(struct fwd_slot *) chunks[FWD_CHUNKS];
	_Atomic(struct trie *) routes; /* inner address -> slot */
	_Atomic(struct trie *) inside; /* where peers may send; NULL: everywhere */
	_Atomic(struct acl *) acl; /* what peers may send us; NULL: everything */
	struct flows flows; /* what we began */
	_Atomic uint64_t epoch; /* grows with each retirement */
	struct {
		_Alignas(64) _Atomic uint64_t seen; /* UINT64_MAX: asleep */
	} workers[FWD_WORKERS_MAX];
	struct fwd_retired *retired; /* control thread's; newest first */
	uint32_t next_slot, next_number;
	uint32_t *free_slots; /* stack of slots given back */
	unsigned free_count, free_room;
};

/* ---- control thread ---- */

must_check int fwd_init(struct fwd *f); /* 0 or -ENOMEM */
void fwd_done(struct fwd *f); /* after all workers have stopped */

/* fwd_peer_new() - a peer in a slot of its own; NULL: no memory or no slot */
struct fwd_peer *fwd_peer_new(struct fwd *f);
/* fwd_peer_remove() - unpublish and retire; its sessions must be gone. Its slot is free
 * once no worker holds it: before a new peer may take it, publish routes without it */
void fwd_peer_remove(struct fwd *f, struct fwd_peer *p);

void fwd_session_add(struct fwd *f, struct session *s);
void fwd_session_use(struct fwd_peer *p, struct session *s); /* NULL: stage */
void fwd_session_retire(struct fwd *f, struct session *s); /* frees it in time */
void fwd_set_egress(struct fwd *f, struct fwd_peer *p, struct egress_pair *e);
void fwd_set_routes(struct fwd *f, struct trie *t); /* takes ownership */

/* fwd_set_inside() - daemon/inside.h; takes ownership; NULL: no map */
void fwd_set_inside(struct fwd *f, struct trie *t);

/* fwd_set_acl() - takes ownership; NULL: no policy */
void fwd_set_acl(struct fwd *f, struct acl *a);

/* fwd_reclaim() - free what no worker can hold any more; cheap when there is nothing.
 * Return: something is still waiting */
bool fwd_reclaim(struct fwd *f);

/* ---- workers ---- */

static inline void fwd_awake(struct fwd *f, unsigned worker)
{
	uint64_t e = atomic_load_explicit(&f->epoch, memory_order_acquire);

	atomic_store_explicit(&f->workers[worker].seen, e, memory_order_seq_cst);
}

static inline void fwd_asleep(struct fwd *f, unsigned worker)
{
	atomic_store_explicit(&f->workers[worker].seen, UINT64_MAX,
			      memory_order_release);
}

static inline struct fwd_slot *fwd_slot_at(struct fwd *f, uint32_t slot)
{
	struct fwd_slot *c = atomic_load_explicit(&f->chunks[slot / FWD_CHUNK],
						  memory_order_acquire);

	return c ? &c[slot % FWD_CHUNK] : NULL;
}

/* fwd_session_by_index() - the live session of a receiver index, and its peer */
static inline struct session *fwd_session_by_index(struct fwd *f, uint32_t index,
						   struct fwd_peer **peer)
{
	struct fwd_slot *s = fwd_slot_at(f, index_slot(index));
	struct session *found;

	if (!s)
		return NULL;
	*peer = atomic_load_explicit(&s->peer, memory_order_acquire);
	found = atomic_load_explicit(&s->sessions[index_turn(index)],
				     memory_order_acquire);
	return *peer && found && session_index(found) == index ? found : NULL;
}
