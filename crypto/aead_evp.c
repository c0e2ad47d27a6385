/* SPDX-License-Identifier: MIT
 *
 * aead_evp.c - authenticated encryption by OpenSSL's libcrypto
 *
 * Theory: the portable implementation of AES-256-GCM where libsodium has none,
 * and the second opinion everywhere. libcrypto's cipher objects live on the
 * heap and hold the nonce, so each thread has one per construction; it takes
 * the key at the start of a call, and only the nonce for each packet. Tags of
 * opened packets are compared by libcrypto, in constant time.
 */
#include <openssl/evp.h>

#include <limits.h>
#include <stdlib.h>

#include "base/attr.h"
#include "crypto/aead_impl.h"

enum {
	DECRYPT = 0,
	ENCRYPT = 1
}; /* libcrypto's words */

struct evp_thread {
	EVP_CIPHER_CTX *of[AEAD_SUITES];
};

static const EVP_CIPHER *cipher_of(enum aead_suite suite)
{
	switch (suite) {
	case AEAD_CHACHA20_POLY1305:
		return EVP_chacha20_poly1305();
	case AEAD_AES_256_GCM:
		return EVP_aes_256_gcm();
	case AEAD_SUITES:
		break;
	}
	return NULL;
}

static bool setup(const struct aead_impl *impl)
{
	return true;
}

static bool has(const struct aead_impl *impl, enum aead_suite suite)
{
	return true;
}

static void thread_free(void *thread)
{
	struct evp_thread *t = thread;

	if (!t)
		return;
	for (int s = 0; s < AEAD_SUITES; s++)
		EVP_CIPHER_CTX_free(t->of[s]);
	free(t);
}

static void *thread_new(const struct aead_impl *impl)
{
	struct evp_thread *t = calloc(1, sizeof(*t));

	for (int s = 0; t && s < AEAD_SUITES; s++) {
		t->of[s] = EVP_CIPHER_CTX_new();
		if (t->of[s] &&
		    EVP_CipherInit_ex(t->of[s], cipher_of((enum aead_suite)s),
				      NULL, NULL, NULL, ENCRYPT) == 1)
			continue;
		thread_free(t);
		return NULL;
	}
	return t;
}

static void key_init(const struct aead_impl *impl, struct aead_key *k)
{
}

/* seal_one() - false if libcrypto fails, which it does not after the set-up */
static bool seal_one(EVP_CIPHER_CTX *c, enum aead_suite suite,
		     struct aead_job *job)
{
	uint8_t nonce[AEAD_NONCE_OCTETS], *tag = job->data + job->n;
	int done;

	aead_nonce(suite, job->counter, nonce);
	return EVP_CipherInit_ex(c, NULL, NULL, NULL, nonce, ENCRYPT) == 1 &&
	       EVP_CipherUpdate(c, job->data, &done, job->data, (int)job->n) ==
		       1 &&
	       EVP_CipherFinal_ex(c, tag, &done) == 1 &&
	       EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_OCTETS,
				   tag) == 1;
}

static bool open_one(EVP_CIPHER_CTX *c, enum aead_suite suite,
		     struct aead_job *job)
{
	uint8_t nonce[AEAD_NONCE_OCTETS], *tag = job->data + job->n, none[16];
	int done;

	aead_nonce(suite, job->counter, nonce);
	return EVP_CipherInit_ex(c, NULL, NULL, NULL, nonce, DECRYPT) == 1 &&
	       EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_OCTETS,
				   tag) == 1 &&
	       EVP_CipherUpdate(c, job->data, &done, job->data, (int)job->n) ==
		       1 &&
	       EVP_CipherFinal_ex(c, none, &done) == 1;
}

static void seal(void *thread, const struct aead_key *k, struct aead_job *jobs,
		 unsigned n)
{
	EVP_CIPHER_CTX *c = ((struct evp_thread *)thread)->of[k->suite];
	bool ready =
		EVP_CipherInit_ex(c, NULL, NULL, k->raw, NULL, ENCRYPT) == 1;

	for (unsigned i = 0; i < n; i++) {
		jobs[i].ok = true;
		/* what was not sealed must not leave in clear */
		if (!ready || !seal_one(c, k->suite, &jobs[i]))
			memset(jobs[i].data, 0, jobs[i].n + AEAD_TAG_OCTETS);
	}
}

static void open(void *thread, const struct aead_key *k, struct aead_job *jobs,
		 unsigned n)
{
	EVP_CIPHER_CTX *c = ((struct evp_thread *)thread)->of[k->suite];
	bool ready =
		EVP_CipherInit_ex(c, NULL, NULL, k->raw, NULL, DECRYPT) == 1;

	for (unsigned i = 0; i < n; i++)
		jobs[i].ok = ready && open_one(c, k->suite, &jobs[i]);
}

const struct aead_impl aead_evp = {
	.name = "openssl",
	.family = "openssl",
	.forced = "openssl",
	.setup = setup,
	.has = has,
	.thread_new = thread_new,
	.thread_free = thread_free,
	.key_init = key_init,
	.seal = seal,
	.open = open,
};
