/* SPDX-License-Identifier: MIT
 *
 * test_queue.c - bounded queues per receiver
 */
#include "tests/unit/unit.h"

#include "relay/queue.h"

static uint8_t data[60000];

static struct relay_out train(int32_t receiver, size_t n, uint8_t mark)
{
	return (struct relay_out){ .data = data,
				   .n = n,
				   .segment = n,
				   .receiver = receiver,
				   .tos = mark };
}

static unsigned put(struct queue *q, int32_t receiver, size_t n, uint8_t mark)
{
	struct relay_out o = train(receiver, n, mark);

	return queue_put(q, &o);
}

static int take(struct queue *q)
{
	struct relay_out o;

	if (!queue_peek(q, &o))
		return -1;
	queue_pop(q);
	return o.tos;
}

static void test_turns(void **state)
{
	struct queue *q = queue_new(4);
	static const int want[] = { 1, 4, 6, 2, 5, 3, -1 };

	assert_int_equal(put(q, 0, 100, 1), 0);
	assert_int_equal(put(q, 0, 100, 2), 0);
	assert_int_equal(put(q, 0, 100, 3), 0);
	assert_int_equal(put(q, 2, 100, 4), 0);
	assert_int_equal(put(q, 2, 100, 5), 0);
	assert_int_equal(put(q, RELAY_NO_CLIENT, 100, 6), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(want); i++)
		assert_int_equal(take(q), want[i]);
	assert_true(queue_is_empty(q));
	queue_free(q);
}

static void test_oldest_goes_first(void **state)
{
	struct queue *q = queue_new(4);

	for (uint8_t i = 1; i <= 4; i++)
		assert_int_equal(put(q, 1, sizeof(data), i), 0);
	assert_int_equal(put(q, 3, 100, 77), 0);
	assert_int_equal(put(q, 1, sizeof(data), 5), 1);
	assert_int_equal(take(q), 2); /* 1 made room */
	assert_int_equal(take(q), 77); /* and the other lost nothing */
	queue_free(q);
}

static void test_full(void **state)
{
	struct queue *q = queue_new(QUEUE_SLOTS);
	unsigned dropped = 0, n = 0;

	for (int i = 0; i < 2 * QUEUE_SLOTS; i++)
		dropped += put(q, i % 3 ? 5 : i % QUEUE_SLOTS, 200, 1);
	while (take(q) >= 0)
		n++;
	assert_int_equal(n, QUEUE_SLOTS);
	assert_int_equal(dropped, QUEUE_SLOTS);
	assert_int_equal(put(q, 0, 0, 1), 1);
	queue_free(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_oldest_goes_first),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
