/* SPDX-License-Identifier: MIT
 *
 * classify.c - what an inner packet is, as far as access rules ask
 */
#include "tun/classify.h"

#include "base/wire.h"
#include "tun/ip.h"

enum { /* IPv6 next headers, RFC 8200 s4 */
	NEXT_HOP_BY_HOP = 0,
	NEXT_ROUTING = 43,
	NEXT_FRAGMENT = 44,
	NEXT_ICMP6 = 58,
	NEXT_OPTIONS = 60,

	OPTION_END = 0, /* IPv4 options, RFC 791 s3.1 */
	OPTION_NOP = 1,
	OPTION_LOOSE_ROUTE = 131,
	OPTION_STRICT_ROUTE = 137,
};

struct tcp_header { /* RFC 9293 s3.1 */
	be16 source, destination;
	be32 sequence, acknowledgment;
	uint8_t offset; /* 4 bits, 32-bit words */
	uint8_t flags;
	be16 window, checksum, urgent;
};
WIRE_SIZE(struct tcp_header, 20);

struct udp_header { /* RFC 768 */
	be16 source, destination;
	be16 length, checksum;
};
WIRE_SIZE(struct udp_header, 8);

struct icmp_header { /* RFC 792, RFC 4443 s2.1 */
	uint8_t type, code;
	be16 checksum;
	be16 id, sequence; /* echo */
};
WIRE_SIZE(struct icmp_header, 8);

struct extension_header { /* RFC 8200 s4.2; routing: s4.4 */
	uint8_t next;
	uint8_t length; /* 8 octets each, the first not counted */
	uint8_t type;
	uint8_t segments_left;
	be32 rest;
};
WIRE_SIZE(struct extension_header, 8);

struct fragment_header { /* RFC 8200 s4.5 */
	uint8_t next, reserved;
	be16 offset_more; /* 13 bits of 8 octets, 2 reserved, 1: more follow */
	be32 id;
};
WIRE_SIZE(struct fragment_header, 8);

/* What is left of a packet, and whether its end may be missing. */
struct rest {
	const uint8_t *p;
	size_t n;
	bool quoted;
};

/* ---- transport ---- */

static bool take_tcp(const struct rest *r, struct classify *out)
{
	const struct tcp_header *h = (const struct tcp_header *)r->p;
	size_t header;

	if (r->n < (r->quoted ? sizeof(struct udp_header) : sizeof(*h)))
		return false;
	out->source_port = be16_get(h->source);
	out->destination_port = be16_get(h->destination);
	if (r->quoted)
		return true;
	out->flags = h->flags;
	header = (h->offset >> 4) * 4u;
	return header >= sizeof(*h) &&
	       (header <= r->n || out->part == CLASSIFY_FIRST);
}

static bool take_udp(const struct rest *r, struct classify *out)
{
	const struct udp_header *h = (const struct udp_header *)r->p;

	if (r->n < sizeof(*h))
		return false;
	out->source_port = be16_get(h->source);
	out->destination_port = be16_get(h->destination);
	return true;
}

/* Redirects (5, 137) are no errors: only a rule for ICMP lets them in. */
static enum classify_icmp icmp_kind(uint8_t type, bool v6)
{
	switch (v6 ? type : type + 256) {
	case 128:
	case 256 + 8:
		return CLASSIFY_ECHO_REQUEST;
	case 129:
	case 256 + 0:
		return CLASSIFY_ECHO_REPLY;
	case 1: /* unreachable, too big, time exceeded, parameter: RFC 4443 s3 */
	case 2:
	case 3:
	case 4:
	case 256 + 3: /* RFC 792 */
	case 256 + 11:
	case 256 + 12:
		return CLASSIFY_ERROR;
	default:
		return CLASSIFY_ICMP_OTHER;
	}
}

static bool take_icmp(const struct rest *r, struct classify *out)
{
	const struct icmp_header *h = (const struct icmp_header *)r->p;

	if (r->n < sizeof(*h))
		return false;
	out->protocol = CLASSIFY_ICMP;
	out->icmp = icmp_kind(h->type, out->v6);
	if (out->icmp == CLASSIFY_ECHO_REQUEST || out->icmp == CLASSIFY_ECHO_REPLY)
		out->source_port = out->destination_port = be16_get(h->id);
	if (out->icmp == CLASSIFY_ERROR) {
		out->quoted = r->p + sizeof(*h);
		out->quoted_n = r->n - sizeof(*h);
	}
	return true;
}

static bool take_transport(const struct rest *r, struct classify *out)
{
	switch (out->protocol) {
	case CLASSIFY_TCP:
		return take_tcp(r, out);
	case CLASSIFY_UDP:
		return take_udp(r, out);
	case CLASSIFY_ICMP: /* of the other family: nobody sends that */
		return !out->v6 && take_icmp(r, out);
	case NEXT_ICMP6:
		return out->v6 && take_icmp(r, out);
	default:
		return true;
	}
}

/* ---- IPv4 ---- */

/* options_harmless() - well-formed, and none that leads the packet elsewhere */
static bool options_harmless(const uint8_t *p, size_t n)
{
	while (n && *p != OPTION_END) {
		size_t k = *p == OPTION_NOP ? 1 : n > 1 ? p[1] : 0;

		if (*p == OPTION_LOOSE_ROUTE || *p == OPTION_STRICT_ROUTE ||
		    k > n || k < (*p == OPTION_NOP ? 1u : 2u))
			return false;
		p += k;
		n -= k;
	}
	return true;
}

static bool take_fragment4(const struct ipv4_header *h, size_t n,
			   struct classify *out)
{
	unsigned field = be16_get(h->fragment), offset = field & 0x1fff;

	if (offset || field & 0x2000)
		out->part = offset ? CLASSIFY_LATER : CLASSIFY_FIRST;
	out->fragment = be16_get(h->id);
	/* RFC 3128: the second 8 octets of TCP hold its flags; and no packet ends
	 * beyond 65,535. */
	return !(offset == 1 && h->protocol == CLASSIFY_TCP) &&
	       offset * 8u + n <= UINT16_MAX;
}

static bool take4(struct rest *r, struct classify *out)
{
	const struct ipv4_header *h = (const struct ipv4_header *)r->p;
	size_t header, length;

	if (r->n < sizeof(*h))
		return false;
	header = (h->version_length & 15u) * 4u;
	length = be16_get(h->length);
	if (header < sizeof(*h) || length < header || header > r->n ||
	    (length > r->n && !r->quoted))
		return false;
	if (length < r->n)
		r->n = length;
	out->protocol = h->protocol;
	out->source = h->source;
	out->destination = h->destination;
	if (!take_fragment4(h, length, out) ||
	    (header > sizeof(*h) &&
	     !options_harmless(r->p + sizeof(*h), header - sizeof(*h))))
		return false;
	r->p += header;
	r->n -= header;
	return out->part == CLASSIFY_LATER || take_transport(r, out);
}

/* ---- IPv6 ---- */

static bool take_fragment6(struct rest *r, struct classify *out)
{
	const struct fragment_header *h = (const struct fragment_header *)r->p;
	unsigned field = be16_get(h->offset_more);

	if (out->part != CLASSIFY_WHOLE)
		return false;
	if (field & ~7u)
		out->part = CLASSIFY_LATER;
	else if (field & 1)
		out->part = CLASSIFY_FIRST;
	out->fragment = be32_get(h->id);
	out->protocol = h->next;
	r->p += sizeof(*h);
	r->n -= sizeof(*h);
	return !((field & ~7u) == 8 && h->next == CLASSIFY_TCP) &&
	       (field & ~7u) + r->n <= UINT16_MAX;
}

static bool take_extension(struct rest *r, struct classify *out, bool first)
{
	const struct extension_header *h = (const struct extension_header *)r->p;
	size_t length;

	if (r->n < sizeof(*h) || (out->protocol == NEXT_HOP_BY_HOP && !first))
		return false;
	if (out->protocol == NEXT_FRAGMENT)
		return take_fragment6(r, out);
	if (out->protocol == NEXT_ROUTING && h->segments_left)
		return false;
	length = (h->length + (size_t)1) * 8;
	if (length > r->n)
		return false;
	out->protocol = h->next;
	r->p += length;
	r->n -= length;
	return true;
}

static bool is_extension(uint8_t next)
{
	return next == NEXT_HOP_BY_HOP || next == NEXT_ROUTING ||
	       next == NEXT_FRAGMENT || next == NEXT_OPTIONS;
}

static bool take6(struct rest *r, struct classify *out)
{
	const struct ipv6_header *h = (const struct ipv6_header *)r->p;
	size_t length;

	if (r->n < sizeof(*h))
		return false;
	length = sizeof(*h) + be16_get(h->payload);
	if (length > r->n && !r->quoted)
		return false;
	if (length < r->n)
		r->n = length;
	out->v6 = true;
	out->protocol = h->next;
	out->source = h->source;
	out->destination = h->destination;
	r->p += sizeof(*h);
	r->n -= sizeof(*h);
	for (unsigned i = 0; is_extension(out->protocol); i++) {
		if (i == CLASSIFY_EXTENSIONS_MAX || !take_extension(r, out, !i))
			return false;
		if (out->part == CLASSIFY_LATER)
			return true;
	}
	return take_transport(r, out);
}

/* ---- both ---- */

static bool take(const uint8_t *p, size_t n, bool quoted, struct classify *out)
{
	struct rest r = { p, n, quoted };

	*out = (struct classify){ .part = CLASSIFY_WHOLE };
	if (n && p[0] >> 4 == 4)
		return take4(&r, out);
	return n && p[0] >> 4 == 6 && take6(&r, out);
}

bool classify(const uint8_t *p, size_t n, struct classify *out)
{
	return take(p, n, false, out);
}

bool classify_quoted(const uint8_t *p, size_t n, struct classify *out)
{
	return take(p, n, true, out);
}
