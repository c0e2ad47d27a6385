/* SPDX-License-Identifier: MIT
 *
 * lanes.c - which of its TUN queues a worker wants the packets of a flow in
 */
#include "daemon/lanes.h"

#include <netinet/in.h>
#include <string.h>

enum { FRAGMENT = 0x3fff }; /* RFC 791: more fragments, and the offset */

static uint32_t load(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* ports() - of both directions the same; 0: none are known */
static uint32_t ports(uint8_t protocol, const uint8_t *p, size_t n)
{
	uint32_t v;

	if ((protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) || n < 4)
		return 0;
	v = load(p);
	return (v ^ v >> 16) & 0xffff;
}

/* flow() - a hash that is the same for both directions; 0: no IP packet */
static uint32_t flow(const uint8_t *p, size_t n)
{
	uint64_t h = 0;
	size_t head;

	if (n >= 20 && p[0] >> 4 == 4) {
		head = (p[0] & 15u) * 4u;
		h = load(p + 12) ^ load(p + 16);
		h = h << 32 | (uint32_t)p[9] << 16;
		if (!((p[6] << 8 | p[7]) & FRAGMENT) && head < n)
			h ^= ports(p[9], p + head, n - head);
	} else if (n >= 40 && p[0] >> 4 == 6) {
		h = 6; /* not as an IPv4 flow between hosts of the same last octets */
		for (unsigned i = 8; i < 24; i += 4)
			h = h * 31 + (load(p + i) ^ load(p + i + 16));
		h = h << 32 | (uint32_t)p[6] << 16;
		h ^= ports(p[6], p + 40, n - 40);
	} else {
		return 0;
	}
	h *= 0x9e3779b97f4a7c15u; /* 2^64 / golden ratio: Knuth 6.4 */
	return (uint32_t)(h >> 32) | 1;
}

static unsigned place(uint32_t tag)
{
	return tag >> 24;
}

void lanes_sent(struct lanes *l, const uint8_t *p, size_t n, nsec_t now)
{
	uint32_t tag = flow(p, n);
	struct lane_flow *f = &l->flows[place(tag)];

	if (l->count < 2 || !tag)
		return;
	if (f->tag != tag)
		*f = (struct lane_flow){ .tag = tag, .window = now };
	if (now - f->window >= LANES_WINDOW) {
		f->window = now;
		f->octets = 0;
	}
	f->octets += (uint32_t)n;
	if (f->octets >= LANES_BULK)
		f->bulk = now;
}

static bool is_bulk(const struct lanes *l, uint32_t tag, nsec_t now)
{
	const struct lane_flow *f = &l->flows[place(tag)];

	return l->blind ||
	       (f->tag == tag && f->bulk && now - f->bulk < LANES_LINGER);
}

unsigned lanes_choose(const struct lanes *l, const uint8_t *p, size_t n, nsec_t now)
{
	uint32_t tag = flow(p, n);

	if (l->count < 2 || !tag || !is_bulk(l, tag, now))
		return 0;
	return 1 + (tag >> 1) % (l->count - 1);
}
