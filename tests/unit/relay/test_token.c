/* SPDX-License-Identifier: MIT
 *
 * test_token.c - admission tokens: every way to be wrong
 */
#include "tests/unit/unit.h"

#include "relay/token.h"

static const struct token sample = { .node = { { 1, 2, 3 } },
				     .network = 42,
				     .expires_s = 5000 };

static void test_good(void **state)
{
	uint8_t m[TOKEN_OCTETS];
	struct sign_private sk;
	struct sign_public pk;
	struct token t;

	sign_generate(&sk, &pk);
	token_sign(&sample, &sk, m);
	assert_true(token_check(m, sizeof(m), &pk, 4000, &t));
	assert_true(token_expiry(m, sizeof(m)) == sample.expires_s);
	assert_true(token_expiry(m, sizeof(m) - 1) == 0);
	assert_int_equal(t.network, 42);
	assert_int_equal(t.expires_s, 5000);
	assert_memory_equal(&t.node, &sample.node, sizeof(t.node));
	assert_true(token_check(m, sizeof(m), &pk, 5060, &t));
	assert_false(token_check(m, sizeof(m), &pk, 5061, &t));
}

static void test_each_octet(void **state)
{
	uint8_t m[TOKEN_OCTETS + 1] = { 0 };
	struct sign_private sk, other;
	struct sign_public pk, other_pk;
	struct token t = { .network = 99 };

	sign_generate(&sk, &pk);
	sign_generate(&other, &other_pk);
	token_sign(&sample, &sk, m);
	for (size_t i = 0; i < TOKEN_OCTETS; i++) {
		m[i] ^= 1;
		assert_false(token_check(m, TOKEN_OCTETS, &pk, 0, &t));
		m[i] ^= 1;
	}
	for (size_t n = 0; n <= sizeof(m); n++)
		assert_int_equal(token_check(m, n, &pk, 0, &t),
				 n == TOKEN_OCTETS);
	t.network = 99;
	assert_false(token_check(m, TOKEN_OCTETS, &other_pk, 0, &t));
	assert_int_equal(t.network, 99); /* untouched */
}

static void test_end_of_time(void **state)
{
	struct token t = { .expires_s = UINT64_MAX }, out;
	uint8_t m[TOKEN_OCTETS];
	struct sign_private sk;
	struct sign_public pk;

	sign_generate(&sk, &pk);
	token_sign(&t, &sk, m);
	assert_false(token_check(m, sizeof(m), &pk, 0, &out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_each_octet),
		cmocka_unit_test(test_end_of_time),
	};

	if (key_setup())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
