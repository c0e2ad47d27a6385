/* SPDX-License-Identifier: MIT
 *
 * test_uplinks.c - who holds which place among the spare uplinks
 */
#include "tests/unit/unit.h"

#include "daemon/uplinks.h"

static void held_are(const unsigned *held, unsigned a, unsigned b)
{
	assert_int_equal(held[0], a);
	assert_int_equal(held[1], b);
}

static void the_usual_one_takes_no_place(void **state)
{
	unsigned held[UPLINKS_HELD] = { 0 };

	(void)state;
	uplinks_assign((unsigned[]){ 7 }, 1, held);
	held_are(held, 0, 0);
	uplinks_assign((unsigned[]){ 7, 3 }, 2, held);
	held_are(held, 3, 0);
	uplinks_assign((unsigned[]){ 7, 9, 3 }, 3, held);
	held_are(held, 3, 9);
	uplinks_assign((unsigned[]){ 7, 9, 5, 3 }, 4, held); /* no room for 5 */
	held_are(held, 3, 9);
	uplinks_assign(NULL, 0, held);
	held_are(held, 0, 0);
}

/* the usual one dies: the spare one becomes the usual, and its paths live on */
static void who_has_a_place_keeps_it(void **state)
{
	unsigned held[UPLINKS_HELD] = { 0 };

	(void)state;
	uplinks_assign((unsigned[]){ 7, 3 }, 2, held);
	uplinks_assign((unsigned[]){ 3 }, 1, held);
	held_are(held, 3, 0);
	uplinks_assign((unsigned[]){ 7, 3 }, 2, held); /* it is back */
	held_are(held, 3, 0);
	uplinks_assign((unsigned[]){ 3, 7 }, 2, held); /* the other metric */
	held_are(held, 3, 7);
	uplinks_assign((unsigned[]){ 7 }, 1, held);
	held_are(held, 0, 7);
}

static void slots(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WORKER_PORTS_MAX; i++) {
		bool is = i >= PATHSET_UPLINKS && i < PATHSET_ADOPTED;

		assert_int_equal(uplinks_is_slot(i), is);
		assert_int_equal(uplinks_slot_v6(i), is && i % 2 == 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_usual_one_takes_no_place),
		cmocka_unit_test(who_has_a_place_keeps_it),
		cmocka_unit_test(slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
