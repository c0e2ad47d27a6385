/* SPDX-License-Identifier: MIT
 *
 * roster.h - the registered clients of a relay, by key and by route
 *
 * Theory: one array of clients made at start (untouched pages cost nothing), two
 * chained hash tables of indices over it. A client that registers anew from another
 * run gets a new generation; channels of others notice by comparing it and look the
 * key up once more, so nothing has to be searched when a client goes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "crypto/key.h"
#include "relay/proof.h"
#include "relay/server.h"

struct roster_channel {
	struct key_public peer;
	int32_t index; /* of the peer's client, valid while generation fits */
	uint32_t generation;
	uint32_t back; /* the peer's number for this pair; 0: none yet */
	bool told; /* its owner knows what the number means */
	nsec_t told_at; /* last PEER frame */
};

struct roster_client {
	bool live;
	uint8_t instance[8], txid[FRAME_TXID];
	uint32_t generation;
	struct key_public key;
	struct relay_route route;
	struct proof_key session; /* secret */
	uint64_t network, issued, expires_s;
	nsec_t heard, refilled;
	uint64_t credit; /* octets that may be sent at once */
	uint64_t sent, billed; /* octets carried for it; those that a quota knows of */
	struct roster_channel *channels; /* number 1 is at [0] */
	uint32_t channel_count, channel_room;
	int32_t next_by_key, next_by_route;
};

struct roster {
	struct roster_client *clients;
	int32_t *by_key, *by_route; /* heads */
	uint32_t mask; /* heads of each table - 1 */
	uint64_t seed;
	int32_t max, used; /* clients; those at used and above were never live */
	int32_t count; /* live */
	uint64_t channels; /* of all */
};

must_check int roster_init(struct roster *r, unsigned max, uint64_t seed);
void roster_done(struct roster *r); /* safe on zeroed memory */

/* The client, or NULL */
struct roster_client *roster_by_key(const struct roster *r,
				    const struct key_public *k);
struct roster_client *roster_by_route(const struct roster *r,
				      const struct relay_route *route);
int32_t roster_index(const struct roster *r, const struct roster_client *c);

/* roster_add() - a live client with this key, all else zero; NULL: full */
struct roster_client *roster_add(struct roster *r, const struct key_public *k);
/* roster_move() - c is reached by this route from now on; whoever had it is removed */
void roster_move(struct roster *r, struct roster_client *c,
		 const struct relay_route *route);
void roster_remove(struct roster *r, struct roster_client *c);
/* roster_forget_channels() - c starts anew: its numbers mean nothing any more */
void roster_forget_channels(struct roster *r, struct roster_client *c);

/* roster_channel_for() - c's number for a peer, made if there is none; 0: no room */
uint32_t roster_channel_for(struct roster *r, struct roster_client *c,
			    const struct key_public *peer);
/* roster_channel_find() - the same; 0: there is none yet */
uint32_t roster_channel_find(const struct roster_client *c,
			     const struct key_public *peer);
/* roster_channel() - NULL: c has no such number */
struct roster_channel *roster_channel(const struct roster_client *c,
				      uint32_t number);
