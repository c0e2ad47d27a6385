/* SPDX-License-Identifier: MIT
 *
 * bracket.c - the window around an opener (theory in bracket.h)
 */
#include "traversal/bracket.h"

#include <stdlib.h>

bool bracket_window(const struct endpoint *first, const struct endpoint *last,
		    int step, struct bracket_window *out)
{
	int low = first->port, high = last->port, margin = abs(step);

	if (!ipaddr_eq(&first->ip, &last->ip))
		return false;
	if (low > high) {
		low = last->port;
		high = first->port;
	}
	low -= margin;
	high += margin;
	if (low < ALLOCATOR_LOWEST)
		low = ALLOCATOR_LOWEST;
	if (high > 65535)
		high = 65535;
	if (high < low || high - low >= BRACKET_MAX)
		return false;
	out->ip = first->ip;
	out->low = (uint16_t)low;
	out->high = (uint16_t)high;
	return true;
}

bool bracket_range(const struct bracket_window *w, struct allocator *out)
{
	struct allocator a = { .kind = ALLOCATOR_BLOCK, .low = w->low,
			       .high = w->high };

	if (!allocator_valid(&a) || allocator_range(&a) > BRACKET_MAX)
		return false;
	*out = a;
	return true;
}
