/* SPDX-License-Identifier: MIT
 *
 * segment.c - where the headers of a TCP or UDP packet lie, for split and merge
 */
#include "tun/segment.h"

#include <string.h>

#include "tun/checksum.h"

enum {
	FRAGMENT_MASK = 0x3fff, /* more-fragments and offset, RFC 791 s3.1 */
};

static bool parse_ip(const uint8_t *p, size_t n, struct segment *out)
{
	if (n >= sizeof(struct segment_ip4) && p[0] == 0x45) {
		const struct segment_ip4 *h = (const struct segment_ip4 *)p;

		out->v6 = false;
		out->l4 = sizeof(*h);
		out->protocol = h->protocol;
		return be16_get(h->length) == n &&
		       !(be16_get(h->fragment) & FRAGMENT_MASK);
	}
	if (n >= sizeof(struct segment_ip6) && p[0] >> 4 == 6) {
		const struct segment_ip6 *h = (const struct segment_ip6 *)p;

		out->v6 = true;
		out->l4 = sizeof(*h);
		out->protocol = h->next;
		return be16_get(h->payload) + sizeof(*h) == n;
	}
	return false;
}

bool segment_parse(const uint8_t *p, size_t n, struct segment *out)
{
	struct segment s = { .length = n };
	size_t header;

	if (!parse_ip(p, n, &s))
		return false;
	if (s.protocol == SEGMENT_TCP) {
		if (n - s.l4 < sizeof(struct segment_tcp))
			return false;
		header = (size_t)(p[s.l4 + 12] >> 4) * 4;
		if (header < sizeof(struct segment_tcp) || header > n - s.l4)
			return false;
	} else if (s.protocol == SEGMENT_UDP) {
		const struct segment_udp *u =
			(const struct segment_udp *)(p + s.l4);

		header = sizeof(*u);
		if (n - s.l4 < header || be16_get(u->length) != n - s.l4)
			return false;
	} else {
		return false;
	}
	s.payload = s.l4 + header;
	*out = s;
	return true;
}

uint64_t segment_pseudo(const uint8_t *p, const struct segment *s, size_t length)
{
	const uint8_t *a = p + (s->v6 ? 8 : 12);
	size_t octets = s->v6 ? 16 : 4;

	return checksum_pseudo(a, a + octets, octets, s->protocol,
			       length - s->l4);
}

uint64_t segment_sum(const uint8_t *p, const struct segment *s)
{
	return checksum_add(segment_pseudo(p, s, s->length), p + s->l4,
			    s->length - s->l4);
}

void segment_set_length(uint8_t *p, const struct segment *s, size_t length)
{
	if (s->v6) {
		struct segment_ip6 *h = (struct segment_ip6 *)p;

		h->payload = be16_of((uint16_t)(length - sizeof(*h)));
	} else {
		struct segment_ip4 *h = (struct segment_ip4 *)p;
		uint16_t sum;

		h->length = be16_of((uint16_t)length);
		memset(h->checksum, 0, 2);
		sum = (uint16_t)~checksum_fold(checksum_add(0, h, sizeof(*h)));
		memcpy(h->checksum, &sum, 2);
	}
	if (s->protocol == SEGMENT_UDP) {
		struct segment_udp *u = (struct segment_udp *)(p + s->l4);

		u->length = be16_of((uint16_t)(length - s->l4));
	}
}

uint8_t *segment_checksum_at(uint8_t *p, const struct segment *s)
{
	return p + s->l4 + (s->protocol == SEGMENT_TCP ? 16 : 6);
}
