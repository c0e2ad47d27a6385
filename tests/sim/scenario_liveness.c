/* SPDX-License-Identifier: MIT
 *
 * scenario_liveness.c - what happens to traffic when paths and relays die and return
 *
 * A program at each node sends 20 packets a second all the time.
 */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "tests/sim/world.h"

enum {
	SEEDS = 20,
};

static struct world_setup plain(uint64_t seed)
{
	struct world_setup s = {
		.filtering = { NAT_KIND_ADDRESS_PORT, NAT_KIND_ADDRESS_PORT },
		.hops = 2,
		.seed = seed,
	};

	s.direct.delay = s.relay.delay = MSEC(20);
	return s;
}

static struct world *direct_world(const struct world_setup *s)
{
	struct world *w = world_new(s);

	world_start(w);
	if (!world_run_direct(w, w->now + SEC(5)))
		fail_msg("seed %llu: not direct", (unsigned long long)s->seed);
	return w;
}

static uint64_t lost(const struct world *w)
{
	return w->node[0].data_out + w->node[1].data_out - w->node[0].data_in -
	       w->node[1].data_in;
}

/* settle() - let packets in flight arrive, nothing new */
static void settle(struct world *w)
{
	w->node[0].data = w->node[1].data = false;
	world_run(w, w->now + SEC(1));
}

static void nothing_is_lost_at_the_switch(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct world_setup s = plain(seed);
		struct world *w = direct_world(&s);

		world_run(w, w->now + SEC(3));
		settle(w);
		assert_int_equal(lost(w), 0);
		world_free(w);
	}
}

static void dead_path_is_back_on_the_relay(void **state)
{
	nsec_t worst = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct world_setup s = plain(seed);
		struct world *w = direct_world(&s);
		nsec_t killed;

		world_run(w, w->now + SEC(4) + MSEC(137 * seed));
		killed = w->now;
		w->direct.down = true;
		w->node[0].relay_at = w->node[1].relay_at = 0;
		world_run(w, w->now + SEC(5));
		for (int i = 0; i < 2; i++) {
			assert_true(w->node[i].relay_at != 0);
			worst = nsec_max(worst, w->node[i].relay_at - killed);
			assert_int_equal(w->node[i].use.best.kind, PATH_RELAY);
		}
		w->direct.down = false;
		if (!world_run_direct(w, w->now + SEC(45)))
			fail_msg("seed %llu: not direct again",
				 (unsigned long long)seed);
		world_free(w);
	}
	printf("# dead path to relay: at most %.0f ms\n", (double)worst / 1e6);
	assert_true(worst <= MSEC(1000));
}

static void one_way_death_is_found(void **state)
{
	struct world_setup s = plain(3);
	struct world *w = direct_world(&s);

	(void)state;
	/* node 0 no longer gets through, node 1 does */
	world_run(w, w->now + SEC(20));
	w->block[0] = true;
	w->node[0].relay_at = 0;
	world_run(w, w->now + SEC(30));
	assert_true(w->node[0].relay_at != 0);
	assert_int_equal(w->node[0].use.best.kind, PATH_RELAY);
	world_free(w);
}

static void direct_path_outlives_the_relay(void **state)
{
	struct world_setup s = plain(5);
	struct world *w = direct_world(&s);

	(void)state;
	world_run(w, w->now + SEC(2));
	world_relay(w, false);
	world_run(w, w->now + SEC(600));
	assert_true(world_direct(w));
	/* a gap of 8 s without any relay: still there afterwards */
	w->direct.down = true;
	world_run(w, w->now + SEC(8));
	assert_true(world_direct(w));
	w->direct.down = false;
	w->node[0].data_seen = 0;
	world_run(w, w->now + SEC(6));
	assert_true(world_direct(w));
	assert_true(w->node[0].data_seen > w->now - SEC(1));
	world_free(w);
}

static void no_relay_and_no_path_is_none(void **state)
{
	struct world_setup s = plain(6);
	struct world *w = direct_world(&s);

	(void)state;
	world_relay(w, false);
	w->direct.down = true;
	world_run(w, w->now + SEC(90));
	assert_int_equal(w->node[0].use.best.kind, PATH_NONE);
	w->direct.down = false;
	world_relay(w, true);
	assert_int_equal(w->node[0].use.best.kind, PATH_RELAY);
	assert_true(world_run_direct(w, w->now + SEC(40)));
	world_free(w);
}

static void an_idle_path_is_doubted_before_use(void **state)
{
	struct world_setup s = plain(7);
	struct world *w = direct_world(&s);
	uint64_t before;

	(void)state;
	w->node[0].data = w->node[1].data = false;
	world_run(w, w->now + SEC(3000));
	before = lost(w);
	w->node[0].data = w->node[1].data = true;
	world_run(w, w->now + SEC(10));
	assert_true(world_direct(w));
	settle(w);
	assert_in_range(lost(w) - before + 4, 0, 12);
	world_free(w);
}

static void prior_poison_is_cured_by_fresh_ports(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct world_setup s = plain(seed);
		struct natbox_packet p = { .proto = 0 }, back = { .proto = 0 };
		struct world *w;

		s.accepts[0] = s.accepts[1] = true;
		w = world_new(&s);
		p.to.ip = back.from.ip = w->node[0].nat.rules.external;
		p.to.port = back.from.port = w->node[0].port[0];
		back.to.ip = p.from.ip = w->node[1].nat.rules.external;
		back.to.port = p.from.port = w->node[1].port[0];
		assert_int_equal(natbox_in(&w->node[0].nat, &p, w->now), NATBOX_STRAY);
		assert_int_equal(natbox_in(&w->node[1].nat, &back, w->now),
				 NATBOX_STRAY);
		world_start(w);
		if (!world_run_direct(w, w->now + SEC(4)))
			fail_msg("seed %llu: not direct in 4 s",
				 (unsigned long long)seed);
		assert_true(w->node[0].want_sockets > 0);
		world_free(w);
	}
}

static void roaming_finds_a_new_path(void **state)
{
	struct world_setup s = plain(9);
	struct world *w = direct_world(&s);
	struct natbox_rules rules = { .external = ipaddr_v4(0xC0000263) };

	(void)state;
	world_run(w, w->now + SEC(5));
	/* a new network: other external address, empty NAT */
	natbox_init(&w->node[0].nat, NAT_KIND_INDEPENDENT, NAT_KIND_ADDRESS_PORT,
		    &rules, 4);
	pathset_network_changed(w->node[0].ps, w->now);
	world_run(w, w->now + MSEC(1));
	assert_int_equal(w->node[0].use.also.kind, PATH_RELAY);
	world_run(w, w->now + SEC(6));
	assert_true(world_direct(w));
	w->node[0].data_seen = w->node[1].data_seen = 0;
	world_run(w, w->now + SEC(1));
	assert_true(w->node[0].data_seen && w->node[1].data_seen);
	world_free(w);
}

static void users_pings_are_answered_or_lost(void **state)
{
	struct world_setup s = plain(11);
	struct world *w = direct_world(&s);
	struct path_info info;
	uint32_t id;
	nsec_t rtt;

	(void)state;
	pathset_ping(w->node[0].ps, 77, w->now);
	world_run(w, w->now + MSEC(100));
	assert_true(pathset_ping_result(w->node[0].ps, &id, &rtt, &info));
	assert_int_equal(id, 77);
	assert_int_equal(rtt, MSEC(40));
	assert_int_equal(info.choice.kind, PATH_DIRECT);
	assert_false(pathset_ping_result(w->node[0].ps, &id, &rtt, &info));
	w->direct.down = w->relay.down = true;
	pathset_ping(w->node[0].ps, 78, w->now);
	world_run(w, w->now + SEC(4));
	assert_true(pathset_ping_result(w->node[0].ps, &id, &rtt, &info));
	assert_true(rtt == NSEC_NEVER);
	world_free(w);
}

static void late_stun_costs_no_round(void **state)
{
	nsec_t worst = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct world_setup s = plain(seed);
		struct world *w = world_new(&s);
		nsec_t known;

		w->no_stun = true;
		world_start(w);
		world_run(w, w->now + MSEC(47 * seed));
		world_stun(w);
		known = w->now;
		if (!world_run_direct(w, w->now + SEC(5)))
			fail_msg("seed %llu: not direct",
				 (unsigned long long)seed);
		worst = nsec_max(worst, w->now - known);
		world_free(w);
	}
	printf("# late STUN to direct: at most %.0f ms\n", (double)worst / 1e6);
	assert_true(worst <= MSEC(500));
}

static void restarted_peer_is_noticed(void **state)
{
	struct world_setup s = plain(12);
	struct world *w = direct_world(&s);

	(void)state;
	world_run(w, w->now + SEC(3));
	world_restart(w, 0);
	world_run(w, w->now + SEC(1));
	assert_true(w->node[1].rehandshakes > 0);
	assert_true(world_run_direct(w, w->now + SEC(3)));
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_lost_at_the_switch),
		cmocka_unit_test(dead_path_is_back_on_the_relay),
		cmocka_unit_test(one_way_death_is_found),
		cmocka_unit_test(direct_path_outlives_the_relay),
		cmocka_unit_test(no_relay_and_no_path_is_none),
		cmocka_unit_test(an_idle_path_is_doubted_before_use),
		cmocka_unit_test(prior_poison_is_cured_by_fresh_ports),
		cmocka_unit_test(roaming_finds_a_new_path),
		cmocka_unit_test(users_pings_are_answered_or_lost),
		cmocka_unit_test(late_stun_costs_no_round),
		cmocka_unit_test(restarted_peer_is_noticed),
	};

	if (key_setup() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
