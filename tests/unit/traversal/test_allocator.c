/* SPDX-License-Identifier: MIT
 *
 * test_allocator.c - every allocator of traversal.md 3.6, recognised from 16 samples
 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "traversal/allocator.h"

enum {
	RUNS = 1000,
	RIGHT = 990,
};

/* A model allocator. */
struct model {
	const char *name;
	enum allocator_kind kind;
	int step; /* counter */
	unsigned foreign; /* counter: other hosts' mappings between two, at most */
	unsigned first, count; /* range */
	bool aligned; /* the range begins at a multiple of its size, drawn per run */
	bool set; /* RFC 7597: 15 ranges of 16, stride 4096 */
	unsigned pool; /* external addresses; 0: one */
};

static const struct model models[] = {
	{ "preserving", ALLOCATOR_PRESERVING },
	{ "counter", ALLOCATOR_SEQUENTIAL, .step = 1 },
	{ "counter by 2", ALLOCATOR_SEQUENTIAL, .step = 2 },
	{ "counter down", ALLOCATOR_SEQUENTIAL, .step = -1 },
	{ "counter, foreign traffic", ALLOCATOR_SEQUENTIAL, .step = 1, .foreign = 6 },
	{ "counter, two addresses", ALLOCATOR_SEQUENTIAL, .step = 1, .pool = 2 },
	{ "block of 64", ALLOCATOR_BLOCK, .count = 64, .aligned = true },
	{ "block of 512", ALLOCATOR_BLOCK, .count = 512, .aligned = true },
	{ "block of 1024", ALLOCATOR_BLOCK, .count = 1024, .aligned = true },
	{ "block of 2048", ALLOCATOR_BLOCK, .count = 2048, .aligned = true },
	{ "block of 4096", ALLOCATOR_BLOCK, .count = 4096, .aligned = true },
	{ "block of 300", ALLOCATOR_BLOCK, .first = 3333, .count = 300 },
	{ "block of 1000", ALLOCATOR_BLOCK, .first = 10001, .count = 1000 },
	{ "port set of 240", ALLOCATOR_PORT_SET, .set = true },
	{ "pf", ALLOCATOR_HIGH, .first = 50001, .count = 15535 },
	{ "random", ALLOCATOR_RANDOM, .first = 1024, .count = 64512 },
	{ "random, four addresses", ALLOCATOR_RANDOM, .first = 1024,
	  .count = 64512, .pool = 4 },
};

/* What one run drew. */
struct truth {
	unsigned first, set;
};

static uint16_t draw(const struct model *m, const struct truth *t, struct prng *g,
		     uint16_t local, int *counter)
{
	if (m->step) {
		*counter += m->step * (1 + (int)prng_below(g, m->foreign + 1));
		return (uint16_t)*counter;
	}
	if (m->set)
		return (uint16_t)((1 + prng_below(g, 15)) << 12 | t->set << 4 |
				  prng_below(g, 16));
	if (m->count)
		return (uint16_t)(t->first + prng_below(g, m->count));
	return local;
}

static bool covers(const struct allocator *a, const struct model *m,
		   const struct truth *t)
{
	unsigned range = allocator_range(a), hit = 0;

	if (m->step)
		return a->step * m->step > 0 && abs(a->step) >= abs(m->step) &&
		       range == 0;
	if (!m->count && !m->set)
		return range == 0;
	if (m->set)
		return range == 240 && a->mask == 0x0ff0 && a->bits == t->set << 4;
	if (m->aligned || m->kind != ALLOCATOR_BLOCK)
		return range == m->count && a->low == t->first;
	for (unsigned i = 0; i < range; i++)
		hit += allocator_port(a, i) - t->first < m->count;
	return hit * 4 >= m->count * 3 && range <= m->count * 7 / 4;
}

static bool one(const struct model *m, uint64_t seed)
{
	struct allocator_sample s[ALLOCATOR_SAMPLES];
	struct prng g = { seed };
	struct truth t = { m->first, prng_below(&g, 256) };
	int counter[2] = { (int)prng_below(&g, 65536), (int)prng_below(&g, 65536) };
	struct allocator a = { 0 };
	unsigned n = 0;

	if (m->aligned)
		t.first = m->count * (4096 / m->count + prng_below(&g, 61440 / m->count));
	while (n < ALLOCATOR_SAMPLES) {
		unsigned ip = m->pool ? prng_below(&g, m->pool) : 0;

		s[n].local = (uint16_t)(33000 + prng_below(&g, 20000));
		s[n].mapped.ip = ipaddr_v4(0xcb007101 + ip);
		s[n].mapped.port = draw(m, &t, &g, s[n].local, &counter[ip % 2]);
		a = allocator_infer(s, ++n);
		if (n >= ALLOCATOR_SAMPLES_MIN && allocator_decided(&a, n))
			break;
	}
	return a.kind == m->kind && allocator_valid(&a) && covers(&a, m, &t) &&
	       (a.pool > 1) == (m->pool > 1);
}

static void test_inference(void **state)
{
	for (unsigned i = 0; i < ARRAY_SIZE(models); i++) {
		unsigned right = 0;

		for (uint64_t seed = 1; seed <= RUNS; seed++)
			right += one(&models[i], seed * 7919 + i);
		print_message("# %-28s %4u of %u\n", models[i].name, right, RUNS);
		assert_true(right >= RIGHT);
	}
}

static void test_few_samples_tell_nothing(void **state)
{
	struct allocator_sample s[7] = { 0 };
	struct allocator a = allocator_infer(s, 7);

	assert_int_equal(a.kind, ALLOCATOR_UNKNOWN);
	assert_int_equal(allocator_range(&a), 0);
}

static void test_ports_of_a_range(void **state)
{
	struct allocator a = { .kind = ALLOCATOR_PORT_SET, .low = 1024,
			       .high = 65535, .mask = 0x0ff0, .bits = 0x0120 };

	assert_int_equal(allocator_range(&a), 240);
	for (unsigned i = 0; i < 240; i++) {
		assert_int_equal(allocator_port(&a, i) & 0x0ff0, 0x0120);
		assert_true(allocator_port(&a, i) >= 1024);
		assert_true(i == 0 || allocator_port(&a, i) >
					      allocator_port(&a, i - 1));
	}
	a = (struct allocator){ .kind = ALLOCATOR_HIGH, .low = 50001, .high = 65535 };
	assert_int_equal(allocator_range(&a), 15535);
	assert_int_equal(allocator_port(&a, 15534), 65535);
}

/* what a hostile peer may claim */
static void test_validity(void **state)
{
	static const struct {
		struct allocator a;
		bool valid;
	} t[] = {
		{ { .kind = ALLOCATOR_UNKNOWN }, true },
		{ { .kind = (enum allocator_kind)9 }, false },
		{ { .kind = ALLOCATOR_SEQUENTIAL, .step = 1 }, true },
		{ { .kind = ALLOCATOR_SEQUENTIAL }, false },
		{ { .kind = ALLOCATOR_SEQUENTIAL, .step = -32768 }, false },
		{ { .kind = ALLOCATOR_BLOCK, .low = 2048, .high = 2047 }, false },
		{ { .kind = ALLOCATOR_BLOCK, .low = 80, .high = 2047 }, false },
		{ { .kind = ALLOCATOR_BLOCK, .low = 2048, .high = 4095 }, true },
		{ { .kind = ALLOCATOR_BLOCK, .low = 2048, .high = 4095, .mask = 1 }, false },
		{ { .kind = ALLOCATOR_PORT_SET, .low = 1024, .high = 65535,
		    .mask = 0xff0, .bits = 1 }, false },
		{ { .kind = ALLOCATOR_PORT_SET, .low = 1024, .high = 65535,
		    .mask = 0xffff, .bits = 80 }, true },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(t); i++)
		assert_int_equal(allocator_valid(&t[i].a), t[i].valid);
	assert_int_equal(allocator_range(&t[10].a), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inference),
		cmocka_unit_test(test_few_samples_tell_nothing),
		cmocka_unit_test(test_ports_of_a_range),
		cmocka_unit_test(test_validity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
