/* SPDX-License-Identifier: MIT
 *
 * ipam.h - which overlay addresses a new node gets
 *
 * Pure. The host number goes up and wraps, so an address that was freed rests as long
 * as possible. The IPv6 address carries the same host number as the IPv4 one: whoever
 * knows one finds the other.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/attr.h"

/* ipam_ranges_valid() - NULL, or a sentence; IPv4 /8../30, IPv6 /8../96 */
const char *ipam_ranges_valid(const struct prefix range[static 2]);
/* ipam_random_ula() - fd00::/8 with 40 random bits, a /48 (RFC 4193 s3.2.2) */
struct prefix ipam_random_ula(const uint8_t random[static 5]);

/**
 * ipam_next() - The next free pair of addresses
 * @last:  Host number given last; moved on
 * @taken: Is this IPv4 address in use?
 * Return: false: the range is full
 */
must_check bool ipam_next(const struct prefix range[static 2], uint32_t *last,
			  bool (*taken)(void *owner, const struct ipaddr *v4),
			  void *owner, struct ipaddr *v4, struct ipaddr *v6);
