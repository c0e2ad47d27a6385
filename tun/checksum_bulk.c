/* SPDX-License-Identifier: MIT
 *
 * checksum_bulk.c - the checksum's inner loop in plain C
 */
#include "tun/checksum_bulk.h"

#include <string.h>

uint64_t checksum_bulk(const uint8_t *p, size_t n)
{
	uint64_t even = 0, odd = 0;

	for (; n; n -= 32, p += 32) {
		uint32_t w[8];

		memcpy(w, p, 32);
		even += (uint64_t)w[0] + w[2] + w[4] + w[6];
		odd += (uint64_t)w[1] + w[3] + w[5] + w[7];
	}
	return even + odd;
}
