/* SPDX-License-Identifier: MIT
 *
 * scenario_chaos.c - anything may happen at any time; then peace: direct again
 *
 * world.c checks on each step that an idle engine's next expiry lies ahead, that no
 * instant asks for endless actions, and that packets go to the peer alone.
 */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "tests/sim/world.h"

/* the next round of some is 120 s away, or a budget has to refill */
#define PATIENCE SEC(180)

enum {
	SEEDS = 200,
	BLOWS = 40,
};

static void blow(struct world *w, struct prng *g)
{
	unsigned i = prng_below(g, 2);

	switch (prng_below(g, 9)) {
	case 0:
		w->direct.down = !w->direct.down;
		return;
	case 1:
		world_relay(w, w->relay.down);
		return;
	case 2:
		pathset_network_changed(w->node[i].ps, w->now);
		return;
	case 3:
		world_restart(w, i);
		return;
	case 4:
		w->direct.loss_permille = prng_below(g, 600);
		return;
	case 5:
		w->block[i] = !w->block[i];
		return;
	case 6:
		w->node[i].data = !w->node[i].data;
		return;
	case 7: /* its NAT forgets everything */
		memset(w->node[i].nat.row, 0, sizeof(w->node[i].nat.row));
		return;
	case 8:
		pathset_ping(w->node[i].ps, prng_below(g, 99), w->now);
		return;
	}
}

static void peace(struct world *w)
{
	w->direct.down = false;
	w->direct.loss_permille = 0;
	w->block[0] = w->block[1] = false;
	world_relay(w, false);
	world_relay(w, true);
	w->node[0].data = w->node[1].data = true;
}

static unsigned failed;

static void one(uint64_t seed)
{
	struct prng g = { seed };
	struct world_setup s = { .hops = 2, .seed = seed };
	struct world *w;

	for (int i = 0; i < 2; i++) {
		s.filtering[i] = (enum nat_kind)prng_below(&g, 3);
		s.accepts[i] = prng_below(&g, 2);
	}
	s.known = prng_below(&g, 2);
	s.direct.delay = MSEC(prng_below(&g, 60));
	s.relay.delay = MSEC(1 + prng_below(&g, 60));
	w = world_new(&s);
	world_start(w);
	for (int i = 0; i < BLOWS; i++) {
		world_run(w, w->now + MSEC(prng_below(&g, 4000)));
		blow(w, &g);
	}
	peace(w);
	if (!world_run_direct(w, w->now + PATIENCE)) {
		printf("# seed %llu: not direct after the storm\n",
		       (unsigned long long)seed);
		failed++;
	}
	assert_int_equal(w->node[0].forbidden + w->node[1].forbidden, 0);
	world_free(w);
}

static void storms_pass(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		one(seed);
	printf("# %u of %u not direct 180 s after the storm\n", failed, SEEDS);
	assert_int_equal(failed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(storms_pass),
	};

	if (key_setup() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
