/* SPDX-License-Identifier: MIT
 *
 * peers.h - a relay client's channels: number to peer and peer to number
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/time.h"
#include "crypto/key.h"

enum {
	PEERS_MAX = 4096, /* peers, and greatest channel number */
};

struct peer {
	struct key_public key;
	uint32_t channel; /* 0: none yet */
	bool ack; /* the relay waits to hear that we know the channel */
	unsigned tries; /* OPENs since the last answer */
	nsec_t open_at; /* when to ask for a channel; NSEC_NEVER: not wanted */
	int32_t next; /* of the same hash */
};

struct peers {
	struct peer *all; /* grows; made when a peer is first named */
	uint32_t count, room;
	int32_t *by_key; /* heads */
	int32_t *by_channel; /* index of the peer */
	uint32_t acks; /* peers with .ack */
	nsec_t next_open; /* not after the first open_at */
};

must_check int peers_init(struct peers *s); /* 0 or -ENOMEM */
void peers_done(struct peers *s);

/* peers_want() - data is to go to this peer; returns its channel, or 0 and asks for one
 * by and by. Cost: a hash look-up; memory only when the peer is new */
uint32_t peers_want(struct peers *s, const struct key_public *k, nsec_t now);
/* peers_set_channel() - the relay says so; true: it is news */
bool peers_set_channel(struct peers *s, const struct key_public *k, uint32_t channel);
/* peers_absent() - the relay does not have this peer: ask again later if wanted */
void peers_absent(struct peers *s, const struct key_public *k, nsec_t now);
void peers_forget_channels(struct peers *s);

/* peers_next_ack() - a peer whose channel to acknowledge now, once; NULL: none */
const struct peer *peers_next_ack(struct peers *s);
/* peers_next_open() - a peer to ask a channel for now; NULL: none */
const struct peer *peers_next_open(struct peers *s, nsec_t now);
nsec_t peers_next_expiry(const struct peers *s);
const struct peer *peers_by_channel(const struct peers *s, uint32_t channel);
