/* SPDX-License-Identifier: MIT
 *
 * checksum_bulk.h - the checksum's inner loop, by what the CPU has
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* checksum_bulk() - sum of the 32-bit words of n octets at p; n is a multiple of 64 */
uint64_t checksum_bulk(const uint8_t *p, size_t n);
