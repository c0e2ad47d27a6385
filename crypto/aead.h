/* SPDX-License-Identifier: MIT
 *
 * aead.h - authenticated encryption on batches of packets
 *
 * Theory: a multi-buffer library seals several packets side by side, so the unit of
 * work is an array of jobs under one key. A construction (which cipher) has one or
 * more implementations (which library); the best one is chosen once per process, by
 * CPU and a short measurement, and checked against the other before it is used.
 * Key schedules are made once per key. Nothing allocates after set-up.
 *
 * The nonce of a job is 4 zero octets and its 64-bit counter: little-endian for
 * ChaCha20-Poly1305, big-endian for AES-256-GCM (Noise s12.3, s12.4).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum aead_suite { /* design.md protocol 1: both constructions */
	AEAD_CHACHA20_POLY1305, /* WireGuard's */
	AEAD_AES_256_GCM, /* between adit nodes with fast AES */
	AEAD_SUITES
};

enum {
	AEAD_KEY_OCTETS = 32,
	AEAD_TAG_OCTETS = 16,
	AEAD_JOBS_MAX = 64, /* jobs of one call */
};

/* An expanded key: storage for whichever implementation is in use. On the heap, what
 * embeds it comes from aligned_alloc(): vector instructions rely on the 64. */
struct aead_key {
	_Alignas(64) uint8_t raw[32]; /* secret */
	enum aead_suite suite;
	_Alignas(64) uint8_t schedule[2048]; /* secret */
};

/* One packet, in place: seal reads n octets at data and writes n + 16 there;
 * open reads n + 16 and writes n. No associated data. */
struct aead_job {
	uint8_t *data;
	size_t n; /* octets of plaintext */
	uint64_t counter;
	bool ok; /* open: it authenticated; seal: always true */
};

/* What one thread needs to call the implementation (a multi-buffer manager). */
struct aead_thread;

/**
 * aead_setup() - Choose implementations; once per process, before threads start
 * @force: NULL, or an implementation name to use for all suites ("libsodium",
 *         "openssl", "ipsec-mb", "ipsec-mb-avx512", "ipsec-mb-avx2", "ipsec-mb-sse"),
 *         for tests and benchmarks; a suite that it lacks is chosen as ever
 * Cost: some milliseconds of measurement
 * Return: 0; -ENOENT if the forced one is not here; -EIO if implementations disagree;
 *         -ENOMEM. Called again, it invalidates all keys and threads
 */
must_check int aead_setup(const char *force);

/* aead_name() - the implementation in use: "libsodium", "ipsec-mb avx512" */
const char *aead_name(enum aead_suite suite);

/* aead_fast_aes() - is AES-256-GCM here at least twice as fast as ChaCha20-Poly1305? */
bool aead_fast_aes(void);

struct aead_thread *aead_thread_new(void); /* NULL: no memory */
void aead_thread_free(struct aead_thread *t); /* takes NULL */

void aead_key_init(struct aead_key *k, enum aead_suite suite,
		   const uint8_t key[static AEAD_KEY_OCTETS]);
void aead_key_wipe(struct aead_key *k);

/**
 * aead_seal() - Encrypt and authenticate n jobs, n <= AEAD_JOBS_MAX, in place
 * Cost: no allocation; any mix of lengths, equal lengths are fastest
 */
void aead_seal(struct aead_thread *t, const struct aead_key *k,
	       struct aead_job *jobs, unsigned n);

/**
 * aead_open() - Verify and decrypt n jobs in place; sets each job's ok
 * The data of a job that is not ok is undefined and must not be used.
 */
void aead_open(struct aead_thread *t, const struct aead_key *k,
	       struct aead_job *jobs, unsigned n);
