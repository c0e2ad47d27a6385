/* SPDX-License-Identifier: MIT
 *
 * ini.h - lines to (section, key, value, line); repeated sections; no allocation
 *
 * "[Section]" lines, "Key = value" lines, "#" and ";" comments. Sections may repeat
 * ([Peer] does); each repetition has a number of its own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

enum {
	INI_SECTION = 32,
	INI_KEY = 64,
	INI_VALUE = 4096,
	INI_LINE_MAX = 4200,
};

struct ini_item {
	char section[INI_SECTION]; /* "" before the first section line */
	unsigned section_number; /* counts section lines; 0 before the first */
	char key[INI_KEY]; /* "" for the section line itself */
	char value[INI_VALUE];
	unsigned line; /* from 1 */
};

struct ini {
	const char *p, *end;
	unsigned line, section_number;
	char section[INI_SECTION];
	const char *error; /* a sentence, NULL: none */
};

/* ini_init() - n octets of text, untrusted, borrowed while ini lives */
void ini_init(struct ini *i, const char *text, size_t n);
/* ini_next() - false at the end or at the first error: see .error and .line */
bool ini_next(struct ini *i, struct ini_item *out);
