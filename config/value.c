/* SPDX-License-Identifier: MIT
 *
 * value.c - typed values: one text form per type, one sentence per refusal
 */
#include "config/value.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char key_allowed[] =
	"that is no key; allowed are the 44 characters of base64 that wg genkey, "
	"wg genpsk and wg pubkey print";

const char *value_quote(const char *text, char buf[static 48])
{
	size_t n = 0;

	for (; text[n] && n < 40; n++)
		buf[n] = isascii(text[n]) && isprint(text[n]) ? text[n] : '?';
	memcpy(buf + n, text[n] ? "..." : "", text[n] ? 4 : 1);
	return buf;
}

static bool refuse(char *why, const char *text, const char *is_not)
{
	char q[48];

	snprintf(why, VALUE_WHY, "'%s' is %s", value_quote(text, q), is_not);
	return false;
}

bool value_bool(const char *text, bool *out, char why[static VALUE_WHY])
{
	static const struct {
		const char *text;
		bool is;
	} words[] = {
		{ "yes", true },  { "no", false }, { "true", true },
		{ "false", false }, { "on", true }, { "off", false },
		{ "1", true },	  { "0", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcasecmp(text, words[i].text)) {
			*out = words[i].is;
			return true;
		}
	return refuse(why, text, "neither yes nor no; allowed is yes or no");
}

static int digit_of(char c, unsigned base)
{
	int v = -1;

	if (c >= '0' && c <= '9')
		v = c - '0';
	else if ((c | 32) >= 'a' && (c | 32) <= 'f')
		v = (c | 32) - 'a' + 10;
	return v < (int)base ? v : -1;
}

/* read_number() - digits of text up to the first other character; false: none, or
 * more than 2^60 */
static bool read_number(const char **text, unsigned base, uint64_t *out)
{
	const char *p = *text;
	uint64_t v = 0;

	for (int d; (d = digit_of(*p, base)) >= 0; p++) {
		v = v * base + (unsigned)d;
		if (v > UINT64_C(1) << 60)
			return false;
	}
	if (p == *text)
		return false;
	*text = p;
	*out = v;
	return true;
}

bool value_number(const char *text, uint64_t lo, uint64_t hi, uint64_t *out,
		  char why[static VALUE_WHY])
{
	bool hex = text[0] == '0' && (text[1] | 32) == 'x';
	const char *p = hex ? text + 2 : text;
	char q[48];
	uint64_t v;

	if (read_number(&p, hex ? 16 : 10, &v) && !*p && v >= lo && v <= hi) {
		*out = v;
		return true;
	}
	snprintf(why, VALUE_WHY,
		 "'%s' is no number in bounds; allowed is %llu to %llu",
		 value_quote(text, q), (unsigned long long)lo,
		 (unsigned long long)hi);
	return false;
}

/* unit_seconds() - 0: no such unit */
static uint64_t unit_seconds(const char *unit)
{
	static const struct {
		char unit;
		uint32_t seconds;
	} units[] = { { 's', 1 },     { 'm', 60 },     { 'h', 3600 },
		      { 'd', 86400 }, { 'w', 604800 } };

	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (unit[0] == units[i].unit && !unit[1])
			return units[i].seconds;
	return 0;
}

bool value_duration(const char *text, nsec_t *out, char why[static VALUE_WHY])
{
	const uint64_t most = UINT64_C(10) * 366 * 86400;
	const char *p = text;
	uint64_t n, unit;

	if (read_number(&p, 10, &n)) {
		unit = unit_seconds(p);
		if (n && unit && n <= most / unit) {
			*out = SEC(n * unit);
			return true;
		}
	}
	return refuse(why, text,
		      "no duration; allowed is a number and a unit: 90s, 15m, "
		      "24h, 7d or 2w, up to ten years");
}

bool value_port(const char *text, bool zero, uint16_t *out,
		char why[static VALUE_WHY])
{
	uint64_t v;

	if (!value_number(text, zero ? 0 : 1, 65535, &v, why))
		return false;
	*out = (uint16_t)v;
	return true;
}

bool value_endpoint(const char *text, struct endpoint *out,
		    char why[static VALUE_WHY])
{
	if (endpoint_parse(text, out))
		return true;
	return refuse(why, text,
		      "no address with port; allowed is 192.0.2.1:51820 or "
		      "[2001:db8::1]:51820 (an address, not a name)");
}

bool value_address(const char *text, struct ipaddr *ip, struct prefix *out,
		   char why[static VALUE_WHY])
{
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	struct ipaddr host;
	struct prefix p;
	char buf[ADDR_TEXT];

	if (n < sizeof(buf)) {
		memcpy(buf, text, n);
		buf[n] = 0;
		if (ipaddr_parse(buf, &host) && prefix_parse(text, &p)) {
			*ip = host;
			*out = p;
			return true;
		}
	}
	return refuse(why, text,
		      "no address; allowed is 10.0.0.1/24 or fd00::1/64");
}

/* next_word() - the next of comma-separated words, trimmed; false: too long */
static bool next_word(const char **text, char *out, size_t room)
{
	const char *p = *text + strspn(*text, " \t");
	const char *end = p + strcspn(p, ",");

	*text = *end ? end + 1 : end;
	while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	if ((size_t)(end - p) >= room)
		return false;
	memcpy(out, p, (size_t)(end - p));
	out[end - p] = 0;
	return true;
}

bool value_prefixes(const char *text, struct prefix *list, unsigned room,
		    unsigned *count, char why[static VALUE_WHY])
{
	const char *p = text;
	unsigned n = *count;
	char word[ADDR_TEXT];

	while (*p) {
		struct prefix prefix;

		if (!next_word(&p, word, sizeof(word)) ||
		    !prefix_parse(word, &prefix))
			return refuse(why, text,
				      "no list of prefixes; allowed is "
				      "10.0.0.0/8, fd00::/8, ...");
		if (n == room) {
			snprintf(why, VALUE_WHY,
				 "too many prefixes; allowed are %u", room);
			return false;
		}
		list[n++] = prefix;
	}
	*count = n;
	return true;
}

static bool key_answer(bool good, char *why)
{
	if (!good)
		snprintf(why, VALUE_WHY, "%s", key_allowed);
	return good;
}

bool value_key_private(const char *text, struct key_private *out,
		       char why[static VALUE_WHY])
{
	return key_answer(key_private_parse(text, out), why);
}

bool value_key_public(const char *text, struct key_public *out,
		      char why[static VALUE_WHY])
{
	return key_answer(key_public_parse(text, out), why);
}

bool value_key_psk(const char *text, struct key_psk *out,
		   char why[static VALUE_WHY])
{
	return key_answer(key_psk_parse(text, out), why);
}

/* distance() - single-character edits from a to b (Levenshtein), both below 32 */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[33];
	size_t n = strlen(b);

	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 1; *a; a++, i++) {
		unsigned corner = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			bool same = tolower((unsigned char)*a) ==
				    tolower((unsigned char)b[j - 1]);
			unsigned best = corner + !same;

			corner = row[j];
			if (corner + 1 < best)
				best = corner + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[n];
}

const char *value_nearest(const char *text, const char *const *names, size_t n)
{
	const char *found = NULL;
	unsigned best = 4; /* further away is no help */

	if (strlen(text) > 32)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		unsigned d;

		if (strlen(names[i]) > 32)
			continue;
		d = distance(text, names[i]);
		if (d < best) {
			best = d;
			found = names[i];
		}
	}
	return found;
}
