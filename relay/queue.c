/* SPDX-License-Identifier: MIT
 *
 * queue.c - trains that the socket would not take, a bounded queue per receiver
 */
#include "relay/queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/udp.h"

enum {
	NONE = -1,
};

struct slot {
	struct relay_out out;
	int32_t next; /* of the same receiver, or of the free list */
	uint8_t *data; /* UDP_TRAIN_MAX octets */
};

struct line { /* of one receiver; the last one is for answers */
	int32_t first, last;
	uint32_t octets;
	int32_t before, after; /* ring of lines that hold something */
};

struct queue {
	struct slot slots[QUEUE_SLOTS];
	uint8_t *memory;
	struct line *lines;
	unsigned receivers;
	int32_t free;
	int32_t turn; /* line to serve next; NONE: all empty */
};

struct queue *queue_new(unsigned receivers)
{
	struct queue *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->receivers = receivers;
	q->memory = malloc((size_t)QUEUE_SLOTS * UDP_TRAIN_MAX);
	q->lines = calloc(receivers + 1u, sizeof(*q->lines));
	if (!q->memory || !q->lines) {
		queue_free(q);
		return NULL;
	}
	for (int32_t i = 0; i < QUEUE_SLOTS; i++) {
		q->slots[i].data = q->memory + (size_t)i * UDP_TRAIN_MAX;
		q->slots[i].next = i + 1 < QUEUE_SLOTS ? i + 1 : NONE;
	}
	q->turn = NONE;
	return q;
}

void queue_free(struct queue *q)
{
	if (!q)
		return;
	free(q->memory);
	free(q->lines);
	free(q);
}

bool queue_is_empty(const struct queue *q)
{
	return q->turn == NONE;
}

static void enter_ring(struct queue *q, int32_t i)
{
	struct line *l = &q->lines[i];

	l->before = l->after = i;
	if (q->turn != NONE) {
		l->after = q->turn;
		l->before = q->lines[q->turn].before;
		q->lines[l->before].after = i;
		q->lines[l->after].before = i;
	} else {
		q->turn = i;
	}
}

static void leave_ring(struct queue *q, int32_t i)
{
	struct line *l = &q->lines[i];

	q->lines[l->before].after = l->after;
	q->lines[l->after].before = l->before;
	if (q->turn == i)
		q->turn = l->after == i ? NONE : l->after;
}

static void drop_first(struct queue *q, int32_t i)
{
	struct line *l = &q->lines[i];
	int32_t s = l->first;

	l->first = q->slots[s].next;
	l->octets -= (uint32_t)q->slots[s].out.n;
	q->slots[s].next = q->free;
	q->free = s;
	if (!l->octets)
		leave_ring(q, i);
}

static int32_t longest(const struct queue *q)
{
	int32_t i = q->turn, best = i;

	do {
		if (q->lines[i].octets > q->lines[best].octets)
			best = i;
		i = q->lines[i].after;
	} while (i != q->turn);
	return best;
}

static unsigned make_room(struct queue *q, int32_t i, size_t n)
{
	unsigned dropped = 0;

	while (q->lines[i].octets && q->lines[i].octets + n > QUEUE_OCTETS) {
		drop_first(q, i);
		dropped++;
	}
	if (q->free == NONE) {
		drop_first(q, longest(q));
		dropped++;
	}
	return dropped;
}

unsigned queue_put(struct queue *q, const struct relay_out *o)
{
	int32_t i = o->receiver < 0 ? (int32_t)q->receivers : o->receiver;
	struct line *l = &q->lines[i];
	unsigned dropped;
	int32_t s;

	if (!o->n || o->n > UDP_TRAIN_MAX || (unsigned)i > q->receivers)
		return 1;
	dropped = make_room(q, i, o->n);
	s = q->free;
	q->free = q->slots[s].next;
	q->slots[s].out = *o;
	q->slots[s].out.data = q->slots[s].data;
	q->slots[s].next = NONE;
	memcpy(q->slots[s].data, o->data, o->n);
	if (l->octets)
		q->slots[l->last].next = s;
	else
		l->first = s;
	l->last = s;
	if (!l->octets)
		enter_ring(q, i);
	l->octets += (uint32_t)o->n;
	return dropped;
}

bool queue_peek(const struct queue *q, struct relay_out *out)
{
	if (q->turn == NONE)
		return false;
	*out = q->slots[q->lines[q->turn].first].out;
	return true;
}

void queue_pop(struct queue *q)
{
	int32_t i = q->turn;

	if (i == NONE)
		return;
	q->turn = q->lines[i].after;
	drop_first(q, i);
}
