/* SPDX-License-Identifier: MIT
 *
 * segment.h - where the headers of a TCP or UDP packet lie, for split and merge
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/wire.h"

enum {
	SEGMENT_TCP = 6, /* IPv4 protocol and IPv6 next header */
	SEGMENT_UDP = 17,
	TCP_FIN = 0x01, /* RFC 9293 s3.1 */
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10,
	TCP_URG = 0x20,
	TCP_ECE = 0x40,
	TCP_CWR = 0x80,
};

struct segment_ip4 { /* RFC 791 s3.1 */
	uint8_t version_length;
	uint8_t tos;
	be16 length;
	be16 id;
	be16 fragment;
	uint8_t ttl;
	uint8_t protocol;
	uint8_t checksum[2]; /* memory order: checksum_fold() */
	uint8_t addresses[8];
};
WIRE_SIZE(struct segment_ip4, 20);

struct segment_ip6 { /* RFC 8200 s3 */
	be32 version_class_flow;
	be16 payload;
	uint8_t next;
	uint8_t hop_limit;
	uint8_t addresses[32];
};
WIRE_SIZE(struct segment_ip6, 40);

struct segment_tcp { /* RFC 9293 s3.1 */
	be16 source, destination;
	be32 sequence;
	be32 acknowledgement;
	uint8_t offset; /* 4 bits, in 32-bit words */
	uint8_t flags;
	be16 window;
	uint8_t checksum[2];
	be16 urgent;
};
WIRE_SIZE(struct segment_tcp, 20);

struct segment_udp { /* RFC 768 */
	be16 source, destination;
	be16 length;
	uint8_t checksum[2];
};
WIRE_SIZE(struct segment_udp, 8);

struct segment {
	bool v6;
	uint8_t protocol; /* SEGMENT_TCP or SEGMENT_UDP */
	size_t l4; /* octets in front of the TCP or UDP header */
	size_t payload; /* octets in front of the payload */
	size_t length; /* octets of the whole packet */
};

/**
 * segment_parse() - Look at a whole, unfragmented TCP or UDP packet
 * @p: n octets, untrusted, n is the packet's length
 * Return: false for anything else: fragments, IPv6 extension headers, other protocols,
 *         headers that do not fit
 */
must_check bool segment_parse(const uint8_t *p, size_t n, struct segment *out);

/* segment_sum() - one's complement sum of pseudo header, header and payload; right is
 * 0xffff when folded */
uint64_t segment_sum(const uint8_t *p, const struct segment *s);

/* segment_set_length() - write the IP length (and UDP's), and IPv4's header checksum */
void segment_set_length(uint8_t *p, const struct segment *s, size_t length);

/* segment_checksum_at() - the two octets of the TCP or UDP checksum */
uint8_t *segment_checksum_at(uint8_t *p, const struct segment *s);

/* segment_pseudo() - of a packet of `length` octets with these headers */
uint64_t segment_pseudo(const uint8_t *p, const struct segment *s, size_t length);
