/* SPDX-License-Identifier: MIT
 *
 * test_proxy.c - names of proxies, their exceptions, the request and its answers
 */
#include "tests/unit/unit.h"

#include "base/proxy.h"

static void test_parse(void **state)
{
	static const struct {
		const char *text, *host, *user, *password;
		uint16_t port; /* 0: refused */
	} rows[] = {
		{ "http://10.0.0.1:3128", "10.0.0.1", "", "", 3128 },
		{ "10.0.0.1:8080", "10.0.0.1", "", "", 8080 },
		{ "HTTP://proxy.example/", "proxy.example", "", "", 3128 },
		{ "http://u:p@proxy:80", "proxy", "u", "p", 80 },
		{ "http://u%40x:p%3a%2F@proxy:80", "proxy", "u@x", "p:/", 80 },
		{ "u:a@b@proxy:80", "proxy", "u", "a@b", 80 },
		{ "[2001:db8::1]:3128", "2001:db8::1", "", "", 3128 },
		{ "http://[2001:db8::1]", "2001:db8::1", "", "", 3128 },
		{ "https://proxy:443", NULL, NULL, NULL, 0 },
		{ "socks5://proxy:1080", NULL, NULL, NULL, 0 },
		{ "", NULL, NULL, NULL, 0 },
		{ "http://", NULL, NULL, NULL, 0 },
		{ "proxy:0", NULL, NULL, NULL, 0 },
		{ "proxy:65536", NULL, NULL, NULL, 0 },
		{ "proxy:", NULL, NULL, NULL, 0 },
		{ "proxy/path", NULL, NULL, NULL, 0 },
		{ "a b:80", NULL, NULL, NULL, 0 },
		{ "u%0d%0aX:p@proxy", NULL, NULL, NULL, 0 },
		{ "u%3a:p@proxy", NULL, NULL, NULL, 0 },
		{ "u%zz@proxy", NULL, NULL, NULL, 0 },
		{ "[]:80", NULL, NULL, NULL, 0 },
		{ "[::1:80", NULL, NULL, NULL, 0 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct proxy p = { .host = "before", .except = "kept" };
		bool ok = proxy_parse(rows[i].text, &p);

		assert_int_equal(ok, rows[i].port != 0);
		assert_string_equal(p.except, "kept");
		assert_string_equal(p.host, ok ? rows[i].host : "before");
		if (!ok)
			continue;
		assert_int_equal(p.port, rows[i].port);
		assert_string_equal(p.user, rows[i].user);
		assert_string_equal(p.password, rows[i].password);
	}
}

static void test_except(void **state)
{
	static const struct {
		const char *except, *host;
		bool serves;
	} rows[] = {
		{ "", "vpn.example", true },
		{ "*", "vpn.example", false },
		{ "example", "vpn.example", false },
		{ ".example", "vpn.example", false },
		{ "ample", "vpn.example", true },
		{ "a.test, VPN.example", "vpn.example", false },
		{ "192.0.2.1", "192.0.2.1", false },
		{ "192.0.2.0/24,10.0.0.0/8", "10.1.2.3", false },
		{ "192.0.2.0/24", "198.51.100.1", true },
		{ ",, ,", "vpn.example", true },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct proxy p = { .host = "proxy", .port = 1 };

		strcpy(p.except, rows[i].except);
		assert_int_equal(proxy_serves(&p, rows[i].host), rows[i].serves);
	}
	assert_false(proxy_serves(&(struct proxy){ 0 }, "vpn.example"));
}

/* RFC 7617 section 2: its example of user and password */
static void test_request(void **state)
{
	struct proxy p = { .host = "proxy", .port = 3128, .user = "Aladdin",
			   .password = "open sesame" };
	char out[PROXY_REQUEST];
	size_t n = proxy_request(&p, "2001:db8::1", 443, out);

	assert_int_equal(n, strlen(out));
	assert_string_equal(
		out, "CONNECT [2001:db8::1]:443 HTTP/1.1\r\n"
		     "Host: [2001:db8::1]:443\r\n"
		     "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"
		     "\r\n");
	p.user[0] = 0;
	proxy_request(&p, "vpn.example", 8443, out);
	assert_string_equal(out, "CONNECT vpn.example:8443 HTTP/1.1\r\n"
				 "Host: vpn.example:8443\r\n\r\n");
	memset(p.user, '\xff', sizeof(p.user) - 1);
	memset(p.password, '\xff', sizeof(p.password) - 1);
	memset(p.except, 'h', 300);
	n = proxy_request(&p, p.except, 65535, out);
	assert_int_equal(n, strlen(out));
	assert_string_equal(out + n - 4, "\r\n\r\n");
}

static void test_judge(void **state)
{
	static const struct {
		const char *head, *part; /* part NULL: connected */
	} rows[] = {
		{ "HTTP/1.0 200 Connection established\r\n\r\n", NULL },
		{ "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "407" },
		{ "HTTP/1.0 401 Unauthorized\r\n\r\n", "407" },
		{ "HTTP/1.1 403 Access violation\r\n\r\n", "403" },
		{ "HTTP/1.1 500 Unable to connect\r\n\r\n", "5xx" },
		{ "HTTP/1.1 302 Found\r\n\r\n", "refuses" },
		{ "GET / HTTP/1.1\r\n\r\n", "HTTP" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct http_head h;
		const char *why;

		assert_true(http_head_parse((const uint8_t *)rows[i].head,
					    strlen(rows[i].head), &h) > 0);
		why = proxy_judge(&h);
		if (rows[i].part)
			assert_non_null(strstr(why, rows[i].part));
		else
			assert_null(why);
	}
}

static const char *lower(const char *name)
{
	return !strcmp(name, "https_proxy") ? "http://low:1" :
	       !strcmp(name, "HTTPS_PROXY") ? "http://high:2" :
	       !strcmp(name, "NO_PROXY")    ? "a,b" : NULL;
}

static const char *broken(const char *name)
{
	return !strcmp(name, "HTTPS_PROXY") ? "ftp://x" : NULL;
}

static void test_environment(void **state)
{
	struct proxy p;

	proxy_from_environment(lower, &p);
	assert_string_equal(p.host, "low");
	assert_string_equal(p.except, "a,b");
	proxy_from_environment(broken, &p);
	assert_string_equal(p.host, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),	cmocka_unit_test(test_except),
		cmocka_unit_test(test_request), cmocka_unit_test(test_judge),
		cmocka_unit_test(test_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
