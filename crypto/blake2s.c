/* SPDX-License-Identifier: MIT
 *
 * blake2s.c - BLAKE2s, HMAC and HKDF as Noise uses them
 */
#include "crypto/blake2s.h"

#include <assert.h>
#include <string.h>

#include "base/attr.h"
#include "crypto/evp.h"
#include "crypto/prim.h"

void blake2s_hash(uint8_t out[static BLAKE2S_OCTETS], const void *m, size_t n)
{
	const struct slice part = slice_of(m, n);

	evp_blake2s(out, &part, 1);
}

void blake2s_hash2(uint8_t out[static BLAKE2S_OCTETS], const void *a,
		   size_t a_n, const void *b, size_t b_n)
{
	const struct slice parts[] = { slice_of(a, a_n), slice_of(b, b_n) };

	evp_blake2s(out, parts, ARRAY_SIZE(parts));
}

void blake2s_mac(uint8_t out[static BLAKE2S_MAC], const uint8_t *key,
		 size_t key_n, const void *m, size_t n)
{
	evp_blake2s_keyed(out, BLAKE2S_MAC, key, key_n, m, n);
}

void blake2s_keyed(uint8_t *out, size_t out_n, const uint8_t *key,
		   size_t key_n, const void *m, size_t n)
{
	evp_blake2s_keyed(out, out_n, key, key_n, m, n);
}

void blake2s_hmac(uint8_t out[static BLAKE2S_OCTETS], const uint8_t *key,
		  size_t key_n, const void *m, size_t n)
{
	uint8_t inner[BLAKE2S_BLOCK] = { 0 }, outer[BLAKE2S_BLOCK] = { 0 };
	uint8_t digest[BLAKE2S_OCTETS];

	assert(key_n <= BLAKE2S_BLOCK);
	memcpy(inner, key, key_n);
	memcpy(outer, key, key_n);
	for (size_t i = 0; i < BLAKE2S_BLOCK; i++) {
		inner[i] ^= 0x36;
		outer[i] ^= 0x5c;
	}
	blake2s_hash2(digest, inner, sizeof(inner), m, n);
	blake2s_hash2(out, outer, sizeof(outer), digest, sizeof(digest));
	prim_wipe(inner, sizeof(inner));
	prim_wipe(outer, sizeof(outer));
	prim_wipe(digest, sizeof(digest));
}

/* expand() - T(i) = HMAC(secret, T(i-1) || i); t holds T(i-1), then T(i) */
static void expand(const uint8_t secret[static 32], uint8_t i,
		   uint8_t t[static 32])
{
	uint8_t in[33];
	const size_t before = i > 1 ? 32 : 0;

	memcpy(in, t, before);
	in[before] = i;
	blake2s_hmac(t, secret, 32, in, before + 1);
	prim_wipe(in, sizeof(in));
}

void blake2s_hkdf(const uint8_t chaining_key[static BLAKE2S_OCTETS],
		  const void *input, size_t n, uint8_t *out1, uint8_t *out2,
		  uint8_t *out3)
{
	uint8_t *const outs[] = { out1, out2, out3 };
	uint8_t secret[32], t[32] = { 0 };

	blake2s_hmac(secret, chaining_key, 32, input, n);
	for (uint8_t i = 0; i < 3 && outs[i]; i++) {
		expand(secret, (uint8_t)(i + 1), t);
		memcpy(outs[i], t, 32);
	}
	prim_wipe(secret, sizeof(secret));
	prim_wipe(t, sizeof(t));
}
