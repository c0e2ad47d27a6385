/* SPDX-License-Identifier: MIT
 *
 * test_addr.c - one canonical form: text both ways, classes, prefixes
 */
#include "tests/unit/unit.h"

#include "base/addr.h"

static void endpoints_parse_and_print(void **state)
{
	static const struct {
		const char *in;
		const char *out; /* NULL: refused */
	} rows[] = {
		{ "192.0.2.1:80", "192.0.2.1:80" },
		{ "[2001:db8::1]:65535", "[2001:db8::1]:65535" },
		{ "[::ffff:192.0.2.1]:1", "192.0.2.1:1" },
		{ "192.0.2.1:0", NULL },
		{ "192.0.2.1:65536", NULL },
		{ "192.0.2.1", NULL },
		{ "192.0.2.1:", NULL },
		{ "192.0.2.1: 1", NULL },
		{ "192.0.2.1:-1", NULL },
		{ "2001:db8::1:80", NULL },
		{ "[2001:db8::1:80", NULL },
		{ ":80", NULL },
		{ "", NULL },
		{ "host:80", NULL },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct endpoint e;
		char buf[ADDR_TEXT];

		assert_int_equal(endpoint_parse(rows[i].in, &e),
				 rows[i].out != NULL);
		if (rows[i].out)
			assert_string_equal(endpoint_text(&e, buf),
					    rows[i].out);
	}
}

static void classes(void **state)
{
	static const struct {
		const char *ip;
		enum addr_class class;
	} rows[] = {
		{ "0.0.0.0", ADDR_CLASS_UNSPECIFIED },
		{ "::", ADDR_CLASS_UNSPECIFIED },
		{ "::ffff:0.1.2.3", ADDR_CLASS_UNSPECIFIED },
		{ "127.0.0.1", ADDR_CLASS_LOOPBACK },
		{ "::ffff:127.0.0.1", ADDR_CLASS_LOOPBACK },
		{ "::1", ADDR_CLASS_LOOPBACK },
		{ "169.254.169.254", ADDR_CLASS_LINK_LOCAL },
		{ "fe80::1", ADDR_CLASS_LINK_LOCAL },
		{ "224.0.0.1", ADDR_CLASS_MULTICAST },
		{ "ff02::1", ADDR_CLASS_MULTICAST },
		{ "255.255.255.255", ADDR_CLASS_BROADCAST },
		{ "10.1.2.3", ADDR_CLASS_PRIVATE },
		{ "172.31.255.255", ADDR_CLASS_PRIVATE },
		{ "172.32.0.0", ADDR_CLASS_GLOBAL },
		{ "192.168.0.1", ADDR_CLASS_PRIVATE },
		{ "fd00::1", ADDR_CLASS_PRIVATE },
		{ "100.64.0.1", ADDR_CLASS_SHARED },
		{ "192.0.0.6", ADDR_CLASS_TRANSLATION },
		{ "64:ff9b::c000:201", ADDR_CLASS_TRANSLATION },
		{ "203.0.113.7", ADDR_CLASS_GLOBAL },
		{ "2001:db8::1", ADDR_CLASS_GLOBAL },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ipaddr a;

		assert_true(ipaddr_parse(rows[i].ip, &a));
		assert_int_equal(ipaddr_class(&a), rows[i].class);
	}
}

static void prefixes(void **state)
{
	struct prefix p, q;
	struct ipaddr in, out, v6;
	char buf[ADDR_TEXT];

	(void)state;
	assert_true(prefix_parse("10.1.2.3/8", &p));
	assert_string_equal(prefix_text(&p, buf), "10.0.0.0/8");
	assert_true(ipaddr_parse("10.255.0.1", &in));
	assert_true(ipaddr_parse("11.0.0.1", &out));
	assert_true(ipaddr_parse("2001:db8::1", &v6));
	assert_true(prefix_contains(&p, &in));
	assert_false(prefix_contains(&p, &out));
	assert_false(prefix_contains(&p, &v6));
	assert_true(prefix_parse("10.9.0.0/16", &q));
	assert_true(prefix_overlaps(&p, &q));
	assert_true(prefix_parse("0.0.0.0/0", &p));
	assert_true(prefix_contains(&p, &out));
	assert_false(prefix_contains(&p, &v6));
	assert_true(prefix_parse("::/0", &p));
	assert_true(prefix_contains(&p, &v6));
	assert_false(prefix_contains(&p, &out));
	assert_string_equal(prefix_text(&p, buf), "::/0");
	assert_false(prefix_parse("10.0.0.0/33", &p));
	assert_false(prefix_parse("10.0.0.0/", &p));
	assert_false(prefix_parse("10.0.0/8", &p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(endpoints_parse_and_print),
		cmocka_unit_test(classes),
		cmocka_unit_test(prefixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
