/* SPDX-License-Identifier: MIT
 *
 * scenario_hardnat.c - time to direct where one NAT or both choose ports by destination
 *
 * Every kind of port allocator against every class of the other side. Relay RTT about
 * 80 ms, direct RTT about 40 ms, jitter, one packet in 100 lost. Prints one row per cell:
 * successes, median and 95th percentile, probes of the easy side; asserts the targets of
 * traversal.md 6.6 where `permille` is set. ADIT_SIM_SEEDS: more than 40 runs.
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/world.h"

enum {
	SEEDS = 40,
	SEEDS_MAX = 1000,
};

/* One side. */
struct kind {
	const char *name;
	enum nat_kind mapping, filtering;
	bool open, accepts;
	unsigned foreign;
	struct allocator ports;
};

#define EI NAT_KIND_INDEPENDENT
#define AD NAT_KIND_ADDRESS
#define AP NAT_KIND_ADDRESS_PORT
#define RANGE(k, lo, hi) { .kind = ALLOCATOR_##k, .low = lo, .high = hi }

static const struct kind open = { "open", .open = true };
static const struct kind full = { "full cone", EI, EI };
static const struct kind restricted = { "restricted", EI, AD };
static const struct kind easy = { "port-restricted", EI, AP };
static const struct kind poison = { "poisonable", EI, AP, .accepts = true };
static const struct kind counter = { "sequential, 100/s", AP, AP, .foreign = 100,
	.ports = { .kind = ALLOCATOR_SEQUENTIAL, .step = 1 } };
static const struct kind counter2 = { "sequential by 2, 100/s", AP, AP,
	.foreign = 100, .ports = { .kind = ALLOCATOR_SEQUENTIAL, .step = 2 } };
static const struct kind fast = { "sequential, 1000/s", AP, AP, .foreign = 1000,
	.ports = { .kind = ALLOCATOR_SEQUENTIAL, .step = 1 } };
static const struct kind block512 = { "block 512", AP, AP,
	.ports = RANGE(BLOCK, 8192, 8703) };
static const struct kind block = { "block 1024", AP, AP,
	.ports = RANGE(BLOCK, 8192, 9215) };
static const struct kind block4096 = { "block 4096", AP, AP,
	.ports = RANGE(BLOCK, 8192, 12287) };
static const struct kind set = { "port set 240", AP, AP,
	.ports = { .kind = ALLOCATOR_PORT_SET, .low = 4096, .high = 65535,
		   .mask = 0xff0, .bits = 0x120 } };
static const struct kind pf = { "pf 50001-65535", AP, AP,
	.ports = RANGE(HIGH, 50001, 65535) };
static const struct kind wide = { "random", AP, AP,
	.ports = RANGE(RANDOM, 1024, 65535) };
static const struct kind wide_accepts = { "random, accepts", AP, AP,
	.accepts = true, .ports = RANGE(RANDOM, 1024, 65535) };
static const struct kind pool = { "random, pool of 4", AP, AP,
	.ports = { .kind = ALLOCATOR_RANDOM, .low = 1024, .high = 65535,
		   .pool = 4 } };
static const struct kind block_pool = { "block 1024, pool of 4", AP, AP,
	.ports = { .kind = ALLOCATOR_BLOCK, .low = 8192, .high = 9215,
		   .pool = 4 } };

struct cell {
	const struct kind *side[2];
	unsigned permille; /* least share of success; 0: only printed */
	unsigned p95_ms; /* at most */
};

struct result {
	nsec_t t;
	unsigned probes;
};

static int ascending(const void *a, const void *b)
{
	const struct result *x = a, *y = b;

	return (x->t > y->t) - (x->t < y->t);
}

static struct world_setup setup_of(const struct cell *c, uint64_t seed)
{
	struct world_setup s = { .known = true, .attest = true, .hops = 3,
				 .seed = seed, .lazy = seed % 2 };

	for (unsigned i = 0; i < 2; i++) {
		const struct kind *k = c->side[i];

		s.mapping[i] = k->mapping;
		s.filtering[i] = k->filtering;
		s.open[i] = k->open;
		s.accepts[i] = k->accepts;
		s.ports[i] = k->ports;
		if (k->foreign)
			s.foreign = k->foreign;
	}
	s.direct = (struct link){ .delay = MSEC(19), .jitter = MSEC(2),
				  .loss_permille = 10 };
	s.relay = (struct link){ .delay = MSEC(38), .jitter = MSEC(4),
				 .loss_permille = 10 };
	return s;
}

/* swapped() - the same pair with the other side leading by key */
static struct result one(const struct cell *c, uint64_t seed)
{
	struct cell turned = { .side = { c->side[1], c->side[0] } };
	struct world_setup s = setup_of(seed % 4 < 2 ? c : &turned, seed);
	struct world *w = world_new(&s);
	struct result r = { .t = NSEC_NEVER };
	nsec_t t0;

	world_start(w);
	t0 = w->now;
	if (world_run_direct(w, w->now + SEC(20)))
		r.t = w->now - t0;
	r.probes = w->node[0].probes + w->node[1].probes;
	assert_int_equal(w->node[0].forbidden + w->node[1].forbidden, 0);
	assert_true(r.probes <= 1200 + 200); /* one scan, and brackets */
	world_free(w);
	return r;
}

static void print_time(nsec_t t)
{
	if (t == NSEC_NEVER)
		printf("   never   ");
	else
		printf(" %7.0f ms", (double)t / 1e6);
}

static unsigned seeds(void)
{
	const char *text = getenv("ADIT_SIM_SEEDS");
	unsigned n = text ? (unsigned)atoi(text) : SEEDS;

	return n < 1 || n > SEEDS_MAX ? SEEDS : n;
}

static bool run(const struct cell *c)
{
	static struct result r[SEEDS_MAX];
	unsigned n = seeds(), ok = 0, probes = 0;
	char name[64];
	bool good;

	for (unsigned i = 0; i < n; i++) {
		r[i] = one(c, i + 1);
		ok += r[i].t != NSEC_NEVER;
		probes += r[i].probes;
	}
	qsort(r, n, sizeof(r[0]), ascending);
	snprintf(name, sizeof(name), "%s x %s", c->side[0]->name, c->side[1]->name);
	good = ok * 1000 >= c->permille * n &&
	       (!c->p95_ms || r[n * 95 / 100].t <= MSEC(c->p95_ms));
	printf("# %-44s %3u/%u", name, ok, n);
	print_time(r[n / 2].t);
	print_time(r[n * 95 / 100].t);
	printf(" %5u probes%s\n", probes / n, good ? "" : "   MISSED");
	return good;
}

static void cells(void **state)
{
	static const struct cell rows[] = {
		{ { &open, &counter }, 1000, 500 },
		{ { &open, &wide }, 1000, 500 },
		{ { &full, &block }, 985, 1000 },
		{ { &full, &wide }, 985, 1000 },
		{ { &restricted, &counter }, 985, 1200 },
		{ { &restricted, &block }, 985, 1200 },
		{ { &restricted, &wide }, 985, 1200 },
		{ { &easy, &counter }, 960, 1500 },
		{ { &easy, &counter2 }, 960, 1500 },
		{ { &poison, &counter }, 960, 1500 },
		{ { &easy, &fast }, 0, 0 },
		{ { &easy, &set }, 970, 3000 },
		{ { &easy, &block512 }, 970, 3000 },
		{ { &easy, &block }, 970, 3000 },
		{ { &poison, &block }, 970, 3000 },
		{ { &easy, &block4096 }, 970, 6000 },
		{ { &easy, &pf }, 950, 10000 },
		{ { &easy, &wide }, 950, 10000 },
		{ { &poison, &wide }, 950, 10000 },
		{ { &poison, &wide_accepts }, 950, 10000 },
		{ { &easy, &pool }, 600, 0 },
		{ { &easy, &block_pool }, 600, 0 },
		{ { &counter, &counter }, 800, 3000 },
		{ { &counter, &counter2 }, 800, 3000 },
		{ { &fast, &fast }, 0, 0 },
		{ { &counter, &block }, 0, 0 },
		{ { &block, &block }, 0, 0 },
		{ { &wide, &wide }, 0, 0 },
	};
	bool good = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		good &= run(&rows[i]);
	assert_true(good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cells),
	};

	if (key_setup() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
