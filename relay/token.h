/* SPDX-License-Identifier: MIT
 *
 * token.h - admission to relays: short-lived, signed by the coordination server
 *
 * A relay needs no database: the token says which tunnel key may register until when,
 * in which network. Ed25519 over everything before the signature.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "crypto/key.h"

enum {
	TOKEN_OCTETS = 1 + 7 + 8 + 8 + 32 + 64, /* version, zero, network, expiry, key, sig */
	TOKEN_LIFETIME_S = 3600, /* nodes renew at half of it */
};

struct token {
	struct key_public node; /* tunnel key */
	uint64_t network;
	uint64_t expires_s; /* seconds since 1970 */
};

void token_sign(const struct token *t, const struct sign_private *k,
		uint8_t out[static TOKEN_OCTETS]);
/* token_expiry() - seconds since 1970 by the server's clock, for the node that it was made
 * for; nothing is verified; 0: not a token's length */
uint64_t token_expiry(const uint8_t *m, size_t n);

/* token_check() - untrusted octets; false: wrong length, version, signature, or past
 * its time (60 s of grace for clocks) */
must_check bool token_check(const uint8_t *m, size_t n, const struct sign_public *k,
			    uint64_t now_s, struct token *out);
