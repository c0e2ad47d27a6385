/* SPDX-License-Identifier: MIT
 *
 * test_value.c - what each type takes, and that a refusal says what is allowed
 */
#include "tests/unit/unit.h"

#include "config/value.h"

static char why[VALUE_WHY];

static void said_what_is_allowed(void)
{
	assert_non_null(strstr(why, "allowed "));
	why[0] = 0;
}

static void numbers(void **state)
{
	static const struct {
		const char *text;
		uint64_t lo, hi;
		bool good;
		uint64_t v;
	} rows[] = {
		{ "0", 0, 9, true, 0 },
		{ "9", 0, 9, true, 9 },
		{ "10", 0, 9, false, 0 },
		{ "0x10", 0, 99, true, 16 },
		{ "0XfF", 0, 255, true, 255 },
		{ "0x", 0, 99, false, 0 },
		{ "", 0, 99, false, 0 },
		{ "-1", 0, 99, false, 0 },
		{ "+1", 0, 99, false, 0 },
		{ " 1", 0, 99, false, 0 },
		{ "1 ", 0, 99, false, 0 },
		{ "1a", 0, 99, false, 0 },
		{ "4294967295", 0, UINT32_MAX, true, UINT32_MAX },
		{ "4294967296", 0, UINT32_MAX, false, 0 },
		{ "99999999999999999999999999", 0, UINT64_MAX, false, 0 },
		{ "1279", 1280, 9000, false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t v = 77;

		assert_int_equal(value_number(rows[i].text, rows[i].lo,
					      rows[i].hi, &v, why),
				 rows[i].good);
		assert_int_equal(v, rows[i].good ? rows[i].v : 77);
		if (!rows[i].good)
			said_what_is_allowed();
	}
}

static void durations(void **state)
{
	static const struct {
		const char *text;
		nsec_t v; /* 0: refused */
	} rows[] = {
		{ "1s", SEC(1) },	{ "90s", SEC(90) },
		{ "15m", SEC(900) },	{ "24h", SEC(86400) },
		{ "7d", SEC(604800) },	{ "2w", SEC(1209600) },
		{ "0s", 0 },		{ "24", 0 },
		{ "h", 0 },		{ "", 0 },
		{ "24hh", 0 },		{ "24 h", 0 },
		{ "-1h", 0 },		{ "1y", 0 },
		{ "3660d", SEC(UINT64_C(316224000)) },
		{ "3661d", 0 },		{ "1152921504606846976w", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		nsec_t v = 5;

		assert_int_equal(value_duration(rows[i].text, &v, why),
				 rows[i].v != 0);
		assert_int_equal(v, rows[i].v ? rows[i].v : 5);
		if (!rows[i].v)
			said_what_is_allowed();
	}
}

static void bools_and_ports(void **state)
{
	uint16_t port = 1;
	bool b = false;

	(void)state;
	assert_true(value_bool("YES", &b, why) && b);
	assert_true(value_bool("0", &b, why) && !b);
	assert_false(value_bool("maybe", &b, why));
	said_what_is_allowed();
	assert_true(value_port("65535", false, &port, why) && port == 65535);
	assert_true(value_port("0", true, &port, why) && port == 0);
	assert_false(value_port("0", false, &port, why));
	said_what_is_allowed();
	assert_false(value_port("65536", true, &port, why));
	said_what_is_allowed();
}

static void places(void **state)
{
	struct endpoint e;
	struct ipaddr ip;
	struct prefix p;
	char buf[ADDR_TEXT];

	(void)state;
	assert_true(value_endpoint("[2001:db8::1]:1", &e, why));
	assert_false(value_endpoint("example.org:1", &e, why));
	assert_non_null(strstr(why, "not a name"));
	said_what_is_allowed();
	assert_true(value_address("10.1.2.3/8", &ip, &p, why));
	assert_string_equal(ipaddr_text(&ip, buf), "10.1.2.3");
	assert_string_equal(prefix_text(&p, buf), "10.0.0.0/8");
	assert_false(value_address("10.1.2.3/33", &ip, &p, why));
	said_what_is_allowed();
	assert_false(value_address("", &ip, &p, why));
	said_what_is_allowed();
}

static void prefix_lists(void **state)
{
	struct prefix list[3];
	unsigned n = 0;
	char buf[ADDR_TEXT];

	(void)state;
	assert_true(value_prefixes("10.0.0.0/8 ,fd00::/8", list, 3, &n, why));
	assert_int_equal(n, 2);
	assert_string_equal(prefix_text(&list[1], buf), "fd00::/8");
	assert_false(value_prefixes("1.0.0.0/8,2.0.0.0/8", list, 3, &n, why));
	assert_int_equal(n, 2);
	said_what_is_allowed();
	assert_false(value_prefixes("1.0.0.0/8,,", list, 3, &n, why));
	said_what_is_allowed();
	assert_false(value_prefixes("x", list, 3, &n, why));
	said_what_is_allowed();
	assert_true(value_prefixes("", list, 3, &n, why));
	assert_int_equal(n, 2);
}

static void keys_are_not_quoted(void **state)
{
	struct key_private k;
	struct key_public pk;
	struct key_psk psk;

	(void)state;
	assert_false(value_key_private("secret-but-short", &k, why));
	assert_null(strstr(why, "secret"));
	said_what_is_allowed();
	assert_false(value_key_psk("", &psk, why));
	said_what_is_allowed();
	assert_true(value_key_public(
		"xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=", &pk, why));
	assert_int_equal(pk.b[0], 0xc5);
}

static void quotes_are_harmless(void **state)
{
	char q[48];

	(void)state;
	assert_string_equal(value_quote("a\033[31m\n", q), "a?[31m?");
	assert_string_equal(
		value_quote("0123456789012345678901234567890123456789z", q),
		"0123456789012345678901234567890123456789...");
}

static void nearest_names(void **state)
{
	static const char *const names[] = { "ListenPort", "MTU", "Address" };

	(void)state;
	assert_string_equal(value_nearest("listnport", names, 3), "ListenPort");
	assert_string_equal(value_nearest("Adress", names, 3), "Address");
	assert_string_equal(value_nearest("mtu", names, 3), "MTU");
	assert_null(value_nearest("Wireguardish", names, 3));
	assert_null(value_nearest(
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", names, 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(durations),
		cmocka_unit_test(bools_and_ports),
		cmocka_unit_test(places),
		cmocka_unit_test(prefix_lists),
		cmocka_unit_test(keys_are_not_quoted),
		cmocka_unit_test(quotes_are_harmless),
		cmocka_unit_test(nearest_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
