/* SPDX-License-Identifier: MIT
 *
 * ring.h - a bounded queue from one thread to one other, without locks
 *
 * Theory: fixed slots, two counters, each written by one side only (Lamport 1977).
 * The writer publishes with a release store, the reader takes with an acquire
 * load. When it is full the writer is told so and counts a drop: a flood of
 * control packets cannot stall or grow the packet path. An empty ring begins anew at
 * its first slot: what is never deep touches little memory.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct ring {
	uint8_t *slots;
	size_t slot_octets;
	uint32_t mask; /* slot count - 1; the count is a power of two */
	_Alignas(64) _Atomic uint32_t head; /* next to write */
	uint32_t first; /* counter of the first slot; the writer's, while empty */
	_Alignas(64) _Atomic uint32_t tail; /* next to read */
};

/* ring_init() - 0 or -ENOMEM; count is a power of two */
must_check int ring_init(struct ring *r, size_t slot_octets, uint32_t count);
void ring_done(struct ring *r); /* safe on zeroed memory */

/* ring_reserve() - the slot to fill next, or NULL when full (writer's side) */
void *ring_reserve(struct ring *r);
/* ring_room() - slots that are free at least (writer's side) */
uint32_t ring_room(struct ring *r);
/* ring_publish() - the reserved slot is filled (writer's side) */
void ring_publish(struct ring *r);
/* ring_peek() - the oldest slot, or NULL when empty (reader's side) */
void *ring_peek(struct ring *r);
/* ring_release() - the peeked slot is no longer needed (reader's side) */
void ring_release(struct ring *r);
