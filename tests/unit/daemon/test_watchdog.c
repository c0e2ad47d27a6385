/* SPDX-License-Identifier: MIT
 *
 * test_watchdog.c - a worker that hangs is noticed, one that sleeps is not blamed
 */
#include "tests/unit/unit.h"

#include "daemon/watchdog.h"

static struct node node; /* too large for a stack */
static struct worker workers[2];

static void looks(void **state)
{
	static const struct {
		uint64_t turns[2]; /* at this look; odd: awake */
		bool well;
	} rows[] = {
		{ { 0, 0 }, true }, /* not begun yet */
		{ { 8, 2 }, true },
		{ { 8, 2 }, true }, /* both asleep since */
		{ { 9, 2 }, true }, /* one woke */
		{ { 9, 2 }, false }, /* and hangs */
		{ { 9, 4 }, false }, /* the other moves: no excuse */
		{ { 10, 4 }, true }, /* it came out of it */
		{ { 11, 5 }, true },
		{ { 13, 7 }, true }, /* both busy, both move */
		{ { 15, 7 }, false },
	};

	(void)state;
	node.up = true;
	node.workers = workers;
	node.worker_count = 2;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		atomic_store(&workers[0].turns, rows[i].turns[0]);
		atomic_store(&workers[1].turns, rows[i].turns[1]);
		if (watchdog_well(&node) != rows[i].well)
			fail_msg("row %zu", i);
	}
	node.up = false;
	assert_true(watchdog_well(&node));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(looks) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
