/* SPDX-License-Identifier: MIT
 *
 * ip.c - the inner packet's header: version, length, source, destination
 */
#include "tun/ip.h"

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

static bool parse4(const uint8_t *p, size_t n, struct ip_header *out)
{
	const struct ipv4_header *h = (const struct ipv4_header *)p;
	size_t length, header;

	if (n < sizeof(*h))
		return false;
	header = (h->version_length & 15u) * 4u;
	length = be16_get(h->length);
	if (header < sizeof(*h) || length < header || length > n)
		return false;
	*out = (struct ip_header){ .protocol = h->protocol, .tos = h->tos,
				   .length = length, .source = h->source,
				   .destination = h->destination };
	return true;
}

static bool parse6(const uint8_t *p, size_t n, struct ip_header *out)
{
	const struct ipv6_header *h = (const struct ipv6_header *)p;
	size_t length;

	if (n < sizeof(*h))
		return false;
	length = sizeof(*h) + be16_get(h->payload);
	if (length > n)
		return false;
	*out = (struct ip_header){
		.v6 = true,
		.protocol = h->next,
		.tos = (uint8_t)(be32_get(h->version_class_flow) >> 20),
		.length = length,
		.source = h->source,
		.destination = h->destination,
	};
	return true;
}

bool ip_parse(const uint8_t *p, size_t n, struct ip_header *out)
{
	if (!n)
		return false;
	if (p[0] >> 4 == 4)
		return parse4(p, n, out);
	if (p[0] >> 4 == 6)
		return parse6(p, n, out);
	return false;
}
