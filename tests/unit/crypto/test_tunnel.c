/* SPDX-License-Identifier: MIT
 *
 * test_tunnel.c - handshakes with both ends in memory, and how they must fail
 */
#include "tests/unit/crypto/pair.h"

#include "crypto/cookie.h"

static const nsec_t T0 = SEC(1000);

static void completes(void **state)
{
	for (int suite = 0; suite < AEAD_SUITES; suite++) {
		for (int psk = 0; psk < 2; psk++) {
			struct pair p = { .suite = (enum aead_suite)suite };

			memset(&p.psk, psk * 7, sizeof(p.psk));
			pair_init(&p);
			pair_connect(&p, T0);
			assert_int_equal(side_send(&p.a, 100, T0), DROP_NONE);
			assert_int_equal(side_send(&p.b, 77, T0), DROP_NONE);
			pair_settle(&p, T0);
			assert_int_equal(p.a.data_in, 1);
			assert_int_equal(p.b.data_in, 1);
			assert_int_equal(p.a.count[TUNNEL_ESTABLISHED], 1);
			assert_int_equal(p.b.count[TUNNEL_ESTABLISHED], 1);
			assert_int_equal(tunnel_last_handshake(p.a.tunnel), T0);
			pair_done(&p);
		}
	}
}

/* The types on the wire are those of the suite, and sizes are exact. */
static void wire_form(void **state)
{
	static const struct {
		enum aead_suite suite;
		uint8_t initiation, response;
	} table[] = {
		{ AEAD_CHACHA20_POLY1305, 1, 2 },
		{ AEAD_AES_256_GCM, 0x41, 0x42 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct pair p = { .suite = table[i].suite };

		pair_init(&p);
		tunnel_want(p.a.tunnel, T0);
		side_poll(&p.a, T0);
		assert_int_equal(p.a.out_n, 1);
		assert_int_equal(p.a.outbox[0].n, 148);
		assert_int_equal(p.a.outbox[0].b[0], table[i].initiation);
		assert_int_equal(p.a.outbox[0].b[4] >> 2, 5); /* slot */
		pair_deliver(&p.a, &p.b, T0);
		assert_int_equal(p.b.outbox[0].n, 92);
		assert_int_equal(p.b.outbox[0].b[0], table[i].response);
		pair_deliver(&p.b, &p.a, T0);
		assert_int_equal(p.a.outbox[0].n, 32);
		assert_int_equal(p.a.outbox[0].b[0], 4);
		pair_done(&p);
	}
}

static void key_confirmation(void **state)
{
	struct pair p = { .suite = AEAD_CHACHA20_POLY1305 };

	pair_init(&p);
	tunnel_want(p.a.tunnel, T0);
	side_poll(&p.a, T0);
	pair_deliver(&p.a, &p.b, T0);
	/* The responder may receive but must not send. */
	assert_int_equal(p.b.count[TUNNEL_SESSION_ADD], 1);
	assert_int_equal(p.b.count[TUNNEL_SESSION_USE], 0);
	assert_int_equal(p.b.count[TUNNEL_ESTABLISHED], 0);
	pair_deliver(&p.b, &p.a, T0);
	/* The initiator sends an empty packet at once. */
	assert_int_equal(p.a.count[TUNNEL_SEND_KEEPALIVE], 1);
	assert_int_equal(p.a.out_n, 1);
	pair_deliver(&p.a, &p.b, T0);
	assert_int_equal(p.b.woken, SESSION_WAKE_CONFIRMED);
	assert_int_equal(p.b.keepalives_in, 1);
	assert_int_equal(p.b.count[TUNNEL_SESSION_USE], 1);
	assert_int_equal(p.b.count[TUNNEL_ESTABLISHED], 1);
	pair_done(&p);
}

/* An unconfirmed session is not promoted by what does not authenticate. */
static void no_confirmation_by_forgery(void **state)
{
	struct pair p = { .suite = AEAD_CHACHA20_POLY1305 };

	pair_init(&p);
	tunnel_want(p.a.tunnel, T0);
	side_poll(&p.a, T0);
	pair_deliver(&p.a, &p.b, T0);
	pair_deliver(&p.b, &p.a, T0);
	p.a.outbox[0].b[20] ^= 1;
	pair_deliver(&p.a, &p.b, T0);
	assert_int_equal(p.b.verdict, DROP_DATA_CRYPTO);
	assert_int_equal(p.b.count[TUNNEL_SESSION_USE], 0);
	assert_int_equal(p.b.woken, 0);
	pair_done(&p);
}

static void wrong_psk(void **state)
{
	struct pair p = { .suite = AEAD_CHACHA20_POLY1305 };

	side_init(&p.a);
	side_init(&p.b);
	side_open(&p.a, &p, &p.b.id.public_key, 1);
	p.psk.b[31] = 1;
	side_open(&p.b, &p, &p.a.id.public_key, 2);
	tunnel_want(p.a.tunnel, T0);
	side_poll(&p.a, T0);
	pair_deliver(&p.a, &p.b, T0);
	assert_int_equal(p.b.verdict, DROP_NONE); /* the psk comes last */
	pair_deliver(&p.b, &p.a, T0);
	assert_int_equal(p.a.verdict, DROP_HANDSHAKE_CRYPTO);
	assert_null(p.a.use);
	assert_int_equal(p.a.out_n, 0);
	pair_done(&p);
}

static void wrong_static(void **state)
{
	struct pair p = { .suite = AEAD_CHACHA20_POLY1305 };
	struct side c;

	pair_init(&p);
	side_init(&c);
	side_open(&c, &p, &p.b.id.public_key, 3);
	tunnel_want(c.tunnel, T0);
	side_poll(&c, T0);
	pair_deliver(&c, &p.b, T0); /* opens, but it is not from a */
	assert_int_equal(p.b.verdict, DROP_HANDSHAKE_CRYPTO);
	assert_int_equal(p.b.out_n, 0);
	tunnel_rehandshake(c.tunnel, true, T0);
	side_poll(&c, T0);
	pair_deliver(&c, &p.a, T0); /* meant for b's key */
	assert_int_equal(p.a.verdict, DROP_BAD_MAC1);
	assert_int_equal(p.a.out_n, 0);
	side_done(&c, T0);
	pair_done(&p);
}

static void other_suite(void **state)
{
	struct pair p = { .suite = AEAD_CHACHA20_POLY1305 };

	side_init(&p.a);
	side_init(&p.b);
	side_open(&p.a, &p, &p.b.id.public_key, 1);
	p.suite = AEAD_AES_256_GCM;
	side_open(&p.b, &p, &p.a.id.public_key, 2);
	tunnel_want(p.a.tunnel, T0);
	side_poll(&p.a, T0);
	pair_deliver(&p.a, &p.b, T0);
	assert_int_equal(p.b.verdict, DROP_HANDSHAKE_CRYPTO);
	assert_int_equal(p.b.out_n, 0);
	pair_done(&p);
}

/* The u-coordinates of low order on Curve25519 and its twist (RFC 7748 s6.1 and
 * s7 speak of them; list as in the usual implementations' blacklists). */
static const char *const low_order[] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

static void low_order_peers(void **state)
{
	struct tunnel_params params = { .suite = AEAD_CHACHA20_POLY1305 };
	struct side s;

	side_init(&s);
	params.self = &s.id;
	for (size_t i = 0; i < ARRAY_SIZE(low_order); i++) {
		unit_hex(low_order[i], params.peer.b, KEY_OCTETS);
		assert_null(tunnel_new(&params));
	}
	params.peer = s.id.public_key;
	assert_null(tunnel_new(&params));
	aead_thread_free(s.thread);
	gate_free(s.gate);
}

/* As ephemeral keys, with a valid mac1, they must not lead anywhere either. */
static void low_order_ephemerals(void **state)
{
	struct pair p = { .suite = AEAD_CHACHA20_POLY1305 };
	struct cookie_jar to_b, to_a;

	pair_init(&p);
	cookie_jar_init(&to_b, &p.b.id.public_key);
	cookie_jar_init(&to_a, &p.a.id.public_key);
	for (size_t i = 0; i < ARRAY_SIZE(low_order); i++) {
		struct packet *out = &p.a.outbox[0];

		tunnel_rehandshake(p.a.tunnel, true, T0);
		side_poll(&p.a, T0);
		unit_hex(low_order[i], out->b + 8, 32);
		cookie_stamp(&to_b, out->b, out->n, T0);
		pair_deliver(&p.a, &p.b, T0);
		assert_int_equal(p.b.verdict, DROP_HANDSHAKE_CRYPTO);
		assert_int_equal(p.b.out_n, 0);
	}
	tunnel_rehandshake(p.a.tunnel, true, T0);
	side_poll(&p.a, T0);
	pair_deliver(&p.a, &p.b, T0);
	assert_int_equal(p.b.out_n, 1);
	for (size_t i = 0; i < ARRAY_SIZE(low_order); i++) {
		struct packet bad = p.b.outbox[0];

		unit_hex(low_order[i], bad.b + 12, 32);
		cookie_stamp(&to_a, bad.b, bad.n, T0);
		side_input(&p.a, &bad, T0);
		assert_int_equal(p.a.verdict, DROP_HANDSHAKE_CRYPTO);
	}
	pair_deliver(&p.b, &p.a, T0); /* the true one is still welcome */
	assert_non_null(p.a.use);
	pair_done(&p);
}

static void replayed_initiation(void **state)
{
	struct pair p = { .suite = AEAD_CHACHA20_POLY1305 };
	struct packet first;

	pair_init(&p);
	tunnel_want(p.a.tunnel, T0);
	side_poll(&p.a, T0);
	first = p.a.outbox[0];
	pair_settle(&p, T0);
	for (unsigned i = 0; i < 1000; i++) {
		side_input(&p.b, &first, T0 + SEC(1) + i * SEC(1));
		assert_int_equal(p.b.verdict, DROP_HANDSHAKE_REPLAY);
		assert_int_equal(p.b.out_n, 0);
	}
	pair_done(&p);
}

/* What was seen survives a restart, and what we send stays greater. */
static void timestamps_survive(void **state)
{
	struct pair p = { .suite = AEAD_CHACHA20_POLY1305 };
	uint8_t seen[12], sent[12], seen_a[12], sent_a[12];
	struct packet first;

	pair_init(&p);
	tunnel_want(p.a.tunnel, T0);
	side_poll(&p.a, T0);
	first = p.a.outbox[0];
	pair_settle(&p, T0);
	tunnel_timestamps(p.b.tunnel, seen, sent);
	tunnel_timestamps(p.a.tunnel, seen_a, sent_a);
	assert_memory_equal(seen, sent_a, 12);

	tunnel_reset(p.b.tunnel, T0);
	side_poll(&p.b, T0);
	tunnel_free(p.b.tunnel);
	side_open(&p.b, &p, &p.a.id.public_key, 9);
	tunnel_timestamps_restore(p.b.tunnel, seen, sent);
	side_input(&p.b, &first, T0 + SEC(9));
	assert_int_equal(p.b.verdict, DROP_HANDSHAKE_REPLAY);

	/* a restarts with its clock an hour back */
	tunnel_reset(p.a.tunnel, T0);
	side_poll(&p.a, T0);
	tunnel_free(p.a.tunnel);
	side_open(&p.a, &p, &p.b.id.public_key, 9);
	tunnel_timestamps_restore(p.a.tunnel, seen_a, sent_a);
	pair_connect(&p, T0 - SEC(900));
	tunnel_timestamps(p.a.tunnel, seen, sent);
	assert_true(memcmp(sent, sent_a, 12) > 0);
	pair_done(&p);
}

static void flood(void **state)
{
	static const struct {
		nsec_t after;
		enum drop verdict;
	} steps[] = {
		{ 0, DROP_NONE },
		{ MSEC(1), DROP_HANDSHAKE_FLOOD },
		{ MSEC(20) - 1, DROP_HANDSHAKE_FLOOD },
		{ MSEC(20), DROP_NONE },
		{ MSEC(39), DROP_HANDSHAKE_FLOOD },
		{ MSEC(40), DROP_NONE },
	};
	struct pair p = { .suite = AEAD_CHACHA20_POLY1305 };

	pair_init(&p);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		tunnel_rehandshake(p.a.tunnel, true, T0 + steps[i].after);
		side_poll(&p.a, T0 + steps[i].after);
		p.b.out_n = 0;
		pair_deliver(&p.a, &p.b, T0 + steps[i].after);
		assert_int_equal(p.b.verdict, steps[i].verdict);
		assert_int_equal(p.b.out_n, steps[i].verdict == DROP_NONE);
	}
	pair_done(&p);
}

static void crossing_initiations(void **state)
{
	struct pair p = { .suite = AEAD_CHACHA20_POLY1305 };

	pair_init(&p);
	tunnel_want(p.a.tunnel, T0);
	tunnel_want(p.b.tunnel, T0);
	side_poll(&p.a, T0);
	side_poll(&p.b, T0);
	side_input(&p.b, &p.a.outbox[0], T0);
	side_input(&p.a, &p.b.outbox[0], T0);
	memmove(p.a.outbox, p.a.outbox + 1, sizeof(p.a.outbox[0]));
	memmove(p.b.outbox, p.b.outbox + 1, sizeof(p.b.outbox[0]));
	p.a.out_n = p.b.out_n = 1; /* the responses */
	pair_settle(&p, T0);
	assert_non_null(p.a.use);
	assert_non_null(p.b.use);
	assert_int_equal(side_send(&p.a, 10, T0), DROP_NONE);
	assert_int_equal(side_send(&p.b, 10, T0), DROP_NONE);
	pair_settle(&p, T0);
	assert_int_equal(p.a.data_in, 1);
	assert_int_equal(p.b.data_in, 1);
	pair_done(&p);
}

/* The same while an older session stands: it goes, the other two stay. */
static void crossing_rekey(void **state)
{
	struct pair p = { .suite = AEAD_CHACHA20_POLY1305 };
	const nsec_t t1 = T0 + SEC(100);

	pair_init(&p);
	pair_connect(&p, T0);
	tunnel_rehandshake(p.a.tunnel, true, t1);
	tunnel_rehandshake(p.b.tunnel, true, t1);
	side_poll(&p.a, t1);
	side_poll(&p.b, t1);
	side_input(&p.b, &p.a.outbox[0], t1);
	side_input(&p.a, &p.b.outbox[0], t1);
	side_input(&p.a, &p.b.outbox[1], t1);
	side_input(&p.b, &p.a.outbox[1], t1);
	p.a.out_n = p.b.out_n = 0; /* confirmations are lost */
	assert_int_equal(p.a.count[TUNNEL_SESSION_RETIRE], 1);
	assert_int_equal(p.b.count[TUNNEL_SESSION_RETIRE], 1);
	assert_int_equal(side_send(&p.a, 10, t1), DROP_NONE);
	assert_int_equal(side_send(&p.b, 10, t1), DROP_NONE);
	pair_settle(&p, t1);
	assert_int_equal(p.a.data_in, 1);
	assert_int_equal(p.b.data_in, 1);
	pair_done(&p);
}

/* What was sealed before a rekey and comes late is still opened. */
static void previous_still_opens(void **state)
{
	struct pair p = { .suite = AEAD_CHACHA20_POLY1305 };
	struct packet late_a, late_b;

	pair_init(&p);
	pair_connect(&p, T0);
	side_send(&p.a, 10, T0);
	side_send(&p.b, 10, T0);
	late_a = p.a.outbox[0];
	late_b = p.b.outbox[0];
	p.a.out_n = p.b.out_n = 0;
	tunnel_rehandshake(p.a.tunnel, false, T0 + SEC(30));
	side_poll(&p.a, T0 + SEC(30));
	pair_settle(&p, T0 + SEC(30));
	assert_int_equal(tunnel_last_handshake(p.b.tunnel), T0 + SEC(30));
	side_input(&p.b, &late_a, T0 + SEC(31));
	assert_int_equal(p.b.verdict, DROP_NONE);
	side_input(&p.a, &late_b, T0 + SEC(31));
	assert_int_equal(p.a.verdict, DROP_NONE);
	pair_done(&p);
}

/* Responses to nothing of ours, and of every wrong size. */
static void unexpected_responses(void **state)
{
	struct pair p = { .suite = AEAD_CHACHA20_POLY1305 };
	uint8_t m[200] = { 2 };

	pair_init(&p);
	assert_int_equal(tunnel_input_response(p.a.tunnel, m, 92, T0),
			 DROP_HANDSHAKE_STATE);
	for (size_t n = 0; n <= sizeof(m); n++)
		assert_int_not_equal(
			tunnel_input_response(p.a.tunnel, m, n, T0),
			DROP_NONE);
	tunnel_want(p.a.tunnel, T0);
	side_poll(&p.a, T0);
	pair_deliver(&p.a, &p.b, T0);
	p.b.outbox[0].b[8] ^= 4; /* another slot's index */
	assert_int_equal(tunnel_input_response(p.a.tunnel, p.b.outbox[0].b, 92,
					       T0),
			 DROP_HANDSHAKE_STATE);
	p.b.outbox[0].b[8] ^= 4;
	p.b.outbox[0].b[44] ^= 1; /* sealed nothing */
	assert_int_equal(tunnel_input_response(p.a.tunnel, p.b.outbox[0].b, 92,
					       T0),
			 DROP_HANDSHAKE_CRYPTO);
	p.b.outbox[0].b[44] ^= 1;
	assert_int_equal(tunnel_input_response(p.a.tunnel, p.b.outbox[0].b, 92,
					       T0),
			 DROP_NONE);
	assert_int_equal(tunnel_input_response(p.a.tunnel, p.b.outbox[0].b, 92,
					       T0),
			 DROP_HANDSHAKE_STATE); /* once */
	side_poll(&p.a, T0);
	pair_done(&p);
}

/* Every octet of an initiation matters: mac1, then the sealed fields. */
static void every_bit_counts(void **state)
{
	struct pair p = { .suite = AEAD_CHACHA20_POLY1305 };
	struct cookie_jar to_b;
	struct packet first;
	struct initiation i;

	pair_init(&p);
	cookie_jar_init(&to_b, &p.b.id.public_key);
	tunnel_want(p.a.tunnel, T0);
	side_poll(&p.a, T0);
	first = p.a.outbox[0];
	for (size_t at = 0; at < 132; at++) {
		struct packet bad = first;

		bad.b[at] ^= 0x10;
		side_input_handshake(&p.b, &bad, T0);
		assert_int_not_equal(p.b.verdict, DROP_NONE);
		assert_int_equal(p.b.out_n, 0);
	}
	for (size_t at = 8; at < 116; at++) {
		struct packet bad = first;

		bad.b[at] ^= 0x10;
		cookie_stamp(&to_b, bad.b, bad.n, T0);
		assert_int_equal(initiation_open(&p.b.id, bad.b, bad.n, &i),
				 DROP_HANDSHAKE_CRYPTO);
	}
	assert_int_equal(initiation_open(&p.b.id, first.b, 147, &i),
			 DROP_TOO_SHORT);
	assert_int_equal(initiation_open(&p.b.id, first.b, 149, &i),
			 DROP_MALFORMED);
	assert_int_equal(initiation_open(&p.b.id, first.b, 148, &i), DROP_NONE);
	assert_memory_equal(i.sender.b, p.a.id.public_key.b, KEY_OCTETS);
	pair_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(completes),
		cmocka_unit_test(wire_form),
		cmocka_unit_test(key_confirmation),
		cmocka_unit_test(no_confirmation_by_forgery),
		cmocka_unit_test(wrong_psk),
		cmocka_unit_test(wrong_static),
		cmocka_unit_test(other_suite),
		cmocka_unit_test(low_order_peers),
		cmocka_unit_test(low_order_ephemerals),
		cmocka_unit_test(replayed_initiation),
		cmocka_unit_test(timestamps_survive),
		cmocka_unit_test(flood),
		cmocka_unit_test(crossing_initiations),
		cmocka_unit_test(crossing_rekey),
		cmocka_unit_test(previous_still_opens),
		cmocka_unit_test(unexpected_responses),
		cmocka_unit_test(every_bit_counts),
	};

	return cmocka_run_group_tests(tests, pair_group_setup, NULL);
}
