/* SPDX-License-Identifier: MIT
 *
 * wire.c - a heap of packets by the time at which they are due
 */
#include "tests/natlab/wire.h"

#include <stdlib.h>
#include <string.h>

void wire_init(struct wire *w, const struct wire_setup *s, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	w->setup = *s;
	w->prng.state = seed;
}

void wire_done(struct wire *w)
{
	while (w->count)
		free(w->heap[--w->count].m);
}

/* unit() - 0 <= x < 1 */
static double unit(struct wire *w)
{
	return (double)(prng_u64(&w->prng) >> 11) / (double)(1ull << 53);
}

static bool chance(struct wire *w, double percent)
{
	return percent > 0 && unit(w) * 100 < percent;
}

static bool before(const struct wire_slot *a, const struct wire_slot *b)
{
	return a->due < b->due || (a->due == b->due && a->order < b->order);
}

static void push(struct wire *w, const void *m, size_t n, nsec_t due)
{
	struct wire_slot s = { .due = due, .order = w->order++, .n = n };
	unsigned i = w->count;

	s.m = w->count < WIRE_SLOTS ? malloc(n) : NULL;
	if (!s.m) {
		w->full++;
		return;
	}
	memcpy(s.m, m, n);
	for (; i && before(&s, &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		w->heap[i] = w->heap[(i - 1) / 2];
	w->heap[i] = s;
	w->count++;
}

static struct wire_slot pop(struct wire *w)
{
	struct wire_slot first = w->heap[0], last = w->heap[--w->count];
	unsigned i = 0, k;

	for (; (k = 2 * i + 1) < w->count; i = k) {
		if (k + 1 < w->count && before(&w->heap[k + 1], &w->heap[k]))
			k++;
		if (!before(&w->heap[k], &last))
			break;
		w->heap[i] = w->heap[k];
	}
	w->heap[i] = last;
	return first;
}

/* through() - the link of limited rate; false: its queue is full */
static bool through(struct wire *w, size_t n, nsec_t *t)
{
	if (w->setup.rate <= 0)
		return true;
	w->free_at = nsec_max(w->free_at, *t);
	if (w->free_at - *t > w->setup.queue)
		return false;
	w->free_at += (nsec_t)((double)n * 8000 / w->setup.rate);
	*t = w->free_at;
	return true;
}

void wire_send(struct wire *w, const void *m, size_t n, nsec_t now)
{
	nsec_t t = now, due;

	if (n == 0 || n > WIRE_PACKET)
		return;
	if (chance(w, w->setup.loss)) {
		w->lost++;
		return;
	}
	if (!through(w, n, &t)) {
		w->full++;
		return;
	}
	due = t + w->setup.delay + (nsec_t)((double)w->setup.jitter * unit(w));
	if (chance(w, w->setup.reorder)) {
		due = t;
	} else {
		due = nsec_max(due, w->last_due);
		w->last_due = due;
	}
	push(w, m, n, due);
	if (chance(w, w->setup.duplicate))
		push(w, m, n, due);
}

nsec_t wire_next(const struct wire *w)
{
	return w->count ? w->heap[0].due : NSEC_NEVER;
}

size_t wire_take(struct wire *w, void *m, nsec_t now)
{
	struct wire_slot s;

	if (wire_next(w) > now)
		return 0;
	s = pop(w);
	memcpy(m, s.m, s.n);
	free(s.m);
	return s.n;
}
