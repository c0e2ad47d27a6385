/* SPDX-License-Identifier: MIT
 *
 * test_meter.c - a shared rate under a virtual clock
 */
#include "tests/unit/unit.h"

#include "relay/meter.h"

static void test_rate_is_kept(void **state)
{
	struct meter m = { .rate = 1000000 };
	uint64_t octets = 0;

	for (nsec_t now = SEC(1); now < SEC(11); now += USEC(100))
		if (meter_pass(&m, 1400, now))
			octets += 1400;
	assert_in_range(octets, 9900000, 10200000);
}

static void test_burst_and_rest(void **state)
{
	struct meter m = { .rate = 1000000 };
	unsigned n = 0;

	while (meter_pass(&m, 1000, SEC(1)))
		n++;
	assert_in_range(n, 50, 120); /* 50 ms and a train */
	assert_false(meter_pass(&m, 1000, SEC(1)));
	assert_true(meter_pass(&m, 1000, SEC(1) + MSEC(1)));
	assert_true(meter_pass(&m, 65000, SEC(3))); /* a train at once */
}

static void test_slow_rate_passes_trains(void **state)
{
	struct meter m = { .rate = 1000 };
	unsigned n = 0;

	for (nsec_t now = SEC(1); now < SEC(1001); now += SEC(1))
		n += meter_pass(&m, 65000, now);
	assert_in_range(n, 15, 17);
}

static void test_no_limit(void **state)
{
	struct meter m = { 0 };

	for (int i = 0; i < 1000; i++)
		assert_true(meter_pass(&m, 65000, SEC(1)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate_is_kept),
		cmocka_unit_test(test_burst_and_rest),
		cmocka_unit_test(test_slow_rate_passes_trains),
		cmocka_unit_test(test_no_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
