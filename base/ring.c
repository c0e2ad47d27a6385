/* SPDX-License-Identifier: MIT
 *
 * ring.c - a bounded queue from one thread to one other, without locks
 */
#include "base/ring.h"

#include <errno.h>
#include <stdlib.h>

int ring_init(struct ring *r, size_t slot_octets, uint32_t count)
{
	r->slots = calloc(count, slot_octets);
	if (!r->slots)
		return -ENOMEM;
	r->slot_octets = slot_octets;
	r->mask = count - 1;
	r->first = 0;
	atomic_init(&r->head, 0);
	atomic_init(&r->tail, 0);
	return 0;
}

void ring_done(struct ring *r)
{
	free(r->slots);
	r->slots = NULL;
}

static void *slot_at(struct ring *r, uint32_t i)
{
	return r->slots + (size_t)((i - r->first) & r->mask) * r->slot_octets;
}

void *ring_reserve(struct ring *r)
{
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);

	if (head == tail) /* the reader looks at `first` only when there is a slot */
		r->first = head;
	return head - tail > r->mask ? NULL : slot_at(r, head);
}

uint32_t ring_room(struct ring *r)
{
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);

	return r->mask + 1 - (head - tail);
}

void ring_publish(struct ring *r)
{
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);

	atomic_store_explicit(&r->head, head + 1, memory_order_release);
}

void *ring_peek(struct ring *r)
{
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
	uint32_t head = atomic_load_explicit(&r->head, memory_order_acquire);

	return head == tail ? NULL : slot_at(r, tail);
}

void ring_release(struct ring *r)
{
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
}
