/* SPDX-License-Identifier: MIT
 *
 * codel.h - ENGINE: when a queue has stood too long, and which packet pays for it
 *
 * Theory: RFC 8289. A queue is judged by the time that packets have lain in it, not by
 * its length. What stays above CODEL_TARGET for a whole CODEL_INTERVAL is a standing
 * queue: one packet is dropped (or marked), the next after INTERVAL / sqrt(count), and
 * so on, until the time is below the target. A burst that drains is left alone.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/time.h"

#define CODEL_TARGET   MSEC(5)
#define CODEL_INTERVAL MSEC(100)

struct codel { /* of one queue; all zero: at rest */
	nsec_t above_until; /* the queue stands if it is still above then; 0: below */
	nsec_t next; /* dropping: the next one goes then */
	uint32_t count, last_count; /* drops of this spell, and of the one before */
	bool dropping;
};

/**
 * codel_judge() - The packet at the head of the queue is about to leave
 * @waited: how long it lay there
 * @alone:  Hardly anything lies behind it: less than one packet of full size
 * Return: true: drop or mark it, and ask again for the one behind it
 */
must_check bool codel_judge(struct codel *c, nsec_t waited, bool alone, nsec_t now);
