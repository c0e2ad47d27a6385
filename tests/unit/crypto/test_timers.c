/* SPDX-License-Identifier: MIT
 *
 * test_timers.c - the rules of time, each to the nanosecond, under a virtual
 * clock
 *
 * Values: WireGuard paper s6.1, s6.2, s6.4, s6.5, with the kernel's jitter.
 */
#include "tests/unit/crypto/pair.h"

static const nsec_t T0 = SEC(1000);

static struct pair connected(void)
{
	struct pair p = { .suite = AEAD_CHACHA20_POLY1305 };

	pair_init(&p);
	pair_connect(&p, T0);
	return p;
}

/* between() - at or after lo, and at most the jitter later */
static void assert_jittered(nsec_t at, nsec_t lo)
{
	assert_true(at >= lo);
	assert_true(at <= lo + REKEY_TIMEOUT_JITTER);
}

/* Rule 1: the initiator that sends on a key of 120 s begins anew; not
 * before. */
static void rekey_by_initiator(void **state)
{
	struct pair p = connected();
	const unsigned sent = p.a.count[TUNNEL_SEND];

	side_send(&p.a, 1, T0 + SEC(120) - 1);
	assert_int_equal(p.a.count[TUNNEL_SEND], sent);
	side_send(&p.a, 1, T0 + SEC(120));
	assert_int_equal(p.a.count[TUNNEL_SEND], sent + 1);
	assert_int_equal(p.a.at[TUNNEL_SEND], T0 + SEC(120));
	pair_settle(&p, T0 + SEC(120));
	assert_int_equal(tunnel_last_handshake(p.a.tunnel), T0 + SEC(120));
	pair_done(&p);
}

static void no_rekey_by_responder(void **state)
{
	struct pair p = connected();
	const unsigned sent = p.b.count[TUNNEL_SEND];

	side_send(&p.b, 1, T0 + SEC(121));
	side_send(&p.b, 1, T0 + SEC(170));
	side_poll(&p.b, T0 + SEC(170));
	/* only the new-handshake rule, which is about silence, may act */
	assert_int_equal(p.b.count[TUNNEL_SEND], sent + 1);
	assert_true(p.b.at[TUNNEL_SEND] == T0 + SEC(170));
	pair_done(&p);
}

/* Rule 2: the initiator that only receives begins anew at 165 s, once. */
static void rekey_on_receive(void **state)
{
	static const nsec_t at[] = { SEC(165) - 1, SEC(165), SEC(170) };
	struct pair p = connected();
	const unsigned sent = p.a.count[TUNNEL_SEND];

	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		p.a.woken = 0;
		side_send(&p.b, 1, T0 + at[i]);
		pair_deliver(&p.b, &p.a, T0 + at[i]);
		assert_int_equal(p.a.verdict, DROP_NONE);
		assert_int_equal(!!(p.a.woken & SESSION_WAKE_REKEY), i == 1);
		p.a.out_n = 0;
	}
	assert_true(p.a.count[TUNNEL_SEND] > sent);
	pair_done(&p);
}

/* The responder never does. */
static void no_late_rekey_by_responder(void **state)
{
	struct pair p = connected();

	p.b.woken = 0;
	side_send(&p.a, 1, T0 + SEC(166));
	p.a.outbox[0] = p.a.outbox[0].b[0] == 4 ? p.a.outbox[0] :
						  p.a.outbox[1];
	p.a.out_n = 1;
	pair_deliver(&p.a, &p.b, T0 + SEC(166));
	assert_int_equal(p.b.verdict, DROP_NONE);
	assert_int_equal(p.b.woken & SESSION_WAKE_REKEY, 0);
	pair_done(&p);
}

/* Rules 3 and 4: a retry each 5 s and jitter, with a new message each time;
 * after 90 s it is given up, and new traffic begins again. */
static void retry_and_give_up(void **state)
{
	struct pair p = { .suite = AEAD_CHACHA20_POLY1305 };
	uint8_t last[148] = { 0 };
	unsigned tries = 0;
	nsec_t at = T0;

	pair_init(&p);
	tunnel_want(p.a.tunnel, T0);
	while (!p.a.count[TUNNEL_GAVE_UP]) {
		side_poll(&p.a, at);
		if (p.a.out_n) {
			assert_int_equal(p.a.out_n, 1);
			assert_memory_not_equal(p.a.outbox[0].b, last, 148);
			memcpy(last, p.a.outbox[0].b, 148);
			p.a.out_n = 0;
			tries++;
			if (at + SEC(5) < T0 + SEC(90))
				assert_jittered(
					nsec_min(tunnel_next_expiry(p.a.tunnel),
						 T0 + SEC(90)),
					nsec_min(at + SEC(5), T0 + SEC(90)));
		}
		/* nothing happens a nanosecond early */
		at = tunnel_next_expiry(p.a.tunnel);
		if (at != NSEC_NEVER) {
			side_poll(&p.a, at - 1);
			assert_int_equal(p.a.out_n, 0);
		}
	}
	assert_int_equal(p.a.at[TUNNEL_GAVE_UP], T0 + SEC(90));
	assert_in_range(tries, 17, 18);
	assert_int_equal(tunnel_next_expiry(p.a.tunnel), NSEC_NEVER);
	side_send(&p.a, 1, T0 + SEC(95));
	assert_int_equal(p.a.at[TUNNEL_SEND], T0 + SEC(95));
	pair_done(&p);
}

/* At most one initiation in 5 s, unless forced. */
static void minimum_gap(void **state)
{
	struct pair p = connected();
	const unsigned sent = p.a.count[TUNNEL_SEND];

	tunnel_rehandshake(p.a.tunnel, false, T0 + SEC(1));
	side_run(&p.a, T0 + SEC(5) - 1);
	assert_int_equal(p.a.count[TUNNEL_SEND], sent);
	side_run(&p.a, T0 + SEC(5));
	assert_int_equal(p.a.count[TUNNEL_SEND], sent + 1);
	tunnel_rehandshake(p.a.tunnel, true, T0 + SEC(6));
	side_run(&p.a, T0 + SEC(6));
	assert_int_equal(p.a.count[TUNNEL_SEND], sent + 2);
	pair_done(&p);
}

/* Rule 5: 10 s after data, if nothing was sent, an empty packet. */
static void passive_keepalive(void **state)
{
	struct pair p = connected();

	p.b.woken = 0;
	side_send(&p.a, 1, T0 + SEC(1));
	pair_deliver(&p.a, &p.b, T0 + SEC(1));
	assert_int_equal(p.b.woken, SESSION_WAKE_TIMERS);
	side_run(&p.b, T0 + SEC(11) - 1);
	assert_int_equal(p.b.count[TUNNEL_SEND_KEEPALIVE], 0);
	side_run(&p.b, T0 + SEC(11));
	assert_int_equal(p.b.count[TUNNEL_SEND_KEEPALIVE], 1);
	side_run(&p.b, T0 + SEC(60));
	assert_int_equal(p.b.count[TUNNEL_SEND_KEEPALIVE], 1);
	pair_done(&p);
}

/* More data meanwhile: a second one 10 s after the first. */
static void passive_keepalive_again(void **state)
{
	struct pair p = connected();

	side_send(&p.a, 1, T0 + SEC(1));
	side_send(&p.a, 1, T0 + SEC(2));
	pair_deliver(&p.a, &p.b, T0 + SEC(2));
	side_run(&p.b, T0 + SEC(22) - 1);
	assert_int_equal(p.b.count[TUNNEL_SEND_KEEPALIVE], 1);
	assert_int_equal(p.b.at[TUNNEL_SEND_KEEPALIVE], T0 + SEC(12));
	side_run(&p.b, T0 + SEC(100));
	assert_int_equal(p.b.count[TUNNEL_SEND_KEEPALIVE], 2);
	assert_int_equal(p.b.at[TUNNEL_SEND_KEEPALIVE], T0 + SEC(22));
	pair_done(&p);
}

static void sending_stops_passive_keepalive(void **state)
{
	struct pair p = connected();

	side_send(&p.a, 1, T0 + SEC(1));
	pair_deliver(&p.a, &p.b, T0 + SEC(1));
	side_send(&p.b, 1, T0 + SEC(10));
	pair_deliver(&p.b, &p.a, T0 + SEC(10));
	side_run(&p.b, T0 + SEC(24));
	assert_int_equal(p.b.count[TUNNEL_SEND_KEEPALIVE], 0);
	pair_done(&p);
}

/* An empty packet is no data: two idle ends must not keep each other awake. */
static void keepalive_arms_nothing(void **state)
{
	struct pair p = connected();

	assert_int_equal(p.b.keepalives_in, 1); /* the key confirmation */
	side_run(&p.a, T0 + SEC(179));
	side_run(&p.b, T0 + SEC(179));
	assert_int_equal(p.a.count[TUNNEL_SEND_KEEPALIVE], 1);
	assert_int_equal(p.b.count[TUNNEL_SEND_KEEPALIVE], 0);
	assert_int_equal(p.a.out_n + p.b.out_n, 0);
	pair_done(&p);
}

/* Rule 6: 15 s and jitter after data that nothing authenticated followed. */
static void new_handshake_after_silence(void **state)
{
	struct pair p = connected();
	const unsigned sent = p.a.count[TUNNEL_SEND];

	p.a.woken = 0;
	side_send(&p.a, 1, T0 + SEC(20));
	assert_int_equal(p.a.woken, SESSION_WAKE_TIMERS);
	side_send(&p.a, 1, T0 + SEC(30)); /* the first one counts */
	side_run(&p.a, T0 + SEC(35) - 1);
	assert_int_equal(p.a.count[TUNNEL_SEND], sent);
	side_run(&p.a, T0 + SEC(35) + REKEY_TIMEOUT_JITTER);
	assert_int_equal(p.a.count[TUNNEL_SEND], sent + 1);
	assert_jittered(p.a.at[TUNNEL_SEND], T0 + SEC(35));
	pair_done(&p);
}

static void answer_stops_new_handshake(void **state)
{
	struct pair p = connected();
	const unsigned sent = p.a.count[TUNNEL_SEND];

	side_send(&p.a, 1, T0 + SEC(1));
	pair_deliver(&p.a, &p.b, T0 + SEC(1));
	side_run(&p.b, T0 + SEC(11)); /* its keepalive is answer enough */
	pair_deliver(&p.b, &p.a, T0 + SEC(11));
	side_run(&p.a, T0 + SEC(60));
	assert_int_equal(p.a.count[TUNNEL_SEND], sent);
	pair_done(&p);
}

/* Rule 7: persistent keepalive, moved by any authenticated packet. */
static void persistent_keepalive(void **state)
{
	struct pair p = { .suite = AEAD_CHACHA20_POLY1305,
			  .persistent = SEC(25) };
	unsigned n;

	pair_init(&p);
	side_run(&p.a, T0); /* at once, and it begins a handshake */
	assert_int_equal(p.a.out_n, 1);
	pair_settle(&p, T0);
	n = p.a.count[TUNNEL_SEND_KEEPALIVE];
	side_run(&p.a, T0 + SEC(25) - 1);
	assert_int_equal(p.a.count[TUNNEL_SEND_KEEPALIVE], n);
	side_run(&p.a, T0 + SEC(25));
	assert_int_equal(p.a.count[TUNNEL_SEND_KEEPALIVE], n + 1);
	side_send(&p.b, 0, T0 + SEC(30));
	pair_settle(&p, T0 + SEC(30));
	side_run(&p.a, T0 + SEC(55) - 1);
	assert_int_equal(p.a.count[TUNNEL_SEND_KEEPALIVE], n + 1);
	side_run(&p.a, T0 + SEC(55));
	assert_int_equal(p.a.count[TUNNEL_SEND_KEEPALIVE], n + 2);
	tunnel_set_keepalive(p.a.tunnel, 0, T0 + SEC(56));
	side_run(&p.a, T0 + SEC(170));
	assert_int_equal(p.a.count[TUNNEL_SEND_KEEPALIVE], n + 2);
	tunnel_set_keepalive(p.a.tunnel, SEC(1), T0 + SEC(171));
	side_run(&p.a, T0 + SEC(171));
	assert_int_equal(p.a.count[TUNNEL_SEND_KEEPALIVE], n + 3);
	pair_done(&p);
}

/* Rule 8: at 180 s a key is refused both ways. */
static void reject_after_time(void **state)
{
	struct pair p = connected();
	struct session *old = p.a.use;
	unsigned wake = 0;

	assert_int_equal(side_seal(&p.a, old, 1, T0 + SEC(180) - 1, &wake),
			 DROP_NONE);
	assert_int_equal(side_seal(&p.a, old, 1, T0 + SEC(180), &wake),
			 DROP_SESSION_EXPIRED);
	assert_true(wake & SESSION_WAKE_REKEY);
	side_input(&p.b, &p.a.outbox[0], T0 + SEC(180));
	assert_int_equal(p.b.verdict, DROP_SESSION_EXPIRED);
	side_input(&p.b, &p.a.outbox[0], T0 + SEC(180) - 1);
	assert_int_equal(p.b.verdict, DROP_NONE);
	side_run(&p.b, T0 + SEC(180) - 1);
	assert_non_null(p.b.use);
	side_run(&p.b, T0 + SEC(180));
	assert_null(p.b.use);
	assert_int_equal(p.b.at[TUNNEL_SESSION_USE], T0 + SEC(180));
	pair_done(&p);
}

/* Rule 9: keys that nothing replaced are forgotten at 540 s. */
static void zeroed(void **state)
{
	struct pair p = connected();

	side_run(&p.a, T0 + SEC(540) - 1);
	assert_int_equal(p.a.count[TUNNEL_SESSION_RETIRE], 0);
	side_run(&p.a, T0 + SEC(540));
	assert_int_equal(p.a.count[TUNNEL_SESSION_RETIRE], 1);
	assert_int_equal(p.a.at[TUNNEL_SESSION_RETIRE], T0 + SEC(540));
	assert_int_equal(tunnel_last_handshake(p.a.tunnel), 0);
	assert_int_equal(tunnel_next_expiry(p.a.tunnel), NSEC_NEVER);
	pair_done(&p);
}

/* A busy tunnel asks for the control thread only now and then. */
static void busy_tunnel_rarely_wakes(void **state)
{
	struct pair p = connected();
	unsigned wakes = 0;

	for (unsigned i = 0; i < 6000; i++) { /* one minute, 10 ms apart */
		const nsec_t now = T0 + MSEC(10) * i;

		p.a.woken = p.b.woken = 0;
		side_run(&p.a, now);
		side_run(&p.b, now);
		side_send(&p.a, 1, now);
		pair_deliver(&p.a, &p.b, now);
		side_send(&p.b, 1, now);
		pair_deliver(&p.b, &p.a, now);
		wakes += !!p.a.woken + !!p.b.woken;
	}
	assert_in_range(wakes, 2, 40);
	assert_int_equal(p.a.data_in, 6000);
	pair_done(&p);
}

/* An hour of traffic one way: no packet is refused, keys change every 120 s. */
static void an_hour(void **state)
{
	struct pair p = connected();
	unsigned sent = 0;

	for (unsigned i = 0; i < 3600; i++) {
		const nsec_t now = T0 + SEC(i);

		side_run(&p.a, now);
		side_run(&p.b, now);
		pair_settle(&p, now);
		sent += side_send(&p.a, 1, now) == DROP_NONE;
		pair_settle(&p, now);
	}
	assert_int_equal(sent, 3600);
	assert_int_equal(p.b.data_in, 3600);
	assert_int_equal(p.a.count[TUNNEL_ESTABLISHED], 30);
	assert_int_equal(p.a.count[TUNNEL_GAVE_UP], 0);
	pair_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rekey_by_initiator),
		cmocka_unit_test(no_rekey_by_responder),
		cmocka_unit_test(rekey_on_receive),
		cmocka_unit_test(no_late_rekey_by_responder),
		cmocka_unit_test(retry_and_give_up),
		cmocka_unit_test(minimum_gap),
		cmocka_unit_test(passive_keepalive),
		cmocka_unit_test(passive_keepalive_again),
		cmocka_unit_test(sending_stops_passive_keepalive),
		cmocka_unit_test(keepalive_arms_nothing),
		cmocka_unit_test(new_handshake_after_silence),
		cmocka_unit_test(answer_stops_new_handshake),
		cmocka_unit_test(persistent_keepalive),
		cmocka_unit_test(reject_after_time),
		cmocka_unit_test(zeroed),
		cmocka_unit_test(busy_tunnel_rarely_wakes),
		cmocka_unit_test(an_hour),
	};

	return cmocka_run_group_tests(tests, pair_group_setup, NULL);
}
