/* SPDX-License-Identifier: MIT
 *
 * rand.c - random bytes from the kernel, and a seeded source for engines
 */
#include "base/rand.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

void rand_bytes(void *out, size_t n)
{
	uint8_t *p = out;

	while (n) {
		ssize_t got = getrandom(p, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			abort(); /* no kernel we run on refuses this */
		p += got;
		n -= (size_t)got;
	}
}

uint32_t rand_u32(void)
{
	uint32_t v;

	rand_bytes(&v, sizeof(v));
	return v;
}

uint64_t rand_u64(void)
{
	uint64_t v;

	rand_bytes(&v, sizeof(v));
	return v;
}

/* splitmix64, Steele, Lea, Flood 2014 */
uint64_t prng_u64(struct prng *g)
{
	uint64_t z = g->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

uint32_t prng_below(struct prng *g, uint32_t n)
{
	return (uint32_t)(((prng_u64(g) >> 32) * n) >> 32);
}
