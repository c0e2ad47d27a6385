/* SPDX-License-Identifier: MIT
 *
 * heap.h - what is due first: a binary heap of embedded entries
 */
#pragma once

#include "base/attr.h"
#include "base/time.h"

struct due {
	nsec_t at; /* NSEC_NEVER: not in the heap */
	unsigned place; /* index + 1; 0: not in the heap */
};

struct heap {
	struct due **d;
	unsigned count, room;
};

/* heap_set() - (re)schedule; NSEC_NEVER takes it out; 0 or -ENOMEM */
must_check int heap_set(struct heap *h, struct due *d, nsec_t at);
struct due *heap_first(const struct heap *h); /* NULL: empty */
void heap_done(struct heap *h); /* frees the heap, not the entries */
