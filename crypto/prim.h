/* SPDX-License-Identifier: MIT
 *
 * prim.h - the cryptographic primitives, one function each
 *
 * prim.c is the only file of the project that includes libsodium. Everything here
 * is one-shot and keeps no state; the packet path has its own AEAD (aead.h), and
 * BLAKE2s with what is built on it is in blake2s.h. Seal may work in place; room for
 * its output is n + PRIM_TAG. Open takes n octets of ciphertext and tag.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum {
	PRIM_KEY = 32, /* octets of every key but SipHash's */
	PRIM_TAG = 16,
	PRIM_NONCE = 12,
	PRIM_XNONCE = 24,
	PRIM_SIPHASH_KEY = 16,
};

/* prim_setup() - once per process, before the rest; 0 or -EIO */
must_check int prim_setup(void);

/* prim_wipe() - overwrite, not optimised away */
void prim_wipe(void *p, size_t n);
/* prim_eq() - compare n octets in constant time */
bool prim_eq(const void *a, const void *b, size_t n);
/* prim_is_zero() - are all n octets zero? in constant time */
bool prim_is_zero(const void *p, size_t n);

/* prim_x25519_public() - the public key of k (RFC 7748 s6.1) */
void prim_x25519_public(uint8_t out[static PRIM_KEY],
			const uint8_t k[static PRIM_KEY]);
/**
 * prim_x25519() - Diffie-Hellman (RFC 7748 s5); u is untrusted
 * Return: false if the result is all zero (u of low order): out is wiped
 */
must_check bool prim_x25519(uint8_t out[static PRIM_KEY],
			    const uint8_t k[static PRIM_KEY],
			    const uint8_t u[static PRIM_KEY]);

/* What every AEAD here works on. */
struct prim_aead {
	const uint8_t *key; /* PRIM_KEY octets */
	const uint8_t *nonce; /* PRIM_NONCE octets; PRIM_XNONCE for xchacha */
	const void *ad; /* associated data; NULL if ad_n is 0 */
	size_t ad_n;
};

/* ChaCha20-Poly1305, RFC 8439 s2.8 */
void prim_chacha_seal(const struct prim_aead *a, const void *plain, size_t n,
		      uint8_t *out);
must_check bool prim_chacha_open(const struct prim_aead *a, const void *sealed,
				 size_t n, uint8_t *out);
/* XChaCha20-Poly1305, draft-irtf-cfrg-xchacha-03 */
void prim_xchacha_seal(const struct prim_aead *a, const void *plain, size_t n,
		       uint8_t *out);
must_check bool prim_xchacha_open(const struct prim_aead *a, const void *sealed,
				  size_t n, uint8_t *out);
/* AES-256-GCM, NIST SP 800-38D; for handshakes only: 0.5 us of set-up per call */
void prim_aesgcm_seal(const struct prim_aead *a, const void *plain, size_t n,
		      uint8_t *out);
must_check bool prim_aesgcm_open(const struct prim_aead *a, const void *sealed,
				 size_t n, uint8_t *out);

/* The same with AES in hardware and the key expanded once, for the packet path. */
enum { PRIM_AESNI_SCHEDULE = 512 }; /* octets, aligned to 16 */
bool prim_aesni_here(void);
void prim_aesni_expand(uint8_t schedule[static PRIM_AESNI_SCHEDULE],
		       const uint8_t key[static PRIM_KEY]);
/* prim_aesni_seal(), _open() - in place, no associated data; seal: n octets of plain
 * become n + PRIM_TAG; open: the other way */
void prim_aesni_seal(const uint8_t schedule[static PRIM_AESNI_SCHEDULE],
		     const uint8_t nonce[static PRIM_NONCE], uint8_t *data,
		     size_t n);
must_check bool prim_aesni_open(const uint8_t schedule[static PRIM_AESNI_SCHEDULE],
				const uint8_t nonce[static PRIM_NONCE],
				uint8_t *data, size_t n);

/* Ed25519, RFC 8032 s5.1; the private form is seed and public key, 64 octets */
void prim_ed25519_from_seed(uint8_t sk[static 64], const uint8_t seed[static 32]);
void prim_ed25519_public(const uint8_t sk[static 64], uint8_t out[static 32]);
void prim_ed25519_sign(const uint8_t sk[static 64], const void *m, size_t n,
		       uint8_t out[static 64]);
must_check bool prim_ed25519_check(const uint8_t pk[static 32], const void *m,
				   size_t n, const uint8_t sig[static 64]);

/* prim_siphash() - SipHash-2-4: short keyed hash for tables fed from outside */
uint64_t prim_siphash(const uint8_t key[static PRIM_SIPHASH_KEY], const void *m,
		      size_t n);

/* prim_base64_write() - n octets as text (RFC 4648 s4) with NUL into out, which has
 * room for 4 * ((n + 2) / 3) + 1; constant time */
void prim_base64_write(const void *p, size_t n, char *out, size_t room);
/* prim_base64_parse() - exactly n octets from untrusted, NUL-terminated text; only
 * the canonical form; *out is unchanged on false; n <= 64 */
must_check bool prim_base64_parse(const char *text, uint8_t *out, size_t n);
