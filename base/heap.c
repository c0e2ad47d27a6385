/* SPDX-License-Identifier: MIT
 *
 * heap.c - what is due first: a binary heap of embedded entries
 */
#include "base/heap.h"

#include <errno.h>
#include <stdlib.h>

static void put(struct heap *h, unsigned i, struct due *d)
{
	h->d[i] = d;
	d->place = i + 1;
}

static void sift_up(struct heap *h, unsigned i, struct due *d)
{
	while (i && h->d[(i - 1) / 2]->at > d->at) {
		put(h, i, h->d[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	put(h, i, d);
}

static void sift_down(struct heap *h, unsigned i, struct due *d)
{
	for (;;) {
		unsigned c = 2 * i + 1;

		if (c >= h->count)
			break;
		if (c + 1 < h->count && h->d[c + 1]->at < h->d[c]->at)
			c++;
		if (h->d[c]->at >= d->at)
			break;
		put(h, i, h->d[c]);
		i = c;
	}
	put(h, i, d);
}

static void take_out(struct heap *h, struct due *d)
{
	unsigned i = d->place - 1;
	struct due *last = h->d[--h->count];

	d->place = 0;
	if (last == d)
		return;
	if (i && h->d[(i - 1) / 2]->at > last->at)
		sift_up(h, i, last);
	else
		sift_down(h, i, last);
}

int heap_set(struct heap *h, struct due *d, nsec_t at)
{
	if (d->place && d->at == at)
		return 0;
	if (d->place)
		take_out(h, d);
	d->at = at;
	if (at == NSEC_NEVER)
		return 0;
	if (h->count == h->room) {
		unsigned room = h->room ? h->room * 2 : 64;
		struct due **more = realloc(h->d, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		h->d = more;
		h->room = room;
	}
	sift_up(h, h->count++, d);
	return 0;
}

struct due *heap_first(const struct heap *h)
{
	return h->count ? h->d[0] : NULL;
}

void heap_done(struct heap *h)
{
	free(h->d);
	*h = (struct heap){ 0 };
}
