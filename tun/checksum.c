/* SPDX-License-Identifier: MIT
 *
 * checksum.c - the Internet checksum (RFC 1071), whole and in parts
 *
 * The sum is taken in memory order (RFC 1071 s2(B)): no octet is swapped. 32-bit words
 * are added into 64 bits, so 4 GiB fit before a carry is lost.
 */
#include "tun/checksum.h"

#include <string.h>

uint64_t checksum_add(uint64_t sum, const void *p, size_t n)
{
	const uint8_t *b = p;
	uint64_t even = 0, odd = 0;

	for (; n >= 32; n -= 32, b += 32) {
		uint32_t w[8];

		memcpy(w, b, 32);
		even += (uint64_t)w[0] + w[2] + w[4] + w[6];
		odd += (uint64_t)w[1] + w[3] + w[5] + w[7];
	}
	for (; n >= 4; n -= 4, b += 4) {
		uint32_t w;

		memcpy(&w, b, 4);
		even += w;
	}
	if (n) {
		uint32_t w = 0;

		memcpy(&w, b, n);
		even += w;
	}
	return sum + even + odd;
}

uint16_t checksum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

uint64_t checksum_pseudo(const uint8_t *source, const uint8_t *destination,
			 size_t address_octets, uint8_t protocol, size_t length)
{
	uint8_t tail[8] = { (uint8_t)(length >> 24), (uint8_t)(length >> 16),
			    (uint8_t)(length >> 8), (uint8_t)length, 0, 0, 0,
			    protocol };
	uint64_t sum = checksum_add(0, tail, sizeof(tail));

	sum = checksum_add(sum, source, address_octets);
	return checksum_add(sum, destination, address_octets);
}
