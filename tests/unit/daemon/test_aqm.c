/* SPDX-License-Identifier: MIT
 *
 * test_aqm.c - a standing queue is shortened, a burst is left alone
 */
#include "tests/unit/unit.h"

#include "daemon/aqm.h"

/* turns() - a turn each half millisecond, with a queue in `of` of ten; packets taken */
static unsigned turns(struct aqm *a, nsec_t *now, unsigned ms, unsigned of)
{
	unsigned taken = 0;

	for (unsigned i = 0; i < ms * 2; i++) {
		aqm_begin(a, *now);
		for (unsigned k = 0; k < 100; k++)
			taken += aqm_wants(a, *now);
		aqm_end(a, i % 10 < of);
		*now += MSEC(1) / 2;
	}
	return taken;
}

static void idle_and_bursts_pass(void **state)
{
	struct aqm a = { 0 };
	nsec_t now = SEC(1000);

	(void)state;
	assert_int_equal(turns(&a, &now, 1000, 0), 0);
	assert_int_equal(turns(&a, &now, 1000, 4), 0);
	/* one window of queue among others without */
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(turns(&a, &now, 10, 10), 0);
		assert_int_equal(turns(&a, &now, 20, 0), 0);
	}
}

static void standing_queue_is_shortened(void **state)
{
	struct aqm a = { 0 };
	nsec_t now = SEC(1000);
	unsigned first, later;

	(void)state;
	assert_int_equal(turns(&a, &now, 20, 10), 0);
	first = turns(&a, &now, 20, 10);
	assert_in_range(first, 1, 4);
	later = turns(&a, &now, 40, 6);
	assert_true(later > 2 * first);
	/* never more than its share, however long it stands */
	turns(&a, &now, 1000, 10);
	assert_true(turns(&a, &now, 100, 10) <= 11 * AQM_SHED_MAX);
	/* and it ends with the queue */
	turns(&a, &now, 20, 0);
	assert_int_equal(turns(&a, &now, 1000, 0), 0);
}

static void pause_is_no_queue(void **state)
{
	struct aqm a = { 0 };
	nsec_t now = SEC(1000);

	(void)state;
	turns(&a, &now, 30, 10);
	aqm_begin(&a, now);
	aqm_end(&a, false);
	now += SEC(60);
	assert_int_equal(turns(&a, &now, 10, 10), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(idle_and_bursts_pass),
		cmocka_unit_test(standing_queue_is_shortened),
		cmocka_unit_test(pause_is_no_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
