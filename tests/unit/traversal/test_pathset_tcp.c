/* SPDX-License-Identifier: MIT
 *
 * test_pathset_tcp.c - streams as paths: two engines, a relay of 20 ms, and TCP
 */
#include "tests/unit/unit.h"

#include "crypto/key.h"
#include "traversal/disco.h"
#include "traversal/pathset.h"

#define T0    SEC(1000)
#define STEP  MSEC(1)
#define RELAY MSEC(20) /* one way */
#define WIRE  MSEC(10)

enum {
	EPOCH = 7,
	FLIGHTS = 256,
};

struct node {
	struct pathset *ps;
	struct pathset_use use;
	struct candidate_list local;
	struct nat_profile nat;
	uint32_t generation;
	unsigned dials, asks;
	nsec_t crossed; /* when it was told to connect; 0: not */
	struct endpoint dialled, crossing;
};

struct flight {
	nsec_t at; /* 0: free */
	unsigned to;
	struct pathset_source src;
	size_t n;
	uint8_t m[BOX_MAX];
};

struct lab {
	struct node node[2]; /* 0 has the smaller key */
	struct flight flight[FLIGHTS];
	nsec_t now, tcp_at; /* a dial succeeds then; 0: none under way */
	unsigned dialler;
	bool refuses, udp, mute; /* a dial; UDP gets through; streams are silent */
	struct endpoint seen[2]; /* by a server, of a fresh TCP port */
};

static struct endpoint at(const char *text)
{
	struct endpoint e;

	assert_true(endpoint_parse(text, &e));
	return e;
}

static void add(struct candidate_list *l, const char *text, enum candidate_kind kind,
		bool attested)
{
	struct candidate c = { .kind = kind, .attested = attested };

	c.at = at(text);
	assert_true(candidate_add(l, &c));
}

/* fill() - the engines that are not there yet */
static void fill(struct lab *b)
{
	struct key_private k[2];
	struct key_public pub[2];

	memset(k, 1, sizeof(k));
	for (unsigned i = 2; i < 200; i++) {
		k[1].b[5] = (uint8_t)i;
		key_public_of(&k[0], &pub[0]);
		key_public_of(&k[1], &pub[1]);
		if (memcmp(pub[0].b, pub[1].b, sizeof(pub[0].b)) < 0)
			break;
	}
	for (unsigned i = 0; i < 2; i++) {
		struct pathset_params p = { .self_private = &k[i], .seed = b->now + i,
					    .self = pub[i], .peer = pub[!i],
					    .box_counter = b->now };

		if (!b->node[i].ps)
			b->node[i].ps = pathset_new(&p);
		assert_non_null(b->node[i].ps);
	}
}

static void make(struct lab *b)
{
	memset(b, 0, sizeof(*b));
	b->now = T0;
	fill(b);
}

static void tell_local(struct lab *b, unsigned i)
{
	struct node *n = &b->node[i];

	n->generation++;
	pathset_set_local(n->ps, &n->local, &n->nat, n->generation, b->now);
	pathset_set_remote(b->node[!i].ps, &n->local, n->generation, b->now);
}

static void start(struct lab *b)
{
	const bool v6[1] = { false };

	for (unsigned i = 0; i < 2; i++) {
		pathset_set_sockets(b->node[i].ps, v6, 1, b->now);
		tell_local(b, i);
		pathset_set_relay(b->node[i].ps, 0, true, 2 * RELAY, b->now);
	}
	for (unsigned i = 0; i < 2; i++)
		pathset_traffic(b->node[i].ps, b->now);
}

static void send(struct lab *b, unsigned from, const struct pathset_action *a)
{
	bool relayed = a->kind == PATHSET_SEND_RELAY;
	bool stream = !relayed && a->socket >= PATHSET_STREAM;
	struct flight *f = b->flight;

	if (!relayed && (stream ? b->mute : !b->udp))
		return;
	while (f->at)
		assert_true(++f < b->flight + FLIGHTS);
	f->at = b->now + (relayed ? RELAY : WIRE);
	f->to = !from;
	f->n = a->n;
	memcpy(f->m, a->message, a->n);
	f->src = (struct pathset_source){ .relayed = relayed };
	if (stream) { /* the client's number is the other one there */
		f->src.socket = a->socket == PATHSET_STREAM ? PATHSET_STREAM + 1 :
							      PATHSET_STREAM;
		f->src.from = at("203.0.113.7:7000");
	} else if (!relayed) {
		f->src.from = b->node[from].local.c[0].at;
	}
}

static void act(struct lab *b, unsigned i, const struct pathset_action *a)
{
	struct node *n = &b->node[i];

	switch (a->kind) {
	case PATHSET_SEND_DIRECT:
	case PATHSET_SEND_RELAY:
		send(b, i, a);
		return;
	case PATHSET_USE:
		n->use = a->use;
		return;
	case PATHSET_DIAL:
		n->dials++;
		n->dialled = a->to;
		b->dialler = i;
		if (b->refuses)
			pathset_dial_failed(n->ps, "Connection refused", b->now);
		else
			b->tcp_at = b->now + 2 * WIRE;
		return;
	case PATHSET_CROSS_ASK:
		n->asks++;
		pathset_cross_seen(n->ps, &b->seen[i], b->now);
		return;
	case PATHSET_CROSS:
		n->crossed = b->now;
		n->crossing = a->to;
		return;
	case PATHSET_IDLE:
	case PATHSET_WANT_STUN:
	case PATHSET_WANT_SOCKETS:
	case PATHSET_REHANDSHAKE:
	case PATHSET_WANT_FAN:
	case PATHSET_SEND_FAN:
	case PATHSET_FAN_STUN:
	case PATHSET_ADOPT_FAN:
		return;
	}
}

static void connected(struct lab *b, unsigned client)
{
	struct endpoint e = at("203.0.113.7:7000");

	pathset_stream_opened(b->node[client].ps, PATHSET_STREAM, &e, b->now);
	pathset_stream_opened(b->node[!client].ps, PATHSET_STREAM + 1, &e, b->now);
}

static void step(struct lab *b)
{
	struct pathset_action a;

	b->now += STEP;
	for (struct flight *f = b->flight; f < b->flight + FLIGHTS; f++)
		if (f->at && f->at <= b->now) {
			f->at = 0;
			(void)!pathset_input(b->node[f->to].ps, &f->src, f->m,
					     f->n, EPOCH, b->now);
		}
	if (b->tcp_at && b->tcp_at <= b->now) {
		b->tcp_at = 0;
		connected(b, b->dialler);
	}
	for (unsigned i = 0; i < 2; i++)
		do {
			pathset_poll(b->node[i].ps, &a, EPOCH, b->now);
			act(b, i, &a);
		} while (a.kind != PATHSET_IDLE);
}

static void run(struct lab *b, nsec_t time)
{
	nsec_t end = b->now + time;

	while (b->now < end) {
		step(b);
		if (b->now % SEC(1) == 0)
			for (unsigned i = 0; i < 2; i++)
				pathset_traffic(b->node[i].ps, b->now);
	}
}

static bool both(const struct lab *b, enum path_kind kind)
{
	return b->node[0].use.best.kind == kind && b->node[1].use.best.kind == kind;
}

static void done(struct lab *b)
{
	pathset_free(b->node[0].ps);
	pathset_free(b->node[1].ps);
}

/* blocked() - node i gets no UDP through; the other is public and listens */
static void blocked(struct lab *b, unsigned i)
{
	make(b);
	add(&b->node[!i].local, "198.51.100.1:5000", CANDIDATE_PUBLIC, true);
	add(&b->node[!i].local, "198.51.100.1:5000", CANDIDATE_TCP, true);
	add(&b->node[i].local, "10.0.0.2:5000", CANDIDATE_LAN, false);
	b->node[i].nat.no_udp = true;
	start(b);
}

static void the_blocked_side_dials(void **state)
{
	struct lab b;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		blocked(&b, i);
		run(&b, MSEC(200));
		assert_true(both(&b, PATH_TCP));
		assert_int_equal(b.node[i].dials, 1);
		assert_int_equal(b.node[!i].dials, 0);
		assert_true(b.node[i].dialled.port == 5000);
		assert_int_equal(b.node[i].use.best.socket, PATHSET_STREAM);
		assert_int_equal(b.node[!i].use.best.socket, PATHSET_STREAM + 1);
		assert_int_equal(b.node[0].use.also.kind, PATH_NONE);
		run(&b, SEC(60));
		assert_true(both(&b, PATH_TCP));
		done(&b);
	}
}

static void udp_takes_over_by_itself(void **state)
{
	struct lab b;

	(void)state;
	blocked(&b, 0);
	run(&b, SEC(1));
	assert_true(both(&b, PATH_TCP));
	b.udp = true;
	b.node[0].nat.no_udp = false;
	tell_local(&b, 0);
	run(&b, SEC(1));
	assert_true(both(&b, PATH_DIRECT));
	run(&b, SEC(20)); /* and stays, though the stream is open yet */
	assert_true(both(&b, PATH_DIRECT));
	done(&b);
}

static void udp_is_looked_for_without_a_hint(void **state)
{
	struct lab b;

	(void)state;
	blocked(&b, 0);
	run(&b, SEC(1));
	b.udp = true;
	run(&b, SEC(70));
	assert_true(both(&b, PATH_DIRECT));
	done(&b);
}

static void a_silent_stream_is_left_for_the_relay(void **state)
{
	struct lab b;

	(void)state;
	blocked(&b, 0);
	run(&b, SEC(1));
	b.mute = true;
	run(&b, SEC(9));
	assert_true(both(&b, PATH_RELAY));
	done(&b);
}

static void a_dead_stream_is_replaced(void **state)
{
	struct lab b;

	(void)state;
	blocked(&b, 0);
	run(&b, SEC(1));
	b.mute = true;
	while (b.node[0].use.best.kind == PATH_TCP)
		run(&b, STEP);
	run(&b, MSEC(900));
	assert_int_equal(b.node[0].dials, 1);
	b.mute = false; /* of the new one */
	run(&b, SEC(8));
	assert_true(both(&b, PATH_TCP));
	assert_int_equal(b.node[0].dials, 2);
	b.mute = true; /* one that never carries is not replaced for ever */
	run(&b, SEC(1800));
	assert_in_range(b.node[0].dials, 3, 32);
	done(&b);
}

static void a_closed_stream_is_dialled_again(void **state)
{
	struct lab b;

	(void)state;
	blocked(&b, 0);
	run(&b, SEC(1));
	pathset_stream_closed(b.node[0].ps, PATHSET_STREAM, b.now);
	pathset_stream_closed(b.node[1].ps, PATHSET_STREAM + 1, b.now);
	run(&b, MSEC(5));
	assert_true(both(&b, PATH_RELAY));
	run(&b, SEC(3));
	assert_true(both(&b, PATH_TCP));
	assert_int_equal(b.node[0].dials, 2);
	done(&b);
}

static void refusals_are_counted_and_few(void **state)
{
	struct pathset_trial t[40];
	struct lab b;
	nsec_t next;
	unsigned n, found = 0;

	(void)state;
	blocked(&b, 0);
	b.refuses = true;
	run(&b, SEC(300));
	assert_true(b.node[0].dials >= 3 && b.node[0].dials <= 6);
	assert_true(both(&b, PATH_RELAY));
	n = pathset_explain(b.node[0].ps, t, 40, &next);
	for (unsigned i = 0; i < n; i++)
		found += !strcmp(t[i].what, "TCP to 198.51.100.1:5000") &&
			 !strcmp(t[i].outcome, "Connection refused");
	assert_int_equal(found, 1);
	done(&b);
}

static void only_attested_addresses_are_dialled(void **state)
{
	static const struct {
		const char *at;
		bool attested, dialled;
	} rows[] = {
		{ "198.51.100.1:5000", true, true },
		{ "198.51.100.1:443", true, true },
		{ "198.51.100.1:22", true, false },
		{ "198.51.100.1:5000", false, false },
		{ "10.0.0.9:5000", false, true }, /* next to us */
		{ "10.9.0.9:5000", false, false },
		{ "127.0.0.1:5000", true, false },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct lab b;

		make(&b);
		add(&b.node[0].local, "10.0.0.2:5000", CANDIDATE_LAN, false);
		b.node[0].nat.no_udp = true;
		add(&b.node[1].local, rows[i].at, CANDIDATE_TCP,
		    rows[i].attested);
		b.refuses = true;
		start(&b);
		run(&b, SEC(1));
		assert_int_equal(b.node[0].dials > 0, rows[i].dialled);
		done(&b);
	}
}

static void nobody_dials_while_udp_may_work(void **state)
{
	struct lab b;

	(void)state;
	make(&b);
	b.udp = true;
	for (unsigned i = 0; i < 2; i++) {
		add(&b.node[i].local, i ? "198.51.100.1:5000" : "192.0.2.1:5000",
		    CANDIDATE_PUBLIC, true);
		add(&b.node[i].local, i ? "198.51.100.1:5000" : "192.0.2.1:5000",
		    CANDIDATE_TCP, true);
	}
	start(&b);
	run(&b, SEC(30));
	assert_true(both(&b, PATH_DIRECT));
	assert_int_equal(b.node[0].dials + b.node[1].dials, 0);
	done(&b);
}

/* caged() - neither gets UDP through, both are behind a NAT */
static void caged(struct lab *b, bool attested)
{
	make(b);
	for (unsigned i = 0; i < 2; i++) {
		add(&b->node[i].local, "10.0.0.2:5000", CANDIDATE_LAN, false);
		add(&b->node[i].local, i ? "198.51.100.1:900" : "192.0.2.1:900",
		    CANDIDATE_TCP_REFLEXIVE, attested);
		b->seen[i] = at(i ? "198.51.100.1:6001" : "192.0.2.1:6000");
		b->node[i].nat.no_udp = true;
	}
	start(b);
}

static void two_blocked_sides_connect_at_once(void **state)
{
	struct lab b;
	nsec_t skew;

	(void)state;
	caged(&b, true);
	run(&b, MSEC(400));
	assert_true(b.node[0].crossed && b.node[1].crossed);
	assert_int_equal(b.node[0].crossing.port, 6001);
	assert_int_equal(b.node[1].crossing.port, 6000);
	skew = b.node[0].crossed > b.node[1].crossed ?
		       b.node[0].crossed - b.node[1].crossed :
		       b.node[1].crossed - b.node[0].crossed;
	assert_true(skew <= MSEC(2));
	connected(&b, 0);
	run(&b, MSEC(200));
	assert_true(both(&b, PATH_TCP));
	assert_int_equal(b.node[0].asks, 1);
	done(&b);
}

static void a_restarted_leader_calls_anew(void **state)
{
	struct lab b;

	(void)state;
	caged(&b, true);
	run(&b, MSEC(60)); /* the follower waits for its "now" */
	assert_int_equal(b.node[1].asks, 1);
	assert_int_equal(b.node[1].crossed, 0);
	pathset_free(b.node[0].ps);
	b.node[0].ps = NULL;
	memset(b.flight, 0, sizeof(b.flight));
	b.now += SEC(1);
	fill(&b);
	start(&b);
	run(&b, MSEC(500));
	assert_true(b.node[0].crossed && b.node[1].crossed);
	done(&b);
}

static void an_address_attested_late_is_met_soon(void **state)
{
	struct lab b;

	(void)state;
	caged(&b, false);
	run(&b, MSEC(400));
	assert_int_equal(b.node[0].crossed + b.node[1].crossed, 0);
	for (unsigned i = 0; i < 2; i++) {
		for (unsigned k = 0; k < b.node[i].local.count; k++)
			b.node[i].local.c[k].attested = true;
		pathset_set_remote(b.node[!i].ps, &b.node[i].local,
				   b.node[i].generation, b.now);
	}
	run(&b, MSEC(500));
	assert_true(b.node[0].crossed && b.node[1].crossed);
	done(&b);
}

static void a_failed_open_is_repeated_some_times(void **state)
{
	struct lab b;

	(void)state;
	caged(&b, true);
	for (unsigned i = 0; i < 60; i++) {
		run(&b, SEC(5));
		for (unsigned k = 0; k < 2; k++)
			if (b.node[k].crossed) {
				b.node[k].crossed = 0;
				pathset_dial_failed(b.node[k].ps, "no answer",
						    b.now);
			}
	}
	assert_true(b.node[0].asks >= 3 && b.node[0].asks <= 7);
	assert_int_equal(b.node[0].asks, b.node[1].asks);
	assert_true(both(&b, PATH_RELAY));
	done(&b);
}

static void no_open_towards_strangers(void **state)
{
	struct lab b;

	(void)state;
	caged(&b, false);
	run(&b, SEC(30));
	assert_int_equal(b.node[0].crossed + b.node[1].crossed, 0);
	done(&b);
	caged(&b, true);
	b.seen[0] = at("203.0.113.9:6000"); /* not where it was seen */
	run(&b, SEC(30));
	assert_int_equal(b.node[1].crossed, 0);
	done(&b);
}

static void a_hello_proves_one_connection(void **state)
{
	uint8_t m[BOX_MAX], copy[BOX_MAX], binding[32], other[32];
	struct lab b;
	size_t n;

	(void)state;
	memset(binding, 3, sizeof(binding));
	memset(other, 4, sizeof(other));
	make(&b);
	n = pathset_stream_hello(b.node[0].ps, binding, EPOCH, m);
	memcpy(copy, m, n);
	assert_int_equal(pathset_stream_proof(b.node[1].ps, copy, n, other),
			 DROP_DISCO_STALE); /* carried over to another one */
	memcpy(copy, m, n);
	assert_int_equal(pathset_stream_proof(b.node[1].ps, copy, n, binding),
			 DROP_DISCO_REPLAY);
	n = pathset_stream_hello(b.node[0].ps, binding, EPOCH, m);
	memcpy(copy, m, n);
	assert_int_equal(pathset_stream_proof(b.node[0].ps, copy, n, binding),
			 DROP_DISCO_CRYPTO); /* sent back to who wrote it */
	copy[n - 1] = m[n - 1];
	memcpy(copy, m, n);
	copy[n - 1] ^= 1;
	assert_int_equal(pathset_stream_proof(b.node[1].ps, copy, n, binding),
			 DROP_DISCO_CRYPTO);
	assert_int_equal(pathset_stream_proof(b.node[1].ps, m, n, binding),
			 DROP_NONE);
	done(&b);
}

static int setup(void **state)
{
	(void)state;
	return key_setup();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_blocked_side_dials),
		cmocka_unit_test(udp_takes_over_by_itself),
		cmocka_unit_test(udp_is_looked_for_without_a_hint),
		cmocka_unit_test(a_silent_stream_is_left_for_the_relay),
		cmocka_unit_test(a_dead_stream_is_replaced),
		cmocka_unit_test(a_closed_stream_is_dialled_again),
		cmocka_unit_test(refusals_are_counted_and_few),
		cmocka_unit_test(only_attested_addresses_are_dialled),
		cmocka_unit_test(nobody_dials_while_udp_may_work),
		cmocka_unit_test(two_blocked_sides_connect_at_once),
		cmocka_unit_test(a_restarted_leader_calls_anew),
		cmocka_unit_test(an_address_attested_late_is_met_soon),
		cmocka_unit_test(a_failed_open_is_repeated_some_times),
		cmocka_unit_test(no_open_towards_strangers),
		cmocka_unit_test(a_hello_proves_one_connection),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
