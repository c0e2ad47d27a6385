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

/* outage() - so many pings in a row are lost; when it ends */
static nsec_t outage(struct path *p, unsigned pings, nsec_t t)
{
	for (unsigned i = 0; i < pings; i++) {
		path_check(p, t);
		path_pinged(p, 500 + i, t);
		t += MSEC(250);
		path_expire(p, t);
	}
	return t;
}

static nsec_t revive(struct path *p, nsec_t t)
{
	for (unsigned i = 0; i < 2; i++) {
		path_pinged(p, 900 + i, t);
		t += MSEC(20);
		assert_true(path_ponged(p, 900 + i, t));
	}
	return t;
}

/* what an outage left unanswered is not loss: else the path would be dear for long */
static void an_outage_is_not_loss(void **state)
{
	struct path p = alive();
	nsec_t t = outage(&p, 5, T0 + SEC(5));

	(void)state;
	assert_int_equal(p.state, PATH_DEAD);
	(void)revive(&p, t);
	assert_true(path_loss(&p) < 0.001);
	assert_int_equal(p.history_count, 4);

	p = alive(); /* probed anew before it answers */
	t = outage(&p, 5, T0 + SEC(5));
	path_probe(&p, &path_plan_r0, t, t);
	(void)revive(&p, t);
	assert_true(path_loss(&p) < 0.001);

	p = alive(); /* over before it is dead: data came in */
	t = outage(&p, 3, T0 + SEC(5));
	assert_int_equal(p.state, PATH_SUSPECT);
	path_heard(&p, t);
	assert_int_equal(p.state, PATH_ALIVE);
	assert_true(path_loss(&p) < 0.001);

	p = alive(); /* two lost are loss */
	t = outage(&p, 2, T0 + SEC(5));
	(void)revive(&p, t);
	assert_true(path_loss(&p) > 0.3);
}

/* what waited for a link to come up says nothing of the way; what is always late does */
static void one_late_answer_is_no_round_trip(void **state)
{
	struct path p = alive();
	nsec_t t = T0 + SEC(5);

	(void)state;
	for (unsigned i = 0; i < 4; i++) /* all come at once */
		path_pinged(&p, 40 + i, t - SEC(4) + MSEC(250) * i);
	for (unsigned i = 0; i < 4; i++)
		assert_true(path_ponged(&p, 40 + i, t));
	assert_int_equal(p.srtt, MSEC(20));
	p.late = false;
	t += SEC(1);
	for (unsigned i = 0; i < 3; i++) {
		path_pinged(&p, 50 + i, t);
		assert_true(path_ponged(&p, 50 + i, t + SEC(4)));
		assert_true(i ? p.srtt > MSEC(300) : p.srtt == MSEC(20));
		t += SEC(5);
	}
	path_pinged(&p, 60, t);
	assert_true(path_ponged(&p, 60, t + MSEC(20)));
	assert_false(p.late);
}

static void the_trial_grows_with_each_death(void **state)
{
	static const nsec_t holds[] = { SEC(2), SEC(4), SEC(8), SEC(16), SEC(32), SEC(60),
					SEC(60) };
	struct path p = alive();
	nsec_t t = T0 + SEC(5);

	(void)state;
	assert_true(path_settled(&p, T0 + MSEC(40))); /* it never died */
	for (unsigned i = 0; i < ARRAY_SIZE(holds); i++) {
		nsec_t first;

		t = outage(&p, 5, t);
		assert_int_equal(p.state, PATH_DEAD);
		assert_false(path_settled(&p, t));
		first = t + MSEC(20);
		t = revive(&p, t);
		assert_false(path_settled(&p, first + holds[i] - 1));
		assert_true(path_settled(&p, first + holds[i]));
		t = first + holds[i] + SEC(1);
	}
	t += SEC(60 + 300); /* a long life since */
	t = outage(&p, 5, t);
	t = revive(&p, t);
	assert_true(path_settled(&p, t + SEC(2)));
}

/* a link that comes up lets it live for a moment, thrice */
static void a_death_on_trial_does_not_count(void **state)
{
	struct path p = alive();
	nsec_t t = outage(&p, 5, T0 + SEC(5)), first = t;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		first = t + MSEC(20);
		t = revive(&p, t);
		t = outage(&p, 5, t);
		assert_int_equal(p.state, PATH_DEAD);
		assert_true(t < first + SEC(2));
	}
	first = t + MSEC(20);
	(void)revive(&p, t);
	assert_false(path_settled(&p, first + SEC(2) - 1));
	assert_true(path_settled(&p, first + SEC(2)));
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
		cmocka_unit_test(an_outage_is_not_loss),
		cmocka_unit_test(one_late_answer_is_no_round_trip),
		cmocka_unit_test(the_trial_grows_with_each_death),
		cmocka_unit_test(a_death_on_trial_does_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
