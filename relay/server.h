/* SPDX-License-Identifier: MIT
 *
 * server.h - ENGINE: who is registered at a relay, and where their frames go
 *
 * Theory: a client is found by its key or by the route its datagrams come over. It
 * has channels, numbers of its own for peers. A data frame is looked up by route and
 * channel, gets the receiver's channel number in place of the sender's and leaves:
 * the message behind the header is never read, moved or split; a train of frames of
 * one channel leaves as the train that came. Before an address is proved by cookie
 * nothing is kept and no answer is longer than its request; before token and MAC are
 * good nothing is forwarded. Layout: relay/frame.h.
 *
 * Threads: relay_server_pass() may run on several at once, each with a lane of its own,
 * all trains of a sender on one of them; it leaves alone what would change who is
 * registered. Every other call needs the engine to itself (relay/gate.h). An owner with
 * one thread calls relay_server_input() and needs to know nothing of this.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/drop.h"
#include "base/time.h"
#include "crypto/key.h"
#include "relay/allow.h"
#include "relay/frame.h"

enum {
	RELAY_BATCH = 512, /* trains of one struct relay_batch */
	RELAY_BATCH_INPUT = 160, /* most that one relay_server_input() adds */
	RELAY_CLIENTS_DEFAULT = 65536,
	RELAY_CHANNELS_MAX = 4096, /* of one client */
	RELAY_SILENCE_S = 50, /* a client not heard for so long is forgotten */
	RELAY_NO_CLIENT = -1,
	RELAY_SOCKET_STREAM = 0xff,
};

/* Where frames of a remote come from and go to. */
struct relay_route {
	struct endpoint remote;
	struct ipaddr local; /* our address, all zero: any */
	uint8_t socket; /* the caller's number, or RELAY_SOCKET_STREAM */
	uint32_t stream; /* the caller's number, from 1; 0: datagrams */
};

struct relay_in {
	uint8_t *data; /* untrusted; headers are rewritten in place */
	size_t n, segment; /* octets; of each datagram but the last */
	struct relay_route from;
	uint8_t tos;
};

struct relay_out {
	struct relay_route to;
	const uint8_t *data; /* into relay_in.data, or control octets of the batch */
	size_t n, segment;
	int32_t receiver; /* client, for its queue; RELAY_NO_CLIENT: an answer */
	uint8_t tos;
};

/* What is to be sent; the caller empties it by n = 0. */
struct relay_batch {
	unsigned n;
	struct relay_out out[RELAY_BATCH];
	uint8_t control[RELAY_BATCH][64];
};

/* What the operator grants; may change while the relay runs. */
struct relay_limits {
	uint64_t rate; /* octets a second of one sender; 0: 1.25 * 10^9 */
	uint64_t total_rate; /* octets a second of all; 0: no limit */
	uint64_t node_daily; /* octets a day (UTC) of one sender; 0: no limit */
	uint64_t monthly; /* octets a month of all; 0: no limit */
	struct allow allow;
};

struct relay_server_params {
	struct key_private key;
	struct sign_public coord; /* whose tokens to accept */
	uint64_t network; /* that tokens must carry; 0: any */
	unsigned clients_max; /* 0: RELAY_CLIENTS_DEFAULT */
	struct relay_limits limits;
	unsigned lanes; /* threads in relay_server_pass(); 0: 1 */
	uint64_t seed;
	uint8_t secret[32]; /* random: cookies of the first two minutes */
	/* admits() - may this node register, whose token is good? On the thread of
	 * relay_server_input(); NULL: every node may */
	bool (*admits)(void *owner, const struct key_public *node);
	void *owner;
};

struct relay_server;

struct relay_server *relay_server_new(const struct relay_server_params *p);
void relay_server_free(struct relay_server *s); /* wipes; takes NULL */

/**
 * relay_server_input() - One train of datagrams
 * @batch: Has room for RELAY_BATCH_INPUT more; data of .out stays valid as long as
 *         the batch and the train do
 * @wall_s: seconds since 1970, for tokens
 *
 * Drops are counted in the engine. Cost: data frames: two table look-ups a train,
 * four octets written a frame; memory is only allocated when a channel is made.
 * Return: octets dealt with; less than in->n: the batch is full, go on behind them
 */
size_t relay_server_input(struct relay_server *s, const struct relay_in *in,
			  struct relay_batch *batch, nsec_t now, uint64_t wall_s);

/**
 * relay_server_pass() - The same, as far as it goes while others do so too
 * @lane: 0..lanes - 1
 * Data on known channels, pings, greetings and rubbish, that is nearly everything.
 * Return: octets dealt with; less than in->n: what follows is for relay_server_input(),
 *         unless the batch is full
 */
must_check size_t relay_server_pass(struct relay_server *s, unsigned lane,
				    const struct relay_in *in,
				    struct relay_batch *batch, nsec_t now);

/**
 * relay_server_tick() - Forget silent clients and those whose quota is used up, turn
 *                       over the cookie secret
 * @fresh: 32 random octets for the next secret
 * Called at relay_server_next_expiry().
 */
void relay_server_tick(struct relay_server *s, const uint8_t fresh[static 32],
		       nsec_t now, uint64_t wall_s);
nsec_t relay_server_next_expiry(const struct relay_server *s);

/* relay_server_set_limits() - others from now on; who is not let in any more, goes. What
 * was carried today and this month still counts */
void relay_server_set_limits(struct relay_server *s, const struct relay_limits *l);
/* relay_server_set_month() - octets that were carried before the start, in the month with
 * that number (quota_month()); relay_server_month() - those of now */
void relay_server_set_month(struct relay_server *s, uint64_t month, uint64_t octets);
uint64_t relay_server_month(const struct relay_server *s, uint64_t *octets);

/* relay_server_remove() - drop a node; its tokens are void while they could last */
void relay_server_remove(struct relay_server *s, const struct key_public *node,
			 nsec_t now);

/* relay_server_closed() - a stream has ended: its client is gone */
void relay_server_closed(struct relay_server *s, const struct relay_route *route);
/* relay_server_knows() - is a client registered on this route? */
bool relay_server_knows(const struct relay_server *s,
			const struct relay_route *route);
/* relay_server_readmit() - a node that was removed is a member again */
void relay_server_readmit(struct relay_server *s, const struct key_public *node);

struct relay_server_stats {
	uint64_t clients, channels, forwarded, forwarded_octets;
	uint64_t drops[DROP_COUNT];
};
void relay_server_stats(const struct relay_server *s,
			struct relay_server_stats *out);
/* relay_server_drops() - counters of lane 0; may be read by other threads */
struct drop_counts *relay_server_drops(struct relay_server *s);
