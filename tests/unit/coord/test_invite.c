/* SPDX-License-Identifier: MIT
 *
 * test_invite.c - invites; names; addresses; the signal budget
 */
#include "tests/unit/unit.h"

#include "coord/budget.h"
#include "coord/invite.h"
#include "coord/ipam.h"
#include "coord/name.h"

static struct invite sample(void)
{
	struct invite i = { .url = "https://coord.example:8443" };

	memset(i.server.b, 0x11, sizeof(i.server.b));
	memset(i.secret, 0x22, sizeof(i.secret));
	return i;
}

static void comes_back_as_written(void **state)
{
	struct invite i = sample(), got;
	char text[INVITE_TEXT];

	(void)state;
	invite_text(&i, text);
	assert_null(invite_parse(text, &got));
	assert_memory_equal(&got, &i, sizeof(i));
	memset(i.url, 0, sizeof(i.url));
	memset(i.url, 'a', INVITE_URL - 1);
	memcpy(i.url, "https://", 8);
	invite_text(&i, text);
	assert_true(strlen(text) < INVITE_TEXT);
}

static void one_changed_character_is_noticed(void **state)
{
	struct invite i = sample(), got;
	char text[INVITE_TEXT];

	(void)state;
	invite_text(&i, text);
	for (size_t at = 0; text[at]; at++) {
		char was = text[at];

		for (char c = '!'; c <= '~'; c++) {
			text[at] = c;
			memset(&got, 0x77, sizeof(got));
			if (c == was)
				continue;
			assert_non_null(invite_parse(text, &got));
			assert_int_equal(got.secret[0], 0x77);
		}
		text[at] = was;
	}
	for (size_t at = strlen(text); at-- > 0;) {
		text[at] = 0;
		assert_non_null(invite_parse(text, &got));
	}
}

static void names_become_labels(void **state)
{
	static const char *const table[][2] = {
		{ "web", "web" }, { "Web Server.example.org", "web-server" },
		{ "--a__b--", "a-b" }, { "", "node" }, { "...", "node" },
		{ "\xc3\xa4", "node" }, { "../../etc/passwd", "node" },
		{ "a\nb", "a-b" },
	};
	char out[NETMAP_NAME], variant[NETMAP_NAME], long_name[200];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(table); i++) {
		name_sanitise(table[i][0], out);
		assert_string_equal(out, table[i][1]);
		assert_true(name_valid(out));
	}
	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[199] = 0;
	name_sanitise(long_name, out);
	assert_int_equal(strlen(out), 63);
	name_variant(out, 12, variant);
	assert_int_equal(strlen(variant), 63);
	assert_string_equal(variant + 60, "-12");
	assert_true(name_valid(variant));
	assert_false(name_valid("-a"));
	assert_false(name_valid("a-"));
	assert_false(name_valid("A"));
	assert_false(name_valid(""));
}

static bool is_taken(void *owner, const struct ipaddr *v4)
{
	unsigned *mask = owner;

	return *mask >> v4->b[15] & 1;
}

static void addresses_go_round(void **state)
{
	struct prefix range[2];
	struct ipaddr v4, v6;
	uint32_t last = 0;
	unsigned taken = 0;
	char text[ADDR_TEXT];

	(void)state;
	assert_true(prefix_parse("10.9.0.0/29", &range[0]));
	assert_true(prefix_parse("fd00:1:2::/48", &range[1]));
	assert_null(ipam_ranges_valid(range));
	for (unsigned i = 1; i <= 6; i++) {
		assert_true(ipam_next(range, &last, is_taken, &taken, &v4, &v6));
		assert_int_equal(v4.b[15], i);
		assert_int_equal(v6.b[15], i);
		taken |= 1u << i;
	}
	assert_string_equal(ipaddr_text(&v6, text), "fd00:1:2::6");
	assert_false(ipam_next(range, &last, is_taken, &taken, &v4, &v6));
	taken &= ~(1u << 3);
	assert_true(ipam_next(range, &last, is_taken, &taken, &v4, &v6));
	assert_int_equal(v4.b[15], 3);
	assert_true(prefix_parse("10.0.0.0/31", &range[0]));
	assert_non_null(ipam_ranges_valid(range));
}

static void budget_is_eight_in_thirty_seconds(void **state)
{
	static struct budget b;
	struct key_public one = { { 1 } }, two = { { 2 } };
	unsigned passed = 0;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		passed += budget_take(&b, &one, SEC(100) + i);
	assert_int_equal(passed, 8);
	assert_true(budget_take(&b, &two, SEC(100)));
	assert_false(budget_take(&b, &one, SEC(103)));
	assert_true(budget_take(&b, &one, SEC(104)));
	assert_false(budget_take(&b, &one, SEC(104)));
}

static int setup(void **state)
{
	(void)state;
	return key_setup();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back_as_written),
		cmocka_unit_test(one_changed_character_is_noticed),
		cmocka_unit_test(names_become_labels),
		cmocka_unit_test(addresses_go_round),
		cmocka_unit_test(budget_is_eight_in_thirty_seconds),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
