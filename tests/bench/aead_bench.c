/* SPDX-License-Identifier: MIT
 *
 * aead_bench.c - nanoseconds per packet of each AEAD implementation on this
 * machine
 *
 * One thread, bursts of 64 packets out of a set that fits the L2 cache, the
 * fastest of some runs. Not a test: prints a table.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "crypto/aead.h"

enum {
	BURST = AEAD_JOBS_MAX,
	ROUNDS = 40,
	RUNS = 7,
	ROOM = 1440
};

static uint8_t data[BURST][ROOM];
static struct aead_job jobs[BURST];

static void fill(size_t n)
{
	for (unsigned i = 0; i < BURST; i++)
		jobs[i] = (struct aead_job){ .data = data[i],
					     .n = n,
					     .counter = i };
}

/* run() - nanoseconds per packet to seal it, and to open it again if asked */
static double run(struct aead_thread *t, const struct aead_key *k, size_t n,
		  unsigned burst, bool reopen)
{
	nsec_t best = NSEC_NEVER;

	fill(n);
	for (int i = 0; i < RUNS; i++) {
		nsec_t start = time_now();

		for (int j = 0; j < ROUNDS; j++)
			for (unsigned at = 0; at < BURST; at += burst) {
				aead_seal(t, k, jobs + at, burst);
				if (reopen)
					aead_open(t, k, jobs + at, burst);
			}
		best = nsec_min(best, time_now() - start);
	}
	return (double)best / (ROUNDS * BURST);
}

static void row(const char *force, enum aead_suite suite, const char *title)
{
	static struct aead_key k;
	static const uint8_t key[AEAD_KEY_OCTETS] = { 1 };
	struct aead_thread *t = aead_thread_new();
	double seal_full, seal_small;

	if (!t)
		exit(1);
	aead_key_init(&k, suite, key);
	seal_full = run(t, &k, 1420, BURST, false);
	seal_small = run(t, &k, 64, BURST, false);
	printf("%-18s %-18s %8.0f %8.0f %8.0f %8.0f %8.0f\n", title,
	       aead_name(suite), seal_full,
	       run(t, &k, 1420, BURST, true) - seal_full, seal_small,
	       run(t, &k, 64, BURST, true) - seal_small,
	       run(t, &k, 1420, 1, false));
	aead_thread_free(t);
}

int main(void)
{
	static const char *const names[] = {
		"libsodium",	 "openssl",	    "ipsec-mb-sse",
		"ipsec-mb-avx2", "ipsec-mb-avx512", NULL,
	};

	printf("%-18s %-18s %8s %8s %8s %8s %8s\n", "ns per packet", "",
	       "seal1420", "open1420", "seal64", "open64", "lone1420");
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (aead_setup(names[i])) {
			printf("%s: not here\n", names[i]);
			continue;
		}
		row(names[i], AEAD_CHACHA20_POLY1305, "chacha20-poly1305");
		row(names[i], AEAD_AES_256_GCM, "aes-256-gcm");
	}
	printf("the last two rows are what measurement chose; fast AES: %s\n",
	       aead_fast_aes() ? "yes" : "no");
	return 0;
}
