/* SPDX-License-Identifier: MIT
 *
 * proof.h - what authenticates relay control frames: pair keys, session keys, cookies
 *
 * Theory: whoever can compute X25519(node, relay) is the node or the relay. A MAC
 * under a key from it proves possession of the tunnel key without a signature and
 * shows nothing to others. The session key mixes in the registration's transaction
 * id and time of issue, so no frame of an earlier registration is accepted later.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/attr.h"
#include "crypto/key.h"
#include "relay/frame.h"

struct proof_key { /* secret */
	uint8_t b[32];
};

/**
 * proof_pair() - The static key of a node and a relay
 * @self:  Our private key; @other: the other's public key, untrusted
 * @node, @relay: both public keys, bound into the result
 * Return: false if the other's key is of low order
 */
must_check bool proof_pair(const struct key_private *self,
			   const struct key_public *other,
			   const struct key_public *node,
			   const struct key_public *relay, struct proof_key *out);

/* proof_session() - the key of one registration */
void proof_session(const struct proof_key *pair, const uint8_t txid[static FRAME_TXID],
		   be64 issued, struct proof_key *out);

/* proof_put() - MAC over n octets at m, written behind them (FRAME_MAC of room) */
void proof_put(const struct proof_key *k, void *m, size_t n);
/* proof_check() - is the MAC behind n octets at m theirs? Constant time */
must_check bool proof_check(const struct proof_key *k, const void *m, size_t n);

/* proof_cookie() - binds an address, a transaction and a time of issue to a secret */
void proof_cookie(const struct proof_key *secret, const struct endpoint *e,
		  const uint8_t txid[static FRAME_TXID], be64 issued,
		  uint8_t out[static FRAME_COOKIE]);
