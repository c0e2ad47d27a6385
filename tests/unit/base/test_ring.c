/* SPDX-License-Identifier: MIT
 *
 * test_ring.c - order is kept, a full ring says so, two threads agree
 */
#include "tests/unit/unit.h"

#include <pthread.h>
#include <sched.h>

#include "base/ring.h"

static void fills_and_empties(void **state)
{
	struct ring r;

	(void)state;
	assert_int_equal(ring_init(&r, sizeof(int), 4), 0);
	assert_null(ring_peek(&r));
	assert_int_equal(ring_room(&r), 4);
	for (int i = 0; i < 4; i++) {
		int *slot = ring_reserve(&r);

		assert_non_null(slot);
		*slot = i;
		ring_publish(&r);
	}
	assert_null(ring_reserve(&r));
	assert_int_equal(ring_room(&r), 0);
	for (int i = 0; i < 4; i++) {
		int *slot = ring_peek(&r);

		assert_int_equal(*slot, i);
		ring_release(&r);
	}
	assert_null(ring_peek(&r));
	ring_done(&r);
}

static void empty_begins_anew(void **state)
{
	struct ring r;
	int *first;

	(void)state;
	assert_int_equal(ring_init(&r, sizeof(int), 4), 0);
	first = ring_reserve(&r);
	for (int i = 0; i < 10; i++) { /* never deeper than one */
		assert_ptr_equal(ring_reserve(&r), first);
		ring_publish(&r);
		assert_ptr_equal(ring_peek(&r), first);
		ring_release(&r);
	}
	for (int i = 0; i < 6; i++) { /* never empty: all slots in turn */
		int *slot = ring_reserve(&r);

		assert_ptr_equal(slot, first + i % 4);
		*slot = i;
		ring_publish(&r);
		if (i < 2)
			continue;
		assert_int_equal(*(int *)ring_peek(&r), i - 2);
		ring_release(&r);
	}
	ring_done(&r);
}

enum {
	ROUNDS = 100000
};

static void *produce(void *arg)
{
	for (int i = 0; i < ROUNDS;) {
		int *slot = ring_reserve(arg);

		if (!slot) {
			sched_yield();
			continue;
		}
		*slot = i++;
		ring_publish(arg);
	}
	return NULL;
}

static void two_threads(void **state)
{
	struct ring r;
	pthread_t t;

	(void)state;
	assert_int_equal(ring_init(&r, sizeof(int), 64), 0);
	assert_int_equal(pthread_create(&t, NULL, produce, &r), 0);
	for (int i = 0; i < ROUNDS;) {
		int *slot = ring_peek(&r);

		if (!slot) {
			sched_yield();
			continue;
		}
		assert_int_equal(*slot, i++);
		ring_release(&r);
	}
	pthread_join(t, NULL);
	ring_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fills_and_empties),
		cmocka_unit_test(empty_begins_anew),
		cmocka_unit_test(two_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
