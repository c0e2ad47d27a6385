/* SPDX-License-Identifier: MIT
 *
 * checksum.c - the Internet checksum (RFC 1071), whole and in parts
 *
 * The sum is taken in memory order (RFC 1071 s2(B)): no octet is swapped. 32-bit words
 * are added into 64 bits, so 4 GiB fit before a carry is lost.
 */
#include "tun/checksum.h"

#include <string.h>

#include "tun/checksum_bulk.h"

uint64_t checksum_add(uint64_t sum, const void *p, size_t n)
{
	const uint8_t *b = p;
	size_t bulk = n & ~(size_t)63;

	if (bulk)
		sum += checksum_bulk(b, bulk);
	b += bulk;
	n -= bulk;
	for (; n >= 4; n -= 4, b += 4) {
		uint32_t w;

		memcpy(&w, b, 4);
		sum += w;
	}
	if (n) {
		uint32_t w = 0;

		memcpy(&w, b, n);
		sum += w;
	}
	return sum;
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
