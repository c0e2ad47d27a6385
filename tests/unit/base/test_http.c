/* SPDX-License-Identifier: MIT
 *
 * test_http.c - heads of requests and responses; URLs; base64; the upgrade's hash
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>

#include "base/attr.h"
#include "base/base64.h"
#include "base/http.h"
#include "base/tls.h"
#include "base/url.h"

static int parse(const char *text, struct http_head *h)
{
	return http_head_parse((const uint8_t *)text, strlen(text), h);
}

static void reads_heads(void **state)
{
	static const struct {
		const char *text;
		int expected; /* 1: whole */
	} table[] = {
		{ "GET /x HTTP/1.1\r\nHost: a\r\n\r\n", 1 },
		{ "GET /x HTTP/1.1\r\n\r\n", 1 },
		{ "CONNECT h:443 HTTP/1.1\r\nA:\tb c \r\n\r\n", 1 },
		{ "HTTP/1.1 101 Switching Protocols\r\n\r\n", 1 },
		{ "HTTP/1.1 200\r\n\r\n", 1 },
		{ "HTTP/1.0 407 Proxy\r\n\r\n", 1 },
		{ "", 0 },
		{ "GET /x HTTP/1.1\r\nHost: a\r\n", 0 },
		{ "\r\n\r\n", -EBADMSG },
		{ "GET /x HTTP/1.0\r\n\r\n", -EBADMSG },
		{ "GET  /x HTTP/1.1\r\n\r\n", -EBADMSG },
		{ "GET /x HTTP/1.1 \r\n\r\n", -EBADMSG },
		{ "GET /x\ty HTTP/1.1\r\n\r\n", 1 },
		{ "G@T /x HTTP/1.1\r\n\r\n", -EBADMSG },
		{ "GET /x HTTP/1.1\nA: b\r\n\r\n", -EBADMSG },
		{ "GET /x HTTP/1.1\r\nA b\r\n\r\n", -EBADMSG },
		{ "GET /x HTTP/1.1\r\nA : b\r\n\r\n", -EBADMSG },
		{ "GET /x HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", -EBADMSG },
		{ "GET /x HTTP/1.1\r\n: b\r\n\r\n", -EBADMSG },
		{ "GET /x HTTP/1.1\r\nA: \001\r\n\r\n", -EBADMSG },
		{ "HTTP/1.1 99 x\r\n\r\n", -EBADMSG },
		{ "HTTP/1.1 999 x\r\n\r\n", -EBADMSG },
		{ "HTTP/1.1 2000 x\r\n\r\n", -EBADMSG },
		{ "HTTP/2.0 200 x\r\n\r\n", -EBADMSG },
	};
	struct http_head h;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(table); i++) {
		int got = parse(table[i].text, &h);

		if (table[i].expected == 1)
			assert_int_equal(got, strlen(table[i].text));
		else
			assert_int_equal(got, table[i].expected);
	}
}

static void is_bounded(void **state)
{
	static char text[HTTP_HEAD_MAX * 2];
	struct http_head h;
	size_t n;

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	assert_int_equal(parse(text, &h), -E2BIG);
	n = (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n");
	for (int i = 0; i < HTTP_FIELDS_MAX + 1; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "A: b\r\n");
	snprintf(text + n, sizeof(text) - n, "\r\n");
	assert_int_equal(parse(text, &h), -E2BIG);
}

static void finds_fields(void **state)
{
	struct http_head h;

	(void)state;
	assert_true(parse("GET / HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\n"
			  "UPGRADE: websocket\r\n\r\nrest", &h) > 0);
	assert_true(http_is(http_field(&h, "upgrade"), "websocket"));
	assert_true(http_field_lists(&h, "connection", "upgrade"));
	assert_false(http_field_lists(&h, "connection", "upg"));
	assert_null(http_field(&h, "host").p);
}

static void reads_urls(void **state)
{
	static const struct {
		const char *text, *host;
		unsigned port; /* 0: refused */
	} table[] = {
		{ "https://a.example", "a.example", 443 },
		{ "https://a.example/", "a.example", 443 },
		{ "https://192.0.2.1:8443", "192.0.2.1", 8443 },
		{ "https://[2001:db8::1]:1/", "2001:db8::1", 1 },
		{ "HTTPS://a", "a", 443 },
		{ "http://a", "", 0 }, { "https://", "", 0 },
		{ "https://a:0", "", 0 }, { "https://a:65536", "", 0 },
		{ "https://a:", "", 0 }, { "https://a:1x", "", 0 },
		{ "https://a/path", "", 0 }, { "https://[::1", "", 0 },
		{ "https://[a]", "", 0 }, { "https://a b", "", 0 },
		{ "https://a\r\nX: y", "", 0 }, { "https://u@a", "", 0 },
	};
	char host[URL_HOST];
	uint16_t port;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(table); i++) {
		bool ok = url_parse(table[i].text, host, &port);

		assert_int_equal(ok, table[i].port != 0);
		if (!ok)
			continue;
		assert_string_equal(host, table[i].host);
		assert_int_equal(port, table[i].port);
	}
}

/* RFC 4648 s10; strictness s3.5. */
static void writes_and_reads_base64(void **state)
{
	static const char *const table[][2] = {
		{ "", "" },	    { "f", "Zg==" },	   { "fo", "Zm8=" },
		{ "foo", "Zm9v" },  { "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" },
	};
	static const char *const bad[] = { "Zh==", "Zg=", "Z", "Zm9=", "Zm 8", "Z===" };
	char text[16];
	uint8_t out[16];
	size_t n;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(table); i++) {
		base64_write(table[i][0], strlen(table[i][0]), text);
		assert_string_equal(text, table[i][1]);
		assert_true(base64_read(text, strlen(text), out, sizeof(out), &n));
		assert_int_equal(n, strlen(table[i][0]));
		assert_memory_equal(out, table[i][0], n);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(base64_read(bad[i], strlen(bad[i]), out, 16, &n));
	assert_false(base64_read("Zm9v", 4, out, 2, &n));
	base64url_write("\xff\xfe", 2, text);
	assert_string_equal(text, "__4");
	assert_false(base64_read("__4", 3, out, 16, &n));
	assert_true(base64url_read("__4", 3, out, 16, &n));
}

/* RFC 6455 s1.3. */
static void accepts_the_upgrade(void **state)
{
	char accept[TLS_ACCEPT_TEXT];

	(void)state;
	assert_true(tls_websocket_accept("dGhlIHNhbXBsZSBub25jZQ==", 24, accept));
	assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_heads),
		cmocka_unit_test(is_bounded),
		cmocka_unit_test(finds_fields),
		cmocka_unit_test(reads_urls),
		cmocka_unit_test(writes_and_reads_base64),
		cmocka_unit_test(accepts_the_upgrade),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
