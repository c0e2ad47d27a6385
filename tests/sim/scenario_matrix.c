/* SPDX-License-Identifier: MIT
 *
 * scenario_matrix.c - time to direct for every pair of endpoint-independent NATs
 *
 * Prints one row per pair: how many of the seeds went direct, median and 95th
 * percentile. A failure prints its seed.
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/world.h"

enum {
	SEEDS = 200,
};

struct row {
	const char *name;
	struct world_setup s;
	unsigned permille; /* least share of success; 0: none is expected */
	unsigned median_ms, p95_ms; /* at most */
};

static int ascending(const void *a, const void *b)
{
	const nsec_t x = *(const nsec_t *)a, y = *(const nsec_t *)b;

	return (x > y) - (x < y);
}

/* vary() - the network of one seed: 0.2 or 5-65 ms, one in 100 lost, some reorder; in half
 * of them only one side begins */
static void vary(struct world_setup *s, uint64_t seed)
{
	struct prng g = { seed * 77 + 5 };

	s->seed = seed;
	s->direct.delay = MSEC(5 + prng_below(&g, 60));
	s->direct.jitter = MSEC(4);
	if (seed % 3 == 0) {
		s->direct.delay = USEC(200);
		s->direct.jitter = USEC(100);
	}
	s->lazy = seed % 2;
	s->direct.loss_permille = 10;
	s->relay = s->direct;
	s->relay.delay += MSEC(prng_below(&g, 40));
}

static nsec_t one(const struct row *r, uint64_t seed)
{
	struct world_setup s = r->s;
	struct world *w;
	nsec_t t0, t = NSEC_NEVER;

	vary(&s, seed);
	w = world_new(&s);
	world_start(w);
	t0 = w->now;
	if (world_run_direct(w, w->now + SEC(10)))
		t = w->now - t0;
	if (t == NSEC_NEVER && r->permille)
		printf("# %s: seed %llu did not go direct\n", r->name,
		       (unsigned long long)seed);
	assert_int_equal(w->node[0].forbidden + w->node[1].forbidden, 0);
	world_free(w);
	return t;
}

static void print_time(const char *what, nsec_t t)
{
	if (t == NSEC_NEVER)
		printf("  %s   never", what);
	else
		printf("  %s %4.0f ms", what, (double)t / 1e6);
}

static void run(const struct row *r)
{
	static nsec_t t[SEEDS];
	unsigned ok = 0;

	for (unsigned i = 0; i < SEEDS; i++) {
		t[i] = one(r, i + 1);
		ok += t[i] != NSEC_NEVER;
	}
	qsort(t, SEEDS, sizeof(t[0]), ascending);
	printf("# %-48s %3u/%u", r->name, ok, SEEDS);
	print_time("p50", t[SEEDS / 2]);
	print_time("p95", t[SEEDS * 95 / 100]);
	printf("\n");
	assert_true(ok * 1000 >= r->permille * SEEDS);
	if (r->permille == 0)
		return;
	assert_true(t[SEEDS / 2] <= MSEC(r->median_ms));
	assert_true(t[SEEDS * 95 / 100] <= MSEC(r->p95_ms));
}

#define EI NAT_KIND_INDEPENDENT
#define AD NAT_KIND_ADDRESS
#define AP NAT_KIND_ADDRESS_PORT

static void endpoint_independent_pairs(void **state)
{
	static const struct row rows[] = {
		{ "open x open", { .open = { 1, 1 }, .hops = 3 }, 1000, 300, 1000 },
		{ "open x port-restricted",
		  { .open = { 1, 0 }, .filtering = { EI, AP }, .hops = 3 },
		  1000, 400, 1000 },
		{ "full cone x port-restricted, known",
		  { .filtering = { EI, AP }, .known = 1, .hops = 3 }, 985, 400, 1000 },
		{ "full cone x port-restricted",
		  { .filtering = { EI, AP }, .hops = 3 }, 985, 400, 1000 },
		{ "full cone x full cone", { .filtering = { EI, EI }, .hops = 3 },
		  985, 400, 1000 },
		{ "restricted x port-restricted",
		  { .filtering = { AD, AP }, .hops = 3 }, 985, 400, 1000 },
		{ "port-restricted x 2, 1 hop",
		  { .filtering = { AP, AP }, .hops = 1 }, 985, 400, 1000 },
		{ "port-restricted x 2, 5 hops",
		  { .filtering = { AP, AP }, .hops = 5 }, 985, 400, 1000 },
		{ "port-restricted x 2, adjacent",
		  { .filtering = { AP, AP }, .hops = 0 }, 985, 400, 1000 },
		{ "poisonable x 2, 1 hop",
		  { .filtering = { AP, AP }, .accepts = { 1, 1 }, .hops = 1 },
		  985, 400, 1200 },
		{ "poisonable x 2, 5 hops, known",
		  { .filtering = { AP, AP }, .accepts = { 1, 1 }, .known = 1,
		    .hops = 5 }, 985, 400, 1200 },
		{ "poisonable x port-restricted, 1 hop",
		  { .filtering = { AP, AP }, .accepts = { 1, 0 }, .hops = 1 },
		  985, 400, 1200 },
		{ "port-restricted x poisonable, adjacent, known",
		  { .filtering = { AP, AP }, .accepts = { 0, 1 }, .known = 1,
		    .hops = 0 }, 985, 400, 1200 },
		{ "poisonable x port-restricted, adjacent",
		  { .filtering = { AP, AP }, .accepts = { 1, 0 }, .hops = 0 },
		  985, 3500, 5000 },
		{ "port-restricted x poisonable, adjacent",
		  { .filtering = { AP, AP }, .accepts = { 0, 1 }, .hops = 0 },
		  985, 3500, 5000 },
		{ "symmetric x full cone, known",
		  { .mapping = { AP, EI }, .filtering = { AP, EI }, .known = 1,
		    .hops = 3 }, 985, 400, 1000 },
		{ "symmetric x restricted",
		  { .mapping = { AP, EI }, .filtering = { AP, AD }, .hops = 3 },
		  985, 500, 1200 },
		{ "symmetric x open",
		  { .mapping = { AP, EI }, .filtering = { AP, EI },
		    .open = { 0, 1 }, .hops = 3 }, 1000, 400, 1000 },
		{ "symmetric x port-restricted (relay is expected)",
		  { .mapping = { AP, EI }, .filtering = { AP, AP }, .hops = 3 },
		  0, 0, 0 },
		{ "poisonable x 2, adjacent (relay is expected)",
		  { .filtering = { AP, AP }, .accepts = { 1, 1 }, .hops = 0 },
		  0, 0, 0 },
		{ "poisonable x port-restricted, adjacent, known",
		  { .filtering = { AP, AP }, .accepts = { 1, 0 }, .known = 1,
		    .hops = 0 }, 985, 400, 1200 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		run(&rows[i]);
}

/* every filtering, poisonable or not, near and far: none may stay on the relay */
static void grid(void **state)
{
	unsigned runs = 0, direct = 0;

	(void)state;
	for (unsigned i = 0; i < 3 * 3 * 2 * 2 * 3 * 2; i++) {
		static const unsigned hops[] = { 1, 2, 5 };
		struct row r = { .name = "grid", .permille = 985 };

		r.s.filtering[0] = (enum nat_kind)(i % 3);
		r.s.filtering[1] = (enum nat_kind)(i / 3 % 3);
		r.s.accepts[0] = i / 9 % 2;
		r.s.accepts[1] = i / 18 % 2;
		r.s.hops = hops[i / 36 % 3];
		r.s.known = i / 108 % 2;
		for (uint64_t seed = 1; seed <= 10; seed++) {
			runs++;
			direct += one(&r, seed * 1000 + i) <= SEC(4);
		}
	}
	printf("# endpoint-independent grid: %u of %u direct in 4 s\n", direct, runs);
	assert_true(direct * 1000 >= runs * 985);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(endpoint_independent_pairs),
		cmocka_unit_test(grid),
	};

	if (key_setup() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
