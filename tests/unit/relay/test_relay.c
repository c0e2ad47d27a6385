/* SPDX-License-Identifier: MIT
 *
 * test_relay.c - client and server engines, wired in memory under a virtual clock
 */
#include "tests/unit/relay/relay_world.h"

#include <malloc.h>
#include <stdlib.h>

#include "base/rand.h"

static void test_register(void **state)
{
	struct world *w = two_registered();
	struct relay_client_status s;
	struct relay_server_stats st;

	run(w, MSEC(100));
	(void)relay_client_status(w->node[0].client, &s);
	assert_true(endpoint_eq(&s.observed[0], &w->node[0].at));
	assert_int_equal(s.rtt, 2 * ONE_WAY);
	relay_server_stats(w->server, &st);
	assert_int_equal(st.clients, 2);
	world_free(w);
}

static void test_idle_is_cheap(void **state)
{
	struct world *w = two_registered();
	unsigned before;

	run(w, SEC(1));
	before = w->sent;
	run(w, SEC(120));
	assert_in_range(w->sent - before, 2 * 8, 2 * 12);
	before = w->sent;
	for (int i = 0; i < 24; i++) { /* a question in a while is no traffic */
		uint8_t m[RELAY_HEADER_MAX];
		struct endpoint to;

		assert_true(relay_client_header(w->node[0].client,
						&w->node[1].public, m, &to,
						w->now));
		run(w, SEC(5));
	}
	assert_in_range(w->sent - before, 2 * 8, 2 * 12 + 2);
	assert_true(registered(w, 0) && registered(w, 1));
	world_free(w);
}

static void test_bad_tokens(void **state)
{
	struct world *w = world_new();
	struct token wrong[] = {
		{ w->node[0].public, NETWORK + 1, WALL + 3600 },
		{ w->node[0].public, NETWORK, WALL - 61 },
		{ w->node[1].public, NETWORK, WALL + 3600 }, /* another's */
	};
	enum drop row[] = { DROP_RELAY_TOKEN, DROP_RELAY_TOKEN,
			    DROP_RELAY_CRYPTO };

	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		uint64_t before = drops(w, row[i]);

		give_token(w, 0, &wrong[i]);
		run(w, SEC(1));
		assert_false(registered(w, 0));
		assert_int_equal(drops(w, row[i]), before + 1);
	}
	give_good_token(w, 0);
	run(w, MSEC(60));
	assert_true(registered(w, 0));
	world_free(w);
}

/* Each octet of REGISTER flipped: never registered, never a crash. */
static void test_only_whom_the_rule_admits(void **state)
{
	struct world *w = world_new();
	uint64_t before = drops(w, DROP_RELAY_TOKEN);

	(void)state;
	w->unwanted = w->node[0].public;
	give_good_token(w, 0);
	give_good_token(w, 1);
	run(w, SEC(1));
	assert_false(registered(w, 0));
	assert_true(registered(w, 1));
	assert_int_equal(drops(w, DROP_RELAY_TOKEN), before + 1);
	world_free(w);
}

static void test_register_flips(void **state)
{
	struct world *w = world_new();
	struct relay_client_send s;
	struct relay_server_stats st;
	struct packet reg = { 0 };
	struct relay_in in = { .from = { .remote = w->node[0].at } };

	give_good_token(w, 0);
	assert_true(relay_client_poll(w->node[0].client, &s, w->now));
	in.data = s.message;
	in.n = in.segment = s.n;
	relay_server_input(w->server, &in, &w->batch, w->now, WALL);
	assert_int_equal(w->batch.n, 1);
	assert_true(w->batch.out[0].n <= s.n);
	assert_int_equal(relay_client_input(w->node[0].client,
					    w->batch.out[0].data,
					    w->batch.out[0].n, &w->relay_at,
					    w->now),
			 DROP_NONE);
	assert_true(relay_client_poll(w->node[0].client, &s, w->now));
	in.data = reg.m;
	in.n = in.segment = s.n;
	for (size_t i = 0; i < s.n; i++) {
		memcpy(reg.m, s.message, s.n);
		reg.m[i] ^= 0x10;
		w->batch.n = 0;
		w->now += MSEC(30);
		relay_server_input(w->server, &in, &w->batch, w->now, WALL);
		relay_server_stats(w->server, &st);
		assert_int_equal(st.clients, 0);
		assert_true(w->batch.n <= 1);
	}
	in.from.remote.port++; /* the cookie is bound to the address */
	memcpy(reg.m, s.message, s.n);
	relay_server_input(w->server, &in, &w->batch, w->now, WALL);
	relay_server_stats(w->server, &st);
	assert_int_equal(st.clients, 0);
	in.from.remote.port--;
	relay_server_input(w->server, &in, &w->batch, w->now, WALL);
	relay_server_stats(w->server, &st);
	assert_int_equal(st.clients, 1);
	world_free(w);
}

static void test_first_packet_is_not_delayed(void **state)
{
	struct world *w = two_registered();

	assert_int_equal(send_data(w, 0, 1, "first"), 40);
	run(w, 2 * ONE_WAY);
	assert_int_equal(w->node[1].got, 1);
	assert_memory_equal(w->node[1].last, "first", 5);
	assert_true(w->node[1].known);
	assert_true(key_public_eq(&w->node[1].sender, &w->node[0].public));
	assert_int_equal(w->node[1].last_header, 8);

	run(w, 2 * ONE_WAY); /* OPEN, PEER */
	assert_int_equal(send_data(w, 0, 1, "second"), 8);
	assert_int_equal(send_data(w, 1, 0, "back"), 8); /* it was told */
	run(w, 2 * ONE_WAY);
	assert_int_equal(w->node[1].got, 2);
	assert_memory_equal(w->node[1].last, "second", 6);
	assert_true(w->node[0].known);
	assert_true(key_public_eq(&w->node[0].sender, &w->node[1].public));
	world_free(w);
}

static void test_absent_receiver(void **state)
{
	struct world *w = two_registered();

	assert_int_equal(send_data(w, 0, 2, "anyone"), 40);
	run(w, MSEC(100));
	assert_int_equal(drops(w, DROP_RELAY_NO_RECEIVER), 1);
	give_good_token(w, 2);
	run(w, SEC(2));
	assert_int_equal(send_data(w, 0, 2, "now"), 40);
	run(w, MSEC(100));
	assert_int_equal(w->node[2].got, 1);
	assert_int_equal(send_data(w, 0, 2, "again"), 8);
	world_free(w);
}

static void test_rebinding(void **state)
{
	struct world *w = two_registered();

	send_data(w, 0, 1, "a");
	run(w, MSEC(100));
	w->node[0].at.port = 50000;
	send_data(w, 0, 1, "lost"); /* answered by a hint */
	run(w, MSEC(120));
	assert_true(registered(w, 0));
	assert_int_equal(send_data(w, 0, 1, "b"), 8); /* the channel stands */
	assert_int_equal(send_data(w, 1, 0, "c"), 8);
	run(w, MSEC(30));
	assert_int_equal(w->node[1].got, 2);
	assert_int_equal(w->node[0].got, 1);
	world_free(w);
}

/* An old REGISTER, seen on the wire and sent again from its own address, does not move
 * the registration back. */
static void test_replayed_register(void **state)
{
	struct world *w = two_registered();
	struct relay_client_send s;
	struct packet old = { 0 };
	struct relay_client *c = w->node[0].client;

	w->node[0].at.port = 50000;
	relay_client_network_changed(c, w->now);
	for (int i = 0; i < 200 && !old.n; i++) {
		for (unsigned k = 0; k < FLIGHT; k++)
			if (w->flight[k].due &&
			    w->flight[k].m[1] == FRAME_REGISTER)
				old = w->flight[k];
		step(w);
	}
	assert_true(old.n);
	run(w, MSEC(100));
	w->node[0].at.port = 50001;
	relay_client_network_changed(c, w->now);
	run(w, MSEC(200));
	assert_true(registered(w, 0));
	arrive_at_server(w, &old);
	assert_int_equal(drops(w, DROP_RELAY_COOKIE), 1);
	send_data(w, 1, 0, "still here");
	run(w, MSEC(50));
	assert_int_equal(w->node[0].got, 1);
	assert_false(relay_client_poll(c, &s, w->now));
	world_free(w);
}

/* A cookie lives for two to four minutes, whatever clock its holder claims. */
static void test_cookie_expires(void **state)
{
	static const uint8_t fresh[2][32] = { { 1, 2 }, { 3, 4 } };

	for (unsigned turns = 0; turns <= 2; turns++) {
		struct world *w = world_new();
		struct packet reg = { 0 };

		give_good_token(w, 0);
		for (int i = 0; i < 100 && !reg.n; i++) {
			step(w);
			for (unsigned k = 0; k < FLIGHT; k++)
				if (w->flight[k].due &&
				    w->flight[k].m[1] == FRAME_REGISTER)
					reg = w->flight[k];
		}
		assert_true(reg.n);
		for (unsigned t = 0; t < turns; t++) {
			w->now += SEC(121);
			relay_server_tick(w->server, fresh[t], w->now, WALL);
		}
		arrive_at_server(w, &reg);
		assert_int_equal(drops(w, DROP_RELAY_COOKIE), turns == 2);
		world_free(w);
	}
}

static void test_relay_restart(void **state)
{
	struct world *w = two_registered();

	send_data(w, 0, 1, "a");
	run(w, MSEC(200));
	relay_server_free(w->server);
	start_server(w, 2);
	send_data(w, 0, 1, "lost");
	run(w, MSEC(120));
	assert_true(registered(w, 0));
	send_data(w, 1, 0, "wakes the other");
	run(w, MSEC(120));
	assert_true(registered(w, 1));
	assert_int_equal(send_data(w, 0, 1, "b"), 40); /* numbers are void */
	run(w, MSEC(50));
	assert_int_equal(w->node[1].got, 2);
	assert_memory_equal(w->node[1].last, "b", 1);
	world_free(w);
}

static void test_node_restart(void **state)
{
	struct world *w = two_registered();
	struct relay_client_params p = { .self_private = &w->node[1].key,
					 .self = w->node[1].public,
					 .relay = w->relay_public,
					 .at = { w->relay_at },
					 .seed = 4242 };

	send_data(w, 0, 1, "a");
	run(w, MSEC(100));
	relay_client_free(w->node[1].client);
	w->node[1].client = relay_client_new(&p);
	w->node[1].at.port++;
	give_good_token(w, 1);
	run(w, MSEC(100));
	assert_int_equal(send_data(w, 0, 1, "b"), 8); /* the sender's stays */
	run(w, MSEC(50));
	assert_int_equal(w->node[1].got, 2);
	assert_true(w->node[1].known);
	assert_true(key_public_eq(&w->node[1].sender, &w->node[0].public));
	world_free(w);
}

static void test_dead_relay(void **state)
{
	struct world *w = two_registered();
	struct relay_server *dead = w->server;
	nsec_t start;

	for (int i = 0; i < 20; i++) {
		send_data(w, 0, 1, "x");
		run(w, MSEC(50));
	}
	w->server = NULL;
	start = w->now;
	while (registered(w, 0)) {
		send_data(w, 0, 1, "x");
		run(w, MSEC(10));
		assert_true(w->now - start < SEC(2));
	}
	print_message("# dead relay found in %u ms with traffic\n",
		      (unsigned)((w->now - start) / MSEC(1)));
	assert_true(w->now - start <= MSEC(1200));
	run(w, SEC(20)); /* idle: one keepalive interval and a second */
	assert_false(registered(w, 1));
	w->server = dead;
	run(w, SEC(12));
	assert_true(registered(w, 0) && registered(w, 1));
	world_free(w);
}

static void test_leave_and_removal(void **state)
{
	struct world *w = two_registered();
	struct relay_server_stats st;

	relay_client_leave(w->node[0].client, w->now);
	run(w, MSEC(30));
	relay_server_stats(w->server, &st);
	assert_int_equal(st.clients, 1);
	assert_int_equal(st.channels, 0);
	relay_server_remove(w->server, &w->node[1].public, w->now);
	send_data(w, 1, 0, "x");
	run(w, SEC(1));
	assert_false(registered(w, 1));
	assert_true(drops(w, DROP_RELAY_TOKEN) >= 1);
	world_free(w);
}

static void test_silent_client_is_forgotten(void **state)
{
	struct world *w = two_registered();
	struct relay_server_stats st;

	w->node[0].at.port = 1; /* its answers and pings go nowhere */
	for (int i = 0; i < RELAY_SILENCE_S + 2; i++) {
		static const uint8_t fresh[32] = { 6 };

		w->now += SEC(1);
		relay_server_tick(w->server, fresh, w->now, WALL);
	}
	relay_server_stats(w->server, &st);
	assert_int_equal(st.clients, 0);
	world_free(w);
}

/* 10^5 sources that never prove an address: nothing is kept, answers are no longer
 * than requests. */
static void test_spoofed_sources(void **state)
{
	struct world *w = world_new();
	struct frame_hello hello = { .header = frame_header_of(FRAME_HELLO, 0) };
	struct frame_ping ping = { .header = frame_header_of(FRAME_PING, 0) };
	struct relay_server_stats st;
	size_t before = mallinfo2().uordblks;

	for (uint32_t i = 0; i < 100000; i++) {
		bool odd = i & 1;
		struct relay_in in = {
			.data = odd ? (void *)&ping : (void *)&hello,
			.n = odd ? sizeof(ping) : sizeof(hello),
			.from = { .remote = at(0x0b000000 + i * 7, 999) },
		};

		in.segment = in.n;
		w->batch.n = 0;
		w->now += USEC(10);
		relay_server_input(w->server, &in, &w->batch, w->now, WALL);
		assert_true(w->batch.n <= 1);
		assert_true(!w->batch.n || w->batch.out[0].n <= in.n);
	}
	assert_int_equal(mallinfo2().uordblks, before);
	relay_server_stats(w->server, &st);
	assert_int_equal(st.clients, 0);
	give_good_token(w, 0);
	run(w, MSEC(60));
	assert_true(registered(w, 0));
	world_free(w);
}

/* A train of one channel leaves as one train; two channels make two. */
static void test_trains_stay_whole(void **state)
{
	struct world *w = two_registered();
	uint8_t train[10 * 100];
	struct relay_in in = { .data = train,
			       .n = sizeof(train) - 40,
			       .segment = 100,
			       .from = { .remote = w->node[0].at } };
	struct frame_header h = frame_header_of(FRAME_DATA, 1);

	send_data(w, 0, 1, "a");
	run(w, MSEC(100));
	memset(train, 0, sizeof(train));
	for (unsigned i = 0; i < 10; i++)
		memcpy(train + i * 100, &h, sizeof(h));
	w->batch.n = 0;
	relay_server_input(w->server, &in, &w->batch, w->now, WALL);
	assert_int_equal(w->batch.n, 1);
	assert_int_equal(w->batch.out[0].n, in.n);
	assert_int_equal(w->batch.out[0].segment, 100);
	assert_ptr_equal(w->batch.out[0].data, train);

	for (unsigned i = 0; i < 10; i++)
		memcpy(train + i * 100, &h, sizeof(h));
	train[500 + 7] = 9; /* a channel that is not open */
	w->batch.n = 0;
	relay_server_input(w->server, &in, &w->batch, w->now, WALL);
	assert_int_equal(w->batch.n, 2);
	assert_int_equal(w->batch.out[0].n, 500);
	assert_int_equal(w->batch.out[1].n, in.n - 600);
	assert_int_equal(drops(w, DROP_RELAY_NO_RECEIVER), 1);
	world_free(w);
}

static void test_client_refuses_forgeries(void **state)
{
	struct world *w = two_registered();
	struct relay_client *c = w->node[0].client;
	struct endpoint other = at(0x01020304, 3478);
	uint8_t m[64] = { FRAME_MAGIC };

	for (unsigned type = 0; type < 256; type++)
		for (size_t n = 0; n <= sizeof(m); n++) {
			m[1] = (uint8_t)type;
			bool bare_reset = n >= 8 && type == FRAME_RESET;
			enum drop d = relay_client_input(c, m, n, &w->relay_at,
							 w->now);

			assert_int_equal(d == DROP_NONE, bare_reset && n < 48);
			assert_true(registered(w, 0));
		}
	m[1] = FRAME_PONG;
	assert_int_equal(relay_client_input(c, m, sizeof(m), &other, w->now),
			 DROP_RELAY_CRYPTO);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_register),
		cmocka_unit_test(test_idle_is_cheap),
		cmocka_unit_test(test_bad_tokens),
		cmocka_unit_test(test_only_whom_the_rule_admits),
		cmocka_unit_test(test_register_flips),
		cmocka_unit_test(test_first_packet_is_not_delayed),
		cmocka_unit_test(test_absent_receiver),
		cmocka_unit_test(test_rebinding),
		cmocka_unit_test(test_replayed_register),
		cmocka_unit_test(test_cookie_expires),
		cmocka_unit_test(test_relay_restart),
		cmocka_unit_test(test_node_restart),
		cmocka_unit_test(test_dead_relay),
		cmocka_unit_test(test_leave_and_removal),
		cmocka_unit_test(test_silent_client_is_forgotten),
		cmocka_unit_test(test_spoofed_sources),
		cmocka_unit_test(test_trains_stay_whole),
		cmocka_unit_test(test_client_refuses_forgeries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
