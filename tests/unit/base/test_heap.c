/* SPDX-License-Identifier: MIT
 *
 * test_heap.c - random schedules come out in order; the map agrees with a list
 */
#include "tests/unit/unit.h"

#include "base/heap.h"
#include "base/hmap.h"
#include "base/rand.h"

enum {
	N = 500
};

static void heap_orders(void **state)
{
	struct heap h = { 0 };
	static struct due d[N];
	struct prng g = { 1 };
	nsec_t before = 0;

	(void)state;
	for (int i = 0; i < 20 * N; i++) {
		nsec_t at = prng_below(&g, 10) ? prng_below(&g, 1000) :
						 NSEC_NEVER;

		assert_int_equal(heap_set(&h, &d[prng_below(&g, N)], at), 0);
	}
	while (heap_first(&h)) {
		struct due *first = heap_first(&h);

		assert_true(first->at >= before);
		before = first->at;
		assert_int_equal(heap_set(&h, first, NSEC_NEVER), 0);
	}
	for (int i = 0; i < N; i++)
		assert_int_equal(d[i].place, 0);
	heap_done(&h);
}

static void map_agrees_with_an_array(void **state)
{
	struct hmap m = { 0 };
	static int value[N];
	void *want[N] = { 0 };
	struct prng g = { 2 };

	(void)state;
	for (int i = 0; i < 50 * N; i++) {
		uint64_t k = prng_below(&g, N);

		if (prng_below(&g, 2)) {
			want[k] = &value[prng_below(&g, N)];
			assert_int_equal(hmap_put(&m, k, want[k]), 0);
		} else {
			want[k] = NULL;
			hmap_del(&m, k);
		}
		k = prng_below(&g, N);
		assert_ptr_equal(hmap_get(&m, k), want[k]);
	}
	hmap_done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heap_orders),
		cmocka_unit_test(map_agrees_with_an_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
