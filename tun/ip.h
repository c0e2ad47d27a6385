/* SPDX-License-Identifier: MIT
 *
 * ip.h - the inner packet's header: version, length, source, destination
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/wire.h"

/* RFC 791 s3.1 */
struct ipv4_header {
	uint8_t version_length; /* 4 bits each; length in 32-bit words */
	uint8_t tos;
	be16 length;
	be16 id;
	be16 fragment;
	uint8_t ttl;
	uint8_t protocol;
	be16 checksum;
	uint8_t source[4], destination[4];
};
WIRE_SIZE(struct ipv4_header, 20);

/* RFC 8200 s3 */
struct ipv6_header {
	be32 version_class_flow; /* 4, 8, 20 bits */
	be16 payload; /* octets behind this header */
	uint8_t next;
	uint8_t hop_limit;
	uint8_t source[16], destination[16];
};
WIRE_SIZE(struct ipv6_header, 40);

struct ip_header {
	bool v6;
	uint8_t protocol; /* IPv4 protocol or IPv6 next header, not walked */
	uint8_t tos; /* DSCP and ECN */
	size_t length; /* octets of the whole packet as its header says */
	const uint8_t *source, *destination; /* 4 or 16 octets inside the packet */
};

/**
 * ip_parse() - Look at an inner packet
 * @p: n octets, untrusted; may be longer than the packet (padding)
 * Return: false if it is no IPv4 or IPv6 packet that lies whole within n octets
 */
must_check bool ip_parse(const uint8_t *p, size_t n, struct ip_header *out);
