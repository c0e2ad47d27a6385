/* SPDX-License-Identifier: MIT
 *
 * test_upgrade.c - the upgrade's request and answers, and what others answer in its place
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>

#include "base/attr.h"
#include "base/upgrade.h"

/* RFC 6455 s1.3: base64 of this is the example's key */
static const uint8_t nonce[UPGRADE_NONCE] = "the sample nonce";

#define GOOD_KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define GOOD_ANSWER                                                     \
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"     \
	"Connection: Upgrade\r\n"                                        \
	"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

static struct http_head parsed(const char *text)
{
	struct http_head h;

	assert_int_equal(http_head_parse((const uint8_t *)text, strlen(text), &h),
			 strlen(text));
	return h;
}

static void a_request_is_judged(void **state)
{
	static const struct {
		const char *method, *path, *key, *version, *upgrade, *connection;
		const char *refusal; /* start of; NULL: accepted */
	} rows[] = {
		{ "GET", "/x", GOOD_KEY, "13", "websocket", "Upgrade", NULL },
		{ "GET", "/x", GOOD_KEY, "13", "WebSocket", "keep-alive, upgrade",
		  NULL },
		{ "GET", "/", GOOD_KEY, "13", "websocket", "Upgrade", "404" },
		{ "GET", "/x/", GOOD_KEY, "13", "websocket", "Upgrade", "404" },
		{ "GET", "/x?q", GOOD_KEY, "13", "websocket", "Upgrade", "404" },
		{ "POST", "/x", GOOD_KEY, "13", "websocket", "Upgrade", "426" },
		{ "get", "/x", GOOD_KEY, "13", "websocket", "Upgrade", "426" },
		{ "GET", "/x", GOOD_KEY, "12", "websocket", "Upgrade", "426" },
		{ "GET", "/x", "short", "13", "websocket", "Upgrade", "426" },
		{ "GET", "/x", GOOD_KEY "=", "13", "websocket", "Upgrade", "426" },
		{ "GET", "/x", GOOD_KEY, "13", "h2c", "Upgrade", "426" },
		{ "GET", "/x", GOOD_KEY, "13", "websocket", "close", "426" },
	};
	char text[512], out[UPGRADE_ROOM];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct http_head h;
		const char *refusal;

		snprintf(text, sizeof(text),
			 "%s %s HTTP/1.1\r\nHost: h\r\nUpgrade: %s\r\n"
			 "Connection: %s\r\nSec-WebSocket-Key: %s\r\n"
			 "Sec-WebSocket-Version: %s\r\n\r\n",
			 rows[i].method, rows[i].path, rows[i].upgrade,
			 rows[i].connection, rows[i].key, rows[i].version);
		h = parsed(text);
		refusal = upgrade_judge_request(&h, "/x", out);
		if (!rows[i].refusal) {
			assert_null(refusal);
			assert_string_equal(out, GOOD_ANSWER);
			continue;
		}
		assert_non_null(refusal);
		assert_memory_equal(refusal, rows[i].refusal, 3);
	}
}

static void no_request_at_all_is_refused(void **state)
{
	char out[UPGRADE_ROOM];
	struct http_head h = parsed("GET /x HTTP/1.1\r\n\r\n");

	(void)state;
	assert_non_null(upgrade_judge_request(&h, "/x", out));
	h = parsed(GOOD_ANSWER);
	assert_non_null(upgrade_judge_request(&h, "/x", out));
}

/* both ends understand each other, whatever the host is called */
static void a_request_is_answered(void **state)
{
	char host[256], request[UPGRADE_ROOM], answer[UPGRADE_ROOM], line[300];
	struct http_head h;
	size_t n;

	(void)state;
	n = upgrade_request("2001:db8::1", 8443, "/adit/relay", nonce, request);
	assert_int_equal(n, strlen(request));
	assert_non_null(strstr(request, "\r\nHost: [2001:db8::1]:8443\r\n"));
	h = parsed(request);
	assert_null(upgrade_judge_request(&h, "/adit/relay", answer));
	h = parsed(answer);
	assert_null(upgrade_judge_response(&h, nonce));

	memset(host, 'h', sizeof(host) - 1);
	host[sizeof(host) - 1] = 0;
	n = upgrade_request(host, 65535, "/adit/relay", nonce, request);
	assert_int_equal(n, strlen(request));
	snprintf(line, sizeof(line), "\r\nHost: %s:65535\r\n", host);
	assert_non_null(strstr(request, line));
	h = parsed(request);
	assert_null(upgrade_judge_request(&h, "/adit/relay", answer));
}

static const char login[] = "asking for a login", forbids[] = "forbids it",
		  behind[] = "does not reach", none[] = "no WebSocket there",
		  other[] = "not that of a WebSocket server";

static void an_answer_is_judged(void **state)
{
	static const struct {
		const char *head, *part; /* of the clause; NULL: good */
	} rows[] = {
		{ GOOD_ANSWER, NULL },
		{ "HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\n\r\n",
		  login },
		{ "HTTP/1.0 301 Moved\r\nLocation: /\r\n\r\n", login },
		{ "HTTP/1.1 307 Temporary Redirect\r\n\r\n", login },
		{ "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
		  "Content-Length: 9000\r\n\r\n", login },
		{ "HTTP/1.1 511 Network Authentication Required\r\n\r\n", login },
		{ "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", forbids },
		{ "HTTP/1.1 403 Forbidden\r\n\r\n", forbids },
		{ "HTTP/1.1 401 Unauthorized\r\n\r\n", forbids },
		{ "HTTP/1.1 451 x\r\n\r\n", forbids },
		{ "HTTP/1.1 500 Internal Server Error\r\n\r\n", behind },
		{ "HTTP/1.1 502 Bad Gateway\r\n\r\n", behind },
		{ "HTTP/1.1 503 x\r\n\r\n", behind },
		{ "HTTP/1.1 504 x\r\n\r\n", behind },
		{ "HTTP/1.1 404 Not Found\r\n\r\n", none },
		{ "HTTP/1.1 426 Upgrade Required\r\n\r\n", none },
		{ "HTTP/1.1 100 Continue\r\n\r\n", none },
		{ "GET / HTTP/1.1\r\n\r\n", none },
		{ "HTTP/1.1 101 x\r\n\r\n", other },
		{ "HTTP/1.1 101 x\r\nUpgrade: websocket\r\n"
		  "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
		  other },
		{ "HTTP/1.1 101 x\r\nUpgrade: h2c\r\n"
		  "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
		  other },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct http_head h = parsed(rows[i].head);
		const char *why = upgrade_judge_response(&h, nonce);

		if (!rows[i].part) {
			assert_null(why);
			continue;
		}
		assert_non_null(why);
		assert_non_null(strstr(why, rows[i].part));
		assert_null(strchr(why, '\n'));
	}
}

/* the head is whole at its last octet and not before, whatever follows it */
static void an_answer_comes_in_pieces(void **state)
{
	static const char text[] = GOOD_ANSWER "\x82\x01x";
	const int whole = sizeof(GOOD_ANSWER) - 1;
	struct http_head h;

	(void)state;
	for (int n = 0; n < (int)sizeof(text); n++) {
		int got = http_head_parse((const uint8_t *)text, (size_t)n, &h);

		assert_int_equal(got, n < whole ? 0 : whole);
		if (got)
			assert_null(upgrade_judge_response(&h, nonce));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_judged),
		cmocka_unit_test(no_request_at_all_is_refused),
		cmocka_unit_test(a_request_is_answered),
		cmocka_unit_test(an_answer_is_judged),
		cmocka_unit_test(an_answer_comes_in_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
