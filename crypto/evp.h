/* SPDX-License-Identifier: MIT
 *
 * evp.h - what this folder takes from OpenSSL: BLAKE2s and AES-256-GCM
 *
 * evp.c and aead_evp.c are the only files of crypto/ that include OpenSSL. Algorithms are fetched
 * once; each thread keeps its own OpenSSL objects, so calls neither lock nor allocate
 * after the first. Use blake2s.h and prim.h instead of this header.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/cursor.h"
#include "crypto/prim.h"

/* evp_setup() - fetch the algorithms, once, before threads start; 0 or -EIO */
must_check int evp_setup(void);

/* evp_blake2s() - BLAKE2s-256 of parts in order */
void evp_blake2s(uint8_t out[static 32], const struct slice *parts, size_t n);

/* evp_blake2s_keyed() - keyed BLAKE2s; out_n and key_n are 1..32 */
void evp_blake2s_keyed(uint8_t *out, size_t out_n, const uint8_t *key,
		       size_t key_n, const void *m, size_t n);

void evp_aesgcm_seal(const struct prim_aead *a, const void *plain, size_t n,
		     uint8_t *out);
must_check bool evp_aesgcm_open(const struct prim_aead *a, const void *sealed,
				size_t n, uint8_t *out);

/* evp_thread_done() - a thread that called any of these ends: its objects are freed */
void evp_thread_done(void);
