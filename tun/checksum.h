/* SPDX-License-Identifier: MIT
 *
 * checksum.h - the Internet checksum (RFC 1071), whole and in parts
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* checksum_add() - one's complement sum of n octets added to sum, not folded; the octets
 * begin at an even place of what is summed. Cost: 64 octets a step */
uint64_t checksum_add(uint64_t sum, const void *p, size_t n);

/* checksum_fold() - to 16 bits, in memory order, not complemented */
uint16_t checksum_fold(uint64_t sum);

/* checksum_pseudo() - sum of the pseudo header (RFC 793 s3.1, RFC 8200 s8.1) */
uint64_t checksum_pseudo(const uint8_t *source, const uint8_t *destination,
			 size_t address_octets, uint8_t protocol, size_t length);
