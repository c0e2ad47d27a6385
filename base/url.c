/* SPDX-License-Identifier: MIT
 *
 * url.c - https://HOST[:PORT]
 */
#include "base/url.h"

#include <string.h>
#include <strings.h>

#include "base/addr.h"

static bool is_name(const char *s)
{
	for (const char *c = s; *c; c++)
		if (!((*c >= '0' && *c <= '9') || *c == '-' || *c == '.' ||
		      *c == '_' || ((*c | 32) >= 'a' && (*c | 32) <= 'z')))
			return false;
	return *s && *s != '.' && *s != '-';
}

static bool parse_port(const char *p, uint16_t *out)
{
	uint32_t v = 0;

	for (; *p >= '0' && *p <= '9' && v <= UINT16_MAX; p++)
		v = v * 10 + (uint32_t)(*p - '0');
	if (*p == '/')
		p++;
	*out = (uint16_t)v;
	return !*p && v && v <= UINT16_MAX;
}

bool url_parse(const char *text, char host[static URL_HOST], uint16_t *port)
{
	bool bracket;
	const char *rest;
	struct ipaddr a;
	size_t n;

	if (strncasecmp(text, "https://", 8) != 0)
		return false;
	text += 8;
	bracket = *text == '[';
	text += bracket;
	n = strcspn(text, bracket ? "]" : ":/");
	if (n >= URL_HOST || (bracket && text[n] != ']'))
		return false;
	memcpy(host, text, n);
	host[n] = 0;
	rest = text + n + bracket;
	*port = 443;
	if (bracket ? !ipaddr_parse(host, &a) : !is_name(host))
		return false;
	if (!strcmp(rest, "") || !strcmp(rest, "/"))
		return true;
	return *rest == ':' && rest[1] >= '0' && rest[1] <= '9' &&
	       parse_port(rest + 1, port);
}
