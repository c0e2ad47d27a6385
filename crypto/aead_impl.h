/* SPDX-License-Identifier: MIT
 *
 * aead_impl.h - what one implementation of the constructions gives to aead.c
 *
 * Internal to crypto/aead*.c. A library that offers several instruction sets is
 * several implementations, which differ only in `variant`.
 */
#pragma once

#include <endian.h>
#include <string.h>

#include "crypto/aead.h"

enum {
	AEAD_NONCE_OCTETS = 12
};

struct aead_impl {
	const char *name;   /* "ipsec-mb avx2" */
	const char *family; /* "ipsec-mb": the best variant that is here */
	const char *forced; /* "ipsec-mb-avx2": exactly this one */
	unsigned variant;   /* the library's business */

	/* setup() - before all else; may be called again; false: not here */
	bool (*setup)(const struct aead_impl *impl);
	/* release() - it was not chosen; may be NULL */
	void (*release)(const struct aead_impl *impl);
	bool (*has)(const struct aead_impl *impl, enum aead_suite suite);
	/* per thread; thread_new may be NULL if a thread needs nothing */
	void *(*thread_new)(const struct aead_impl *impl);
	void (*thread_free)(void *thread);
	/* expand k->raw into k->schedule; called from any thread */
	void (*key_init)(const struct aead_impl *impl, struct aead_key *k);
	void (*seal)(void *thread, const struct aead_key *k,
		     struct aead_job *jobs, unsigned n);
	void (*open)(void *thread, const struct aead_key *k,
		     struct aead_job *jobs, unsigned n);
};

extern const struct aead_impl aead_portable; /* libsodium */
extern const struct aead_impl aead_evp;	     /* OpenSSL */

/* aead_mb() - the i-th variant of libipsec-mb, fastest first; NULL: no more, or
 * built without the library */
const struct aead_impl *aead_mb(unsigned i);

/* aead_nonce() - 4 zero octets and the counter (Noise s12.3, s12.4) */
static inline void aead_nonce(enum aead_suite suite, uint64_t counter,
			      uint8_t out[static AEAD_NONCE_OCTETS])
{
	uint64_t wire =
		suite == AEAD_AES_256_GCM ? htobe64(counter) : htole64(counter);

	memset(out, 0, 4);
	memcpy(out + 4, &wire, sizeof(wire));
}
