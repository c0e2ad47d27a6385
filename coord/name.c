/* SPDX-License-Identifier: MIT
 *
 * name.c - names of nodes: one DNS label, RFC 1123 section 2.1
 */
#include "coord/name.h"

#include <stdio.h>
#include <string.h>

static bool is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool name_valid(const char *name)
{
	size_t n = strnlen(name, NETMAP_NAME);

	if (n == 0 || n >= NETMAP_NAME || name[0] == '-' || name[n - 1] == '-')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_letter_or_digit(name[i]) && name[i] != '-')
			return false;
	return true;
}

void name_sanitise(const char *text, char out[static NETMAP_NAME])
{
	size_t n = 0;

	for (; *text && *text != '.' && n < NETMAP_NAME - 1; text++) {
		char c = *text;

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (is_letter_or_digit(c))
			out[n++] = c;
		else if (n && out[n - 1] != '-')
			out[n++] = '-';
	}
	while (n && out[n - 1] == '-')
		n--;
	out[n] = 0;
	if (!n)
		strcpy(out, "node");
}

void name_variant(const char *name, unsigned number, char out[static NETMAP_NAME])
{
	char tail[16];
	int tail_n = snprintf(tail, sizeof(tail), "-%u", number);
	int keep = (int)strnlen(name, NETMAP_NAME - 1);

	if (keep > NETMAP_NAME - 1 - tail_n)
		keep = NETMAP_NAME - 1 - tail_n;
	while (keep && name[keep - 1] == '-')
		keep--;
	snprintf(out, NETMAP_NAME, "%.*s%s", keep, name, tail);
}
