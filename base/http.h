/* SPDX-License-Identifier: MIT
 *
 * http.h - CODEC: the head of an HTTP/1.1 request or response, bounded
 *
 * Just what WebSocket's upgrade and a proxy's CONNECT need (RFC 9112 sections 2 to 5;
 * RFC 6455 section 4): no bodies, no folded lines, no chunks. What does not fit the
 * bounds or the grammar is refused; nothing is repaired.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/cursor.h"

enum {
	HTTP_HEAD_MAX = 8192, /* octets with the empty line */
	HTTP_FIELDS_MAX = 48,
};

struct http_field {
	struct slice name, value; /* value without space around it */
};

struct http_head { /* all slices point into the input */
	bool response;
	struct slice method, target; /* of a request */
	unsigned status; /* of a response: 100..599 */
	struct http_field fields[HTTP_FIELDS_MAX];
	unsigned field_count;
};

/**
 * http_head_parse() - The head at the start of n octets
 * @p: Untrusted
 * Return: octets of the head with its empty line; 0: not all there yet; -EBADMSG: not
 *         HTTP/1.1 as above; -E2BIG: longer than HTTP_HEAD_MAX or too many fields
 */
must_check int http_head_parse(const uint8_t *p, size_t n, struct http_head *out);

/* http_field() - value of the first field of that name (any case); .p NULL: none */
struct slice http_field(const struct http_head *h, const char *name);
/* http_field_lists() - is token (any case) an element of the comma-separated field? */
bool http_field_lists(const struct http_head *h, const char *name,
		      const char *token);
/* http_is() - does the slice hold exactly this text? */
bool http_is(struct slice s, const char *text);
