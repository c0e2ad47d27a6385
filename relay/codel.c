/* SPDX-License-Identifier: MIT
 *
 * codel.c - when a queue has stood too long, and which packet pays for it
 */
#include "relay/codel.h"

/* CODEL_INTERVAL / sqrt(count), as RFC 8289 s5.5 control_law() */
static nsec_t step(uint32_t count)
{
	uint64_t square = (uint64_t)(count ? count : 1) << 20, root = 1 << 10;

	/* Newton, from above: a few rounds reach the integer root */
	while (root * root < square)
		root *= 2;
	for (int i = 0; i < 8; i++)
		root = (root + square / root) / 2;
	return (CODEL_INTERVAL << 10) / root;
}

/* stands() - has the queue been above the target for an interval? s5.6 */
static bool stands(struct codel *c, nsec_t waited, bool alone, nsec_t now)
{
	if (waited < CODEL_TARGET || alone) {
		c->above_until = 0;
		return false;
	}
	if (!c->above_until) {
		c->above_until = nsec_add(now, CODEL_INTERVAL);
		return false;
	}
	return now >= c->above_until;
}

/* begin() - the first drop of a spell; one soon after the last goes on where that
 * ended. s5.4 */
static void begin(struct codel *c, nsec_t now)
{
	uint32_t grown = c->count - c->last_count;
	bool recent = c->next && nsec_since(c->next, now) < 16 * CODEL_INTERVAL;

	c->dropping = true;
	c->count = recent && grown > 1 ? grown : 1;
	c->last_count = c->count;
	c->next = nsec_add(now, step(c->count));
}

bool codel_judge(struct codel *c, nsec_t waited, bool alone, nsec_t now)
{
	bool standing = stands(c, waited, alone, now);

	if (!standing) {
		c->dropping = false;
		return false;
	}
	if (!c->dropping) {
		begin(c, now);
		return true;
	}
	if (now < c->next)
		return false;
	if (c->count < UINT32_MAX)
		c->count++;
	c->next = nsec_add(c->next, step(c->count));
	return true;
}
