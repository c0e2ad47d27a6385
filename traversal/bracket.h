/* SPDX-License-Identifier: MIT
 *
 * bracket.h - where a counting NAT put our opener: between two STUN answers
 *
 * Theory: three fresh sockets send back to back: STUN, the opener towards the peer, STUN.
 * A NAT that counts gave the opener a port between the two that STUN reports. Other
 * hosts' mappings in between widen the window, by 1 or 2 ports at 100 a second when
 * the packets leave within a few milliseconds (traversal.md 4.4). The window goes to the
 * peer through the relay, and the peer probes it.
 */
#pragma once

#include <stdbool.h>

#include "base/addr.h"
#include "traversal/allocator.h"

enum {
	BRACKET_SOCKETS = 3,
	BRACKET_FIRST = 0, /* sockets by number */
	BRACKET_OPENER = 1,
	BRACKET_LAST = 2,
	BRACKET_MAX = 32, /* ports of a window worth probing */
};

/* A window as it travels: ports low, low + 1, ... high at one address. */
struct bracket_window {
	struct ipaddr ip;
	uint16_t low, high;
};

/**
 * bracket_window() - What lies between the two answers, with a step of margin
 * @step: Of the counter, as classified; its size also bounds the margin
 * Return: false if they do not belong together: two addresses, or too far apart
 */
bool bracket_window(const struct endpoint *first, const struct endpoint *last,
		    int step, struct bracket_window *out);

/* bracket_range() - the window as ports to search; false: too wide, or none */
bool bracket_range(const struct bracket_window *w, struct allocator *out);
