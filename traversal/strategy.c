/* SPDX-License-Identifier: MIT
 *
 * strategy.c - class pairs and what to try (theory in strategy.h)
 */
#include "traversal/strategy.h"

enum {
	NARROW_MAX = 4096,
	FANS_BRACKET = 3, /* STUN, opener, STUN */
	FANS_COUNTERS = 72, /* a run, and one more that asks STUN */
};

enum nat_class strategy_class(const struct nat_profile *nat)
{
	const struct allocator *a = &nat->allocator;
	unsigned range = allocator_range(a);

	if (!nat->known)
		return NAT_CLASS_UNKNOWN;
	if (!nat->mapping_varies)
		return nat->filter_independent ? NAT_CLASS_OPEN : NAT_CLASS_EASY;
	if (a->kind == ALLOCATOR_PRESERVING)
		return NAT_CLASS_UNKNOWN; /* a clash: punching may do */
	if (a->pool > 1)
		return NAT_CLASS_POOL;
	if (a->kind == ALLOCATOR_SEQUENTIAL)
		return NAT_CLASS_SEQUENTIAL;
	return range && range <= NARROW_MAX ? NAT_CLASS_NARROW : NAT_CLASS_WIDE;
}

const char *strategy_class_name(enum nat_class c)
{
	switch (c) {
	case NAT_CLASS_UNKNOWN:
		return "unknown";
	case NAT_CLASS_OPEN:
		return "open";
	case NAT_CLASS_EASY:
		return "easy";
	case NAT_CLASS_SEQUENTIAL:
		return "sequential";
	case NAT_CLASS_NARROW:
		return "port-block";
	case NAT_CLASS_WIDE:
		return "random-port";
	case NAT_CLASS_POOL:
		return "address-pool";
	}
	return "unknown";
}

static bool is_hard(enum nat_class c)
{
	return c == NAT_CLASS_SEQUENTIAL || c == NAT_CLASS_NARROW ||
	       c == NAT_CLASS_WIDE || c == NAT_CLASS_POOL;
}

unsigned strategy_fans(const struct allocator *a)
{
	unsigned range = allocator_range(a), n = STRATEGY_FANS_MAX;

	if (range && range <= 512)
		n = 16;
	else if (range && range <= 1024)
		n = 32;
	else if (range && range <= NARROW_MAX)
		n = 64;
	else if (a->kind == ALLOCATOR_HIGH)
		n = 128;
	if (a->pool > 1)
		n *= a->pool;
	if (range && n > range / 4)
		n = range / 4 ? range / 4 : 1;
	return n < STRATEGY_FANS_MAX ? n : STRATEGY_FANS_MAX;
}

/* towards() - an easy side searches for a hard one */
static struct strategy towards(const struct allocator *a, enum nat_class hard, bool easy)
{
	struct strategy s = { .kind = STRATEGY_SCAN, .easy = easy };

	s.fans = strategy_fans(a);
	if (hard != NAT_CLASS_SEQUENTIAL &&
	    (hard != NAT_CLASS_POOL || a->kind != ALLOCATOR_SEQUENTIAL))
		return s;
	s.kind = STRATEGY_BRACKET;
	s.fans = FANS_BRACKET;
	return s;
}

struct strategy strategy_of(const struct nat_profile *self,
			    const struct nat_profile *peer)
{
	enum nat_class a = strategy_class(self), b = strategy_class(peer);
	struct strategy s = { .kind = STRATEGY_PUNCH };

	if (a == NAT_CLASS_SEQUENTIAL && b == NAT_CLASS_SEQUENTIAL) {
		s.kind = STRATEGY_COUNTERS;
		s.fans = FANS_COUNTERS;
	} else if (is_hard(a) && is_hard(b)) {
		s.kind = STRATEGY_RELAY;
	} else if (a == NAT_CLASS_EASY && is_hard(b)) {
		s = towards(&peer->allocator, b, true);
	} else if (b == NAT_CLASS_EASY && is_hard(a)) {
		s = towards(&self->allocator, a, false);
	}
	if ((s.kind == STRATEGY_SCAN || s.kind == STRATEGY_BRACKET ||
	     s.kind == STRATEGY_COUNTERS) &&
	    (self->no_scan || peer->no_scan))
		s.kind = STRATEGY_PUNCH;
	return s;
}
