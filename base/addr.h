/* SPDX-License-Identifier: MIT
 *
 * addr.h - addresses, endpoints and prefixes in one canonical form
 *
 * An address is always 16 octets; IPv4 is kept IPv4-mapped (::ffff:a.b.c.d), so
 * there is one comparison and one special-range test, and "::ffff:127.0.0.1"
 * cannot slip past a check made for "127.0.0.1". Everything that comes from the
 * kernel, the wire or a user passes through here before it is compared.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct sockaddr_storage;

struct ipaddr {
	uint8_t b[16]; /* network order; IPv4 as ::ffff:a.b.c.d */
};

struct endpoint {
	struct ipaddr ip;
	uint16_t port; /* host order */
	uint32_t scope; /* interface index for fe80::/10, else 0 */
};

struct prefix {
	struct ipaddr ip; /* host bits are zero */
	uint8_t bits; /* 0..128, counted in the mapped form: /24 is 120 */
};

enum {
	ADDR_TEXT = 64, /* enough for any text this file writes, with NUL */
};

/* What kind of place an address is; the first that fits. */
enum addr_class {
	ADDR_CLASS_UNSPECIFIED, /* 0.0.0.0/8, ::/128 */
	ADDR_CLASS_LOOPBACK, /* 127/8, ::1 */
	ADDR_CLASS_LINK_LOCAL, /* 169.254/16, fe80::/10 */
	ADDR_CLASS_MULTICAST, /* 224/4, ff00::/8 */
	ADDR_CLASS_BROADCAST, /* 240/4 with 255.255.255.255 */
	ADDR_CLASS_PRIVATE, /* RFC 1918, fc00::/7 */
	ADDR_CLASS_SHARED, /* 100.64/10, RFC 6598 */
	ADDR_CLASS_TRANSLATION, /* 192.0.0.0/29, 64:ff9b::/96, 64:ff9b:1::/48 */
	ADDR_CLASS_GLOBAL, /* all else */
};

struct ipaddr ipaddr_v4(uint32_t host_order);
struct ipaddr ipaddr_from_v4(const uint8_t b[static 4]);
struct ipaddr ipaddr_from_v6(const uint8_t b[static 16]);
bool ipaddr_is_v4(const struct ipaddr *a);
bool ipaddr_is_zero(const struct ipaddr *a); /* all 16 octets 0: "none" */
bool ipaddr_eq(const struct ipaddr *a, const struct ipaddr *b);
enum addr_class ipaddr_class(const struct ipaddr *a);

/**
 * ipaddr_parse() - "192.0.2.1" or "2001:db8::1"
 * @text: NUL-terminated, untrusted
 * Return: true and *out, or false and *out unchanged
 */
must_check bool ipaddr_parse(const char *text, struct ipaddr *out);

/* ipaddr_text() - into buf; returns buf */
const char *ipaddr_text(const struct ipaddr *a, char buf[static ADDR_TEXT]);

bool endpoint_eq(const struct endpoint *a, const struct endpoint *b);
bool endpoint_is_zero(const struct endpoint *e); /* no address, no port */

/**
 * endpoint_parse() - "192.0.2.1:80", "[2001:db8::1]:80"
 * @text: NUL-terminated, untrusted; the port is 1..65535
 * Return: true and *out, or false and *out unchanged
 */
must_check bool endpoint_parse(const char *text, struct endpoint *out);
const char *endpoint_text(const struct endpoint *e,
			  char buf[static ADDR_TEXT]);

/**
 * endpoint_to_sockaddr() - For the kernel
 * @e: The endpoint
 * @v6: true: always AF_INET6 (IPv4 mapped); false: AF_INET for IPv4
 * @out: Filled
 * Return: length of the socket address
 */
uint32_t endpoint_to_sockaddr(const struct endpoint *e, bool v6,
			      struct sockaddr_storage *out);

/* endpoint_from_sockaddr() - false if neither AF_INET nor AF_INET6 */
must_check bool endpoint_from_sockaddr(const struct sockaddr_storage *ss,
				       struct endpoint *out);

/* prefix_make() - bits counted in the address's own family; clears host bits */
struct prefix prefix_make(struct ipaddr ip, unsigned family_bits);

/* prefix_family_bits() - 0..32 for IPv4, 0..128 for IPv6 */
unsigned prefix_family_bits(const struct prefix *p);
bool prefix_is_v4(const struct prefix *p);
/* prefix_is_default() - exactly 0.0.0.0/0 or ::/0 */
bool prefix_is_default(const struct prefix *p);
/* prefix_default() - 0.0.0.0/0 or ::/0 */
struct prefix prefix_default(bool v4);
bool prefix_contains(const struct prefix *p, const struct ipaddr *a);
bool prefix_overlaps(const struct prefix *a, const struct prefix *b);
bool prefix_eq(const struct prefix *a, const struct prefix *b);

/* prefix_parse() - "10.0.0.0/8"; without a length the whole address */
must_check bool prefix_parse(const char *text, struct prefix *out);
const char *prefix_text(const struct prefix *p, char buf[static ADDR_TEXT]);
