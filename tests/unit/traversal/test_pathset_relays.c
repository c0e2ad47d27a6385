/* SPDX-License-Identifier: MIT
 *
 * test_pathset_relays.c - three relays of different round trips: which one carries
 *
 * The test is the peer, behind the relays: each brings a ping there and its pong back in
 * the round trip that the test says, or never. Time is counted in milliseconds.
 */
#include "tests/unit/unit.h"

#include "traversal/disco.h"
#include "traversal/pathset.h"

#define T0 SEC(1000)

enum {
	RELAYS = 3,
	EPOCH = 7,
};

struct relay {
	nsec_t rtt; /* 0: dead */
	uint64_t txid;
	nsec_t due; /* the pong's arrival; 0: none is on its way */
	unsigned pings;
};

struct pair {
	struct pathset *ps;
	struct box peer;
	struct relay relay[RELAYS];
	struct pathset_use use;
	unsigned moves; /* of the choice */
	nsec_t now, told; /* of traffic */
	bool talks;
};

static void make(struct pair *p, const unsigned hint_ms[RELAYS],
		 const unsigned rtt_ms[RELAYS])
{
	const bool v6[1] = { false };
	struct key_private k[2];
	struct key_public pub[2];
	struct candidate_list none = { .count = 0 };
	struct nat_profile nat = { .known = false };
	struct pathset_params params = { .self_private = &k[0], .seed = 1,
					 .box_counter = 1 };

	*p = (struct pair){ .now = T0, .talks = true };
	memset(k, 1, sizeof(k));
	k[1].b[5] = 2;
	key_public_of(&k[0], &pub[0]);
	key_public_of(&k[1], &pub[1]);
	params.self = pub[0];
	params.peer = pub[1];
	p->ps = pathset_new(&params);
	assert_non_null(p->ps);
	assert_true(box_init(&p->peer, &k[1], &pub[1], &pub[0], 1));
	pathset_set_sockets(p->ps, v6, 1, T0);
	pathset_set_local(p->ps, &none, &nat, 1, T0);
	for (unsigned i = 0; i < RELAYS; i++) {
		p->relay[i].rtt = MSEC(rtt_ms[i]);
		pathset_set_relay(p->ps, i, true, MSEC(hint_ms[i]), T0);
	}
}

static void take_ping(struct pair *p, struct pathset_action *a)
{
	struct relay *r = &p->relay[a->relay];
	struct disco_message m;
	const uint8_t *plain;
	size_t n;

	assert_int_equal(box_open(&p->peer, a->message, a->n, &plain, &n),
			 DROP_NONE);
	assert_int_equal(disco_read(plain, n, &m), DROP_NONE);
	if (m.type != DISCO_PING)
		return;
	r->pings++;
	if (!r->rtt)
		return;
	r->txid = m.txid;
	r->due = p->now + r->rtt;
}

static void poll(struct pair *p)
{
	struct pathset_action a;

	for (;;) {
		pathset_poll(p->ps, &a, EPOCH, p->now);
		if (a.kind == PATHSET_IDLE)
			return;
		if (a.kind == PATHSET_SEND_RELAY)
			take_ping(p, &a);
		if (a.kind != PATHSET_USE)
			continue;
		p->moves += a.use.best.relay != p->use.best.relay;
		p->use = a.use;
	}
}

static void pong(struct pair *p, unsigned relay)
{
	struct disco_message m = { .type = DISCO_PONG,
				   .txid = p->relay[relay].txid };
	struct pathset_source src = { .relayed = true, .relay = relay };
	uint8_t plain[DISCO_MAX], sealed[BOX_MAX];
	size_t n = disco_write(&m, plain);
	enum drop d;

	p->relay[relay].due = 0;
	n = box_seal(&p->peer, EPOCH, plain, n, sealed);
	d = pathset_input(p->ps, &src, sealed, n, EPOCH, p->now);
	assert_true(d == DROP_NONE || d == DROP_DISCO_STALE); /* late */
}

static void step(struct pair *p)
{
	if (p->talks && p->now >= p->told) {
		pathset_traffic(p->ps, p->now);
		p->told = p->now + SEC(1);
	}
	poll(p);
	for (unsigned i = 0; i < RELAYS; i++)
		if (p->relay[i].due && p->relay[i].due <= p->now)
			pong(p, i);
	poll(p);
	p->now += MSEC(1);
}

static void pass(struct pair *p, nsec_t time)
{
	nsec_t end = p->now + time;

	while (p->now < end)
		step(p);
}

/* carried_by() - is it this relay, and no other beside it? */
static void carried_by(struct pair *p, unsigned relay)
{
	assert_int_equal(p->use.best.kind, PATH_RELAY);
	assert_int_equal(p->use.best.relay, relay);
	assert_int_equal(p->use.also.kind, PATH_NONE);
}

/* steady() - it has not moved since it settled */
static void steady(struct pair *p, unsigned relay)
{
	unsigned moves;

	pass(p, SEC(6));
	moves = p->moves;
	carried_by(p, relay);
	for (unsigned i = 0; i < 300; i++) { /* the second one beside it is a doubt */
		pass(p, MSEC(100));
		carried_by(p, relay);
	}
	assert_int_equal(p->moves, moves);
}

/* time_until() - it is carried by this relay; ms */
static unsigned time_until(struct pair *p, unsigned relay, nsec_t most)
{
	nsec_t start = p->now;

	while (p->use.best.relay != relay && p->now - start < most)
		step(p);
	assert_int_equal(p->use.best.relay, relay);
	return (unsigned)((p->now - start) / MSEC(1));
}

/* what the servers say decides the first packet's way: ours plus the peer's */
static void the_least_sum_is_first(void **state)
{
	static const unsigned hint[][RELAYS] = {
		{ 90, 40, 60 }, { 40, 90, 60 }, { 90, 60, 40 },
		{ 0, 60, 90 }, /* the first is not known */
	};
	static const unsigned best[] = { 1, 0, 2, 1 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(best); i++) {
		struct pair p;

		make(&p, hint[i], hint[i]);
		step(&p);
		carried_by(&p, best[i]);
		pathset_free(p.ps);
	}
}

/* but what is measured through them counts */
static void the_measured_one_is_taken(void **state)
{
	struct pair p;

	(void)state;
	make(&p, (unsigned[]){ 30, 90, 60 }, (unsigned[]){ 200, 40, 60 });
	step(&p);
	carried_by(&p, 0);
	assert_in_range(time_until(&p, 1, SEC(10)), 1, 6000);
	pass(&p, SEC(30));
	carried_by(&p, 1);
	assert_in_range(p.moves, 1, 2);
	pathset_free(p.ps);
}

static void a_small_change_moves_nothing(void **state)
{
	static const unsigned even[RELAYS] = { 50, 45, 80 };
	struct pair p;

	(void)state;
	make(&p, even, even);
	pass(&p, SEC(10));
	carried_by(&p, 1);
	p.moves = 0;
	for (unsigned i = 0; i < 20; i++) { /* now this is nearer, now that */
		p.relay[1].rtt = MSEC(i % 2 ? 45 : 55);
		p.relay[0].rtt = MSEC(i % 2 ? 55 : 45);
		pass(&p, SEC(10));
	}
	carried_by(&p, 1);
	assert_int_equal(p.moves, 0);
	pathset_free(p.ps);
}

static void a_big_change_moves_once(void **state)
{
	static const unsigned even[RELAYS] = { 50, 45, 80 };
	struct pair p;

	(void)state;
	make(&p, even, even);
	pass(&p, SEC(10));
	carried_by(&p, 1);
	p.moves = 0;
	p.relay[1].rtt = MSEC(120);
	assert_in_range(time_until(&p, 0, SEC(20)), 1, 10000);
	pass(&p, SEC(30));
	carried_by(&p, 0);
	p.relay[2].rtt = MSEC(5); /* a spare one becomes the nearest */
	assert_in_range(time_until(&p, 2, SEC(20)), 1, 20000);
	pass(&p, SEC(30));
	carried_by(&p, 2);
	assert_int_equal(p.moves, 2);
	pathset_free(p.ps);
}

/* a round trip longer than the time between two pings is no doubt */
static void far_ones_are_steady(void **state)
{
	static const unsigned rtt[][RELAYS] = {
		{ 160, 102, 181 }, { 320, 400, 500 }, { 700, 850, 900 }, { 99, 101, 250 },
	};
	static const unsigned best[] = { 1, 0, 0, 0 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(best); i++) {
		struct pair p;

		make(&p, rtt[i], rtt[i]);
		steady(&p, best[i]);
		assert_in_range(p.moves, 0, 1);
		pathset_free(p.ps);
	}
}

/* the others are asked all the time, so that the next one is known to work */
static void two_are_warm(void **state)
{
	static const unsigned rtt[RELAYS] = { 50, 45, 80 };
	struct pair p;

	(void)state;
	make(&p, rtt, rtt);
	pass(&p, SEC(5));
	for (unsigned i = 0; i < RELAYS; i++)
		p.relay[i].pings = 0;
	pass(&p, SEC(10));
	assert_in_range(p.relay[0].pings, 8, 12);
	assert_in_range(p.relay[1].pings, 60, 110);
	assert_in_range(p.relay[2].pings, 8, 12);
	pathset_free(p.ps);
}

/* one that shows up while nothing moves is known in seconds, then left in peace */
static void a_new_one_is_soon_trusted(void **state)
{
	static const unsigned rtt[RELAYS] = { 90, 45, 80 };
	struct pair p;

	(void)state;
	make(&p, rtt, rtt);
	pathset_set_relay(p.ps, 1, false, 0, p.now);
	pass(&p, SEC(5));
	p.talks = false; /* not a packet, but not forgotten yet */
	pass(&p, SEC(5));
	pathset_set_relay(p.ps, 1, true, MSEC(45), p.now);
	p.relay[1].pings = 0;
	pass(&p, SEC(5));
	assert_in_range(p.relay[1].pings, 4, 6);
	assert_int_equal(p.use.best.relay, 1);
	p.relay[1].pings = 0;
	pass(&p, SEC(10));
	assert_in_range(p.relay[1].pings, 1, 3);
	pathset_free(p.ps);
}

static enum drop peer_pings(struct pair *p, unsigned relay)
{
	struct disco_message m = { .type = DISCO_PING, .txid = 99 };
	struct pathset_source src = { .relayed = true, .relay = relay };
	uint8_t plain[DISCO_MAX], sealed[BOX_MAX];
	size_t n = disco_write(&m, plain);

	n = box_seal(&p->peer, EPOCH, plain, n, sealed);
	return pathset_input(p->ps, &src, sealed, n, EPOCH, p->now);
}

/* both ask through an idle relay: at the same time, so that nobody wakes up twice; and
 * never oftener for that */
static void both_ask_at_once(void **state)
{
	static const unsigned rtt[RELAYS] = { 45, 60, 80 };
	struct pair p;

	(void)state;
	make(&p, rtt, rtt);
	pass(&p, SEC(5));
	p.talks = false;
	pass(&p, SEC(10));
	p.relay[2].pings = 0;
	while (!p.relay[2].pings)
		step(&p);
	pass(&p, SEC(3)); /* ours would go in 2 s */
	assert_int_equal(peer_pings(&p, 2), DROP_NONE);
	pass(&p, MSEC(2));
	assert_int_equal(p.relay[2].pings, 2);
	for (unsigned i = 0; i < 20; i++) { /* a peer in a frenzy */
		assert_int_equal(peer_pings(&p, 2), DROP_NONE);
		pass(&p, MSEC(100));
	}
	assert_int_equal(p.relay[2].pings, 2);
	pathset_free(p.ps);
}

static void a_dead_one_is_left_at_once(void **state)
{
	static const unsigned rtt[RELAYS] = { 50, 45, 80 };
	struct pair p;
	nsec_t start;

	(void)state;
	make(&p, rtt, rtt);
	for (unsigned phase = 0; phase < 100; phase += 7) {
		p.relay[1].rtt = MSEC(45);
		p.relay[0].rtt = MSEC(50);
		pass(&p, SEC(20) + MSEC(phase));
		p.relay[p.use.best.relay].rtt = 0; /* as it is now */
		start = p.now;
		while (p.use.also.kind != PATH_RELAY && p.now < start + SEC(1))
			step(&p);
		assert_in_range((p.now - start) / MSEC(1), 1, 270);
		pass(&p, SEC(1));
		assert_true(p.relay[p.use.best.relay].rtt);
		assert_int_equal(p.use.also.kind, PATH_NONE);
	}
	pathset_free(p.ps);
}

/* one that was spare until now, or idle, and dies as soon as it carries */
static void the_next_one_dies_too(void **state)
{
	static const unsigned rtt[RELAYS] = { 50, 45, 60 };
	nsec_t start;

	(void)state;
	for (unsigned phase = 0; phase < 1000; phase += 37) {
		struct pair p;

		make(&p, rtt, rtt);
		pass(&p, SEC(10) + MSEC(phase));
		p.relay[1].rtt = 0;
		(void)time_until(&p, 0, SEC(1));
		p.relay[0].rtt = 0;
		p.relay[0].due = 0;
		start = p.now;
		(void)time_until(&p, 2, SEC(2));
		assert_in_range((p.now - start) / MSEC(1), 1, 650);
		pathset_free(p.ps);
	}
}

/* and when it is back and no better, nothing moves back */
static void who_comes_back_waits(void **state)
{
	static const unsigned rtt[RELAYS] = { 50, 45, 80 };
	struct pair p;

	(void)state;
	make(&p, rtt, rtt);
	pass(&p, SEC(10));
	p.relay[1].rtt = 0;
	pass(&p, SEC(10));
	carried_by(&p, 0);
	p.moves = 0;
	p.relay[1].rtt = MSEC(45);
	pass(&p, SEC(60));
	carried_by(&p, 0);
	assert_int_equal(p.moves, 0);
	p.relay[0].rtt = p.relay[1].rtt = p.relay[2].rtt = 0;
	pass(&p, SEC(10)); /* all are dead: there is no better one */
	assert_int_equal(p.use.best.kind, PATH_RELAY);
	pathset_free(p.ps);
}

static int setup(void **state)
{
	(void)state;
	return key_setup();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_least_sum_is_first),
		cmocka_unit_test(the_measured_one_is_taken),
		cmocka_unit_test(far_ones_are_steady),
		cmocka_unit_test(a_small_change_moves_nothing),
		cmocka_unit_test(a_big_change_moves_once),
		cmocka_unit_test(two_are_warm),
		cmocka_unit_test(a_new_one_is_soon_trusted),
		cmocka_unit_test(both_ask_at_once),
		cmocka_unit_test(a_dead_one_is_left_at_once),
		cmocka_unit_test(the_next_one_dies_too),
		cmocka_unit_test(who_comes_back_waits),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
