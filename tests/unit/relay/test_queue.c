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

static nsec_t now;

static unsigned put(struct queue *q, int32_t receiver, size_t n, uint8_t mark)
{
	struct relay_out o = train(receiver, n, mark);

	return queue_put(q, &o, now);
}

static struct queue_judged judged;

/* take() - the mark of the next train; -1: empty */
static int take(struct queue *q)
{
	struct relay_out o;

	if (!queue_peek(q, now, &o, &judged))
		return -1;
	queue_pop(q, now);
	return o.tos;
}

static void expect(struct queue *q, const int *want, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(take(q), want[i]);
	assert_true(queue_is_empty(q));
}

/* Large ones of two receivers leave in turn, whoever came first. */
static void test_turns(void **state)
{
	struct queue *q = queue_new(4);
	static const int want[] = { 4, 16, 8, 20, 12, 24, -1 };

	now = SEC(1);
	for (uint8_t i = 0; i < 3; i++)
		assert_int_equal(put(q, 0, QUEUE_QUANTUM, (uint8_t)(4 + 4 * i)), 0);
	for (uint8_t i = 0; i < 3; i++)
		assert_int_equal(put(q, 2, QUEUE_QUANTUM, (uint8_t)(16 + 4 * i)), 0);
	expect(q, want, ARRAY_SIZE(want));
	queue_free(q);
}

/* One that had nothing waiting does not stand behind one that fills the link; but it
 * cannot have that again and again. */
static void test_sparse_first(void **state)
{
	struct queue *q = queue_new(4);

	now = SEC(1);
	put(q, 0, 60000, 4);
	put(q, 0, 60000, 8);
	assert_int_equal(take(q), 4);
	put(q, 1, 100, 12);
	put(q, RELAY_NO_CLIENT, 100, 16);
	assert_int_equal(take(q), 12);
	assert_int_equal(take(q), 16);
	put(q, 1, QUEUE_QUANTUM, 20);
	now += MSEC(1);
	put(q, 1, 60000, 24);
	assert_int_equal(take(q), 20); /* what was left of its first turn */
	assert_int_equal(take(q), 24);
	now += MSEC(1);
	put(q, 1, 100, 28);
	assert_int_equal(take(q), 8); /* the other's turn */
	assert_int_equal(take(q), 28);
	queue_free(q);
}

static void test_oldest_goes_first(void **state)
{
	struct queue *q = queue_new(4);

	for (uint8_t i = 1; i <= 4; i++)
		assert_int_equal(put(q, 1, sizeof(data), (uint8_t)(4 * i)), 0);
	assert_int_equal(put(q, 3, 100, 76), 0);
	assert_int_equal(put(q, 1, sizeof(data), 20), 1);
	assert_int_equal(take(q), 8); /* 4 made room */
	assert_int_equal(take(q), 76); /* and the other lost nothing */
	queue_free(q);
}

static void test_full(void **state)
{
	struct queue *q = queue_new(QUEUE_SLOTS);
	unsigned dropped = 0, n = 0;

	for (int i = 0; i < 2 * QUEUE_SLOTS; i++)
		dropped += put(q, i % 3 ? 5 : i % QUEUE_SLOTS, 200,
			       (uint8_t)(4 * (i % 60))); /* none joins another */
	while (take(q) >= 0)
		n++;
	assert_int_equal(n, QUEUE_SLOTS);
	assert_int_equal(dropped, QUEUE_SLOTS);
	assert_int_equal(put(q, 0, 0, 1), 1);
	queue_free(q);
}

/* Datagrams of one size become one train; a shorter one ends it. */
static void test_join(void **state)
{
	struct queue *q = queue_new(4);
	struct relay_out o;

	now = SEC(1);
	for (int i = 0; i < 3; i++) {
		memset(data, i, 100);
		assert_int_equal(put(q, 1, 100, 4), 0);
	}
	assert_int_equal(put(q, 1, 50, 4), 0);
	assert_true(queue_peek(q, now, &o, &judged));
	assert_int_equal(o.n, 300);
	assert_int_equal(o.segment, 100);
	for (int i = 0; i < 300; i++)
		assert_int_equal(o.data[i], i / 100);
	queue_pop(q, now);
	assert_true(queue_peek(q, now, &o, &judged));
	assert_int_equal(o.n, 50);
	queue_pop(q, now);
	for (int i = 0; i < 65; i++)
		assert_int_equal(put(q, 1, 100, 4), 0);
	assert_true(queue_peek(q, now, &o, &judged));
	assert_int_equal(o.n, 6400); /* no more than the kernel takes at once */
	queue_free(q);
}

/* stand() - ten datagrams a millisecond come, one leaves, for a second: how many has
 * CoDel taken, and what has the last one waited? */
static void stand(uint8_t tos, struct queue_judged *out, unsigned *marks)
{
	struct queue *q = queue_new(4);

	now = SEC(1);
	judged = (struct queue_judged){ 0 };
	*marks = 0;
	for (int t = 0; t < 1000; t++) {
		for (int i = 0; i < 10; i++) {
			struct relay_out o = train(1, 1000, tos);

			o.segment = 100;
			(void)queue_put(q, &o, now);
		}
		*marks += take(q) == (tos | 3);
		now += MSEC(1);
	}
	*out = judged;
	queue_free(q);
}

static void test_codel_drops_or_marks(void **state)
{
	struct queue_judged plain, ecn;
	unsigned marks;

	stand(0x20, &plain, &marks);
	assert_int_equal(marks, 0);
	assert_int_equal(plain.marked, 0);
	assert_in_range(plain.dropped, 10, 200);
	stand(0x22, &ecn, &marks);
	assert_int_equal(ecn.dropped, 0);
	assert_in_range(ecn.marked, 10, 200);
	assert_int_equal(marks, ecn.marked);
}

/* A queue that empties in time loses nothing. */
static void test_burst_is_left_alone(void **state)
{
	struct queue *q = queue_new(4);

	now = SEC(1);
	judged = (struct queue_judged){ 0 };
	for (int burst = 0; burst < 50; burst++) {
		for (int i = 0; i < 40; i++)
			assert_int_equal(put(q, 1, 5000, i % 2 ? 4 : 8), 0);
		while (take(q) >= 0)
			now += MSEC(1);
		now += MSEC(60);
	}
	assert_int_equal(judged.dropped + judged.marked, 0);
	queue_free(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_sparse_first),
		cmocka_unit_test(test_oldest_goes_first),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_join),
		cmocka_unit_test(test_codel_drops_or_marks),
		cmocka_unit_test(test_burst_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
