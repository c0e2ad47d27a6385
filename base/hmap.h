/* SPDX-License-Identifier: MIT
 *
 * hmap.h - 64-bit key -> pointer, open addressing
 *
 * Keys are hashes that outsiders cannot choose freely (a hint, a key mixed with a
 * random seed by hmap_mix()); the caller compares the whole key of what it finds.
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"

struct hmap {
	struct hmap_cell {
		uint64_t key;
		void *value; /* NULL: free */
	} *cells;
	uint32_t mask; /* cells - 1 */
	uint32_t used; /* values and gravestones */
};

/* hmap_mix() - a hash of 8 octets at p under a seed */
uint64_t hmap_mix(const void *p, uint64_t seed);

/* hmap_put() - set or replace; 0 or -ENOMEM. value is not NULL */
must_check int hmap_put(struct hmap *m, uint64_t key, void *value);
void *hmap_get(const struct hmap *m, uint64_t key); /* NULL: none */
void hmap_del(struct hmap *m, uint64_t key);
void hmap_clear(struct hmap *m); /* keeps the memory */
void hmap_done(struct hmap *m); /* safe on zeroed memory */
