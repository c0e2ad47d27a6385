/* SPDX-License-Identifier: MIT
 *
 * fuzz_http.c - any octets as an HTTP head and as a URL
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/http.h"
#include "base/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct slice s, const uint8_t *p, size_t n)
{
	if (s.n && (s.p < p || s.p + s.n > p + n))
		abort();
}

static void try_url(const uint8_t *data, size_t size)
{
	char host[URL_HOST], *text = malloc(size + 1);
	uint16_t port;

	if (!text)
		return;
	memcpy(text, data, size);
	text[size] = 0;
	if (url_parse(text, host, &port) && (!host[0] || !port))
		abort();
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_head h;
	int n = http_head_parse(data, size, &h);

	try_url(data, size);
	if (n <= 0)
		return 0;
	if ((size_t)n > size || n > HTTP_HEAD_MAX)
		abort();
	for (unsigned i = 0; i < h.field_count; i++) {
		inside(h.fields[i].name, data, (size_t)n);
		inside(h.fields[i].value, data, (size_t)n);
	}
	(void)http_field(&h, "upgrade");
	(void)http_field_lists(&h, "connection", "upgrade");
	return 0;
}
