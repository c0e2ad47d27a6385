/* SPDX-License-Identifier: MIT
 *
 * prim.c - the cryptographic primitives; the only file that includes libsodium
 */
#include "crypto/prim.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "base/wire.h"
#include "crypto/evp.h"

int prim_setup(void)
{
	if (sodium_init() < 0)
		return -EIO;
	return evp_setup();
}

void prim_wipe(void *p, size_t n)
{
	sodium_memzero(p, n);
}

bool prim_eq(const void *a, const void *b, size_t n)
{
	return sodium_memcmp(a, b, n) == 0;
}

bool prim_is_zero(const void *p, size_t n)
{
	return sodium_is_zero(p, n) == 1;
}

void prim_x25519_public(uint8_t out[static PRIM_KEY],
			const uint8_t k[static PRIM_KEY])
{
	/* The base point is not of low order, so this cannot fail. */
	(void)crypto_scalarmult_base(out, k);
}

bool prim_x25519(uint8_t out[static PRIM_KEY],
		 const uint8_t k[static PRIM_KEY],
		 const uint8_t u[static PRIM_KEY])
{
	if (crypto_scalarmult(out, k, u) == 0) /* checks for all zero */
		return true;
	prim_wipe(out, PRIM_KEY);
	return false;
}

void prim_chacha_seal(const struct prim_aead *a, const void *plain, size_t n,
		      uint8_t *out)
{
	(void)crypto_aead_chacha20poly1305_ietf_encrypt(
		out, NULL, plain, n, a->ad, a->ad_n, NULL, a->nonce, a->key);
}

bool prim_chacha_open(const struct prim_aead *a, const void *sealed, size_t n,
		      uint8_t *out)
{
	return crypto_aead_chacha20poly1305_ietf_decrypt(
		       out, NULL, NULL, sealed, n, a->ad, a->ad_n, a->nonce,
		       a->key) == 0;
}

void prim_xchacha_seal(const struct prim_aead *a, const void *plain, size_t n,
		       uint8_t *out)
{
	(void)crypto_aead_xchacha20poly1305_ietf_encrypt(
		out, NULL, plain, n, a->ad, a->ad_n, NULL, a->nonce, a->key);
}

bool prim_xchacha_open(const struct prim_aead *a, const void *sealed, size_t n,
		       uint8_t *out)
{
	return crypto_aead_xchacha20poly1305_ietf_decrypt(
		       out, NULL, NULL, sealed, n, a->ad, a->ad_n, a->nonce,
		       a->key) == 0;
}

void prim_aesgcm_seal(const struct prim_aead *a, const void *plain, size_t n,
		      uint8_t *out)
{
	evp_aesgcm_seal(a, plain, n, out);
}

bool prim_aesgcm_open(const struct prim_aead *a, const void *sealed, size_t n,
		      uint8_t *out)
{
	return evp_aesgcm_open(a, sealed, n, out);
}

_Static_assert(sizeof(crypto_aead_aes256gcm_state) == PRIM_AESNI_SCHEDULE,
	       "the expanded key of libsodium");

static const crypto_aead_aes256gcm_state *aesni_of(const uint8_t *schedule)
{
	return (const void *)schedule;
}

bool prim_aesni_here(void)
{
	return crypto_aead_aes256gcm_is_available() == 1;
}

void prim_aesni_expand(uint8_t schedule[static PRIM_AESNI_SCHEDULE],
		       const uint8_t key[static PRIM_KEY])
{
	(void)crypto_aead_aes256gcm_beforenm((void *)schedule, key);
}

void prim_aesni_seal(const uint8_t schedule[static PRIM_AESNI_SCHEDULE],
		     const uint8_t nonce[static PRIM_NONCE], uint8_t *data,
		     size_t n)
{
	(void)crypto_aead_aes256gcm_encrypt_afternm(
		data, NULL, data, n, NULL, 0, NULL, nonce, aesni_of(schedule));
}

bool prim_aesni_open(const uint8_t schedule[static PRIM_AESNI_SCHEDULE],
		     const uint8_t nonce[static PRIM_NONCE], uint8_t *data,
		     size_t n)
{
	return crypto_aead_aes256gcm_decrypt_afternm(
		       data, NULL, NULL, data, n + PRIM_TAG, NULL, 0, nonce,
		       aesni_of(schedule)) == 0;
}

void prim_ed25519_from_seed(uint8_t sk[static 64],
			    const uint8_t seed[static 32])
{
	uint8_t pk[32];

	(void)crypto_sign_seed_keypair(pk, sk, seed);
}

void prim_ed25519_public(const uint8_t sk[static 64], uint8_t out[static 32])
{
	(void)crypto_sign_ed25519_sk_to_pk(out, sk);
}

void prim_ed25519_sign(const uint8_t sk[static 64], const void *m, size_t n,
		       uint8_t out[static 64])
{
	(void)crypto_sign_detached(out, NULL, m, n, sk);
}

bool prim_ed25519_check(const uint8_t pk[static 32], const void *m, size_t n,
			const uint8_t sig[static 64])
{
	return crypto_sign_verify_detached(sig, m, n, pk) == 0;
}

uint64_t prim_siphash(const uint8_t key[static PRIM_SIPHASH_KEY],
		      const void *m, size_t n)
{
	le64 out;

	(void)crypto_shorthash(out.b, m, n, key);
	return le64_get(out);
}

void prim_base64_write(const void *p, size_t n, char *out, size_t room)
{
	assert(room >= sodium_base64_ENCODED_LEN(
			       n, sodium_base64_VARIANT_ORIGINAL));
	sodium_bin2base64(out, room, p, n, sodium_base64_VARIANT_ORIGINAL);
}

bool prim_base64_parse(const char *text, uint8_t *out, size_t n)
{
	uint8_t bin[64];
	const size_t text_n = 4 * ((n + 2) / 3);
	size_t got = 0;
	bool ok;

	assert(n <= sizeof(bin));
	ok = strnlen(text, text_n + 1) == text_n &&
	     sodium_base642bin(bin, n, text, text_n, NULL, &got, NULL,
			       sodium_base64_VARIANT_ORIGINAL) == 0 &&
	     got == n;
	if (ok)
		memcpy(out, bin, n);
	prim_wipe(bin, sizeof(bin));
	return ok;
}
