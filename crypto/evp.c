/* SPDX-License-Identifier: MIT
 *
 * evp.c - BLAKE2s and AES-256-GCM for handshakes by OpenSSL
 *
 * A call can fail only for want of memory or by a bug of ours, never by what
 * came from outside; going on without a hash would be worse than ending.
 */
#include "crypto/evp.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>

static EVP_MD *blake2s;
static EVP_MAC *blake2s_mac;
static EVP_CIPHER *aes_gcm;

static _Thread_local EVP_MD_CTX *md_state;
static _Thread_local EVP_MAC_CTX *mac_state;
static _Thread_local EVP_CIPHER_CTX *cipher_state;

static void must(bool ok)
{
	if (!ok)
		abort();
}

int evp_setup(void)
{
	if (!blake2s)
		blake2s = EVP_MD_fetch(NULL, "BLAKE2S-256", NULL);
	if (!blake2s_mac)
		blake2s_mac = EVP_MAC_fetch(NULL, "BLAKE2SMAC", NULL);
	if (!aes_gcm)
		aes_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	return blake2s && blake2s_mac && aes_gcm ? 0 : -EIO;
}

void evp_thread_done(void)
{
	EVP_MD_CTX_free(md_state);
	EVP_MAC_CTX_free(mac_state);
	EVP_CIPHER_CTX_free(cipher_state);
	md_state = NULL;
	mac_state = NULL;
	cipher_state = NULL;
}

void evp_blake2s(uint8_t out[static 32], const struct slice *parts, size_t n)
{
	if (!md_state)
		md_state = EVP_MD_CTX_new();
	must(md_state && EVP_DigestInit_ex2(md_state, blake2s, NULL));
	for (size_t i = 0; i < n; i++)
		must(EVP_DigestUpdate(md_state, parts[i].p, parts[i].n));
	must(EVP_DigestFinal_ex(md_state, out, NULL));
}

void evp_blake2s_keyed(uint8_t *out, size_t out_n, const uint8_t *key,
		       size_t key_n, const void *m, size_t n)
{
	OSSL_PARAM size[] = {
		OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &out_n),
		OSSL_PARAM_construct_end(),
	};
	size_t got;

	if (!mac_state)
		mac_state = EVP_MAC_CTX_new(blake2s_mac);
	must(mac_state && EVP_MAC_CTX_set_params(mac_state, size));
	must(EVP_MAC_init(mac_state, key, key_n, NULL));
	must(EVP_MAC_update(mac_state, m, n));
	must(EVP_MAC_final(mac_state, out, &got, out_n) && got == out_n);
}

static bool cipher_start(const struct prim_aead *a, bool seal)
{
	int got;

	if (!cipher_state)
		cipher_state = EVP_CIPHER_CTX_new();
	return cipher_state &&
	       EVP_CipherInit_ex2(cipher_state, aes_gcm, a->key, a->nonce,
				  seal, NULL) &&
	       (!a->ad_n || EVP_CipherUpdate(cipher_state, NULL, &got, a->ad,
					     (int)a->ad_n));
}

/* cipher_run() - n octets; an empty message is no update at all */
static bool cipher_run(const uint8_t *in, size_t n, uint8_t *out)
{
	int got = 0;

	assert(n < INT_MAX);
	return !n || EVP_CipherUpdate(cipher_state, out, &got, in, (int)n);
}

void evp_aesgcm_seal(const struct prim_aead *a, const void *plain, size_t n,
		     uint8_t *out)
{
	int got;

	must(cipher_start(a, true) && cipher_run(plain, n, out));
	must(EVP_CipherFinal_ex(cipher_state, out + n, &got));
	must(EVP_CIPHER_CTX_ctrl(cipher_state, EVP_CTRL_AEAD_GET_TAG, PRIM_TAG,
				 out + n));
}

bool evp_aesgcm_open(const struct prim_aead *a, const void *sealed, size_t n,
		     uint8_t *out)
{
	const uint8_t *in = sealed;
	uint8_t tag[PRIM_TAG], tail[PRIM_TAG];
	int got;

	if (n < PRIM_TAG)
		return false;
	n -= PRIM_TAG;
	for (size_t i = 0; i < PRIM_TAG; i++)
		tag[i] = in[n + i];
	must(cipher_start(a, false) && cipher_run(in, n, out));
	must(EVP_CIPHER_CTX_ctrl(cipher_state, EVP_CTRL_AEAD_SET_TAG, PRIM_TAG,
				 tag));
	if (EVP_CipherFinal_ex(cipher_state, tail, &got) == 1)
		return true;
	prim_wipe(out, n);
	return false;
}
