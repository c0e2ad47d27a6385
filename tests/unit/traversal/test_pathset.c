/* SPDX-License-Identifier: MIT
 *
 * test_pathset.c - what one engine does with what it is told; pairs are in tests/sim
 */
#include "tests/unit/unit.h"

#include "traversal/disco.h"
#include "traversal/pathset.h"

#define T0 SEC(1000)

struct pair {
	struct pathset *ps;
	struct box peer; /* the test speaks for the peer */
};

static void pair_make(struct pair *p)
{
	struct key_private k[2];
	struct key_public pub[2];
	struct pathset_params params = { .self_private = &k[0], .seed = 1 };

	memset(k, 1, sizeof(k));
	k[1].b[5] = 2;
	key_public_of(&k[0], &pub[0]);
	key_public_of(&k[1], &pub[1]);
	params.self = pub[0];
	params.peer = pub[1];
	params.box_counter = 1;
	p->ps = pathset_new(&params);
	assert_non_null(p->ps);
	assert_true(box_init(&p->peer, &k[1], &pub[1], &pub[0], 1));
}

static void pair_start(struct pair *p)
{
	const bool v6[1] = { false };
	struct candidate_list l = { .count = 0 };
	struct nat_profile nat = { .known = false };
	struct candidate c = { .kind = CANDIDATE_REFLEXIVE };

	assert_true(endpoint_parse("192.0.2.1:5000", &c.at));
	assert_true(candidate_add(&l, &c));
	pathset_set_sockets(p->ps, v6, 1, T0);
	pathset_set_local(p->ps, &l, &nat, 1, T0);
	pathset_set_relay(p->ps, 2, true, MSEC(30), T0);
}

/* say() - the peer sends this */
static enum drop say(struct pair *p, const struct disco_message *m, const char *from,
		     nsec_t now)
{
	struct pathset_source src = { .relayed = from == NULL, .relay = 2 };
	uint8_t plain[DISCO_MAX], sealed[BOX_MAX];
	size_t n = disco_write(m, plain);

	if (from)
		assert_true(endpoint_parse(from, &src.from));
	n = box_seal(&p->peer, 7, plain, n, sealed);
	return pathset_input(p->ps, &src, sealed, n, 7, now);
}

/* hear() - next message that the engine sends; PATHSET_IDLE if none */
static enum pathset_action_kind hear(struct pair *p, struct disco_message *m,
				     struct pathset_action *a, nsec_t now)
{
	const uint8_t *plain;
	size_t n;

	for (;;) {
		pathset_poll(p->ps, a, 7, now);
		if (a->kind == PATHSET_IDLE)
			return PATHSET_IDLE;
		if (a->kind != PATHSET_SEND_DIRECT &&
		    a->kind != PATHSET_SEND_RELAY)
			continue;
		assert_int_equal(box_open(&p->peer, a->message, a->n, &plain, &n),
				 DROP_NONE);
		assert_int_equal(disco_read(plain, n, m), DROP_NONE);
		return a->kind;
	}
}

static unsigned count(struct pair *p, enum disco_type type, bool direct, nsec_t now)
{
	struct pathset_action a;
	struct disco_message m;
	unsigned n = 0;
	enum pathset_action_kind k;

	while ((k = hear(p, &m, &a, now)) != PATHSET_IDLE)
		n += m.type == type && (k == PATHSET_SEND_DIRECT) == direct;
	return n;
}

static void quiet_without_traffic(void **state)
{
	struct pair p;
	struct path_info info;

	(void)state;
	pair_make(&p);
	pair_start(&p);
	assert_int_equal(count(&p, DISCO_CAND, false, T0), 0);
	pathset_current(p.ps, &info);
	assert_int_equal(info.choice.kind, PATH_RELAY);
	assert_int_equal(info.choice.relay, 2);
	assert_int_equal(info.rtt, MSEC(30));
	pathset_traffic(p.ps, T0);
	assert_int_equal(count(&p, DISCO_CAND, false, T0), 1);
	assert_int_equal(count(&p, DISCO_CAND, false, T0 + MSEC(250)), 1);
	pathset_free(p.ps);
}

/* two relays, in slots 2 and 3: the kind decides, unless one is much nearer */
static void the_cheapest_kind_of_relay(void **state)
{
	static const struct {
		enum pathset_relay_kind kind[2];
		nsec_t rtt[2];
		unsigned best;
	} rows[] = {
		{ { PATHSET_RELAY_UDP, PATHSET_RELAY_PEER },
		  { MSEC(30), MSEC(30) }, 3 },
		{ { PATHSET_RELAY_UDP, PATHSET_RELAY_PEER },
		  { MSEC(30), MSEC(41) }, 2 },
		{ { PATHSET_RELAY_TLS, PATHSET_RELAY_UDP },
		  { MSEC(30), MSEC(30) }, 3 },
		{ { PATHSET_RELAY_TLS, PATHSET_RELAY_UDP },
		  { MSEC(30), MSEC(66) }, 2 },
	};
	struct path_info info;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct pair p;

		pair_make(&p);
		pair_start(&p);
		for (unsigned k = 0; k < 2; k++) {
			pathset_set_relay_kind(p.ps, 2 + k, rows[i].kind[k]);
			pathset_set_relay(p.ps, 2 + k, true, rows[i].rtt[k], T0);
		}
		(void)count(&p, DISCO_CAND, false, T0);
		pathset_current(p.ps, &info);
		assert_int_equal(info.choice.relay, rows[i].best);
		pathset_free(p.ps);
	}
}

static struct disco_message cand(const char *at, enum candidate_kind kind,
				 uint32_t generation)
{
	struct disco_message m = { .type = DISCO_CAND, .instance = 5, .ack = 1 };
	struct candidate c = { .kind = kind };

	m.generation = generation;
	assert_true(endpoint_parse(at, &c.at));
	assert_true(candidate_add(&m.candidates, &c));
	return m;
}

static void where_pings_go_without_openers(void **state)
{
	static const struct {
		const char *at;
		enum candidate_kind kind;
		bool independent; /* the peer's filter */
		unsigned pings;
	} rows[] = {
		{ "198.51.100.1:5000", CANDIDATE_PUBLIC, false, 1 },
		{ "198.51.100.1:5000", CANDIDATE_MAPPED, false, 1 },
		{ "198.51.100.1:5000", CANDIDATE_REFLEXIVE, true, 1 },
		{ "198.51.100.1:5000", CANDIDATE_REFLEXIVE, false, 0 },
		{ "198.51.100.1:5000", CANDIDATE_STATIC, false, 0 },
		{ "10.0.0.9:5000", CANDIDATE_LAN, false, 0 }, /* not on link */
		{ "127.0.0.1:5000", CANDIDATE_PUBLIC, false, 0 },
		{ "198.51.100.1:53", CANDIDATE_PUBLIC, false, 0 },
		{ "[2001:db8::1]:5000", CANDIDATE_V6, false, 0 }, /* no socket */
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct disco_message m = cand(rows[i].at, rows[i].kind, 1);
		struct pathset_action a;
		unsigned pings = 0;
		struct pair p;
		enum pathset_action_kind k;

		pair_make(&p);
		pair_start(&p);
		pathset_traffic(p.ps, T0);
		m.nat.known = m.nat.filter_independent = rows[i].independent;
		assert_int_equal(say(&p, &m, NULL, T0), DROP_NONE);
		while ((k = hear(&p, &m, &a, T0)) != PATHSET_IDLE)
			pings += k == PATHSET_SEND_DIRECT && a.ttl == 0;
		if (pings != rows[i].pings)
			fail_msg("row %zu: %u pings", i, pings);
		pathset_free(p.ps);
	}
}

static void old_and_repeated_cands(void **state)
{
	struct disco_message m = cand("198.51.100.1:5000", CANDIDATE_PUBLIC, 5);
	struct pair p;

	(void)state;
	pair_make(&p);
	pair_start(&p);
	assert_int_equal(say(&p, &m, NULL, T0), DROP_NONE);
	m.generation = 4;
	assert_int_equal(say(&p, &m, NULL, T0), DROP_DISCO_STALE);
	m.generation = 5;
	assert_int_equal(say(&p, &m, NULL, T0), DROP_NONE);
	m.instance = 4; /* of a former life */
	m.generation = 9;
	assert_int_equal(say(&p, &m, NULL, T0), DROP_DISCO_STALE);
	m.instance = 5;
	for (uint32_t g = 6; g < 6 + 7; g++) {
		m.generation = g;
		assert_int_equal(say(&p, &m, NULL, T0), DROP_NONE);
	}
	m.generation = 13; /* the ninth in 30 s */
	assert_int_equal(say(&p, &m, NULL, T0 + SEC(29)), DROP_DISCO_BUDGET);
	assert_int_equal(say(&p, &m, NULL, T0 + SEC(31)), DROP_NONE);
	/* direct, from where nothing is proved */
	m.generation = 14;
	assert_int_equal(say(&p, &m, "198.51.100.7:5000", T0 + SEC(31)),
			 DROP_DISCO_STALE);
	pathset_free(p.ps);
}

static void pings_are_answered_and_returned(void **state)
{
	struct disco_message m = { .type = DISCO_PING, .txid = 99 }, got;
	struct pathset_action a;
	struct endpoint from;
	struct pair p;

	(void)state;
	pair_make(&p);
	pair_start(&p);
	assert_true(endpoint_parse("198.51.100.1:4444", &from));
	assert_int_equal(say(&p, &m, "198.51.100.1:4444", T0), DROP_NONE);
	assert_int_equal(hear(&p, &got, &a, T0), PATHSET_SEND_DIRECT);
	assert_int_equal(got.type, DISCO_PONG);
	assert_int_equal(got.txid, 99);
	assert_true(endpoint_eq(&got.observed, &from));
	assert_true(endpoint_eq(&a.to, &from));
	assert_int_equal(hear(&p, &got, &a, T0), PATHSET_SEND_DIRECT);
	assert_int_equal(got.type, DISCO_PING);
	assert_int_equal(got.flags, DISCO_PING_BACK);
	/* a pong counts only from the exact endpoint */
	got.type = DISCO_PONG;
	assert_int_equal(say(&p, &got, "198.51.100.1:4445", T0), DROP_DISCO_STALE);
	assert_int_equal(say(&p, &got, "198.51.100.1:4444", T0), DROP_NONE);
	assert_int_equal(say(&p, &m, "127.0.0.1:4444", T0),
			 DROP_CANDIDATE_REFUSED);
	pathset_free(p.ps);
}

static void an_unproven_address_gets_little(void **state)
{
	struct pair p;
	unsigned sent = 0;

	(void)state;
	pair_make(&p);
	pair_start(&p);
	pathset_traffic(p.ps, T0);
	/* eight lists, each with other ports of one victim */
	for (uint32_t g = 1; g <= 8; g++) {
		struct disco_message m = { .type = DISCO_CAND, .instance = 5 };

		m.generation = g;
		for (uint16_t i = 0; i < CANDIDATES_MAX; i++) {
			struct candidate c = { .kind = CANDIDATE_PUBLIC };

			c.at.ip = ipaddr_v4(0xC6336401);
			c.at.port = (uint16_t)(2000 + g * 100 + i);
			assert_true(candidate_add(&m.candidates, &c));
		}
		(void)!say(&p, &m, NULL, T0 + SEC(g));
		sent += count(&p, DISCO_PING, true, T0 + SEC(g));
	}
	for (nsec_t t = SEC(9); t < SEC(30); t += MSEC(100))
		sent += count(&p, DISCO_PING, true, T0 + t);
	assert_int_equal(sent, 16);
	pathset_free(p.ps);
}

static void garbage_is_dropped(void **state)
{
	struct pathset_source src = { .relayed = true };
	uint8_t m[BOX_MAX];
	struct pair p;

	(void)state;
	pair_make(&p);
	memset(m, 0x5a, sizeof(m));
	for (size_t n = 0; n < sizeof(m); n += 7)
		assert_int_not_equal(pathset_input(p.ps, &src, m, n, 7, T0),
				     DROP_NONE);
	pathset_free(p.ps);
	pathset_free(NULL);
}

static int setup(void **state)
{
	(void)state;
	return key_setup();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quiet_without_traffic),
		cmocka_unit_test(the_cheapest_kind_of_relay),
		cmocka_unit_test(where_pings_go_without_openers),
		cmocka_unit_test(old_and_repeated_cands),
		cmocka_unit_test(pings_are_answered_and_returned),
		cmocka_unit_test(an_unproven_address_gets_little),
		cmocka_unit_test(garbage_is_dropped),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
