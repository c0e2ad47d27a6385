/* SPDX-License-Identifier: MIT
 *
 * test_punch.c - the order of openers, GO, OPENED and pings; budgets
 */
#include "tests/unit/unit.h"

#include "traversal/budget.h"
#include "traversal/punch.h"

#define T0 SEC(100)

static void the_leader_pings_after_opened(void **state)
{
	struct punch p = { .step = PUNCH_REST };

	(void)state;
	punch_begin(&p, 7, 1, false, T0);
	assert_int_equal(punch_tick(&p, T0), PUNCH_OPEN);
	assert_int_equal(punch_tick(&p, T0), PUNCH_NOTHING);
	assert_int_equal(punch_tick(&p, punch_next(&p)), PUNCH_AGAIN);
	assert_false(punch_opened(&p, 8, T0 + MSEC(200)));
	assert_true(punch_opened(&p, 7, T0 + MSEC(200)));
	assert_false(punch_opened(&p, 7, T0 + MSEC(200)));
	assert_int_equal(punch_tick(&p, T0 + MSEC(200)), PUNCH_PINGS);
	assert_int_equal(punch_tick(&p, T0 + MSEC(2200)), PUNCH_OVER);
	assert_true(punch_next(&p) == NSEC_NEVER);
}

static void the_other_opens_then_pings(void **state)
{
	struct punch p = { .step = PUNCH_REST };
	bool answer = false;

	(void)state;
	assert_true(punch_called(&p, 7, 1, &answer, T0));
	assert_true(answer);
	assert_int_equal(punch_tick(&p, T0), PUNCH_NOTHING);
	assert_false(punch_called(&p, 7, 1, &answer, T0 + MSEC(1)));
	assert_true(answer); /* its OPENED may be lost */
	assert_int_equal(punch_tick(&p, T0 + MSEC(15)), PUNCH_PINGS);
	punch_stop(&p);
	assert_false(punch_called(&p, 7, 1, &answer, T0 + SEC(9)));
	assert_false(answer); /* a plan of the past */
}

static void nobody_answers(void **state)
{
	struct punch p = { .step = PUNCH_REST };
	unsigned calls = 0;

	(void)state;
	punch_begin(&p, 7, 1, false, T0);
	for (;;) {
		enum punch_event e = punch_tick(&p, punch_next(&p));

		if (e == PUNCH_OVER)
			break;
		assert_in_range(++calls, 1, 5);
	}
	assert_int_equal(calls, 5);
}

static void fresh_ports_are_awaited(void **state)
{
	struct punch p = { .step = PUNCH_REST };

	(void)state;
	punch_begin(&p, 7, 2, true, T0);
	assert_int_equal(punch_tick(&p, T0 + MSEC(100)), PUNCH_NOTHING);
	punch_self_fresh(&p, T0 + MSEC(100));
	assert_int_equal(punch_tick(&p, T0 + MSEC(100)), PUNCH_NOTHING);
	punch_peer_fresh(&p, T0 + MSEC(150));
	assert_int_equal(punch_tick(&p, T0 + MSEC(150)), PUNCH_OPEN);
}

static void ttl_by_round(void **state)
{
	(void)state;
	assert_int_equal(punch_ttl(0, 1), 2);
	assert_int_equal(punch_ttl(0, 2), 3);
	assert_int_equal(punch_ttl(1, 1), 2);
	assert_int_equal(punch_ttl(3, 1), 3);
	assert_int_equal(punch_ttl(3, 2), 4);
	assert_int_equal(punch_ttl(255, 3), 8);
}

static void budgets(void **state)
{
	static struct budget b;
	struct ipaddr a = ipaddr_v4(0xC0000201);

	(void)state;
	for (int i = 0; i < BUDGET_UNPROVEN; i++)
		assert_true(budget_take(&b, &a, BUDGET_UNPROVEN, T0));
	assert_false(budget_take(&b, &a, BUDGET_UNPROVEN, T0 + SEC(29)));
	assert_int_equal(budget_left(&b, &a, BUDGET_UNPROVEN, T0), 0);
	assert_true(budget_take(&b, &a, BUDGET_UNPROVEN, T0 + SEC(30)));
	for (uint32_t i = 1; i < BUDGET_ROWS; i++) {
		struct ipaddr other = ipaddr_v4(0xC0000201 + i);

		assert_true(budget_take(&b, &other, 16, T0 + SEC(30)));
	}
	a = ipaddr_v4(0xC6336401); /* no row left: refused, nobody forgotten */
	assert_false(budget_take(&b, &a, 16, T0 + SEC(30)));
}

/* no 30 s may hold more than the limit, wherever they begin */
static void no_two_windows_side_by_side(void **state)
{
	static struct budget b;
	struct ipaddr a = ipaddr_v4(0xC0000201);

	(void)state;
	assert_true(budget_take(&b, &a, 16, T0));
	for (int i = 0; i < 15; i++)
		assert_true(budget_take(&b, &a, 16, T0 + SEC(29)));
	assert_false(budget_take(&b, &a, 16, T0 + SEC(31)));
	assert_true(budget_take(&b, &a, 16, T0 + SEC(59)));
}

static void a_node_has_a_budget_for_all_its_peers(void **state)
{
	static struct budget_node b;
	unsigned sent = 0;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		struct ipaddr a = ipaddr_v4(0xC6330000 + i);

		for (int k = 0; k < 20; k++)
			sent += budget_node_take(&b, &a, T0);
	}
	assert_int_equal(sent, BUDGET_NODE);
	assert_int_equal(b.sent, BUDGET_NODE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_leader_pings_after_opened),
		cmocka_unit_test(the_other_opens_then_pings),
		cmocka_unit_test(nobody_answers),
		cmocka_unit_test(fresh_ports_are_awaited),
		cmocka_unit_test(ttl_by_round),
		cmocka_unit_test(budgets),
		cmocka_unit_test(no_two_windows_side_by_side),
		cmocka_unit_test(a_node_has_a_budget_for_all_its_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
