/* SPDX-License-Identifier: MIT
 *
 * test_allow.c - whom a relay's operator lets in
 */
#include "tests/unit/unit.h"

#include "relay/allow.h"

static struct key_public key(uint8_t b)
{
	struct key_public k;

	memset(k.b, b, sizeof(k.b));
	return k;
}

static bool admits(const struct allow *a, uint8_t node, const char *from)
{
	struct key_public k = key(node);
	struct ipaddr ip;

	assert_true(ipaddr_parse(from, &ip));
	return allow_admits(a, &k, &ip);
}

static void test_empty_lists(void **state)
{
	struct allow a = { 0 };

	(void)state;
	assert_true(admits(&a, 1, "192.0.2.1"));
}

static void test_from(void **state)
{
	struct allow a = { 0 };

	(void)state;
	assert_true(allow_from(&a, "192.0.2.0/24"));
	assert_true(allow_from(&a, "2001:db8::/32"));
	assert_true(admits(&a, 1, "192.0.2.255"));
	assert_true(admits(&a, 1, "2001:db8::1"));
	assert_false(admits(&a, 1, "192.0.3.0"));
	assert_false(admits(&a, 1, "2001:db9::1"));
}

static void test_nodes_and_both(void **state)
{
	struct key_public k = key(7);
	struct allow a = { 0 };
	char text[KEY_TEXT];

	(void)state;
	assert_true(allow_node(&a, key_public_text(&k, text)));
	assert_true(admits(&a, 7, "192.0.2.1"));
	assert_false(admits(&a, 8, "192.0.2.1"));
	assert_true(allow_from(&a, "198.51.100.1"));
	assert_false(admits(&a, 7, "192.0.2.1"));
	assert_true(admits(&a, 7, "198.51.100.1"));
}

static void test_refusals(void **state)
{
	struct allow a = { 0 };

	(void)state;
	assert_false(allow_from(&a, "192.0.2.0/33"));
	assert_false(allow_from(&a, ""));
	assert_false(allow_node(&a, "AAAA"));
	assert_int_equal(a.from_count + a.node_count, 0);
	for (unsigned i = 0; i < ALLOW_PREFIXES; i++)
		assert_true(allow_from(&a, "192.0.2.0/24"));
	assert_false(allow_from(&a, "192.0.2.0/24"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_lists),
		cmocka_unit_test(test_from),
		cmocka_unit_test(test_nodes_and_both),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
