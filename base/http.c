/* SPDX-License-Identifier: MIT
 *
 * http.c - the head of an HTTP/1.1 request or response, bounded
 */
#include "base/http.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* tchar of RFC 9110 s5.6.2 */
static bool is_token_char(uint8_t c)
{
	if ((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z'))
		return true;
	return c && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool is_token(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_token_char(s.p[i]))
			return false;
	return s.n > 0;
}

static bool is_printable(struct slice s, uint8_t from)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != '\t' && (s.p[i] < from || s.p[i] == 127))
			return false;
	return true;
}

bool http_is(struct slice s, const char *text)
{
	return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

/* Up to c or the end; *rest is what lies behind c. */
static struct slice cut(struct slice s, uint8_t c, struct slice *rest)
{
	const uint8_t *at = s.n ? memchr(s.p, c, s.n) : NULL;

	if (!at) {
		*rest = slice_of(s.p + s.n, 0);
		return s;
	}
	*rest = slice_of(at + 1, (size_t)(s.p + s.n - at) - 1);
	return slice_of(s.p, (size_t)(at - s.p));
}

static struct slice trim(struct slice s)
{
	while (s.n && (*s.p == ' ' || *s.p == '\t'))
		s = slice_of(s.p + 1, s.n - 1);
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

static bool parse_status(struct slice line, struct http_head *h)
{
	const uint8_t *d = line.p + 9;

	if (line.n < 12 || (line.n > 12 && line.p[12] != ' '))
		return false;
	for (int i = 0; i < 3; i++) {
		if (d[i] < '0' || d[i] > '9')
			return false;
		h->status = h->status * 10 + (unsigned)(d[i] - '0');
	}
	h->response = true;
	return h->status >= 100 && h->status < 600;
}

static bool parse_first_line(struct slice line, struct http_head *h)
{
	struct slice rest;

	if (line.n > 9 && (memcmp(line.p, "HTTP/1.1 ", 9) == 0 ||
			   memcmp(line.p, "HTTP/1.0 ", 9) == 0))
		return parse_status(line, h);
	h->method = cut(line, ' ', &rest);
	h->target = cut(rest, ' ', &rest);
	return is_token(h->method) && h->target.n &&
	       is_printable(h->target, '!') && http_is(rest, "HTTP/1.1");
}

static int parse_field(struct slice line, struct http_head *h)
{
	struct http_field f;

	f.name = cut(line, ':', &f.value);
	f.value = trim(f.value);
	if (f.name.n == line.n || !is_token(f.name) ||
	    !is_printable(f.value, ' '))
		return -EBADMSG;
	if (h->field_count == HTTP_FIELDS_MAX)
		return -E2BIG;
	h->fields[h->field_count++] = f;
	return 0;
}

static int parse_lines(struct slice all, struct http_head *h)
{
	struct slice line;
	bool first = true;
	int err = 0;

	while (all.n && !err) {
		line = cut(all, '\n', &all);
		if (!line.n || line.p[--line.n] != '\r')
			return -EBADMSG;
		if (!line.n)
			return first ? -EBADMSG : 0;
		if (first)
			err = parse_first_line(line, h) ? 0 : -EBADMSG;
		else
			err = parse_field(line, h);
		first = false;
	}
	return err;
}

int http_head_parse(const uint8_t *p, size_t n, struct http_head *out)
{
	size_t seen = n < HTTP_HEAD_MAX ? n : HTTP_HEAD_MAX;
	const uint8_t *end = seen ? memmem(p, seen, "\r\n\r\n", 4) : NULL;
	struct http_head h = { 0 };
	size_t head;
	int err;

	if (!end)
		return n >= HTTP_HEAD_MAX ? -E2BIG : 0;
	head = (size_t)(end - p) + 4;
	err = parse_lines(slice_of(p, head), &h);
	if (err)
		return err;
	*out = h;
	return (int)head;
}

static bool is_any_case(struct slice s, const char *text)
{
	return s.n == strlen(text) &&
	       strncasecmp((const char *)s.p, text, s.n) == 0;
}

struct slice http_field(const struct http_head *h, const char *name)
{
	for (unsigned i = 0; i < h->field_count; i++)
		if (is_any_case(h->fields[i].name, name))
			return h->fields[i].value;
	return slice_of(NULL, 0);
}

bool http_field_lists(const struct http_head *h, const char *name,
		      const char *token)
{
	struct slice rest, item;

	for (unsigned i = 0; i < h->field_count; i++) {
		if (!is_any_case(h->fields[i].name, name))
			continue;
		rest = h->fields[i].value;
		while (rest.n) {
			item = trim(cut(rest, ',', &rest));
			if (is_any_case(item, token))
				return true;
		}
	}
	return false;
}
