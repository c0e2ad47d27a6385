/* SPDX-License-Identifier: MIT
 *
 * test_key.c - keys as text, and signatures
 */
#include "tests/unit/unit.h"

#include "base/attr.h"
#include "crypto/key.h"

/* RFC 7748 s6.1: Bob's keys, in wg(8)'s form */
static const char bob_private[] =
	"XasIfmJKikt54X+Lg4AO5m87sSkmGLb9HC+LJ/+I4Os=";
static const char bob_public[] =
	"3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=";

static void text(void **state)
{
	struct key_private k;
	struct key_public pub;
	char buf[KEY_TEXT], name[KEY_SHORT_TEXT];

	assert_true(key_private_parse(bob_private, &k));
	key_public_of(&k, &pub);
	assert_string_equal(key_public_text(&pub, buf), bob_public);
	assert_string_equal(key_public_short(&pub, name), "3p7bfXt9");
	assert_string_equal(key_private_text(&k, buf), bob_private);
}

static void bad_text(void **state)
{
	static const char *const table[] = {
		"", "3p7bfXt9",
		"3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08",
		"3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08==",
		"3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK09=",
		"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx+FG+IK08=",
		" p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=",
		"3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=\n",
	};
	struct key_public k, before;

	memset(&before, 5, sizeof(before));
	k = before;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		assert_false(key_public_parse(table[i], &k));
	assert_true(key_public_eq(&k, &before));
}

static void generated(void **state)
{
	struct key_private a, b;
	struct key_public pa, pb;

	key_private_generate(&a);
	key_private_generate(&b);
	assert_int_equal(a.b[0] & 7, 0);
	assert_int_equal(a.b[31] & 0xc0, 0x40);
	key_public_of(&a, &pa);
	key_public_of(&b, &pb);
	assert_false(key_public_eq(&pa, &pb));
	assert_true(key_public_eq(&pa, &pa));
	assert_false(key_public_is_zero(&pa));
	memset(&pa, 0, sizeof(pa));
	assert_true(key_public_is_zero(&pa));
	key_private_wipe(&a);
	assert_true(secret_eq(&a, &pa, KEY_OCTETS));
}

static void signatures(void **state)
{
	struct sign_private sk;
	struct sign_public pk, same;
	uint8_t sig[SIGNATURE_OCTETS];
	char buf[KEY_TEXT];

	sign_generate(&sk, &pk);
	sign_public_of(&sk, &same);
	assert_memory_equal(&pk, &same, sizeof(pk));
	sign_make(&sk, "adit", 4, sig);
	assert_true(sign_check(&pk, "adit", 4, sig));
	assert_false(sign_check(&pk, "adit", 3, sig));
	sig[0] ^= 1;
	assert_false(sign_check(&pk, "adit", 4, sig));
	assert_true(sign_public_parse(sign_public_text(&pk, buf), &same));
	assert_memory_equal(&pk, &same, sizeof(pk));
	sign_private_wipe(&sk);
}

static int setup(void **state)
{
	return key_setup();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text),
		cmocka_unit_test(bad_text),
		cmocka_unit_test(generated),
		cmocka_unit_test(signatures),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
