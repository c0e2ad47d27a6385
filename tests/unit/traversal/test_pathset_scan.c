/* SPDX-License-Identifier: MIT
 *
 * test_pathset_scan.c - what a hostile peer can make a node scan: nothing but itself
 */
#include "tests/unit/unit.h"

#include "traversal/disco.h"
#include "traversal/pathset.h"

#define T0	 SEC(1000)
#define ATTESTED "203.0.113.9"
#define VICTIM	 "198.51.100.66"

static const struct nat_profile easy = { .known = true };
static const struct nat_profile wide = { .known = true, .mapping_varies = true,
	.allocator = { .kind = ALLOCATOR_RANDOM, .low = 1024, .high = 65535, .pool = 1 } };
static const struct nat_profile counter = { .known = true, .mapping_varies = true,
	.allocator = { .kind = ALLOCATOR_SEQUENTIAL, .step = 1, .pool = 1 } };

struct pair {
	struct pathset *ps;
	struct box peer; /* the test speaks for the peer */
	struct nat_profile nat; /* the peer's */
	unsigned fans, openers, probes, asked;
	unsigned far; /* openers that may arrive */
	unsigned elsewhere; /* fan packets to another address than ATTESTED */
	nsec_t last;
	uint32_t plan; /* of the last SCAN heard */
	uint32_t generation;
};

static void make(struct pair *p, const struct nat_profile *self,
		 const struct nat_profile *peer)
{
	struct key_private k[2];
	struct key_public pub[2];
	struct pathset_params params = { .self_private = &k[0], .seed = 1 };
	struct candidate_list mine = { .count = 0 }, theirs = { .count = 0 };
	struct candidate c = { .kind = CANDIDATE_REFLEXIVE };
	const bool v6[1] = { false };

	memset(p, 0, sizeof(*p));
	memset(k, 1, sizeof(k));
	k[1].b[5] = 2;
	key_public_of(&k[0], &pub[0]);
	key_public_of(&k[1], &pub[1]);
	params.self = pub[0];
	params.peer = pub[1];
	params.box_counter = 1;
	p->nat = *peer;
	p->ps = pathset_new(&params);
	assert_non_null(p->ps);
	assert_true(box_init(&p->peer, &k[1], &pub[1], &pub[0], 1));
	assert_true(endpoint_parse("192.0.2.1:5000", &c.at));
	assert_true(candidate_add(&mine, &c));
	assert_true(endpoint_parse(ATTESTED ":6000", &c.at));
	c.attested = true;
	assert_true(candidate_add(&theirs, &c));
	pathset_set_sockets(p->ps, v6, 1, T0);
	pathset_set_local(p->ps, &mine, self, 1, T0);
	pathset_set_remote(p->ps, &theirs, 0, T0);
	pathset_set_relay(p->ps, 0, true, MSEC(30), T0);
}

static void done(struct pair *p)
{
	pathset_free(p->ps);
	box_wipe(&p->peer);
}

static enum drop say(struct pair *p, const struct disco_message *m, const char *from,
		     nsec_t now)
{
	struct pathset_source src = { .relayed = from == NULL };
	uint8_t plain[DISCO_MAX], sealed[BOX_MAX];
	size_t n = disco_write(m, plain);

	if (from)
		assert_true(endpoint_parse(from, &src.from));
	n = box_seal(&p->peer, 7, plain, n, sealed);
	return pathset_input(p->ps, &src, sealed, n, 7, now);
}

static void say_cand(struct pair *p, nsec_t now)
{
	struct disco_message m = { .type = DISCO_CAND, .instance = 1, .ack = 1,
				   .generation = ++p->generation, .nat = p->nat };
	struct candidate c = { .kind = CANDIDATE_REFLEXIVE };

	assert_true(endpoint_parse(VICTIM ":6000", &c.at));
	assert_true(candidate_add(&m.candidates, &c));
	(void)!say(p, &m, NULL, now);
}

static void note_fan(struct pair *p, const struct pathset_action *a, nsec_t now)
{
	struct endpoint ok;

	assert_true(endpoint_parse(ATTESTED ":1", &ok));
	p->elsewhere += !ipaddr_eq(&a->to.ip, &ok.ip);
	if (a->ttl) {
		assert_true(a->ttl <= 8 || !p->nat.opener_needed);
		p->openers++;
		p->far += a->ttl > 8;
		return;
	}
	assert_true(now - p->last >= MSEC(10));
	p->last = now;
	p->probes++;
}

/* drain() - do what it asks, as a caller with sockets to give would */
static void drain(struct pair *p, nsec_t now)
{
	struct pathset_action a;
	struct disco_message m;
	struct endpoint seen;
	const uint8_t *plain;
	size_t n;

	assert_true(endpoint_parse("192.0.2.1:7000", &seen));
	for (;;) {
		pathset_poll(p->ps, &a, 7, now);
		switch (a.kind) {
		case PATHSET_IDLE:
			return;
		case PATHSET_WANT_FAN:
			p->fans = a.count ? a.count : p->fans;
			if (a.count)
				pathset_fan_ready(p->ps, a.count, now);
			break;
		case PATHSET_FAN_STUN:
			p->asked++;
			pathset_fan_mapped(p->ps, a.socket, &seen, now);
			break;
		case PATHSET_SEND_FAN:
			note_fan(p, &a, now);
			break;
		case PATHSET_SEND_RELAY:
			assert_int_equal(box_open(&p->peer, a.message, a.n, &plain,
						  &n), DROP_NONE);
			assert_int_equal(disco_read(plain, n, &m), DROP_NONE);
			if (m.type == DISCO_SCAN)
				p->plan = m.plan;
			break;
		case PATHSET_SEND_DIRECT:
		case PATHSET_USE:
		case PATHSET_WANT_STUN:
		case PATHSET_WANT_SOCKETS:
		case PATHSET_REHANDSHAKE:
		case PATHSET_ADOPT_FAN:
		case PATHSET_DIAL:
		case PATHSET_CROSS_ASK:
		case PATHSET_CROSS:
			break;
		}
	}
}

static void run(struct pair *p, nsec_t from, nsec_t to)
{
	for (nsec_t t = from; t < to; t += MSEC(1))
		drain(p, t);
}

/* the hard side: whom does it open towards, and how many? */
static void fans_open_only_towards_the_peer(void **state)
{
	struct disco_message m = { .type = DISCO_SCAN, .plan = 5, .sockets = 60000 };
	struct pair p;

	(void)state;
	make(&p, &wide, &easy);
	say_cand(&p, T0);
	assert_true(endpoint_parse(ATTESTED ":6000", &m.at));
	assert_int_equal(say(&p, &m, NULL, T0), DROP_DISCO_STALE); /* no traffic */
	pathset_traffic(p.ps, T0);
	assert_int_equal(say(&p, &m, ATTESTED ":6000", T0), DROP_DISCO_TYPE);
	assert_true(endpoint_parse(VICTIM ":6000", &m.at));
	assert_int_equal(say(&p, &m, NULL, T0), DROP_CANDIDATE_REFUSED);
	assert_true(endpoint_parse(ATTESTED ":53", &m.at));
	assert_int_equal(say(&p, &m, NULL, T0), DROP_CANDIDATE_REFUSED);
	run(&p, T0, T0 + SEC(1));
	assert_int_equal(p.fans, 0);
	assert_true(endpoint_parse(ATTESTED ":6000", &m.at));
	assert_int_equal(say(&p, &m, NULL, T0 + SEC(1)), DROP_NONE);
	run(&p, T0 + SEC(1), T0 + SEC(2));
	assert_int_equal(p.fans, 256);
	assert_in_range(p.openers, 150, 201); /* 200 a second */
	run(&p, T0 + SEC(2), T0 + SEC(20));
	assert_int_equal(p.openers, 256);
	assert_int_equal(p.elsewhere, 0);
	assert_int_equal(p.probes, 0);
	done(&p);
}

/* behind two NATs of our own only a far one opens; but none may spoil the peer's mapping */
static void openers_arrive_where_they_do_no_harm(void **state)
{
	struct disco_message m = { .type = DISCO_SCAN, .plan = 5, .sockets = 256 };
	struct nat_profile spoilt = easy;
	struct pair p;

	(void)state;
	spoilt.opener_needed = true;
	for (int i = 0; i < 2; i++) {
		make(&p, &wide, i ? &spoilt : &easy);
		say_cand(&p, T0);
		pathset_traffic(p.ps, T0);
		assert_true(endpoint_parse(ATTESTED ":6000", &m.at));
		assert_int_equal(say(&p, &m, NULL, T0), DROP_NONE);
		run(&p, T0, T0 + SEC(2));
		assert_int_equal(p.openers, 256);
		assert_int_equal(p.far, i ? 0 : 256);
		done(&p);
	}
}

static void a_flood_of_scans_is_bounded(void **state)
{
	struct disco_message m = { .type = DISCO_SCAN, .plan = 5, .how = DISCO_HOW_BRACKET };
	struct pair p;
	unsigned taken = 0;

	(void)state;
	make(&p, &counter, &easy);
	say_cand(&p, T0);
	assert_true(endpoint_parse(ATTESTED ":6000", &m.at));
	for (unsigned i = 0; i < 1000; i++, m.plan++) {
		nsec_t now = T0 + MSEC(100) * i;

		pathset_traffic(p.ps, now);
		taken += say(&p, &m, NULL, now) == DROP_NONE;
		drain(&p, now);
	}
	assert_in_range(taken, 1, 48);
	assert_true(p.openers <= 48);
	assert_int_equal(p.elsewhere, 0);
	done(&p);
}

/* the easy side: whom does it probe, and how much? */
static void probes_go_only_to_the_peer(void **state)
{
	struct disco_message win = { .type = DISCO_WIN };
	struct endpoint victim;
	struct pair p;

	(void)state;
	assert_true(endpoint_parse(VICTIM ":1", &victim));
	make(&p, &easy, &counter);
	pathset_traffic(p.ps, T0);
	say_cand(&p, T0);
	drain(&p, T0);
	assert_int_not_equal(p.plan, 0); /* SCAN went out */
	win.plan = p.plan + 1;
	assert_int_equal(say(&p, &win, NULL, T0), DROP_DISCO_STALE);
	win.plan = p.plan;
	win.window = (struct bracket_window){ victim.ip, 2000, 2004 };
	assert_int_equal(say(&p, &win, NULL, T0), DROP_CANDIDATE_REFUSED);
	win.window = (struct bracket_window){ victim.ip, 1024, 65535 };
	assert_int_equal(say(&p, &win, NULL, T0), DROP_CANDIDATE_REFUSED);
	run(&p, T0, T0 + MSEC(50));
	assert_int_equal(p.probes, 0);
	assert_true(endpoint_parse(ATTESTED ":1", &victim));
	win.window = (struct bracket_window){ victim.ip, 2000, 2004 };
	assert_int_equal(say(&p, &win, ATTESTED ":2000", T0 + MSEC(50)),
			 DROP_DISCO_STALE);
	assert_int_equal(say(&p, &win, NULL, T0 + MSEC(50)), DROP_NONE);
	run(&p, T0 + MSEC(50), T0 + SEC(1));
	assert_int_equal(p.probes, 5 * 3);
	assert_int_equal(p.elsewhere, 0);
	done(&p);
}

/* for an hour the peer announces itself anew, and opens whenever it is asked to */
static void an_hour_of_scans_is_bounded(void **state)
{
	struct disco_message win = { .type = DISCO_WIN };
	struct pair p;

	(void)state;
	make(&p, &easy, &wide);
	for (nsec_t t = T0; t < T0 + SEC(3500); t += MSEC(5)) {
		if ((t - T0) % SEC(4) == 0) {
			pathset_traffic(p.ps, t);
			say_cand(&p, t);
		}
		drain(&p, t);
		if (win.plan != p.plan) {
			win.plan = p.plan;
			(void)!say(&p, &win, NULL, t);
		}
	}
	print_message("# %u probes in an hour\n", p.probes);
	assert_in_range(p.probes, 1, 3 * 1200);
	assert_int_equal(p.elsewhere, 0);
	done(&p);
}

/* a packet to a throw-away socket that nobody waits at, or from elsewhere */
static void strange_pings_at_the_fan(void **state)
{
	struct disco_message ping = { .type = DISCO_PING, .txid = 1 };
	struct disco_message scan = { .type = DISCO_SCAN, .plan = 5 };
	struct pathset_source src = { .fan = true };
	uint8_t plain[DISCO_MAX], sealed[BOX_MAX];
	struct pair p;
	size_t n;

	(void)state;
	make(&p, &wide, &easy);
	pathset_traffic(p.ps, T0);
	say_cand(&p, T0);
	for (unsigned k = 0; k < 5; k++) {
		static const unsigned order[] = { 0, 2, 3, 4, 1 };
		unsigned i = order[k];

		if (k == 1) {
			assert_true(endpoint_parse(ATTESTED ":6000", &scan.at));
			assert_int_equal(say(&p, &scan, NULL, T0), DROP_NONE);
			run(&p, T0, T0 + SEC(2));
		}
		assert_true(endpoint_parse(i == 2 ? VICTIM ":6000" :
						    ATTESTED ":6000", &src.from));
		src.socket = i == 3 ? 256 : 7;
		ping.type = i == 4 ? DISCO_CAND : DISCO_PING;
		n = disco_write(&ping, plain);
		n = box_seal(&p.peer, 7, plain, n, sealed);
		assert_int_equal(pathset_input(p.ps, &src, sealed, n, 7,
					       T0 + SEC(2)),
				 i == 1 ? DROP_NONE : DROP_DISCO_STALE);
	}
	pathset_fan_adopted(p.ps, -1, T0 + SEC(2));
	drain(&p, T0 + SEC(2));
	done(&p);
}

static struct pathset_pair pair_of(const char *self, const char *peer)
{
	struct pathset_pair pair;

	assert_true(ipaddr_parse(self, &pair.self));
	assert_true(ipaddr_parse(peer, &pair.peer));
	return pair;
}

static bool knows_pair(const struct pair *p)
{
	struct pathset_pair pair = pathset_searched(p->ps);

	return !ipaddr_is_zero(&pair.self);
}

/* probing() - an easy side that has begun to search, with what it remembers */
static void probing(struct pair *p, const struct pathset_pair *searched)
{
	struct disco_message win = { .type = DISCO_WIN };

	make(p, &easy, &wide);
	pathset_set_searched(p->ps, searched);
	pathset_traffic(p->ps, T0);
	say_cand(p, T0);
	run(p, T0, T0 + MSEC(100));
	win.plan = p->plan;
	if (p->plan)
		assert_int_equal(say(p, &win, NULL, T0 + MSEC(100)), DROP_NONE);
}

static void where_one_was_found_the_next_begins_at_once(void **state)
{
	const struct pathset_pair none = { 0 }, here = pair_of("192.0.2.1", ATTESTED),
				  other = pair_of("192.0.2.2", ATTESTED),
				  elsewhere = pair_of("192.0.2.1", VICTIM);
	struct pair p;

	(void)state;
	probing(&p, &none);
	assert_int_equal(p.plan, 0); /* it is punched first */
	done(&p);
	probing(&p, &other);
	assert_int_equal(p.plan, 0);
	done(&p);
	probing(&p, &elsewhere);
	assert_int_equal(p.plan, 0);
	done(&p);
	probing(&p, &here);
	assert_int_not_equal(p.plan, 0);
	run(&p, T0 + MSEC(100), T0 + SEC(1));
	assert_in_range(p.probes, 50, 100);
	assert_int_equal(p.elsewhere, 0);
	run(&p, T0 + SEC(1), T0 + SEC(20)); /* nobody answers */
	assert_false(knows_pair(&p));
	done(&p);
}

static void what_was_found_is_kept(void **state)
{
	const struct pathset_pair here = pair_of("192.0.2.1", ATTESTED);
	struct disco_message ping = { .type = DISCO_PING, .txid = 1 };
	struct pathset_source src = { .fan = true };
	uint8_t plain[DISCO_MAX], sealed[BOX_MAX];
	struct pathset_pair got;
	struct pair p;
	size_t n;

	(void)state;
	probing(&p, &here);
	pathset_set_searched(p.ps, &(struct pathset_pair){ 0 });
	run(&p, T0 + MSEC(100), T0 + MSEC(200));
	assert_true(endpoint_parse(ATTESTED ":7000", &src.from));
	n = disco_write(&ping, plain);
	n = box_seal(&p.peer, 7, plain, n, sealed);
	assert_int_equal(pathset_input(p.ps, &src, sealed, n, 7, T0 + MSEC(200)), DROP_NONE);
	assert_false(knows_pair(&p));
	pathset_fan_adopted(p.ps, PATHSET_ADOPTED, T0 + MSEC(200));
	got = pathset_searched(p.ps);
	assert_true(ipaddr_eq(&got.self, &here.self));
	assert_true(ipaddr_eq(&got.peer, &here.peer));
	done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fans_open_only_towards_the_peer),
		cmocka_unit_test(openers_arrive_where_they_do_no_harm),
		cmocka_unit_test(a_flood_of_scans_is_bounded),
		cmocka_unit_test(probes_go_only_to_the_peer),
		cmocka_unit_test(an_hour_of_scans_is_bounded),
		cmocka_unit_test(strange_pings_at_the_fan),
		cmocka_unit_test(where_one_was_found_the_next_begins_at_once),
		cmocka_unit_test(what_was_found_is_kept),
	};

	if (key_setup() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
