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

/* pair_of() - with a budget of the node's, or NULL */
static void pair_of(struct pair *p, struct budget_node *budget)
{
	struct key_private k[2];
	struct key_public pub[2];
	struct pathset_params params = { .self_private = &k[0], .seed = 1,
					 .budget = budget };

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

static void pair_make(struct pair *p)
{
	pair_of(p, NULL);
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

/* direct() - all that it sends to others than the relay */
static unsigned direct(struct pair *p, nsec_t now)
{
	struct pathset_action a;
	struct disco_message m;
	unsigned n = 0;
	enum pathset_action_kind k;

	while ((k = hear(p, &m, &a, now)) != PATHSET_IDLE)
		n += k == PATHSET_SEND_DIRECT;
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
		{ "198.51.100.1:5000", CANDIDATE_STATIC, true, 1 },
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

/* accuse() - a hostile peer names many ports of one victim */
static void accuse(struct pair *p, uint32_t g, nsec_t now)
{
	struct disco_message m = { .type = DISCO_CAND, .instance = 5 };

	m.generation = g;
	for (uint16_t i = 0; i < CANDIDATES_MAX; i++) {
		struct candidate c = { .kind = CANDIDATE_PUBLIC };

		c.at.ip = ipaddr_v4(0xC6336401);
		c.at.port = (uint16_t)(2000 + g * 100 + i);
		assert_true(candidate_add(&m.candidates, &c));
	}
	(void)!say(p, &m, NULL, now);
}

/* most_in_window() - of the sent[] in each second, the most in any 30 s */
static unsigned most_in_window(const unsigned *sent, unsigned seconds)
{
	unsigned most = 0;

	for (unsigned from = 0; from + 30 <= seconds; from++) {
		unsigned sum = 0;

		for (unsigned i = from; i < from + 30; i++)
			sum += sent[i];
		most = sum > most ? sum : most;
	}
	return most;
}

static void an_unproven_address_gets_little(void **state)
{
	unsigned sent[120] = { 0 };
	struct pair p;

	(void)state;
	pair_make(&p);
	pair_start(&p);
	for (uint32_t s = 0; s < ARRAY_SIZE(sent); s++) {
		const nsec_t now = T0 + SEC(s);

		pathset_traffic(p.ps, now);
		accuse(&p, s + 1, now);
		for (nsec_t t = 0; t < SEC(1); t += MSEC(100))
			sent[s] += count(&p, DISCO_PING, true, now + t);
	}
	assert_int_equal(most_in_window(sent, ARRAY_SIZE(sent)), 16);
	pathset_free(p.ps);
}

/* three peers conspire: a forged source for pings, and the same victim for all */
static void many_peers_may_no_more_than_one(void **state)
{
	static struct budget_node node;
	unsigned sent[60] = { 0 };
	struct pair p[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		pair_of(&p[i], &node);
		pair_start(&p[i]);
	}
	for (uint32_t s = 0; s < ARRAY_SIZE(sent); s++)
		for (unsigned i = 0; i < 3; i++) {
			const nsec_t now = T0 + SEC(s);
			struct disco_message m = { .type = DISCO_PING };

			m.txid = s + 1;
			pathset_traffic(p[i].ps, now);
			accuse(&p[i], s + 1, now);
			for (unsigned k = 0; k < 10; k++)
				(void)!say(&p[i], &m, "198.51.100.1:2101", now);
			sent[s] += direct(&p[i], now);
		}
	assert_int_equal(most_in_window(sent, ARRAY_SIZE(sent)), 16);
	assert_true(node.refused > 0);
	for (unsigned i = 0; i < 3; i++)
		pathset_free(p[i].ps);
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
		cmocka_unit_test(many_peers_may_no_more_than_one),
		cmocka_unit_test(garbage_is_dropped),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
