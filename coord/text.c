/* SPDX-License-Identifier: MIT
 *
 * text.c - JSON as text that grows
 */
#include "coord/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	FIRST_ROOM = 256,
};

static bool make_room(struct text *t, size_t n)
{
	size_t room = t->room ? t->room : FIRST_ROOM;
	char *p;

	if (t->failed)
		return false;
	if (t->room - t->n >= n)
		return true;
	while (room - t->n < n)
		room *= 2;
	p = realloc(t->p, room);
	t->failed = !p;
	if (!p)
		return false;
	t->p = p;
	t->room = room;
	return true;
}

void text_add(struct text *t, const void *p, size_t n)
{
	if (!n || !make_room(t, n))
		return;
	memcpy(t->p + t->n, p, n);
	t->n += n;
}

void text_add_string(struct text *t, const char *s)
{
	text_add(t, s, strlen(s));
}

void text_add_number(struct text *t, unsigned long long v)
{
	char digits[24];

	text_add(t, digits, (size_t)snprintf(digits, sizeof(digits), "%llu", v));
}

static int on_json(const char *p, size_t n, void *owner)
{
	struct text *t = owner;

	text_add(t, p, n);
	return t->failed ? -1 : 0;
}

void text_add_json(struct text *t, json_t *o)
{
	if (!o || json_dump_callback(o, on_json, t, JSON_COMPACT | JSON_ENCODE_ANY))
		t->failed = true;
	json_decref(o);
}

void text_add_text(struct text *t, const struct text *from)
{
	text_add(t, from->p, from->n);
	t->failed |= from->failed;
}

void text_clear(struct text *t)
{
	t->n = 0;
	t->failed = false;
}

void text_done(struct text *t)
{
	free(t->p);
	*t = (struct text){ 0 };
}
