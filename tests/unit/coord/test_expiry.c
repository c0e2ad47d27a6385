/* SPDX-License-Identifier: MIT
 *
 * test_expiry.c - periods that are taken, and dates that move on
 */
#include "tests/unit/unit.h"

#include "coord/expiry.h"

#define DAY UINT64_C(86400)

static void takes_periods_in_bounds(void **state)
{
	static const struct { const char *text; uint64_t s; } good[] = {
		{ "off", 0 }, { "1h", 3600 }, { "90d", 90 * DAY },
		{ "26w", 182 * DAY }, { "3650d", 3650 * DAY },
	};
	static const char *const bad[] = { "", "on", "0d", "-1d", "+1d", " 1d", "90",
					   "1s", "1dd", "d", "3651d", "99999999d",
					   "18446744073709551617d" };
	uint64_t s;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
		s = 7;
		assert_true(expiry_parse(good[i].text, &s));
		assert_int_equal(s, good[i].s);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		if (expiry_parse(bad[i], &s))
			fail_msg("\"%s\" was taken", bad[i]);
}

static void moves_dates_on_only_in_contact(void **state)
{
	static const struct {
		uint64_t expires, period;
		bool contact;
		uint64_t next;
	} rows[] = { /* now is day 1000, see below; in days */
		{ 0, 0, true, 0 },
		{ 1005, 0, false, 0 }, /* turned off */
		{ 0, 160, false, 1160 }, /* turned on: from now, for those away too */
		{ 1160, 160, true, 1160 },
		{ 1151, 160, true, 1151 }, /* less than a sixteenth is gone */
		{ 1149, 160, true, 1160 },
		{ 1001, 160, true, 1160 },
		{ 1001, 160, false, 1001 },
		{ 999, 160, true, 1160 }, /* the clock has jumped; it was here */
		{ 999, 160, false, 999 },
		{ 2000, 160, false, 1160 }, /* the period was shortened */
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(expiry_next(rows[i].expires * DAY,
					     rows[i].period * DAY,
					     rows[i].contact, 1000 * DAY),
				 rows[i].next * DAY);
}

static void the_servers_absence_does_not_count(void **state)
{
	(void)state;
	assert_int_equal(expiry_shift(1010, 1000, 1500), 1510);
	assert_int_equal(expiry_shift(990, 1000, 1500), 990); /* was over */
	assert_int_equal(expiry_shift(0, 1000, 1500), 0);
	assert_int_equal(expiry_shift(1010, 0, 1500), 1010); /* first start */
	assert_int_equal(expiry_shift(1010, 1000, 900), 1010); /* clock set back */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_periods_in_bounds),
		cmocka_unit_test(moves_dates_on_only_in_contact),
		cmocka_unit_test(the_servers_absence_does_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
