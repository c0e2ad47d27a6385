/* SPDX-License-Identifier: MIT
 *
 * ip.c - the inner packet's header: version, length, source, destination
 */
#include "tun/ip.h"

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
