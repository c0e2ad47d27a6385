/* SPDX-License-Identifier: MIT
 *
 * test_quota.c - octets of a day and of a month
 */
#include "tests/unit/unit.h"

#include "relay/quota.h"

enum {
	DAY = 24 * 3600,
	JANUARY_30 = 1769731200, /* of 2026, 00:00 */
};

static struct key_public key(unsigned i)
{
	struct key_public k = { 0 };

	memcpy(k.b, &i, sizeof(i));
	return k;
}

static bool spent(const struct quota *q, unsigned i)
{
	struct key_public k = key(i);

	return quota_spent(q, &k);
}

static void add(struct quota *q, unsigned i, uint64_t octets)
{
	struct key_public k = key(i);

	quota_add(q, &k, octets);
}

static void test_no_limit(void **state)
{
	struct quota q = { 0 };

	(void)state;
	quota_turn(&q, JANUARY_30);
	add(&q, 1, UINT64_C(1) << 60);
	assert_false(spent(&q, 1));
	assert_int_equal(q.count, 0); /* nobody is counted for nothing */
	quota_done(&q);
}

static void test_a_day(void **state)
{
	struct quota q = { .node_daily = 100, .seed = 5 };

	(void)state;
	quota_turn(&q, JANUARY_30);
	add(&q, 1, 99);
	assert_false(spent(&q, 1));
	add(&q, 1, 1);
	assert_true(spent(&q, 1));
	assert_false(spent(&q, 2));
	quota_turn(&q, JANUARY_30 + DAY - 1);
	assert_true(spent(&q, 1));
	quota_turn(&q, JANUARY_30 + DAY);
	assert_false(spent(&q, 1));
	assert_int_equal(q.total, 100); /* of the month */
	quota_done(&q);
}

static void test_a_month(void **state)
{
	struct quota q = { .monthly = 100, .seed = 5 };

	(void)state;
	assert_int_equal(quota_month(JANUARY_30), 56 * 12);
	assert_int_equal(quota_month(JANUARY_30 + 2 * DAY), 56 * 12 + 1);
	q.month = quota_month(JANUARY_30); /* as kept from before the start */
	q.total = 60;
	quota_turn(&q, JANUARY_30);
	add(&q, 1, 30);
	assert_false(spent(&q, 2));
	add(&q, 2, 10);
	assert_true(spent(&q, 1));
	assert_true(spent(&q, 3));
	quota_turn(&q, JANUARY_30 + 2 * DAY);
	assert_false(spent(&q, 1));
	quota_done(&q);
}

static void test_many_nodes(void **state)
{
	struct quota q = { .node_daily = 1, .seed = 5 };

	(void)state;
	quota_turn(&q, JANUARY_30);
	for (unsigned i = 0; i <= QUOTA_NODES_MAX; i++)
		add(&q, i, 1);
	assert_int_equal(q.count, QUOTA_NODES_MAX);
	assert_true(spent(&q, 0));
	assert_true(spent(&q, QUOTA_NODES_MAX - 1));
	assert_false(spent(&q, QUOTA_NODES_MAX));
	quota_done(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_limit),
		cmocka_unit_test(test_a_day),
		cmocka_unit_test(test_a_month),
		cmocka_unit_test(test_many_nodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
