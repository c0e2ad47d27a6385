/* SPDX-License-Identifier: MIT
 *
 * hmap.c - 64-bit key -> pointer, open addressing
 */
#include "base/hmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char gravestone; /* its address marks a deleted cell */

uint64_t hmap_mix(const void *p, uint64_t seed)
{
	uint64_t z;

	memcpy(&z, p, sizeof(z));
	z ^= seed;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static struct hmap_cell *find(const struct hmap *m, uint64_t key)
{
	struct hmap_cell *grave = NULL;

	for (uint32_t i = (uint32_t)key & m->mask;; i = (i + 1) & m->mask) {
		struct hmap_cell *c = &m->cells[i];

		if (!c->value)
			return grave ? grave : c;
		if (c->value == &gravestone) {
			if (!grave)
				grave = c;
		} else if (c->key == key) {
			return c;
		}
	}
}

static int grow(struct hmap *m)
{
	struct hmap bigger = { .mask = m->cells ? m->mask * 2 + 1 : 63 };

	bigger.cells = calloc((size_t)bigger.mask + 1, sizeof(*bigger.cells));
	if (!bigger.cells)
		return -ENOMEM;
	for (uint32_t i = 0; m->cells && i <= m->mask; i++) {
		struct hmap_cell *c = &m->cells[i];

		if (!c->value || c->value == &gravestone)
			continue;
		*find(&bigger, c->key) = *c;
		bigger.used++;
	}
	free(m->cells);
	*m = bigger;
	return 0;
}

int hmap_put(struct hmap *m, uint64_t key, void *value)
{
	struct hmap_cell *c;

	if (!m->cells || m->used * 2 > m->mask) {
		int err = grow(m);

		if (err)
			return err;
	}
	c = find(m, key);
	if (!c->value)
		m->used++;
	*c = (struct hmap_cell){ key, value };
	return 0;
}

void *hmap_get(const struct hmap *m, uint64_t key)
{
	struct hmap_cell *c;

	if (!m->cells)
		return NULL;
	c = find(m, key);
	return c->value == &gravestone ? NULL : c->value;
}

void hmap_del(struct hmap *m, uint64_t key)
{
	struct hmap_cell *c = m->cells ? find(m, key) : NULL;

	if (c && c->value)
		c->value = &gravestone;
}

void hmap_clear(struct hmap *m)
{
	if (m->cells)
		memset(m->cells, 0, ((size_t)m->mask + 1) * sizeof(*m->cells));
	m->used = 0;
}

void hmap_done(struct hmap *m)
{
	free(m->cells);
	*m = (struct hmap){ 0 };
}
