/* SPDX-License-Identifier: MIT
 *
 * blake2s.h - BLAKE2s and what Noise builds on it
 *
 * Spec: RFC 7693; HMAC RFC 2104 over BLAKE2s-256; HKDF as in Noise revision 34
 * s4.3 (extract with the chaining key, expand without info). WireGuard calls
 * them Hash, Mac (keyed, 16 octets out) and Kdf (paper s5.4).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"

enum {
	BLAKE2S_OCTETS = 32,
	BLAKE2S_BLOCK = 64,
	BLAKE2S_MAC = 16, /* WireGuard's Mac() */
};

void blake2s_hash(uint8_t out[static BLAKE2S_OCTETS], const void *m, size_t n);

/* blake2s_hash2() - Hash(a || b); out may be a or b */
void blake2s_hash2(uint8_t out[static BLAKE2S_OCTETS], const void *a,
		   size_t a_n, const void *b, size_t b_n);

/* blake2s_mac() - keyed BLAKE2s with 16 octets of output; key of 1..32
 * octets */
void blake2s_mac(uint8_t out[static BLAKE2S_MAC], const uint8_t *key,
		 size_t key_n, const void *m, size_t n);

/* blake2s_keyed() - keyed BLAKE2s; out_n and key_n are 1..32 */
void blake2s_keyed(uint8_t *out, size_t out_n, const uint8_t *key,
		   size_t key_n, const void *m, size_t n);

/* blake2s_hmac() - RFC 2104; key of at most BLAKE2S_BLOCK octets */
void blake2s_hmac(uint8_t out[static BLAKE2S_OCTETS], const uint8_t *key,
		  size_t key_n, const void *m, size_t n);

/**
 * blake2s_hkdf() - Kdf1, Kdf2 and Kdf3: as many outputs as are not NULL
 * @chaining_key: 32 octets; may be out1
 * @out1, @out2, @out3: 32 octets each; out2 and out3 may be NULL
 */
void blake2s_hkdf(const uint8_t chaining_key[static BLAKE2S_OCTETS],
		  const void *input, size_t n, uint8_t *out1, uint8_t *out2,
		  uint8_t *out3);
