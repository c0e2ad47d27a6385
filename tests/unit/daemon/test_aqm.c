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
		aqm_end(a, 0, i % 10 < of);
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
	aqm_end(&a, 0, false);
	now += SEC(60);
	assert_int_equal(turns(&a, &now, 10, 10), 0);
}

/* What may wait is what turns take in AQM_WAIT; half as fast, half as much. */
static void fast_worker_may_have_more(void **state)
{
	struct aqm a = { 0 };
	nsec_t now = SEC(1000);
	size_t fast, slow;

	(void)state;
	assert_int_equal(aqm_allows(&a), AQM_LEAST);
	for (unsigned i = 0; i < 400; i++, now += MSEC(1) / 2) {
		aqm_begin(&a, now);
		aqm_end(&a, 512 * 1024, false);
	}
	fast = aqm_allows(&a);
	assert_in_range(fast, 1500 * 1024, 1600 * 1024);
	for (unsigned i = 0; i < 400; i++, now += MSEC(1)) {
		aqm_begin(&a, now);
		aqm_end(&a, 512 * 1024, false);
	}
	slow = aqm_allows(&a);
	assert_in_range(slow, fast / 2 - 16 * 1024, fast / 2 + 16 * 1024);
	now += SEC(60);
	aqm_begin(&a, now);
	aqm_begin(&a, now + AQM_WINDOW);
	assert_in_range(aqm_allows(&a), AQM_LEAST, slow / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(idle_and_bursts_pass),
		cmocka_unit_test(standing_queue_is_shortened),
		cmocka_unit_test(pause_is_no_queue),
		cmocka_unit_test(fast_worker_may_have_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
