/* SPDX-License-Identifier: MIT
 *
 * birthday.c - the walk through a port range (theory in birthday.h)
 */
#include "traversal/birthday.h"

static unsigned gcd(unsigned a, unsigned b)
{
	while (b) {
		unsigned rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

void birthday_begin(struct birthday *b, const struct ipaddr *ip,
		    const struct allocator *range, unsigned repeat,
		    struct prng *random, nsec_t now)
{
	*b = (struct birthday){ .ip = *ip, .range = *range, .due = now };
	b->count = allocator_range(range);
	if (b->count == 0)
		return;
	b->at = prng_below(random, b->count);
	b->stride = 1 + prng_below(random, b->count);
	while (gcd(b->stride, b->count) != 1)
		b->stride++;
	b->limit = b->count * repeat;
	if (b->limit > BIRTHDAY_PROBES_MAX)
		b->limit = BIRTHDAY_PROBES_MAX;
}

bool birthday_done(const struct birthday *b)
{
	return b->probes >= b->limit;
}

bool birthday_poll(struct birthday *b, struct endpoint *to, nsec_t now)
{
	if (birthday_done(b) || now < b->due)
		return false;
	*to = (struct endpoint){ .ip = b->ip,
				 .port = allocator_port(&b->range, b->at) };
	b->at = (b->at + b->stride) % b->count;
	b->probes++;
	b->due = nsec_add(now, BIRTHDAY_GAP);
	return true;
}

nsec_t birthday_next(const struct birthday *b)
{
	return birthday_done(b) ? NSEC_NEVER : b->due;
}
