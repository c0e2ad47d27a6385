/* SPDX-License-Identifier: MIT
 *
 * test_gate.c - silence, mac1, cookies and rates before any public-key work
 */
#include "tests/unit/crypto/pair.h"

#include "base/rand.h"
#include "crypto/cookie.h"

static const nsec_t T0 = SEC(1000);

static struct endpoint at(uint32_t ip, uint16_t port)
{
	return (struct endpoint){ .ip = ipaddr_v4(ip), .port = port };
}

/* A node, and a sender that knows its key. */
struct fixture {
	struct key_public self;
	struct gate *gate;
	struct cookie_jar jar;
	uint8_t m[148];
};

static struct fixture fixture_new(void)
{
	struct fixture f = { .m = { MESSAGE_INITIATION, 0, 0, 0, 9, 8, 7, 6 } };
	struct key_private k;

	key_private_generate(&k);
	key_public_of(&k, &f.self);
	f.gate = gate_new(&f.self);
	assert_non_null(f.gate);
	cookie_jar_init(&f.jar, &f.self);
	return f;
}

static enum drop check(struct fixture *f, const struct endpoint *from,
		       bool load, nsec_t now, struct gate_result *r)
{
	gate_check(f->gate, f->m, sizeof(f->m), from, load, now, r);
	return r->verdict;
}

/* Nothing without a valid mac1 is answered: all types, all lengths. */
static void silence(void **state)
{
	struct fixture f = fixture_new();
	const struct endpoint from = at(0xc0000201, 7);
	static uint8_t m[1500];
	struct prng g = { 1 };

	for (unsigned type = 0; type < 256; type++) {
		for (size_t i = 0; i < sizeof(m); i++)
			m[i] = (uint8_t)prng_u64(&g);
		memcpy(m, (uint8_t[]){ (uint8_t)type, 0, 0, 0 }, 4);
		for (size_t n = 0; n <= sizeof(m); n++) {
			struct gate_result r = { .reply_n = 99 };

			gate_check(f.gate, m, n, &from, n & 1, T0, &r);
			if (r.verdict == DROP_NONE || r.reply_n)
				fail_msg("type %u of %zu octets", type, n);
		}
	}
	gate_free(f.gate);
}

static void exact_shapes(void **state)
{
	static const struct {
		uint8_t type[4];
		size_t n;
		enum drop verdict;
	} table[] = {
		{ { 1 }, 148, DROP_NONE },
		{ { 1 }, 147, DROP_BAD_LENGTH },
		{ { 1 }, 149, DROP_BAD_LENGTH },
		{ { 2 }, 92, DROP_NONE },
		{ { 2 }, 91, DROP_BAD_LENGTH },
		{ { 2 }, 148, DROP_BAD_LENGTH },
		{ { 0x41 }, 148, DROP_NONE },
		{ { 0x42 }, 92, DROP_NONE },
		{ { 3 }, 64, DROP_UNKNOWN_TYPE },
		{ { 4 }, 148, DROP_UNKNOWN_TYPE },
		{ { 0 }, 148, DROP_UNKNOWN_TYPE },
		{ { 1, 1 }, 148, DROP_UNKNOWN_TYPE },
		{ { 1, 0, 1 }, 148, DROP_UNKNOWN_TYPE },
		{ { 1, 0, 0, 1 }, 148, DROP_UNKNOWN_TYPE },
		{ { 1 }, 3, DROP_TOO_SHORT },
		{ { 1 }, 0, DROP_TOO_SHORT },
	};
	struct fixture f = fixture_new();
	const struct endpoint from = at(0xc0000201, 7);

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		uint8_t m[160] = { 0 };
		struct gate_result r;

		memcpy(m, table[i].type, 4);
		if (table[i].n > COOKIE_MACS)
			cookie_stamp(&f.jar, m, table[i].n, T0);
		gate_check(f.gate, m, table[i].n, &from, false, T0, &r);
		assert_int_equal(r.verdict, table[i].verdict);
		assert_int_equal(r.reply_n, 0);
	}
	gate_free(f.gate);
}

/* mac1 covers every octet before it, and needs our public key. */
static void mac1(void **state)
{
	struct fixture f = fixture_new();
	struct key_public other = f.self;
	struct cookie_jar stranger;
	const struct endpoint from = at(0xc0000201, 7);
	struct gate_result r;

	cookie_stamp(&f.jar, f.m, sizeof(f.m), T0);
	for (size_t i = 4; i < 132; i++) {
		f.m[i] ^= 1;
		assert_int_equal(check(&f, &from, true, T0, &r), DROP_BAD_MAC1);
		assert_int_equal(r.reply_n, 0);
		f.m[i] ^= 1;
	}
	assert_int_equal(check(&f, &from, false, T0, &r), DROP_NONE);
	other.b[0] ^= 1;
	cookie_jar_init(&stranger, &other);
	cookie_stamp(&stranger, f.m, sizeof(f.m), T0);
	assert_int_equal(check(&f, &from, true, T0, &r), DROP_BAD_MAC1);
	gate_free(f.gate);
}

/* get_cookie() - be refused once, and keep the cookie */
static void get_cookie(struct fixture *f, const struct endpoint *from,
		       nsec_t now)
{
	struct message_cookie reply;
	struct gate_result r;

	cookie_stamp(&f->jar, f->m, sizeof(f->m), now);
	assert_int_equal(check(f, from, true, now, &r), DROP_UNDER_LOAD);
	assert_int_equal(r.reply_n, 64);
	memcpy(&reply, r.reply, sizeof(reply));
	assert_int_equal(le32_get(reply.type), MESSAGE_COOKIE);
	assert_memory_equal(reply.receiver.b, f->m + 4, 4);
	assert_true(cookie_keep(&f->jar, &reply, now));
	assert_false(cookie_keep(&f->jar, &reply, now)); /* once */
	cookie_stamp(&f->jar, f->m, sizeof(f->m), now);
}

/* A cookie is good for one address and port, and not for ever. */
static void mac2(void **state)
{
	struct fixture f = fixture_new();
	const struct endpoint from = at(0xc0000201, 7);
	const struct endpoint others[] = { at(0xc0000201, 8),
					   at(0xc0000202, 7) };
	struct gate_result r;

	get_cookie(&f, &from, T0);
	assert_int_equal(check(&f, &from, true, T0, &r), DROP_NONE);
	assert_int_equal(r.reply_n, 0);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_int_equal(check(&f, &others[i], true, T0, &r),
				 DROP_UNDER_LOAD);
	f.m[147] ^= 1;
	assert_int_equal(check(&f, &from, true, T0, &r), DROP_UNDER_LOAD);
	f.m[147] ^= 1;
	assert_int_equal(check(&f, &from, true, T0 + SEC(120) - 1, &r),
			 DROP_NONE);
	assert_int_equal(check(&f, &from, true, T0 + SEC(120), &r),
			 DROP_UNDER_LOAD);
	gate_free(f.gate);
}

/* The sender stops using a cookie at 115 s. */
static void cookie_ages(void **state)
{
	static const uint8_t zero[16];
	struct fixture f = fixture_new();
	const struct endpoint from = at(0xc0000201, 7);

	get_cookie(&f, &from, T0);
	cookie_stamp(&f.jar, f.m, sizeof(f.m), T0 + SEC(115) - 1);
	assert_memory_not_equal(f.m + 132, zero, 16);
	cookie_stamp(&f.jar, f.m, sizeof(f.m), T0 + SEC(115));
	assert_memory_equal(f.m + 132, zero, 16);
	gate_free(f.gate);
}

/* A reply is bound to the mac1 that it answers. */
static void reply_to_another(void **state)
{
	struct fixture f = fixture_new();
	const struct endpoint from = at(0xc0000201, 7);
	struct message_cookie reply;
	struct gate_result r;

	cookie_stamp(&f.jar, f.m, sizeof(f.m), T0);
	(void)check(&f, &from, true, T0, &r);
	memcpy(&reply, r.reply, sizeof(reply));
	f.m[9] ^= 1;
	cookie_stamp(&f.jar, f.m, sizeof(f.m), T0);
	assert_false(cookie_keep(&f.jar, &reply, T0));
	f.m[9] ^= 1;
	cookie_stamp(&f.jar, f.m, sizeof(f.m), T0);
	reply.sealed_cookie[0] ^= 1;
	assert_false(cookie_keep(&f.jar, &reply, T0));
	reply.sealed_cookie[0] ^= 1;
	assert_true(cookie_keep(&f.jar, &reply, T0));
	gate_free(f.gate);
}

/* Cookie holders are limited too: 5 at once, then 20 a second. */
static void rate(void **state)
{
	struct fixture f = fixture_new();
	const struct endpoint from = at(0xc0000201, 7);
	struct gate_result r;

	get_cookie(&f, &from, T0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(check(&f, &from, true, T0, &r), DROP_NONE);
	assert_int_equal(check(&f, &from, true, T0, &r), DROP_RATE_LIMITED);
	assert_int_equal(r.reply_n, 0);
	assert_int_equal(check(&f, &from, true, T0 + MSEC(50), &r), DROP_NONE);
	assert_int_equal(check(&f, &from, true, T0 + MSEC(50), &r),
			 DROP_RATE_LIMITED);
	gate_free(f.gate);
}

/* Both ends: under load a 64-octet cookie, no session; at the retry it
 * works. */
static void handshake_under_load(void **state)
{
	struct pair p = { .suite = AEAD_CHACHA20_POLY1305 };

	pair_init(&p);
	p.b.load = true;
	tunnel_want(p.a.tunnel, T0);
	side_poll(&p.a, T0);
	pair_deliver(&p.a, &p.b, T0);
	assert_int_equal(p.b.verdict, DROP_UNDER_LOAD);
	assert_int_equal(p.b.out_n, 1);
	assert_int_equal(p.b.outbox[0].n, 64);
	p.b.outbox[0].b[4] ^= 4; /* not the index of ours */
	side_input(&p.a, &p.b.outbox[0], T0);
	assert_int_equal(p.a.verdict, DROP_HANDSHAKE_STATE);
	p.b.outbox[0].b[4] ^= 4;
	pair_deliver(&p.b, &p.a, T0);
	assert_int_equal(p.a.verdict, DROP_NONE);
	assert_int_equal(p.a.out_n, 0); /* it waits for its turn */
	side_run(&p.a, T0 + SEC(5) + REKEY_TIMEOUT_JITTER);
	assert_int_equal(p.a.out_n, 1);
	pair_settle(&p, T0 + SEC(6));
	assert_non_null(p.a.use);
	assert_non_null(p.b.use);
	pair_done(&p);
}

/* A burst is worked on at once, then as many a second as refill; never more after rest. */
static void work(void **state)
{
	struct gate_work w = { 0 };
	unsigned taken = 0;

	for (; gate_work_left(&w, T0) && taken < 2 * GATE_BURST; taken++)
		gate_work_take(&w, T0);
	assert_int_equal(taken, GATE_BURST);
	gate_work_take(&w, T0); /* nothing is owed */
	for (taken = 0; gate_work_left(&w, T0 + SEC(1)) && taken < GATE_BURST; taken++)
		gate_work_take(&w, T0 + SEC(1));
	assert_int_equal(taken, GATE_REFILL);
	for (taken = 0; gate_work_left(&w, T0 + SEC(60)) && taken < 2 * GATE_BURST; taken++)
		gate_work_take(&w, T0 + SEC(60));
	assert_int_equal(taken, GATE_BURST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(silence),
		cmocka_unit_test(work),
		cmocka_unit_test(exact_shapes),
		cmocka_unit_test(mac1),
		cmocka_unit_test(mac2),
		cmocka_unit_test(cookie_ages),
		cmocka_unit_test(reply_to_another),
		cmocka_unit_test(rate),
		cmocka_unit_test(handshake_under_load),
	};

	return cmocka_run_group_tests(tests, pair_group_setup, NULL);
}
