/* SPDX-License-Identifier: MIT
 *
 * box.h - sealed discovery messages between two nodes that know each other's key
 *
 * Theory: a key per pair and direction from the static-static X25519 of the two tunnel
 * keys, so discovery works before any handshake and names no key in clear. The
 * envelope is 40 octets: 4 magic, 8 hint, 12 nonce (8 counter, 4 random), 16 tag.
 * The hint lets the receiver find the pair: a keyed hash of direction and epoch, so
 * that it changes with time. The counter is checked against a replay window.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/drop.h"
#include "crypto/key.h"

enum {
	BOX_OVERHEAD = 40,
	BOX_HINT_OCTETS = 8,
	BOX_PLAIN_MAX = 1160,
	BOX_MAX = BOX_PLAIN_MAX + BOX_OVERHEAD,
	BOX_MAGIC = 0xAD17D15C, /* big-endian; no WireGuard type, no STUN */
};

struct box {
	uint8_t seal_key[32], open_key[32]; /* secret */
	uint8_t seal_hint_key[16], open_hint_key[16]; /* secret */
	uint64_t next_counter; /* of the next sealed message */
	uint64_t seen_top; /* highest counter opened */
	uint64_t seen[4]; /* 256 counters below it */
};

/**
 * box_init() - Derive the pair's keys
 * @counter: First counter to seal with: greater than any used before with this pair;
 *           wall-clock nanoseconds will do
 * Return: false if the peer's key is of low order or our own: *b is wiped
 */
must_check bool box_init(struct box *b, const struct key_private *self,
			 const struct key_public *self_public,
			 const struct key_public *peer, uint64_t counter);
void box_wipe(struct box *b);

/* box_hint() - the hint that incoming messages of this pair carry in an epoch */
void box_hint(const struct box *b, uint64_t epoch,
	      uint8_t out[static BOX_HINT_OCTETS]);

/* box_is() - do these octets begin a discovery message? */
bool box_is(const uint8_t *m, size_t n);

/**
 * box_seal() - n <= BOX_PLAIN_MAX octets of plain into out
 * @out: n + BOX_OVERHEAD octets of room
 * Return: octets written
 */
size_t box_seal(struct box *b, uint64_t epoch, const void *plain, size_t n,
		uint8_t *out);

/**
 * box_open() - Verify and decrypt in place
 * @m: n octets, untrusted, hint already matched
 * @plain, @plain_n: Point into m on success
 * Return: DROP_NONE; DROP_TOO_SHORT, DROP_BAD_LENGTH (over BOX_MAX),
 *         DROP_DISCO_CRYPTO, DROP_DISCO_REPLAY
 */
must_check enum drop box_open(struct box *b, uint8_t *m, size_t n,
			      const uint8_t **plain, size_t *plain_n);
