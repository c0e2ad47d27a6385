/* SPDX-License-Identifier: MIT
 *
 * test_allowance.c - so much a second, so much a day, and not one octet more
 */
#include "tests/unit/unit.h"

#include "relay/allowance.h"

#define DAY (UINT64_C(20000) * 24 * 3600)

static uint64_t take_for(struct allowance *a, nsec_t from, nsec_t time, size_t n,
			 uint64_t wall_s)
{
	uint64_t sum = 0;

	for (nsec_t t = 0; t < time; t += USEC(100))
		if (allowance_take(a, n, from + t, wall_s))
			sum += n;
	return sum;
}

static void the_rate_holds(void **state)
{
	struct allowance a;
	uint64_t got;

	(void)state;
	allowance_init(&a, 1000000, 0, 0, 0);
	got = take_for(&a, SEC(1), SEC(10), 1400, DAY);
	assert_in_range(got, 9900000, 10000000 + 50000 + 65535);
	/* after a pause no more than a burst */
	got = take_for(&a, SEC(1000), MSEC(1), 1400, DAY);
	assert_in_range(got, 14000 - 1400, 50000 + 65535);
}

static void a_slow_rate_still_carries_a_train(void **state)
{
	struct allowance a;

	(void)state;
	allowance_init(&a, 1000, 0, 0, 0);
	assert_true(allowance_take(&a, 1000, SEC(1), DAY));
	assert_false(allowance_take(&a, 60000, SEC(2), DAY));
	assert_true(take_for(&a, SEC(2), SEC(61), 1000, DAY) >= 60000);
}

static void a_day_is_a_day(void **state)
{
	struct allowance a;

	(void)state;
	allowance_init(&a, 0, 100000, 0, 0);
	assert_false(allowance_spent(&a, DAY));
	assert_true(allowance_take(&a, 60000, SEC(1), DAY));
	assert_true(allowance_spent(&a, DAY));
	assert_false(allowance_take(&a, 60000, SEC(2), DAY + 100));
	assert_true(allowance_take(&a, 40000, SEC(2), DAY + 100));
	assert_false(allowance_take(&a, 1, SEC(3), DAY + 86399));
	assert_false(allowance_spent(&a, DAY + 86400));
	assert_true(allowance_take(&a, 60000, SEC(4), DAY + 86400));
	assert_int_equal(a.today, 60000);
}

static void what_was_taken_before_counts(void **state)
{
	struct allowance a;

	(void)state;
	allowance_init(&a, 0, 100000, DAY / 86400, 99999);
	assert_true(allowance_spent(&a, DAY));
	assert_false(allowance_take(&a, 2, SEC(1), DAY));
	assert_true(allowance_take(&a, 1, SEC(1), DAY));
	allowance_init(&a, 0, 100000, DAY / 86400 - 1, 99999);
	assert_false(allowance_spent(&a, DAY));
	assert_true(allowance_take(&a, 2, SEC(1), DAY));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rate_holds),
		cmocka_unit_test(a_slow_rate_still_carries_a_train),
		cmocka_unit_test(a_day_is_a_day),
		cmocka_unit_test(what_was_taken_before_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
