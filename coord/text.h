/* SPDX-License-Identifier: MIT
 *
 * text.h - JSON as text that grows, for what many messages have in common
 *
 * A tree costs an allocation per value, again for every message that it is written
 * into. What many nodes are told, records of members and rules, is written once and
 * copied.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "base/attr.h"

struct text {
	char *p; /* heap; not NUL-terminated */
	size_t n, room;
	bool failed; /* no memory: it is cut somewhere */
};

void text_add(struct text *t, const void *p, size_t n);
void text_add_string(struct text *t, const char *s);
void text_add_number(struct text *t, unsigned long long v);
/* text_add_json() - compact; takes the reference; NULL: failed */
void text_add_json(struct text *t, json_t *o);
/* text_add_text() - another one; failed if that failed */
void text_add_text(struct text *t, const struct text *from);
void text_clear(struct text *t); /* keeps the memory */
void text_done(struct text *t); /* safe on zeroed memory */
