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

#include "base/addr.h"
#include "base/drop.h"
#include "base/time.h"
#include "crypto/key.h"
#include "crypto/messages.h"

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
 * @load:  The caller's handshake queue is long: demand a cookie
 */
void gate_check(struct gate *g, const uint8_t *m, size_t n,
		const struct endpoint *from, bool load, nsec_t now,
		struct gate_result *out);
