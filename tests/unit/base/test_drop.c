/* SPDX-License-Identifier: MIT
 *
 * test_drop.c - every reason has a name and a sentence of its own
 */
#include "tests/unit/unit.h"

#include "base/drop.h"

static void names_are_unique(void **state)
{
	(void)state;
	assert_string_equal(drop_name(DROP_BAD_MAC1), "bad_mac1");
	for (int i = 0; i < DROP_COUNT; i++)
		for (int j = 0; j < i; j++) {
			assert_string_not_equal(drop_name(i), drop_name(j));
			assert_string_not_equal(drop_text(i), drop_text(j));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(names_are_unique) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
