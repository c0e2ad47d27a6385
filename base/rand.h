/* SPDX-License-Identifier: MIT
 *
 * rand.h - random bytes from the kernel, and a seeded source for engines
 *
 * Secrets come from rand_bytes() only. Engines that need jitter or a shuffle take
 * a struct prng from their owner: the daemon seeds it from the kernel, the
 * simulator from the run's seed, so that a failure can be replayed.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* rand_bytes() - n unpredictable octets; does not return if there are none */
void rand_bytes(void *out, size_t n);
uint32_t rand_u32(void);
uint64_t rand_u64(void);

struct prng {
	uint64_t state; /* splitmix64; not for secrets */
};

uint64_t prng_u64(struct prng *g);

/* prng_below() - 0..n-1; n > 0; bias below 2^-32 */
uint32_t prng_below(struct prng *g, uint32_t n);
