/* SPDX-License-Identifier: MIT
 *
 * server_inside.h - what server.c and carry.c know of each other
 */
#pragma once

#include "relay/server.h"

#include "relay/limiter.h"
#include "relay/meter.h"
#include "relay/proof.h"
#include "relay/quota.h"
#include "relay/roster.h"

enum {
	REMOVED_MAX = 4096,
};

struct removed {
	struct key_public key;
	nsec_t at;
};

/* What one thread counts. */
struct lane {
	_Alignas(64) struct drop_counts drops;
	uint64_t forwarded, forwarded_octets;
};

struct relay_server {
	struct key_private key;
	struct key_public public;
	struct sign_public coord;
	uint64_t network, rate, burst;
	struct meter total;
	struct quota quota;
	struct allow allow;
	struct proof_key secrets[2]; /* this one and the one before */
	nsec_t next_secret, next_tick;
	struct roster roster;
	struct limiter *greet;
	struct removed removed[REMOVED_MAX];
	unsigned removed_next;
	bool (*admits)(void *owner, const struct key_public *node);
	void *owner;
	struct lane *lanes;
	unsigned lane_count;
};

/* One call's arguments, so that they travel together. */
struct turn {
	struct relay_server *s;
	struct lane *lane;
	const struct relay_in *in;
	struct relay_batch *batch;
	nsec_t now;
	uint64_t wall_s;
	bool shared; /* others may look at the roster now: it must not change */
	struct roster_client *sender; /* NULL: not registered */
};

static inline void drop(struct turn *t, enum drop d)
{
	drop_count(&t->lane->drops, d);
}

/* server.c */
/* answer() - n octets, at most 64, to where the train came from */
void relay_server_answer(struct turn *t, const void *m, size_t n);
/* greet() - HELLO, or any frame of a stranger but REGISTER */
void relay_server_greet(struct turn *t, const uint8_t *m, size_t n);
/* control() - a frame that may change the roster; false: it would, and t->shared */
must_check bool relay_server_control(struct turn *t, const uint8_t *m, size_t n);
/* ping() - a PING of a registered client */
void relay_server_ping(struct turn *t, const uint8_t *m, size_t n);

/* carry.c */
struct frame_peer relay_server_peer_frame(enum frame_type type, uint32_t number,
					  const struct key_public *peer,
					  const struct proof_key *session);
/* find_peer() - a registered client of the sender's network */
struct roster_client *relay_server_find_peer(const struct turn *t,
					     const struct key_public *k);
