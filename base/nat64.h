/* SPDX-License-Identifier: MIT
 *
 * nat64.h - IPv4 addresses from a network that has IPv6 alone
 *
 * Theory: a translator (RFC 6146) owns an IPv6 prefix; an IPv6 packet to an address of
 * it in which an IPv4 address is embedded (RFC 6052) goes to that IPv4 address, from an
 * IPv4 address of the translator's. Which prefix it is, the network tells in its
 * router advertisements (RFC 8781) or lets be found by a name whose IPv4 addresses
 * are known (RFC 7050).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/attr.h"

#define NAT64_NAME "ipv4only.arpa" /* RFC 7050: has A records alone, 192.0.0.170 and .171 */

struct nat64 {
	struct prefix prefix; /* 32, 40, 48, 56, 64 or 96 bits */
};

/* nat64_make() - false: not one of the six lengths, not IPv6 unicast, or octet 8 of it is
 * not zero (RFC 6052 section 2.2); *out unchanged */
must_check bool nat64_make(const struct prefix *p, struct nat64 *out);

/* nat64_embed() - where to send what is for an IPv4 address */
struct ipaddr nat64_embed(const struct nat64 *t, const struct ipaddr *v4);
/* nat64_extract() - whose packet it is; false: not of this prefix, *v4 unchanged */
must_check bool nat64_extract(const struct nat64 *t, const struct ipaddr *v6,
			      struct ipaddr *v4);

/**
 * nat64_find() - The prefix in a resolver's answer for NAT64_NAME
 * @a: Its addresses of both families, untrusted
 * Return: false: nobody translates here; *out unchanged
 */
must_check bool nat64_find(const struct ipaddr *a, unsigned count, struct nat64 *out);

/**
 * nat64_advertised() - The prefix in an option of a router advertisement
 * @option:     Type, length and the rest, untrusted
 * @lifetime_s: 0: the router takes it back
 * Return: false: not a PREF64 option of a form that RFC 8781 section 4 knows
 */
must_check bool nat64_advertised(const uint8_t *option, size_t octets,
				 struct nat64 *out, unsigned *lifetime_s);

/* ---- the network that this machine is in ---- */

/* nat64_enter() - from now on IPv4 goes by this translator, in the whole process;
 * -ENOSPC: too many different ones in one life of the process */
must_check int nat64_enter(const struct nat64 *t);
void nat64_leave(void); /* IPv4 goes by none */
/* nat64_here() - NULL: none. Stays valid and unchanged for good; any thread */
const struct nat64 *nat64_here(void);
