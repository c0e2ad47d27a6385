/* SPDX-License-Identifier: MIT
 *
 * test_pathset_spare.c - two uplinks: a path stands by, takes over, and gives back
 *
 * The test is the peer. A path of ours is a socket and one of the peer's endpoints; each
 * answers a ping after its round trip, or never. An endpoint of the peer's behind a NAT
 * answers nothing before an opener of ours has been seen, as a NAT of ours would have it.
 */
#include "tests/unit/unit.h"

#include "traversal/disco.h"
#include "traversal/pathset.h"

#define T0 SEC(1000)
#define USUAL "192.0.2.9:4000"
#define OTHER "198.51.100.9:4000"

enum {
	EPOCH = 7,
	BOUND = PATHSET_UPLINKS, /* our socket at the spare uplink */
	LEGS = 4,
	FLIGHTS = 16,
};

struct leg { /* one way to the peer */
	unsigned socket;
	struct endpoint to;
	nsec_t rtt; /* 0: dead */
	unsigned openers, pings;
	nsec_t opened, first; /* the first of each */
};

struct flight {
	nsec_t due; /* 0: free */
	unsigned leg;
	uint64_t txid;
};

struct pair {
	struct pathset *ps;
	struct box peer;
	struct leg leg[LEGS];
	unsigned legs;
	struct flight flight[FLIGHTS];
	struct pathset_use use;
	nsec_t now, moved; /* when the choice changed last */
	nsec_t told; /* of traffic */
	unsigned strays; /* packets on no leg */
	bool quiet; /* no traffic */
	uint8_t keep[2]; /* seconds, as each end has measured; 0: not */
};

static void add_leg(struct pair *p, unsigned socket, const char *to, unsigned rtt_ms)
{
	struct leg *l = &p->leg[p->legs++];

	l->socket = socket;
	l->rtt = MSEC(rtt_ms);
	assert_true(endpoint_parse(to, &l->to));
}

static void hand_in(struct pair *p, const struct disco_message *m,
		    const struct pathset_source *src)
{
	uint8_t plain[DISCO_MAX], sealed[BOX_MAX];
	size_t n = disco_write(m, plain);
	enum drop d;

	n = box_seal(&p->peer, EPOCH, plain, n, sealed);
	d = pathset_input(p->ps, src, sealed, n, EPOCH, p->now);
	assert_true(d == DROP_NONE || d == DROP_DISCO_STALE); /* late */
}

static void pong(struct pair *p, const struct leg *l, uint64_t txid)
{
	struct disco_message m = { .type = DISCO_PONG, .txid = txid };
	struct pathset_source src = { .socket = l->socket, .from = l->to };

	if (l->rtt)
		hand_in(p, &m, &src);
}

static void take_ping(struct pair *p, const struct pathset_action *a, uint64_t txid)
{
	for (unsigned i = 0; i < p->legs; i++) {
		struct leg *l = &p->leg[i];

		if (l->socket != a->socket || !endpoint_eq(&l->to, &a->to))
			continue;
		if (a->ttl && !l->openers++)
			l->opened = p->now;
		if (a->ttl)
			return;
		if (!l->pings++)
			l->first = p->now;
		for (unsigned k = 0; k < FLIGHTS && l->rtt; k++) {
			struct flight *f = &p->flight[k];

			if (f->due)
				continue;
			*f = (struct flight){ p->now + l->rtt, i, txid };
			break;
		}
		return;
	}
	p->strays++;
}

static void poll(struct pair *p)
{
	struct pathset_action a;

	for (;;) {
		struct disco_message m;
		const uint8_t *plain;
		size_t n;

		pathset_poll(p->ps, &a, EPOCH, p->now);
		if (a.kind == PATHSET_IDLE)
			return;
		if (a.kind == PATHSET_USE) {
			p->use = a.use;
			p->moved = p->now;
		}
		if (a.kind != PATHSET_SEND_DIRECT)
			continue;
		assert_int_equal(box_open(&p->peer, a.message, a.n, &plain, &n),
				 DROP_NONE);
		assert_int_equal(disco_read(plain, n, &m), DROP_NONE);
		if (m.type == DISCO_PING)
			take_ping(p, &a, m.txid);
	}
}

static void pass(struct pair *p, unsigned ms)
{
	for (; ms > 0; ms--) {
		p->now += MSEC(1);
		if (!p->quiet && p->now >= p->told) {
			pathset_traffic(p->ps, p->now);
			pathset_silent(p->ps, p->now - MSEC(300), p->now);
			p->told = p->now + MSEC(100);
		}
		for (unsigned k = 0; k < FLIGHTS; k++) {
			struct flight *f = &p->flight[k];

			if (!f->due || f->due > p->now)
				continue;
			f->due = 0;
			pong(p, &p->leg[f->leg], f->txid);
		}
		poll(p);
	}
}

/* tell_ours() - one candidate at each uplink; spare: the second exists */
static void tell_ours(struct pair *p, bool spare, uint32_t generation)
{
	const bool v6[BOUND + 2] = { [1] = true, [BOUND + 1] = true };
	struct candidate_list l = { .count = 0 };
	struct nat_profile nat = { .known = false, .keep_s = p->keep[0] };
	struct candidate c = { .kind = CANDIDATE_REFLEXIVE };

	assert_true(endpoint_parse("203.0.113.1:5000", &c.at));
	assert_true(candidate_add(&l, &c));
	c.spare = true;
	assert_true(endpoint_parse("203.0.113.65:6000", &c.at));
	if (spare)
		assert_true(candidate_add(&l, &c));
	pathset_set_sockets(p->ps, v6, BOUND + 2, p->now);
	pathset_set_uplinks(p->ps, spare ? 1 : 0, p->now);
	pathset_set_local(p->ps, &l, &nat, generation, p->now);
}

/* tell_theirs() - the peer's CAND; easy: pings may go to it at once */
static void tell_theirs(struct pair *p, bool spare, bool easy)
{
	struct disco_message m = { .type = DISCO_CAND, .instance = 5, .ack = 1,
				   .generation = 1 };
	struct pathset_source src = { .relayed = true };
	struct candidate c = { .kind = CANDIDATE_REFLEXIVE };

	m.nat.known = m.nat.filter_independent = easy;
	m.nat.keep_s = p->keep[1];
	assert_true(endpoint_parse(USUAL, &c.at));
	assert_true(candidate_add(&m.candidates, &c));
	c.spare = true;
	assert_true(endpoint_parse(OTHER, &c.at));
	if (spare)
		assert_true(candidate_add(&m.candidates, &c));
	hand_in(p, &m, &src);
}

static void make(struct pair *p)
{
	struct key_private k[2];
	struct key_public pub[2];
	struct pathset_params params = { .self_private = &k[0], .seed = 1,
					 .box_counter = 1 };

	*p = (struct pair){ .now = T0 };
	memset(k, 1, sizeof(k));
	k[1].b[5] = 2;
	key_public_of(&k[0], &pub[0]);
	key_public_of(&k[1], &pub[1]);
	params.self = pub[0];
	params.peer = pub[1];
	p->ps = pathset_new(&params);
	assert_non_null(p->ps);
	assert_true(box_init(&p->peer, &k[1], &pub[1], &pub[0], 1));
	pathset_set_relay(p->ps, 0, true, MSEC(80), T0);
}

static bool goes_by(const struct pair *p, unsigned socket, const char *to)
{
	struct endpoint e;

	assert_true(endpoint_parse(to, &e));
	return p->use.best.kind == PATH_DIRECT && p->use.best.socket == socket &&
	       endpoint_eq(&p->use.best.to, &e);
}

/* ours() - we have the second uplink; both paths stand, data goes by the usual one */
static void ours(struct pair *p)
{
	make(p);
	add_leg(p, 0, USUAL, 40);
	add_leg(p, BOUND, USUAL, 30); /* nearer, and still only the spare */
	tell_ours(p, true, 1);
	pathset_traffic(p->ps, p->now);
	tell_theirs(p, false, true);
	pass(p, 8000);
	assert_true(goes_by(p, 0, USUAL));
	assert_true(p->leg[1].pings >= 2);
}

static void a_spare_path_stands_by(void **state)
{
	struct path_info info[PATHSET_PATHS_MAX];
	unsigned n, spare = 0;
	struct pair p;

	(void)state;
	ours(&p);
	n = pathset_paths(p.ps, info, PATHSET_PATHS_MAX);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(info[i].spare, info[i].choice.socket == BOUND);
		spare += info[i].spare && !strcmp(info[i].state, "alive");
	}
	assert_int_equal(spare, 1);
	p.leg[1].pings = 0; /* it may be paid by the octet: three a minute, if all are
			     * answered */
	pass(&p, 60000);
	assert_in_range(p.leg[1].pings, 2, 4);
	assert_true(goes_by(&p, 0, USUAL));
	pathset_free(p.ps);
}

static void it_takes_over_and_gives_back(void **state)
{
	struct pair p;
	nsec_t cut;

	(void)state;
	ours(&p);
	p.leg[0].rtt = 0;
	cut = p.now;
	pass(&p, 3000);
	assert_true(goes_by(&p, BOUND, USUAL));
	assert_true(p.moved - cut < MSEC(1000));
	p.leg[0].rtt = MSEC(40); /* soon: while the dead path is still asked */
	cut = p.now;
	pass(&p, 15000);
	assert_true(goes_by(&p, 0, USUAL));
	assert_true(p.moved - cut > SEC(2)); /* it was on trial */
	pathset_free(p.ps);
}

/* long after the dead path was given up, tries go on */
static void it_gives_back_after_an_hour(void **state)
{
	struct pair p;

	(void)state;
	ours(&p);
	p.leg[0].rtt = 0;
	pass(&p, 3600 * 1000);
	assert_true(goes_by(&p, BOUND, USUAL));
	p.leg[0].rtt = MSEC(40);
	pass(&p, 130 * 1000);
	assert_true(goes_by(&p, 0, USUAL));
	pathset_free(p.ps);
}

/* the link is down: its socket's paths are dead, the other's are not doubted */
static void a_lost_uplink_is_left_at_once(void **state)
{
	struct pair p;
	nsec_t cut;

	(void)state;
	ours(&p);
	p.leg[0].rtt = 0;
	cut = p.now;
	pathset_network_changed(p.ps, p.now);
	pass(&p, 5);
	assert_true(goes_by(&p, BOUND, USUAL));
	assert_true(p.moved - cut <= MSEC(2));
	tell_ours(&p, false, 2); /* and now the spare one goes, too */
	pass(&p, 5);
	assert_int_equal(p.use.best.kind, PATH_RELAY);
	pathset_free(p.ps);
}

/* the peer's spare endpoint, behind a NAT: an opener first, pings when both are open */
static void the_peer_has_a_spare_uplink(void **state)
{
	struct pair p;

	(void)state;
	make(&p);
	add_leg(&p, 0, USUAL, 40);
	add_leg(&p, 0, OTHER, 30);
	tell_ours(&p, false, 1);
	pathset_traffic(p.ps, p.now);
	tell_theirs(&p, true, false);
	p.leg[1].rtt = 0; /* R1 reaches the usual one alone */
	pass(&p, 200);
	/* the peer's ping came through: the path by the usual one is proved */
	hand_in(&p, &(struct disco_message){ .type = DISCO_PING, .txid = 77 },
		&(struct pathset_source){ .socket = 0, .from = p.leg[0].to });
	pass(&p, 500);
	assert_true(goes_by(&p, 0, USUAL));
	p.leg[1] = (struct leg){ .socket = 0, .to = p.leg[1].to, .rtt = MSEC(30) };
	pass(&p, 20000);
	assert_true(p.leg[1].openers >= 1);
	assert_true(p.leg[1].first >= p.leg[1].opened + MSEC(1500));
	assert_true(p.leg[1].pings >= 2);
	assert_true(goes_by(&p, 0, USUAL)); /* nearer, and still only the spare */
	p.leg[0].rtt = 0;
	pass(&p, 2000);
	assert_true(goes_by(&p, 0, OTHER));
	pathset_free(p.ps);
}

/* one uplink each: no tries, whatever happens */
static void nothing_without_a_second_uplink(void **state)
{
	struct pair p;

	(void)state;
	make(&p);
	add_leg(&p, 0, USUAL, 40);
	tell_ours(&p, false, 1);
	pathset_traffic(p.ps, p.now);
	tell_theirs(&p, false, true);
	pass(&p, 10000);
	assert_true(goes_by(&p, 0, USUAL));
	pass(&p, 60000);
	assert_int_equal(p.strays, 0);
	assert_int_equal(p.leg[0].openers, 0);
	pathset_free(p.ps);
}

/* an idle path is asked as often as the shorter-lived mapping of the two needs */
static void idle_paths_are_kept(void **state)
{
	static const struct {
		uint8_t keep[2];
		unsigned least, most; /* pings in five minutes */
	} rows[] = {
		{ { 0, 0 }, 14, 16 }, { { 55, 0 }, 14, 16 },  { { 55, 55 }, 5, 6 },
		{ { 10, 55 }, 29, 31 }, { { 55, 14 }, 20, 22 }, { { 0, 1 }, 29, 31 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct pair p;

		make(&p);
		memcpy(p.keep, rows[i].keep, sizeof(p.keep));
		add_leg(&p, 0, USUAL, 40);
		tell_ours(&p, false, 1);
		pathset_traffic(p.ps, p.now);
		tell_theirs(&p, false, true);
		pass(&p, 10000);
		assert_true(goes_by(&p, 0, USUAL));
		p.quiet = true;
		pass(&p, 130 * 1000);
		p.leg[0].pings = 0;
		pass(&p, 300 * 1000);
		assert_in_range(p.leg[0].pings, rows[i].least, rows[i].most);
		pathset_free(p.ps);
	}
}

static int setup(void **state)
{
	(void)state;
	return key_setup();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_spare_path_stands_by),
		cmocka_unit_test(it_takes_over_and_gives_back),
		cmocka_unit_test(it_gives_back_after_an_hour),
		cmocka_unit_test(a_lost_uplink_is_left_at_once),
		cmocka_unit_test(the_peer_has_a_spare_uplink),
		cmocka_unit_test(nothing_without_a_second_uplink),
		cmocka_unit_test(idle_paths_are_kept),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
