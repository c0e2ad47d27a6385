/* SPDX-License-Identifier: MIT
 *
 * test_path.c - one path's life under a virtual clock
 */
#include "tests/unit/unit.h"

#include "traversal/path.h"

#define T0 SEC(100)

static struct path probing(void)
{
	struct endpoint to;
	struct path p;

	assert_true(endpoint_parse("192.0.2.1:5000", &to));
	path_init(&p, 0, &to, CANDIDATE_REFLEXIVE, T0);
	path_probe(&p, &path_plan_r0, T0, T0);
	return p;
}

static struct path alive(void)
{
	struct path p = probing();

	path_pinged(&p, 11, T0);
	assert_true(path_ponged(&p, 11, T0 + MSEC(20)));
	path_pinged(&p, 12, T0 + MSEC(20));
	assert_true(path_ponged(&p, 12, T0 + MSEC(40)));
	return p;
}

static void a_probe_pings_by_plan_and_dies(void **state)
{
	struct path p = probing();
	static const nsec_t at[] = { T0, T0 + MSEC(100), T0 + MSEC(300) };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(path_next(&p), at[i]);
		path_pinged(&p, i + 1, at[i]);
	}
	assert_int_equal(path_next(&p), T0 + MSEC(1300));
	path_expire(&p, T0 + MSEC(1300));
	assert_int_equal(p.state, PATH_DEAD);
	assert_true(path_next(&p) == NSEC_NEVER);
}

static void two_pongs_make_it_fit(void **state)
{
	struct path p = probing();

	(void)state;
	path_pinged(&p, 11, T0);
	assert_false(path_ponged(&p, 12, T0 + MSEC(20)));
	assert_int_equal(p.state, PATH_PROBING);
	assert_true(path_ponged(&p, 11, T0 + MSEC(20)));
	assert_false(path_ponged(&p, 11, T0 + MSEC(20))); /* once only */
	assert_int_equal(p.state, PATH_ALIVE);
	assert_false(path_fit(&p));
	assert_int_equal(path_next(&p), T0 + MSEC(20)); /* asks again at once */
	path_pinged(&p, 12, T0 + MSEC(20));
	assert_true(path_ponged(&p, 12, T0 + MSEC(40)));
	assert_true(path_fit(&p));
	assert_int_equal(p.srtt, MSEC(20));
}

static void silence_makes_it_suspect_then_dead(void **state)
{
	struct path p = alive();
	nsec_t t = T0 + SEC(5);
	uint64_t txid = 100;

	(void)state;
	path_check(&p, t);
	for (int lost = 0; lost < 5; lost++) {
		assert_int_equal(p.state, lost < 2 ? PATH_ALIVE : PATH_SUSPECT);
		assert_int_equal(path_next(&p), t);
		path_pinged(&p, txid++, t);
		t += MSEC(250);
		assert_int_equal(path_next(&p), t);
		path_expire(&p, t);
	}
	assert_int_equal(p.state, PATH_DEAD);
	path_pinged(&p, 200, t);
	assert_true(path_ponged(&p, 200, t + MSEC(20)));
	assert_int_equal(p.state, PATH_ALIVE);
	assert_false(path_fit(&p)); /* one pong after a loss is not enough */
}

static void data_counts_as_life_for_a_while(void **state)
{
	struct path p = alive();
	nsec_t t = T0 + SEC(5);

	(void)state;
	path_check(&p, t);
	path_pinged(&p, 100, t);
	path_heard(&p, t + MSEC(100));
	path_expire(&p, t + MSEC(250));
	assert_int_equal(p.unanswered, 0);
	assert_int_equal(p.state, PATH_ALIVE);
	t += SEC(20); /* no pong for longer than 15 s: data alone will not do */
	path_check(&p, t);
	path_pinged(&p, 101, t);
	path_heard(&p, t + MSEC(100));
	path_expire(&p, t + MSEC(250));
	assert_int_equal(p.unanswered, 1);
}

static void late_pongs_are_no_answer(void **state)
{
	struct path p = probing();

	(void)state;
	path_pinged(&p, 11, T0);
	assert_false(path_ponged(&p, 11, T0 + SEC(6)));
	assert_int_equal(p.state, PATH_PROBING);
}

static void loss_is_counted(void **state)
{
	struct path p = alive();

	(void)state;
	assert_true(path_loss(&p) < 0.001);
	path_check(&p, T0 + SEC(5));
	path_pinged(&p, 100, T0 + SEC(5));
	path_expire(&p, T0 + SEC(6));
	assert_true(path_loss(&p) > 0.33 && path_loss(&p) < 0.34);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_probe_pings_by_plan_and_dies),
		cmocka_unit_test(two_pongs_make_it_fit),
		cmocka_unit_test(silence_makes_it_suspect_then_dead),
		cmocka_unit_test(data_counts_as_life_for_a_while),
		cmocka_unit_test(late_pongs_are_no_answer),
		cmocka_unit_test(loss_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
