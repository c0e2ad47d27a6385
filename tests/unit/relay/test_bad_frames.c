/* SPDX-License-Identifier: MIT
 *
 * test_bad_frames.c - frames of every type at every length, in any order, by strangers and
 *                     by clients: bounded, counted, answered by no more than was sent
 */
#include "tests/unit/relay/relay_world.h"

#include "base/rand.h"

enum {
	LONGEST = 600, /* octets of a frame */
	TYPES = 20, /* known ones, and some beyond */
};

static uint64_t all_drops(const struct world *w)
{
	struct relay_server_stats st;
	uint64_t all = 0;

	relay_server_stats(w->server, &st);
	for (unsigned i = 0; i < DROP_COUNT; i++)
		all += st.drops[i];
	return all;
}

static uint64_t clients(const struct world *w)
{
	struct relay_server_stats st;

	relay_server_stats(w->server, &st);
	return st.clients;
}

/* throw_at() - n octets from an address; octets that came back, to whomever */
static size_t throw_at(struct world *w, const struct endpoint *from, uint8_t *m, size_t n)
{
	struct relay_in in = { .data = m, .n = n, .segment = n,
			       .from = { .remote = *from } };
	size_t back = 0;

	w->now += MSEC(25); /* within the rate at which strangers are answered */
	w->batch.n = 0;
	relay_server_input(w->server, &in, &w->batch, w->now, WALL);
	for (unsigned i = 0; i < w->batch.n; i++)
		back += w->batch.out[i].n;
	return back;
}

static size_t frame(uint8_t m[static LONGEST], unsigned type, size_t n)
{
	rand_bytes(m, LONGEST);
	m[0] = FRAME_MAGIC;
	m[1] = (uint8_t)type;
	return n;
}

/* Nothing that a stranger sends makes him a client, is answered by more, or vanishes. */
static void test_strangers(void **state)
{
	struct world *w = world_new();
	struct endpoint from = at(0x0b000001, 999);
	uint8_t m[LONGEST];

	(void)state;
	for (unsigned type = 0; type < TYPES; type++)
		for (size_t n = 1; n <= LONGEST; n += n < 100 ? 1 : 37) {
			uint64_t before = all_drops(w);
			size_t back;

			frame(m, type, n);
			back = throw_at(w, &from, m, n);
			assert_true(back <= n);
			assert_true(back || all_drops(w) > before);
			assert_int_equal(clients(w), 0);
		}
	world_free(w);
}

/* A client's address is known to others: what comes from it without its session key does
 * not end its registration, and reaches nobody but by a channel that it has opened. */
static void test_in_the_name_of_a_client(void **state)
{
	struct world *w = two_registered();
	uint8_t m[LONGEST];

	(void)state;
	for (unsigned type = 0; type < TYPES; type++)
		for (size_t n = 1; n <= LONGEST; n += n < 100 ? 1 : 37) {
			uint64_t before = all_drops(w);
			size_t back;

			frame(m, type, n);
			back = throw_at(w, &w->node[0].at, m, n);
			assert_true(back <= n);
			assert_true(back || all_drops(w) > before);
			assert_int_equal(clients(w), 2);
		}
	world_free(w);
}

/* Trains of frames that are cut at any place: each octet is consumed, once. */
static void test_ragged_trains(void **state)
{
	struct world *w = two_registered();
	uint8_t m[LONGEST];

	(void)state;
	for (size_t segment = 1; segment < 80; segment++)
		for (unsigned type = 0; type < TYPES; type++) {
			struct relay_in in = { .data = m, .segment = segment,
					       .from = { .remote = w->node[0].at } };
			size_t used;

			in.n = frame(m, type, LONGEST - segment % 7);
			w->batch.n = 0;
			used = relay_server_input(w->server, &in, &w->batch, w->now,
						  WALL);
			assert_true(used && used <= in.n);
			assert_true(w->batch.n <= RELAY_BATCH_INPUT);
			assert_int_equal(clients(w), 2);
		}
	world_free(w);
}

/* REGISTER before HELLO, with another's cookie, for another address; OPEN, ACK, PING and
 * LEAVE of a session that is over: none has an effect. */
static void test_wrong_order(void **state)
{
	struct world *w = two_registered();
	struct frame_leave leave = { .header = frame_header_of(FRAME_LEAVE, 0) };
	struct endpoint other = at(0xc6336499, 40000);
	struct relay_client_send s;
	uint64_t before;

	(void)state;
	relay_client_leave(w->node[0].client, w->now);
	assert_true(relay_client_poll(w->node[0].client, &s, w->now));
	assert_int_equal(s.message[1], FRAME_LEAVE);
	before = drops(w, DROP_RELAY_UNREGISTERED);
	(void)throw_at(w, &other, s.message, s.n); /* from where nobody is */
	assert_int_equal(drops(w, DROP_RELAY_UNREGISTERED), before + 1);
	before = drops(w, DROP_RELAY_CRYPTO);
	(void)throw_at(w, &w->node[1].at, s.message, s.n); /* another's */
	(void)throw_at(w, &w->node[1].at, (void *)&leave, sizeof(leave));
	assert_int_equal(drops(w, DROP_RELAY_CRYPTO), before + 2);
	assert_int_equal(clients(w), 2);
	(void)throw_at(w, &w->node[0].at, s.message, s.n);
	assert_int_equal(clients(w), 1);
	before = drops(w, DROP_RELAY_UNREGISTERED);
	(void)throw_at(w, &w->node[0].at, s.message, s.n); /* a replay */
	assert_int_equal(drops(w, DROP_RELAY_UNREGISTERED), before + 1);
	assert_int_equal(clients(w), 1);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_in_the_name_of_a_client),
		cmocka_unit_test(test_ragged_trains),
		cmocka_unit_test(test_wrong_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
