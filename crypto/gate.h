/* SPDX-License-Identifier: MIT
 *
 * gate.h - ENGINE: what a handshake message must show before we spend public-key work
 *
 * Theory: mac1 proves that the sender knows our public key; under load, mac2 proves
 * that it receives at its source address; then a token bucket per source bounds it
 * (WireGuard paper s5.3; kernel ratelimiter: 20/s, burst 5, per IPv4 address or
 * IPv6 /64, 65,536 sources). Nothing is sent to a sender without a valid mac1.
 */
#pragma once

#include <stdbool.h>

#include "base/addr.h"
#include "base/drop.h"
#include "base/time.h"
#include "crypto/key.h"
#include "crypto/messages.h"

enum {
	GATE_BURST = 1024, /* handshakes that are worked on at once */
	GATE_REFILL = 500, /* more of them a second */
};

struct gate;

struct gate *gate_new(const struct key_public *self); /* NULL: no memory */
void gate_free(struct gate *g); /* takes NULL */

struct gate_result {
	enum drop verdict; /* DROP_NONE: go on to the public-key work */
	size_t reply_n; /* octets of reply to send back; 0: silence */
	uint8_t reply[64]; /* a cookie reply */
};

/**
 * gate_check() - Judge an initiation or response
 * @m, @n: The message, untrusted, any length
 * @from:  Its source; for a relayed one, the sender's relay-authenticated key hashed
 *         into an address by the caller
 * @load:  There is more work than we take from strangers: demand a cookie
 */
void gate_check(struct gate *g, const uint8_t *m, size_t n,
		const struct endpoint *from, bool load, nsec_t now,
		struct gate_result *out);

/*
 * What load is: a bucket of public-key work. A node with a thousand peers that all come
 * back at once answers each of them (0.1 s of work); whoever floods soon empties it, and
 * from then on costs some hundreds of handshakes a second, whatever is sent.
 */
struct gate_work {
	nsec_t full_at; /* when the bucket is full again; 0: it is */
};

/* gate_work_left() - is there any? else there is load */
bool gate_work_left(const struct gate_work *w, nsec_t now);
/* gate_work_take() - one handshake's, if there is any left */
void gate_work_take(struct gate_work *w, nsec_t now);
