/* SPDX-License-Identifier: MIT
 *
 * addr.c - addresses, endpoints and prefixes in one canonical form
 */
#include "base/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

struct ipaddr ipaddr_from_v4(const uint8_t b[static 4])
{
	struct ipaddr a;

	memcpy(a.b, mapped, 12);
	memcpy(a.b + 12, b, 4);
	return a;
}

struct ipaddr ipaddr_v4(uint32_t h)
{
	uint8_t b[4] = { (uint8_t)(h >> 24), (uint8_t)(h >> 16),
			 (uint8_t)(h >> 8), (uint8_t)h };

	return ipaddr_from_v4(b);
}

struct ipaddr ipaddr_from_v6(const uint8_t b[static 16])
{
	struct ipaddr a;

	memcpy(a.b, b, 16);
	return a;
}

bool ipaddr_is_v4(const struct ipaddr *a)
{
	return !memcmp(a->b, mapped, 12);
}

bool ipaddr_is_zero(const struct ipaddr *a)
{
	static const struct ipaddr zero;

	return !memcmp(a, &zero, sizeof(zero));
}

bool ipaddr_eq(const struct ipaddr *a, const struct ipaddr *b)
{
	return !memcmp(a->b, b->b, 16);
}

/* One row per special range, in mapped form; the first that contains wins. */
static const struct {
	uint8_t ip[16];
	uint8_t bits;
	enum addr_class class;
} ranges[] = {
#define V4(a, b, c, d) \
	{ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d }
	{ V4(0, 0, 0, 0), 96 + 8, ADDR_CLASS_UNSPECIFIED },
	{ V4(127, 0, 0, 0), 96 + 8, ADDR_CLASS_LOOPBACK },
	{ V4(169, 254, 0, 0), 96 + 16, ADDR_CLASS_LINK_LOCAL },
	{ V4(224, 0, 0, 0), 96 + 4, ADDR_CLASS_MULTICAST },
	{ V4(240, 0, 0, 0), 96 + 4, ADDR_CLASS_BROADCAST },
	{ V4(10, 0, 0, 0), 96 + 8, ADDR_CLASS_PRIVATE },
	{ V4(172, 16, 0, 0), 96 + 12, ADDR_CLASS_PRIVATE },
	{ V4(192, 168, 0, 0), 96 + 16, ADDR_CLASS_PRIVATE },
	{ V4(100, 64, 0, 0), 96 + 10, ADDR_CLASS_SHARED },
	{ V4(192, 0, 0, 0), 96 + 29, ADDR_CLASS_TRANSLATION },
#undef V4
	{ { 0 }, 128, ADDR_CLASS_UNSPECIFIED },
	{ { [15] = 1 }, 128, ADDR_CLASS_LOOPBACK },
	{ { 0xfe, 0x80 }, 10, ADDR_CLASS_LINK_LOCAL },
	{ { 0xff }, 8, ADDR_CLASS_MULTICAST },
	{ { 0xfc }, 7, ADDR_CLASS_PRIVATE },
	{ { 0x00, 0x64, 0xff, 0x9b }, 96, ADDR_CLASS_TRANSLATION },
	{ { 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01 }, 48, ADDR_CLASS_TRANSLATION },
};

static bool bits_eq(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole))
		return false;
	return !rest || !((a[whole] ^ b[whole]) >> (8 - rest));
}

enum addr_class ipaddr_class(const struct ipaddr *a)
{
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		if (bits_eq(a->b, ranges[i].ip, ranges[i].bits))
			return ranges[i].class;
	return ADDR_CLASS_GLOBAL;
}

bool ipaddr_parse(const char *text, struct ipaddr *out)
{
	uint8_t b[16];

	if (inet_pton(AF_INET, text, b) == 1)
		*out = ipaddr_from_v4(b);
	else if (inet_pton(AF_INET6, text, b) == 1)
		*out = ipaddr_from_v6(b);
	else
		return false;
	return true;
}

const char *ipaddr_text(const struct ipaddr *a, char buf[static ADDR_TEXT])
{
	if (ipaddr_is_v4(a))
		inet_ntop(AF_INET, a->b + 12, buf, ADDR_TEXT);
	else
		inet_ntop(AF_INET6, a->b, buf, ADDR_TEXT);
	return buf;
}

bool endpoint_eq(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && a->scope == b->scope &&
	       ipaddr_eq(&a->ip, &b->ip);
}

bool endpoint_is_zero(const struct endpoint *e)
{
	return !e->port && ipaddr_is_zero(&e->ip);
}

/* parse_number() - a whole decimal number in [min, max] */
static bool parse_number(const char *text, unsigned min, unsigned max,
			 unsigned *out)
{
	char *end;
	unsigned long v;

	if (*text < '0' || *text > '9')
		return false;
	v = strtoul(text, &end, 10);
	if (*end || v < min || v > max)
		return false;
	*out = (unsigned)v;
	return true;
}

bool endpoint_parse(const char *text, struct endpoint *out)
{
	char host[ADDR_TEXT];
	const char *colon = strrchr(text, ':');
	struct ipaddr ip;
	unsigned port;
	size_t n;

	if (!colon || !parse_number(colon + 1, 1, 65535, &port))
		return false;
	n = (size_t)(colon - text);
	if (n >= sizeof(host) || n < 2)
		return false;
	memcpy(host, text, n);
	host[n] = 0;
	if (host[0] == '[') {
		if (host[n - 1] != ']')
			return false;
		host[n - 1] = 0;
		memmove(host, host + 1, n - 1);
	} else if (strchr(host, ':')) {
		return false;
	}
	if (!ipaddr_parse(host, &ip))
		return false;
	*out = (struct endpoint){ .ip = ip, .port = (uint16_t)port };
	return true;
}

const char *endpoint_text(const struct endpoint *e,
			  char buf[static ADDR_TEXT])
{
	char ip[ADDR_TEXT];

	ipaddr_text(&e->ip, ip);
	snprintf(buf, ADDR_TEXT, ipaddr_is_v4(&e->ip) ? "%.46s:%u" : "[%.46s]:%u",
		 ip, e->port);
	return buf;
}

uint32_t endpoint_to_sockaddr(const struct endpoint *e, bool v6,
			      struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (!v6 && ipaddr_is_v4(&e->ip)) {
		struct sockaddr_in *s4 = (struct sockaddr_in *)out;

		s4->sin_family = AF_INET;
		s4->sin_port = htons(e->port);
		memcpy(&s4->sin_addr, e->ip.b + 12, 4);
		return sizeof(*s4);
	}
	struct sockaddr_in6 *s6 = (struct sockaddr_in6 *)out;

	s6->sin6_family = AF_INET6;
	s6->sin6_port = htons(e->port);
	s6->sin6_scope_id = e->scope;
	memcpy(&s6->sin6_addr, e->ip.b, 16);
	return sizeof(*s6);
}

bool endpoint_from_sockaddr(const struct sockaddr_storage *ss,
			    struct endpoint *out)
{
	if (ss->ss_family == AF_INET) {
		const struct sockaddr_in *s4 = (const struct sockaddr_in *)ss;

		*out = (struct endpoint){
			.ip = ipaddr_from_v4((const uint8_t *)&s4->sin_addr),
			.port = ntohs(s4->sin_port),
		};
		return true;
	}
	if (ss->ss_family != AF_INET6)
		return false;
	const struct sockaddr_in6 *s6 = (const struct sockaddr_in6 *)ss;

	*out = (struct endpoint){
		.ip = ipaddr_from_v6((const uint8_t *)&s6->sin6_addr),
		.port = ntohs(s6->sin6_port),
	};
	if (ipaddr_class(&out->ip) == ADDR_CLASS_LINK_LOCAL)
		out->scope = s6->sin6_scope_id;
	return true;
}

struct prefix prefix_make(struct ipaddr ip, unsigned family_bits)
{
	unsigned bits = ipaddr_is_v4(&ip) ? 96 + family_bits : family_bits;
	struct prefix p = { .ip = ip, .bits = (uint8_t)bits };

	for (unsigned i = bits; i < 128; i++)
		p.ip.b[i / 8] &= (uint8_t) ~(0x80u >> (i % 8));
	return p;
}

bool prefix_is_v4(const struct prefix *p)
{
	return p->bits >= 96 && ipaddr_is_v4(&p->ip);
}

unsigned prefix_family_bits(const struct prefix *p)
{
	return prefix_is_v4(p) ? p->bits - 96u : p->bits;
}

bool prefix_is_default(const struct prefix *p)
{
	struct prefix whole = prefix_default(prefix_is_v4(p));

	return prefix_eq(p, &whole);
}

struct prefix prefix_default(bool v4)
{
	return prefix_make(v4 ? ipaddr_v4(0) : (struct ipaddr){ { 0 } }, 0);
}

bool prefix_contains(const struct prefix *p, const struct ipaddr *a)
{
	if (prefix_is_v4(p) != ipaddr_is_v4(a))
		return false;
	return bits_eq(p->ip.b, a->b, p->bits);
}

bool prefix_overlaps(const struct prefix *a, const struct prefix *b)
{
	unsigned bits = a->bits < b->bits ? a->bits : b->bits;

	return prefix_is_v4(a) == prefix_is_v4(b) &&
	       bits_eq(a->ip.b, b->ip.b, bits);
}

bool prefix_eq(const struct prefix *a, const struct prefix *b)
{
	return a->bits == b->bits && ipaddr_eq(&a->ip, &b->ip);
}

bool prefix_parse(const char *text, struct prefix *out)
{
	char host[ADDR_TEXT];
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	struct ipaddr ip;
	unsigned bits, max;

	if (n >= sizeof(host))
		return false;
	memcpy(host, text, n);
	host[n] = 0;
	if (!ipaddr_parse(host, &ip))
		return false;
	max = bits = ipaddr_is_v4(&ip) ? 32 : 128;
	if (slash && !parse_number(slash + 1, 0, max, &bits))
		return false;
	*out = prefix_make(ip, bits);
	return true;
}

const char *prefix_text(const struct prefix *p, char buf[static ADDR_TEXT])
{
	char ip[ADDR_TEXT];

	ipaddr_text(&p->ip, ip);
	snprintf(buf, ADDR_TEXT, "%.46s/%u", ip, prefix_family_bits(p));
	return buf;
}
