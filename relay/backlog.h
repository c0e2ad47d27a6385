/* SPDX-License-Identifier: MIT
 *
 * backlog.h - frames that wait for a stream: bounded, the oldest goes first
 *
 * Theory: what a stalled TCP stream has not taken grows old; delivering it late harms
 * more than losing it, for the packets inside are repeated by their own senders. So
 * the queue is short, a new frame pushes out the oldest, and little is given to the
 * kernel at a time. Frames lie here as they travel (relay/bundle.h), so a piece of
 * the queue is a message. A ring of octets, a frame never split over its end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum {
	BACKLOG_OCTETS = 160 << 10, /* of one client, length fields included */
};

struct backlog { /* all zero: empty */
	uint8_t *b; /* heap, made with the first frame; NULL: none */
	size_t head, tail;
	size_t end; /* wrapped: the upper part is [head, end), the lower [0, tail) */
	bool wrapped;
};

void backlog_done(struct backlog *q); /* frees; safe on zeroed memory */
bool backlog_is_empty(const struct backlog *q);

/**
 * backlog_put() - One frame at the end
 * @n: 1..65535
 * Return: frames dropped: older ones that made room, or this one if there is no memory
 */
unsigned backlog_put(struct backlog *q, const uint8_t *frame, size_t n);

/**
 * backlog_take() - The oldest frames as one message
 * @most: Octets; a single longer frame is given all the same
 * @out:  Into the queue, valid until the next call
 * Return: octets; 0: empty
 */
size_t backlog_take(struct backlog *q, size_t most, const uint8_t **out);
