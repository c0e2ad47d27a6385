/* SPDX-License-Identifier: MIT
 *
 * ipam.c - which overlay addresses a new node gets
 */
#include "coord/ipam.h"

#include <string.h>

const char *ipam_ranges_valid(const struct prefix range[static 2])
{
	if (!prefix_is_v4(&range[0]) || prefix_family_bits(&range[0]) < 8 ||
	    prefix_family_bits(&range[0]) > 30)
		return "the IPv4 overlay range must be a prefix of /8 to /30, as "
		       "100.90.0.0/16";
	if (prefix_is_v4(&range[1]) || prefix_family_bits(&range[1]) < 8 ||
	    prefix_family_bits(&range[1]) > 96)
		return "the IPv6 overlay range must be a prefix of /8 to /96, as "
		       "fd12:3456:789a::/48";
	return NULL;
}

struct prefix ipam_random_ula(const uint8_t random[static 5])
{
	struct ipaddr a = { { 0xfd } };

	memcpy(a.b + 1, random, 5);
	return prefix_make(a, 48);
}

/* The address whose last 32 bits are those of the range plus the host number. */
static struct ipaddr host_of(const struct prefix *range, uint32_t host)
{
	struct ipaddr a = range->ip;

	for (int i = 15; i >= 12; i--, host >>= 8)
		a.b[i] |= (uint8_t)host;
	return a;
}

bool ipam_next(const struct prefix range[static 2], uint32_t *last,
	       bool (*taken)(void *owner, const struct ipaddr *v4), void *owner,
	       struct ipaddr *v4, struct ipaddr *v6)
{
	/* Hosts 1 to all-ones minus 1: neither network nor broadcast address. */
	uint32_t hosts = (1u << (32 - prefix_family_bits(&range[0]))) - 2;
	uint32_t host = *last;

	for (uint32_t tries = 0; tries < hosts; tries++) {
		struct ipaddr a;

		host = host >= hosts ? 1 : host + 1;
		a = host_of(&range[0], host);
		if (taken(owner, &a))
			continue;
		*last = host;
		*v4 = a;
		*v6 = host_of(&range[1], host);
		return true;
	}
	return false;
}
