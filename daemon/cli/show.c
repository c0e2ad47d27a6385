/* SPDX-License-Identifier: MIT
 *
 * show.c - facts of an answer as text for people
 */
#include "daemon/cli/show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/cli/cli.h"

const char *show_text(const char *text, char *buf, size_t room)
{
	size_t n = 0;

	for (; text[n] && n + 1 < room; n++) {
		unsigned char c = (unsigned char)text[n];

		buf[n] = c < 0x20 || c == 0x7f ? '?' : text[n];
	}
	while (n && text[n] && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--; /* not inside a character */
	buf[n] = 0;
	return buf;
}

const char *show_member(const json_t *object, const char *name,
			char buf[static SHOW_CELL])
{
	const json_t *m = json_object_get(object, name);

	strcpy(buf, "-");
	if (json_is_string(m) && json_string_length(m))
		show_text(json_string_value(m), buf, SHOW_CELL);
	else if (json_is_integer(m))
		snprintf(buf, SHOW_CELL, "%lld",
			 (long long)json_integer_value(m));
	else if (json_is_real(m))
		snprintf(buf, SHOW_CELL, "%.3g", json_real_value(m));
	else if (json_is_boolean(m))
		strcpy(buf, json_is_true(m) ? "yes" : "no");
	return buf;
}

bool show_is_direct(const json_t *path)
{
	const char *kind = json_string_value(json_object_get(path, "kind"));

	return kind && (!strcmp(kind, "direct") || !strcmp(kind, "tcp"));
}

const char *show_path(const json_t *path, char buf[static SHOW_CELL])
{
	char kind[SHOW_CELL], place[SHOW_CELL];

	show_member(path, "kind", kind);
	show_member(path, show_is_direct(path) ? "remote" : "relay", place);
	if (!strcmp(kind, "none") || !strcmp(place, "-"))
		return strcpy(buf, kind);
	snprintf(buf, SHOW_CELL, "%.16s %.70s%s", kind, place,
		 json_is_true(json_object_get(path, "spare")) ? " spare" : "");
	return buf;
}

const char *show_rtt(const json_t *rtt_ms, char buf[static SHOW_CELL])
{
	strcpy(buf, "-");
	if (json_is_number(rtt_ms))
		snprintf(buf, SHOW_CELL, "%.1f ms", json_number_value(rtt_ms));
	return buf;
}

unsigned show_columns(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static bool coloured(void)
{
	const char *no = getenv("NO_COLOR");

	return isatty(STDOUT_FILENO) && !(no && *no);
}

void show_cell(const char *text, unsigned width, enum show_colour colour)
{
	static const char *const codes[] = { "", "1", "32", "33", "31" };
	unsigned n = show_columns(text);
	bool on = colour != SHOW_PLAIN && coloured();

	if (on)
		printf("\033[%sm", codes[colour]);
	fputs(text, stdout);
	if (on)
		fputs("\033[0m", stdout);
	if (n < width)
		printf("%*s", (int)(width - n), "");
}

int show_json(const json_t *object)
{
	char *text = json_dumps(object, JSON_INDENT(2) | JSON_PRESERVE_ORDER |
						JSON_REAL_PRECISION(15));

	if (!text || puts(text) < 0 || fflush(stdout)) {
		free(text);
		fputs("adit: cannot write the answer\n", stderr);
		return EXIT_REFUSED;
	}
	free(text);
	return EXIT_DONE;
}
