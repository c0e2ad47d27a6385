/* SPDX-License-Identifier: MIT
 *
 * client_inside.h - what client.c and client_poll.c know of each other
 */
#pragma once

#include "relay/client.h"

#include <string.h>

#include "base/rand.h"
#include "relay/frame.h"
#include "relay/peers.h"
#include "relay/proof.h"

enum {
	PINGS = 8, /* in flight, remembered */
	DEAD_PINGS = 3, /* unanswered at least */
	REGISTER_TRIES = 5,
	STREAM = 2, /* place behind the two UDP endpoints */
	PLACES = 3,
	UDP_BITS = 3,
	STREAM_BIT = 1 << STREAM,
};

#define TRY_FIRST     MSEC(100)
#define TRY_LAST      SEC(10)
#define DENIED_WAIT   SEC(5)
#define DENIED_LAST   SEC(60)
#define ACTIVE_TIME   SEC(3) /* since the last data */
#define PING_ACTIVE   MSEC(250)
#define PING_IDLE     SEC(12)
#define PING_LATE     MSEC(200)
#define DEAD_TIME     MSEC(800)
#define HINT_GAP      MSEC(100) /* between pings that mere hints cause */
#define STREAM_AFTER  MSEC(300) /* of UDP without an answer */
#define STREAM_LINGER SEC(10) /* after UDP has taken over again */
#define UDP_FIRST     SEC(1) /* on the stream: until UDP is tried again */
#define UDP_LAST      SEC(15)
#define UDP_TRIAL     MSEC(1500) /* so long it is tried */
#define UDP_STEADY    SEC(60) /* it has lasted: its next loss is a new one */
#define DEAD_STREAM   SEC(3) /* pings wait behind data there */

enum attempt_phase {
	ATTEMPT_NONE,
	ATTEMPT_HELLO,
	ATTEMPT_REGISTER,
};

struct attempt {
	enum attempt_phase phase;
	uint8_t txid[FRAME_TXID];
	unsigned tries;
	unsigned places; /* bit per place: to be asked */
	unsigned due; /* bit per place: a frame waits to be sent */
	nsec_t next; /* when the next try is made */
	nsec_t until; /* given up then; NSEC_NEVER: goes on */
	unsigned at; /* place that gave the cookie */
	be64 issued;
	uint8_t cookie[FRAME_COOKIE];
};

struct ping {
	uint8_t txid[FRAME_TXID];
	nsec_t sent; /* 0: answered or never */
};

struct relay_client {
	struct relay_client_params p;
	struct prng random;
	struct proof_key pair, session; /* secret */
	bool usable; /* the relay's key is no low-order point */
	uint8_t instance[8];
	uint8_t token[RELAY_TOKEN_MAX];
	size_t token_n;
	bool can[2]; /* IPv4, IPv6 */
	bool stream_open, stream_wish; /* the wish as it was last told */
	nsec_t lonely; /* without UDP since; NSEC_NEVER: UDP carries us */
	nsec_t udp_next, udp_wait; /* on the stream: when UDP is tried again */
	nsec_t udp_since; /* registered over UDP since */
	nsec_t linger; /* UDP carries us: the stream is kept until then */
	struct attempt attempt;
	unsigned denied; /* enum frame_denial; 0: it was not */
	nsec_t denied_wait; /* before the next attempt; 0: not denied */
	bool registered, leaving, left;
	unsigned at;
	nsec_t since, rtt, last_data, last_hint;
	struct ping pings[PINGS];
	unsigned ping_next, unanswered;
	nsec_t next_ping, unanswered_since;
	struct endpoint observed[2];
	struct peers peers;
	uint64_t changes;
};

static inline bool on_stream(const struct relay_client *c)
{
	return c->registered && c->at == STREAM;
}

static inline bool is_active(const struct relay_client *c, nsec_t now)
{
	return c->last_data && nsec_since(c->last_data, now) <= ACTIVE_TIME;
}

static inline void random_octets(struct relay_client *c, uint8_t out[static 8])
{
	uint64_t v = prng_u64(&c->random);

	memcpy(out, &v, sizeof(v));
}

static inline nsec_t jitter(struct relay_client *c, nsec_t t)
{
	return t + t / 8 * prng_below(&c->random, 1024) / 1024;
}

/* client.c; bits of places (enum above) */
unsigned relay_client_reachable(const struct relay_client *c);
/* begin an attempt by some places, from when until then */
void relay_client_ask(struct relay_client *c, unsigned places, nsec_t when,
		      nsec_t until);
void relay_client_ask_all(struct relay_client *c, nsec_t when);
void relay_client_lose(struct relay_client *c, nsec_t now);
/* when a stream is to be wanted; NSEC_NEVER: not */
nsec_t relay_client_stream_due(const struct relay_client *c);
