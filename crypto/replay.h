/* SPDX-License-Identifier: MIT
 *
 * replay.h - has this counter been seen? a sliding window
 *
 * Theory: a ring of 8192 bits, one per counter; moving ahead clears whole
 * words, so one word is always given up and 8128 counters stay usable.
 * Spec: RFC 6479; WireGuard paper s5.4.6
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	REPLAY_WORDS = 128,
};

struct replay { /* all zero: nothing seen */
	uint64_t ahead; /* highest counter seen, plus one */
	uint64_t seen[REPLAY_WORDS];
};

/**
 * replay_accept() - Note an authenticated counter
 * Return: true the first time, unless it is too old or at the message limit
 */
bool replay_accept(struct replay *r, uint64_t counter);
