/* SPDX-License-Identifier: MIT
 *
 * strategy.h - what to try between two NATs of known classes (traversal.md 6.6)
 *
 * Theory: where one side's mapping does not depend on the destination (it is easy) and
 * the other's does (it is hard), the easy side has to find the port that the hard one got.
 * A counter is bracketed: two STUN answers around the opener leave a few ports. A range is
 * searched: the hard side opens a fan of N sockets, the easy side probes M ports, and
 * 1 - (1 - M/R)^N of the attempts meet; so N grows with R. Two counters are known well
 * enough for each side to open a run of sockets that covers the port which the other
 * aims at. Other pairs of hard sides would have to guess both ports at once: they stay on
 * the relay. It orders tries, it forbids none.
 */
#pragma once

#include "traversal/pathset.h"

enum nat_class {
	NAT_CLASS_UNKNOWN,
	NAT_CLASS_OPEN, /* lets everybody in */
	NAT_CLASS_EASY, /* endpoint-independent mapping */
	NAT_CLASS_SEQUENTIAL,
	NAT_CLASS_NARROW, /* block or port set of at most 4096 */
	NAT_CLASS_WIDE, /* random in more than that, or not known */
	NAT_CLASS_POOL, /* several external addresses, whatever the ports */
};

enum strategy_kind {
	STRATEGY_PUNCH, /* nothing beyond punching is needed, or known to help */
	STRATEGY_BRACKET,
	STRATEGY_COUNTERS, /* both count: each aims into the other's run of sockets */
	STRATEGY_SCAN,
	STRATEGY_RELAY, /* nothing has a fair chance */
};

enum {
	STRATEGY_FANS_MAX = 256, /* sockets of the hard side */
};

struct strategy {
	enum strategy_kind kind;
	bool easy; /* our side is the easy one: it leads (COUNTERS: the smaller key) */
	unsigned fans; /* sockets that the hard side opens */
};

enum nat_class strategy_class(const struct nat_profile *nat);
/* strategy_class_name() - "sequential", as a sentence would put it before "NAT" */
const char *strategy_class_name(enum nat_class c);

/* strategy_of() - for this pair; both ends come to the same one */
struct strategy strategy_of(const struct nat_profile *self,
			    const struct nat_profile *peer);

/* strategy_fans() - sockets towards a range; at most a quarter of it, since they come out of
 * the hard side's own ports */
unsigned strategy_fans(const struct allocator *a);
