/* SPDX-License-Identifier: MIT
 *
 * test_codel.c - the drop law of RFC 8289 under a virtual clock
 */
#include "tests/unit/unit.h"

#include "relay/codel.h"

/* Above the target for less than an interval: nothing. */
static void test_patience(void **state)
{
	struct codel c = { 0 };
	nsec_t now = SEC(1);

	for (; now < SEC(1) + MSEC(99); now += MSEC(1))
		assert_false(codel_judge(&c, MSEC(50), false, now));
	assert_false(codel_judge(&c, MSEC(4), false, now)); /* it drained */
	for (now += MSEC(1); now < SEC(1) + MSEC(199); now += MSEC(1))
		assert_false(codel_judge(&c, MSEC(50), false, now));
	now += MSEC(1);
	assert_true(codel_judge(&c, MSEC(50), false, now));
	assert_false(codel_judge(&c, MSEC(50), false, now)); /* one at a time */
}

/* Drops come at interval / sqrt(1, 2, 3, ...) behind each other. */
static void test_law(void **state)
{
	static const double root[] = { 1, 1.41421, 1.73205, 2, 2.23607, 2.44949 };
	struct codel c = { 0 };
	nsec_t now = SEC(1), last = 0;
	unsigned n = 0;

	for (; n < 7; now += USEC(10)) {
		if (!codel_judge(&c, MSEC(50), false, now))
			continue;
		if (last) {
			nsec_t want = (nsec_t)(100e6 / root[n - 1]);

			assert_in_range(now - last, want - USEC(100),
					want + USEC(100));
		}
		last = now;
		n++;
	}
}

/* A spell that begins soon after another goes on near where that one was. */
static void test_memory(void **state)
{
	struct codel c = { 0 };
	nsec_t now = SEC(1);
	unsigned first = 0, again = 0;

	for (; now < SEC(3); now += MSEC(1))
		first += codel_judge(&c, MSEC(50), false, now);
	assert_false(codel_judge(&c, MSEC(1), false, now));
	for (nsec_t end = now + MSEC(300); now < end; now += MSEC(1))
		again += codel_judge(&c, MSEC(50), false, now);
	assert_true(again > first * 300 / 2000);
	assert_false(codel_judge(&c, MSEC(1), false, now));
	now += SEC(10);
	again = 0;
	for (nsec_t end = now + MSEC(300); now < end; now += MSEC(1))
		again += codel_judge(&c, MSEC(50), false, now);
	assert_in_range(again, 2, 4);
}

/* The last packet of a queue is never taken; nor does the rate grow without bound. */
static void test_bounds(void **state)
{
	struct codel c = { 0 };
	nsec_t now = SEC(1);
	unsigned n = 0;

	for (; now < SEC(2); now += MSEC(1))
		assert_false(codel_judge(&c, SEC(1), true, now));
	for (; now < SEC(2000); now += MSEC(1))
		n += codel_judge(&c, SEC(1), false, now);
	assert_true(n > 1000000 && n <= 1998000);
	c.count = UINT32_MAX;
	assert_true(codel_judge(&c, SEC(1), false, now));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patience),
		cmocka_unit_test(test_law),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
