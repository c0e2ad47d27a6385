/* SPDX-License-Identifier: MIT
 *
 * ini.c - lines to (section, key, value, line); repeated sections; no allocation
 *
 * The form of wg(8) and systemd: a comment is a line that begins with '#' or ';', or
 * the rest of a line after white space and '#'. Values have no quotes and no escapes.
 */
#include "config/ini.h"

#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void trim(const char **p, const char **end)
{
	while (*p < *end && is_blank(**p))
		(*p)++;
	while (*p < *end && is_blank((*end)[-1]))
		(*end)--;
}

static bool refuse(struct ini *i, const char *sentence)
{
	i->error = sentence;
	i->p = i->end;
	return false;
}

/* cut_comment() - where the line ends when its comment is taken away */
static const char *cut_comment(const char *p, const char *end)
{
	for (const char *c = p; c < end; c++)
		if (*c == '#' && (c == p || is_blank(c[-1])))
			return c;
	return end;
}

/* take() - [p, end) as a string in room octets; false: it does not fit */
static bool take(char *out, size_t room, const char *p, const char *end)
{
	size_t n = (size_t)(end - p);

	if (n >= room)
		return false;
	memcpy(out, p, n);
	out[n] = 0;
	return true;
}

static bool section_line(struct ini *i, struct ini_item *out, const char *p,
			 const char *end)
{
	if (end[-1] != ']')
		return refuse(i, "the section does not end; allowed is "
				 "[Name] alone on its line");
	p++;
	end--;
	trim(&p, &end);
	if (p == end || !take(i->section, sizeof(i->section), p, end))
		return refuse(i, "no such section name; allowed are 1 to 31 "
				 "characters between [ and ]");
	i->section_number++;
	out->key[0] = 0;
	out->value[0] = 0;
	return true;
}

static bool key_line(struct ini *i, struct ini_item *out, const char *p,
		     const char *end)
{
	const char *equals = memchr(p, '=', (size_t)(end - p));
	const char *key_end = equals;
	const char *value;

	if (!equals)
		return refuse(i, "neither section nor key; allowed is "
				 "[Section], Key = value, or a comment "
				 "that begins with #");
	value = equals + 1;
	trim(&p, &key_end);
	trim(&value, &end);
	if (p == key_end || !take(out->key, sizeof(out->key), p, key_end))
		return refuse(i, "no such key name; allowed are 1 to 63 "
				 "characters before =");
	if (!take(out->value, sizeof(out->value), value, end))
		return refuse(i, "the value is too long; allowed are "
				 "4095 octets");
	return true;
}

/* next_line() - the line's [p, end) without its line feed, or false at the end */
static bool next_line(struct ini *i, const char **p, const char **end)
{
	const char *feed;

	if (i->p >= i->end)
		return false;
	feed = memchr(i->p, '\n', (size_t)(i->end - i->p));
	*p = i->p;
	*end = feed ? feed : i->end;
	i->p = feed ? feed + 1 : i->end;
	i->line++;
	return true;
}

void ini_init(struct ini *i, const char *text, size_t n)
{
	memset(i, 0, sizeof(*i));
	i->p = text;
	i->end = text + n;
}

bool ini_next(struct ini *i, struct ini_item *out)
{
	const char *p, *end;

	while (next_line(i, &p, &end)) {
		bool good;

		if (end - p > INI_LINE_MAX)
			return refuse(i, "the line is too long; allowed are "
					 "4200 octets");
		if (memchr(p, 0, (size_t)(end - p)))
			return refuse(i, "the line holds a zero octet; allowed "
					 "is text");
		end = cut_comment(p, end);
		trim(&p, &end);
		if (p == end || *p == ';')
			continue;
		good = *p == '[' ? section_line(i, out, p, end) :
				   key_line(i, out, p, end);
		if (!good)
			return false;
		memcpy(out->section, i->section, sizeof(out->section));
		out->section_number = i->section_number;
		out->line = i->line;
		return true;
	}
	return false;
}
