/* SPDX-License-Identifier: MIT
 *
 * test_session.c - batches sealed and opened, padding, limits, several threads
 */
#include "tests/unit/crypto/pair.h"

#include <pthread.h>

#include "crypto/session.h"

static const nsec_t T0 = SEC(1000);

enum {
	ROOM = 1600,
};

static struct pair connected(enum aead_suite suite)
{
	struct pair p = { .suite = suite };

	pair_init(&p);
	pair_connect(&p, T0);
	return p;
}

/* peer_of() - the session of `s` that opens what `from` seals */
static struct session *peer_of(struct side *s, const struct session *from)
{
	return s->sessions[index_turn(from->remote)];
}

static void batches(void **state)
{
	static uint8_t buf[AEAD_JOBS_MAX][ROOM];

	for (int suite = 0; suite < AEAD_SUITES; suite++) {
		struct pair p = connected((enum aead_suite)suite);
		struct session_out out[AEAD_JOBS_MAX];
		struct session_in in[AEAD_JOBS_MAX];
		unsigned wake = 0;

		for (unsigned i = 0; i < AEAD_JOBS_MAX; i++) {
			out[i] = (struct session_out){ buf[i], i * 22, 0 };
			memset(buf[i] + 16, (int)i, i * 22);
		}
		assert_int_equal(session_seal(p.a.use, p.a.thread, out,
					      AEAD_JOBS_MAX, 1420, T0, &wake),
				 DROP_NONE);
		for (unsigned i = 0; i < AEAD_JOBS_MAX; i++) {
			assert_int_equal(out[i].n % 16, 0);
			assert_true(out[i].n >= i * 22 + 32);
			in[i] = (struct session_in){ buf[i], out[i].n, 0, 0 };
		}
		buf[7][20] ^= 1;
		in[9].n--;
		assert_int_equal(session_open(peer_of(&p.b, p.a.use), p.b.thread,
					      in, AEAD_JOBS_MAX, T0, &wake),
				 AEAD_JOBS_MAX - 2);
		assert_int_equal(in[7].verdict, DROP_DATA_CRYPTO);
		assert_int_equal(in[9].verdict, DROP_DATA_CRYPTO);
		assert_int_equal(in[0].inner, 0);
		for (unsigned i = 10; i < AEAD_JOBS_MAX; i++)
			for (size_t j = 0; j < in[i].inner; j++)
				assert_int_equal(buf[i][16 + j],
						 j < i * 22 ? i : 0);
		pair_done(&p);
	}
}

static void padding(void **state)
{
	static const struct {
		size_t inner, pad_to, n;
	} table[] = {
		{ 0, 1420, 32 },       { 1, 1420, 48 },
		{ 16, 1420, 48 },      { 17, 1420, 64 },
		{ 1419, 1420, 1452 },  { 1420, 1420, 1452 },
		{ 1299, 1299, 1331 },  { 1500, 1420, 1532 },
		{ 5, 0, 37 },
	};
	struct pair p = connected(AEAD_CHACHA20_POLY1305);
	static uint8_t buf[ROOM];
	unsigned wake = 0;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct session_out out = { buf, table[i].inner, 0 };

		assert_int_equal(session_seal(p.a.use, p.a.thread, &out, 1,
					      table[i].pad_to, T0, &wake),
				 DROP_NONE);
		assert_int_equal(out.n, table[i].n);
	}
	pair_done(&p);
}

/* Each message once, whatever the order; too short and forged ones never. */
static void replays(void **state)
{
	struct pair p = connected(AEAD_CHACHA20_POLY1305);
	struct packet forged;

	side_send(&p.a, 10, T0);
	side_send(&p.a, 10, T0);
	side_input(&p.b, &p.a.outbox[1], T0);
	assert_int_equal(p.b.verdict, DROP_NONE);
	side_input(&p.b, &p.a.outbox[0], T0);
	assert_int_equal(p.b.verdict, DROP_NONE);
	for (int i = 0; i < 2; i++) {
		side_input(&p.b, &p.a.outbox[i], T0);
		assert_int_equal(p.b.verdict, DROP_REPLAY);
	}
	/* a forged counter far ahead must not move the window */
	forged = p.a.outbox[0];
	forged.b[13] = 0xff;
	side_input(&p.b, &forged, T0);
	assert_int_equal(p.b.verdict, DROP_DATA_CRYPTO);
	forged.n = 31;
	side_input(&p.b, &forged, T0);
	assert_int_equal(p.b.verdict, DROP_TOO_SHORT);
	side_send(&p.a, 10, T0);
	side_input(&p.b, &p.a.outbox[2], T0);
	assert_int_equal(p.b.verdict, DROP_NONE);
	pair_done(&p);
}

static void message_limits(void **state)
{
	struct pair p = connected(AEAD_CHACHA20_POLY1305);
	struct session *s = p.a.use;
	unsigned wake = 0;

	atomic_store(&s->next_counter, REKEY_AFTER_MESSAGES - 1);
	assert_int_equal(side_seal(&p.a, s, 0, T0, &wake), DROP_NONE);
	assert_int_equal(wake & SESSION_WAKE_REKEY, 0);
	assert_int_equal(side_seal(&p.a, s, 0, T0, &wake), DROP_NONE);
	assert_int_equal(wake & SESSION_WAKE_REKEY, SESSION_WAKE_REKEY);

	atomic_store(&s->next_counter, REJECT_AFTER_MESSAGES - 1);
	p.a.out_n = 0;
	assert_int_equal(side_seal(&p.a, s, 0, T0, &wake), DROP_NONE);
	side_input(&p.b, &p.a.outbox[0], T0);
	assert_int_equal(p.b.verdict, DROP_NONE); /* the last of all */
	for (int i = 0; i < 1000; i++)
		assert_int_equal(side_seal(&p.a, s, 0, T0, &wake),
				 DROP_SESSION_EXPIRED);
	assert_true(atomic_load(&s->next_counter) >= REJECT_AFTER_MESSAGES);

	p.a.outbox[0].b[8]++; /* counter = REJECT_AFTER_MESSAGES */
	side_input(&p.b, &p.a.outbox[0], T0);
	assert_int_equal(p.b.verdict, DROP_SESSION_EXPIRED);
	pair_done(&p);
}

/* A batch that would cross the limit is refused whole. */
static void batch_across_limit(void **state)
{
	struct pair p = connected(AEAD_CHACHA20_POLY1305);
	static uint8_t buf[4][64];
	struct session_out out[4];
	unsigned wake = 0;

	for (int i = 0; i < 4; i++)
		out[i] = (struct session_out){ buf[i], 0, 0 };
	atomic_store(&p.a.use->next_counter, REJECT_AFTER_MESSAGES - 3);
	assert_int_equal(session_seal(p.a.use, p.a.thread, out, 4, 0, T0,
				      &wake),
			 DROP_SESSION_EXPIRED);
	assert_int_equal(buf[0][0], 0);
	pair_done(&p);
}

enum {
	THREADS = 3,
	ROUNDS = 2000,
};

struct sealer {
	struct session *s;
	uint64_t counters[ROUNDS];
};

static void *seal_many(void *arg)
{
	struct sealer *me = arg;
	struct aead_thread *at = aead_thread_new();
	uint8_t buf[64];

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct session_out out = { buf, 1, 0 };
		struct message_data h;
		unsigned wake = 0;

		if (session_seal(me->s, at, &out, 1, 1420, T0, &wake))
			break;
		memcpy(&h, buf, sizeof(h));
		me->counters[i] = le64_get(h.counter);
	}
	aead_thread_free(at);
	return NULL;
}

/* No counter is used twice, and none is left out. */
static void sealing_in_threads(void **state)
{
	static bool seen[THREADS * ROUNDS + 1];
	static struct sealer sealers[THREADS];
	struct pair p = connected(AEAD_CHACHA20_POLY1305);
	pthread_t t[THREADS];

	memset(seen, 0, sizeof(seen));
	for (int i = 0; i < THREADS; i++) {
		sealers[i].s = p.a.use;
		pthread_create(&t[i], NULL, seal_many, &sealers[i]);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < THREADS; i++) {
		for (int j = 0; j < ROUNDS; j++) {
			const uint64_t c = sealers[i].counters[j];

			assert_in_range(c, 1, THREADS * ROUNDS);
			assert_false(seen[c]);
			seen[c] = true;
		}
	}
	pair_done(&p);
}

struct opener {
	struct session *s;
	uint8_t (*m)[64];
	unsigned good;
};

static void *open_many(void *arg)
{
	struct opener *me = arg;
	struct aead_thread *at = aead_thread_new();

	for (unsigned i = 0; i < ROUNDS; i++) {
		uint8_t copy[64];
		struct session_in in = { copy, 48, 0, 0 };
		unsigned wake = 0;

		memcpy(copy, me->m[i], sizeof(copy));
		me->good += session_open(me->s, at, &in, 1, T0, &wake);
	}
	aead_thread_free(at);
	return NULL;
}

/* Threads that open the same messages: each message passes for one of them. */
static void opening_in_threads(void **state)
{
	static uint8_t m[ROUNDS][64];
	struct opener openers[THREADS] = { { 0 } };
	struct pair p = connected(AEAD_CHACHA20_POLY1305);
	pthread_t t[THREADS];
	unsigned good = 0, wake = 0;

	for (int i = 0; i < ROUNDS; i++) {
		struct session_out out = { m[i], 1, 0 };

		assert_int_equal(session_seal(p.a.use, p.a.thread, &out, 1,
					      1420, T0, &wake),
				 DROP_NONE);
	}
	for (int i = 0; i < THREADS; i++) {
		openers[i].s = peer_of(&p.b, p.a.use);
		openers[i].m = m;
		pthread_create(&t[i], NULL, open_many, &openers[i]);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(t[i], NULL);
		good += openers[i].good;
	}
	assert_int_equal(good, ROUNDS);
	pair_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(batches),
		cmocka_unit_test(padding),
		cmocka_unit_test(replays),
		cmocka_unit_test(message_limits),
		cmocka_unit_test(batch_across_limit),
		cmocka_unit_test(sealing_in_threads),
		cmocka_unit_test(opening_in_threads),
	};

	return cmocka_run_group_tests(tests, pair_group_setup, NULL);
}
