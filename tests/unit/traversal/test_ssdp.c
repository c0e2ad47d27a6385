/* SPDX-License-Identifier: MIT
 *
 * test_ssdp.c - a gateway's answer may lead nowhere but to the gateway
 */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "traversal/ssdp.h"

static void test_search(void **state)
{
	struct endpoint to = { .ip = ipaddr_v4(0x0a000001), .port = SSDP_PORT };
	char m[SSDP_SEARCH_MAX];
	size_t n = ssdp_write(&to, 2, m);

	(void)state;
	assert_true(n > 0);
	assert_non_null(strstr(m, "M-SEARCH * HTTP/1.1\r\n"));
	assert_non_null(strstr(m, "HOST: 10.0.0.1:1900\r\n"));
	assert_non_null(strstr(m, "InternetGatewayDevice:2\r\n\r\n"));
}

static void test_locations(void **state)
{
	static const struct {
		const char *url;
		bool good;
	} rows[] = {
		{ "http://10.0.0.1:5000/rootDesc.xml", true },
		{ "http://10.0.0.1/", true },
		{ "http://10.0.0.2:5000/rootDesc.xml", false },
		{ "http://10.0.0.1.example:5000/", false },
		{ "http://10.0.0.1@10.0.0.2/", false },
		{ "http://10.0.0.1:5000", false }, /* no path */
		{ "http://10.0.0.1:0/", false },
		{ "http://10.0.0.1:99999/", false },
		{ "http://router/", false },
		{ "https://10.0.0.1/", false },
		{ "file:///etc/passwd", false },
		{ "http://10.0.0.1\\@10.0.0.2/", false },
		{ "http://[::ffff:10.0.0.1]:80/", true }, /* the same address */
		{ "", false },
	};
	struct ipaddr gateway = ipaddr_v4(0x0a000001);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char m[512], location[SSDP_LOCATION_MAX] = "untouched";
		int n = snprintf(m, sizeof(m), "HTTP/1.1 200 OK\r\nEXT:\r\n"
				 "Location: %s\r\nST: x\r\n\r\n", rows[i].url);
		bool good = ssdp_parse((uint8_t *)m, (size_t)n, &gateway,
				       location);

		if (good != rows[i].good)
			fail_msg("%s", rows[i].url);
		assert_string_equal(location, good ? rows[i].url : "untouched");
	}
}

/* An IPv6 gateway names any address of its own; IPv4 is nothing that it could be. */
static void test_ipv6(void **state)
{
	static const struct {
		const char *url;
		bool good;
	} rows[] = {
		{ "http://[fe80::1]:5000/rootDesc.xml", true },
		{ "http://[2001:db8::1]:5000/rootDesc.xml", true },
		{ "http://10.0.0.1:5000/rootDesc.xml", false },
		{ "http://[::ffff:10.0.0.1]:80/", false },
		{ "http://router:80/", false },
		{ "https://[fe80::1]:5000/", false },
	};
	struct ipaddr gateway;

	(void)state;
	assert_true(ipaddr_parse("fe80::1", &gateway));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char m[512], location[SSDP_LOCATION_MAX];
		int n = snprintf(m, sizeof(m), "HTTP/1.1 200 OK\r\n"
				 "Location: %s\r\n\r\n", rows[i].url);

		if (ssdp_parse((uint8_t *)m, (size_t)n, &gateway, location) !=
		    rows[i].good)
			fail_msg("%s", rows[i].url);
	}
}

static void test_bounds(void **state)
{
	struct ipaddr gateway = ipaddr_v4(0x0a000001);
	char m[SSDP_ANSWER_MAX + 8], location[SSDP_LOCATION_MAX];
	static const char other[] = "HTTP/1.1 404 Not Found\r\n"
				    "Location: http://10.0.0.1/\r\n\r\n";
	int n = snprintf(m, sizeof(m), "HTTP/1.1 200 OK\r\n"
			 "Location: http://10.0.0.1/%0200d\r\n\r\n", 0);

	(void)state;
	assert_false(ssdp_parse((uint8_t *)m, (size_t)n, &gateway, location));
	assert_false(ssdp_parse((const uint8_t *)other, sizeof(other) - 1,
				&gateway, location));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_search),
		cmocka_unit_test(test_locations),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
