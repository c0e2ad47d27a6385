/* SPDX-License-Identifier: MIT
 *
 * classify.h - what an inner packet is, as far as access rules ask
 *
 * Fails closed: what is not understood to the end of its transport header is refused,
 * so that nothing passes as something else. IPv6 extension headers are walked (RFC 8200
 * s4); a routing header that still leads elsewhere, IPv4 source routes and headers cut
 * off by fragmentation (RFC 7112, RFC 3128) are malformed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum {
	CLASSIFY_ICMP = 1, /* in either family */
	CLASSIFY_TCP = 6,
	CLASSIFY_UDP = 17,
	CLASSIFY_EXTENSIONS_MAX = 8, /* IPv6 extension headers of a packet */

	CLASSIFY_FIN = 0x01, /* TCP, RFC 9293 s3.1 */
	CLASSIFY_SYN = 0x02,
	CLASSIFY_RST = 0x04,
	CLASSIFY_ACK = 0x10,
};

enum classify_part {
	CLASSIFY_WHOLE,
	CLASSIFY_FIRST, /* fragment with the transport header */
	CLASSIFY_LATER, /* fragment without: ports, flags, icmp say nothing */
};

enum classify_icmp {
	CLASSIFY_NO_ICMP,
	CLASSIFY_ECHO_REQUEST,
	CLASSIFY_ECHO_REPLY,
	CLASSIFY_ERROR, /* quotes a packet */
	CLASSIFY_ICMP_OTHER,
};

struct classify {
	bool v6;
	uint8_t protocol; /* behind all extension headers; ICMPv6 as CLASSIFY_ICMP */
	uint8_t flags; /* TCP */
	enum classify_part part;
	enum classify_icmp icmp;
	uint16_t source_port, destination_port; /* TCP, UDP; echo: its identifier */
	uint32_t fragment; /* identification; FIRST and LATER */
	const uint8_t *source, *destination; /* 4 or 16 octets inside the packet */
	const uint8_t *quoted; /* ERROR: the packet it is about, cut off */
	size_t quoted_n;
};

/**
 * classify() - Look at an inner packet
 * @p: n octets, untrusted; may be longer than the packet
 * Return: false: malformed, *out is undefined
 * Cost: no allocation; tens of ns
 */
must_check bool classify(const uint8_t *p, size_t n, struct classify *out);

/* classify_quoted() - the same for what an ICMP error quotes: its end may be missing,
 * but not the ports */
must_check bool classify_quoted(const uint8_t *p, size_t n, struct classify *out);
