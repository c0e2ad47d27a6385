/* SPDX-License-Identifier: MIT
 *
 * show.h - facts of an answer as text for people
 *
 * Strings of an answer may come from other machines: nothing here lets a control
 * character through to the terminal. Members that are missing or of another type than
 * adit(1) says read as "-". The one file of the tool that includes jansson.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

enum {
	SHOW_CELL = 96, /* octets of a short text, with NUL */
};

enum show_colour { /* never carries meaning alone */
	SHOW_PLAIN,
	SHOW_BOLD,
	SHOW_GREEN,
	SHOW_YELLOW,
	SHOW_RED,
};

/* show_text() - text without control characters, cut to room; returns buf */
const char *show_text(const char *text, char *buf, size_t room);

/* show_member() - a string, number or truth value of an object as text, or "-" */
const char *show_member(const json_t *object, const char *name,
			char buf[static SHOW_CELL]);

/* show_path() - "direct 203.0.113.7:41641", "relay fra", "none" */
const char *show_path(const json_t *path, char buf[static SHOW_CELL]);

/* show_rtt() - "12.1 ms", or "-" */
const char *show_rtt(const json_t *rtt_ms, char buf[static SHOW_CELL]);

bool show_is_direct(const json_t *path);

/* show_cell() - text in width columns (0: as is), coloured if stdout is a terminal and
 * NO_COLOR is not set */
void show_cell(const char *text, unsigned width, enum show_colour colour);

/* show_columns() - width of UTF-8 text, a column per character */
unsigned show_columns(const char *text);

/* show_json() - the object on stdout, one, then a line feed; returns EXIT_DONE */
int show_json(const json_t *object);
