/* SPDX-License-Identifier: MIT
 *
 * aead_portable.c - authenticated encryption by libsodium, packet after packet
 *
 * ChaCha20-Poly1305 is here on every CPU; AES-256-GCM only where the CPU has
 * AES. Tags are compared by libsodium, in constant time.
 */
#include "base/attr.h"
#include "crypto/aead_impl.h"
#include "crypto/prim.h"

_Static_assert(PRIM_AESNI_SCHEDULE <= sizeof(((struct aead_key *)0)->schedule),
	       "the expanded AES key fits");

static bool setup(const struct aead_impl *impl)
{
	return prim_setup() == 0;
}

static bool has(const struct aead_impl *impl, enum aead_suite suite)
{
	return suite == AEAD_CHACHA20_POLY1305 || prim_aesni_here();
}

static void key_init(const struct aead_impl *impl, struct aead_key *k)
{
	if (k->suite == AEAD_AES_256_GCM)
		prim_aesni_expand(k->schedule, k->raw);
}

static void seal(void *thread, const struct aead_key *k, struct aead_job *jobs,
		 unsigned n)
{
	uint8_t nonce[AEAD_NONCE_OCTETS];
	const struct prim_aead a = { .key = k->raw, .nonce = nonce };

	for (unsigned i = 0; i < n; i++) {
		struct aead_job *job = &jobs[i];

		aead_nonce(k->suite, job->counter, nonce);
		if (k->suite == AEAD_AES_256_GCM)
			prim_aesni_seal(k->schedule, nonce, job->data, job->n);
		else
			prim_chacha_seal(&a, job->data, job->n, job->data);
		job->ok = true;
	}
}

static void open(void *thread, const struct aead_key *k, struct aead_job *jobs,
		 unsigned n)
{
	uint8_t nonce[AEAD_NONCE_OCTETS];
	const struct prim_aead a = { .key = k->raw, .nonce = nonce };

	for (unsigned i = 0; i < n; i++) {
		struct aead_job *job = &jobs[i];

		aead_nonce(k->suite, job->counter, nonce);
		if (k->suite == AEAD_AES_256_GCM)
			job->ok = prim_aesni_open(k->schedule, nonce, job->data,
						  job->n);
		else
			job->ok = prim_chacha_open(&a, job->data,
						   job->n + AEAD_TAG_OCTETS,
						   job->data);
	}
}

const struct aead_impl aead_portable = {
	.name = "libsodium",
	.family = "libsodium",
	.forced = "libsodium",
	.setup = setup,
	.has = has,
	.key_init = key_init,
	.seal = seal,
	.open = open,
};
