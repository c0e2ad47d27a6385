/* SPDX-License-Identifier: MIT
 *
 * test_hello.c - the pace of calls, whom to believe, and what a call does to both ends
 */
#include "tests/unit/unit.h"

#include "traversal/disco.h"
#include "traversal/hello.h"
#include "traversal/pathset.h"

#define T0    SEC(1000)
#define EPOCH 7

struct end {
	struct key_private key;
	struct key_public pub;
	struct pathset *ps;
	struct endpoint at; /* of its main socket */
	unsigned socket;
};

struct pair {
	struct end a, b;
};

static void make(struct end *e, const struct end *peer, const char *at)
{
	const bool v6[2] = { false, true };
	struct pathset_params p = { .self_private = &e->key,
				    .self = e->pub,
				    .peer = peer->pub,
				    .box_counter = 1,
				    .seed = e->pub.b[0] };
	struct candidate_list none = { .count = 0 };
	struct nat_profile nat = { .known = false };

	e->ps = pathset_new(&p);
	assert_non_null(e->ps);
	assert_true(endpoint_parse(at, &e->at));
	e->socket = ipaddr_is_v4(&e->at.ip) ? 0 : 1;
	e->at.scope = e->socket ? 3 : 0;
	pathset_set_sockets(e->ps, v6, 2, T0);
	pathset_set_local(e->ps, &none, &nat, 1, T0);
}

static void pair_make(struct pair *p, const char *at_a, const char *at_b)
{
	memset(p, 0, sizeof(*p));
	memset(p->a.key.b, 1, KEY_OCTETS);
	memset(p->b.key.b, 2, KEY_OCTETS);
	key_public_of(&p->a.key, &p->a.pub);
	key_public_of(&p->b.key, &p->b.pub);
	make(&p->a, &p->b, at_a);
	make(&p->b, &p->a, at_b);
}

static void pair_done(struct pair *p)
{
	pathset_free(p->a.ps);
	pathset_free(p->b.ps);
}

static enum drop give(struct end *to, const struct end *from, bool hello,
		      const uint8_t *m, size_t n, nsec_t now)
{
	struct pathset_source src = { .hello = hello,
				      .socket = from->socket,
				      .from = from->at };
	uint8_t copy[BOX_MAX];

	memcpy(copy, m, n);
	return pathset_input(to->ps, &src, copy, n, EPOCH, now);
}

/* carry() - what one end has to say to the other, on the link; returns messages */
static unsigned carry(struct end *from, struct end *to, nsec_t now)
{
	struct pathset_action a;
	unsigned sent = 0;

	for (;;) {
		pathset_poll(from->ps, &a, EPOCH, now);
		if (a.kind == PATHSET_IDLE)
			return sent;
		if (a.kind != PATHSET_SEND_DIRECT ||
		    !endpoint_eq(&a.to, &to->at))
			continue;
		sent++;
		(void)give(to, from, false, a.message, a.n, now);
	}
}

static bool direct(const struct end *e)
{
	struct path_info i;

	pathset_current(e->ps, &i);
	return i.choice.kind == PATH_DIRECT;
}

static void meet(const char *at_a, const char *at_b)
{
	uint8_t m[HELLO_OCTETS_MAX];
	struct pair p;
	size_t n;

	pair_make(&p, at_a, at_b);
	pathset_traffic(p.a.ps, T0);
	n = pathset_hello(p.a.ps, EPOCH, m);
	assert_int_equal(give(&p.b, &p.a, true, m, n, T0), DROP_NONE);
	for (nsec_t now = T0; now < T0 + SEC(1); now += MSEC(1)) {
		carry(&p.b, &p.a, now);
		carry(&p.a, &p.b, now);
	}
	assert_true(direct(&p.a));
	assert_true(direct(&p.b));
	pair_done(&p);
}

static void a_call_makes_both_direct(void **state)
{
	(void)state;
	meet("10.1.2.3:24100", "10.1.2.4:24101");
	meet("[fe80::1]:24100", "[fe80::2]:24101");
}

static bool holds(const uint8_t *m, size_t n, const uint8_t *what, size_t octets)
{
	for (size_t i = 0; i + octets <= n; i++)
		if (!memcmp(m + i, what, octets))
			return true;
	return false;
}

static void a_call_names_nobody(void **state)
{
	uint8_t m[HELLO_OCTETS_MAX];
	struct pair p;
	size_t n;

	(void)state;
	pair_make(&p, "10.1.2.3:24100", "10.1.2.4:24101");
	n = pathset_hello(p.a.ps, EPOCH, m);
	assert_in_range(n, BOX_OVERHEAD, HELLO_OCTETS_MAX);
	for (size_t i = 0; i + 8 <= KEY_OCTETS; i++) {
		assert_false(holds(m, n, p.a.pub.b + i, 8));
		assert_false(holds(m, n, p.b.pub.b + i, 8));
	}
	pair_done(&p);
}

static void replayed_forged_and_misplaced(void **state)
{
	uint8_t m[HELLO_OCTETS_MAX];
	struct pathset_action a = { .kind = PATHSET_IDLE };
	struct pair p;
	size_t n;

	(void)state;
	pair_make(&p, "10.1.2.3:24100", "10.1.2.4:24101");
	n = pathset_hello(p.a.ps, EPOCH, m);
	m[n - 1] ^= 1;
	assert_int_equal(give(&p.b, &p.a, true, m, n, T0), DROP_DISCO_CRYPTO);
	m[n - 1] ^= 1;
	assert_int_equal(give(&p.b, &p.a, true, m, n, T0), DROP_NONE);
	assert_int_equal(give(&p.b, &p.a, true, m, n, T0), DROP_DISCO_REPLAY);
	assert_int_equal(give(&p.a, &p.b, true, m, n, T0), DROP_DISCO_CRYPTO);
	/* a call that comes as a ping, and a ping that comes as a call */
	n = pathset_hello(p.a.ps, EPOCH, m);
	assert_int_equal(give(&p.b, &p.a, false, m, n, T0), DROP_DISCO_STALE);
	while (a.kind != PATHSET_SEND_DIRECT)
		pathset_poll(p.b.ps, &a, EPOCH, T0);
	assert_int_equal(give(&p.a, &p.b, true, a.message, a.n, T0),
			 DROP_DISCO_STALE);
	pair_done(&p);
}

/* many calls from one source: pings to it stay within the budget of an unproven address */
static void a_flood_is_bounded(void **state)
{
	uint8_t m[HELLO_OCTETS_MAX];
	struct pathset_action a;
	unsigned sent = 0;
	struct pair p;
	size_t n;

	(void)state;
	pair_make(&p, "10.1.2.3:24100", "10.1.2.4:24101");
	for (nsec_t now = T0; now < T0 + SEC(25); now += MSEC(50)) {
		n = pathset_hello(p.a.ps, EPOCH, m);
		assert_int_equal(give(&p.b, &p.a, true, m, n, now), DROP_NONE);
		do {
			pathset_poll(p.b.ps, &a, EPOCH, now);
			sent += a.kind == PATHSET_SEND_DIRECT;
		} while (a.kind != PATHSET_IDLE);
	}
	assert_in_range(sent, 1, 16);
	pair_done(&p);
}

static void pace(void **state)
{
	struct hello h = { 0 };
	unsigned sent = 0;

	(void)state;
	for (nsec_t now = T0; now < T0 + SEC(600); now += MSEC(10))
		if (hello_due(&h, now)) {
			hello_sent(&h, now);
			sent++;
			assert_true(now >= T0 + SEC(60) || sent <= 8);
		}
	assert_in_range(sent, 15, 20);
	assert_false(hello_due(&h, T0 + SEC(600)));
	hello_again(&h);
	assert_true(hello_due(&h, T0 + SEC(601)));
}

static void who_is_believed(void **state)
{
	static const struct {
		const char *from;
		unsigned scope;
		bool believed;
	} rows[] = {
		{ "10.1.2.9:24100", 0, true },
		{ "10.1.3.9:24100", 0, false }, /* routed */
		{ "192.0.2.1:24100", 0, false },
		{ "[fe80::9]:24100", 3, true },
		{ "[fe80::9]:24100", 0, false },
		{ "[2001:db8::9]:24100", 0, false },
	};
	struct prefix net[2];

	(void)state;
	assert_true(prefix_parse("10.1.2.0/24", &net[0]));
	assert_true(prefix_parse("2001:db8::/64", &net[1]));
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct endpoint e;

		assert_true(endpoint_parse(rows[i].from, &e));
		e.scope = rows[i].scope;
		assert_int_equal(hello_believed(&e, net, 2), rows[i].believed);
	}
}

static void the_group_is_of_the_link(void **state)
{
	struct ipaddr v4 = hello_group(false), v6 = hello_group(true);

	(void)state;
	assert_int_equal(ipaddr_class(&v4), ADDR_CLASS_MULTICAST);
	assert_int_equal(v4.b[12], 239); /* never leaves the site */
	assert_int_equal(ipaddr_class(&v6), ADDR_CLASS_MULTICAST);
	assert_int_equal(v6.b[1] & 15, 2); /* nor the link */
}

static int setup(void **state)
{
	(void)state;
	return key_setup();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_makes_both_direct),
		cmocka_unit_test(a_call_names_nobody),
		cmocka_unit_test(replayed_forged_and_misplaced),
		cmocka_unit_test(a_flood_is_bounded),
		cmocka_unit_test(pace),
		cmocka_unit_test(who_is_believed),
		cmocka_unit_test(the_group_is_of_the_link),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
