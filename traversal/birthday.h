/* SPDX-License-Identifier: MIT
 *
 * birthday.h - which ports to probe, in which order, how fast, how many
 *
 * Theory: traversal.md 4.1. With N open sockets among R ports, M distinct probes hit one
 * with 1 - (1 - M/R)^N. The order is a walk with a stride coprime to R: it never meets a
 * port twice and needs no memory. A small window is walked several times instead, for
 * its probes may be lost. Pace and number are bounded here, whatever a peer asks for.
 */
#pragma once

#include <stdbool.h>

#include "base/addr.h"
#include "base/time.h"
#include "traversal/allocator.h"

enum {
	BIRTHDAY_PROBES_MAX = 1200, /* of one attempt */
	BIRTHDAY_WINDOW_PROBES = 3, /* of each port in a bracket's window */
};

#define BIRTHDAY_GAP MSEC(10) /* between two probes: 100 a second */

struct birthday {
	struct ipaddr ip;
	struct allocator range;
	unsigned count; /* ports of the range */
	unsigned at, stride; /* of the walk */
	unsigned probes, limit;
	nsec_t due;
};

/* birthday_begin() - walk the range at one address; repeat: how often each port. The range
 * must be valid; an empty one ends at once */
void birthday_begin(struct birthday *b, const struct ipaddr *ip,
		    const struct allocator *range, unsigned repeat,
		    struct prng *random, nsec_t now);

/* birthday_poll() - true: probe *to now */
bool birthday_poll(struct birthday *b, struct endpoint *to, nsec_t now);
bool birthday_done(const struct birthday *b);
nsec_t birthday_next(const struct birthday *b); /* NSEC_NEVER when done */
