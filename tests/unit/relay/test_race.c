/* SPDX-License-Identifier: MIT
 *
 * test_race.c - UDP against a stream, client and server engines under a virtual clock
 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "relay/client.h"
#include "relay/server.h"
#include "relay/token.h"

#define STEP MSEC(5) /* also the way to the relay and back */

static struct key_private relay_key, node_key;
static struct relay_client *client;
static struct relay_server *server;
static struct relay_batch *batch;
static struct endpoint relay_at, node_at;
static nsec_t now;
static bool udp_works, stream_works;
static unsigned hellos; /* over UDP */

/* carry() - one frame of the client to the relay, and what that answers */
static void carry(struct relay_client_send *s)
{
	struct relay_in in = { .data = s->message, .n = s->n, .segment = s->n,
			       .from = { .remote = node_at } };

	if (!s->stream)
		hellos += s->message[1] == 3; /* FRAME_HELLO */
	if (!(s->stream ? stream_works : udp_works))
		return;
	if (s->stream) {
		in.from.socket = RELAY_SOCKET_STREAM;
		in.from.stream = 9;
	}
	batch->n = 0;
	relay_server_input(server, &in, batch, now, 1000);
	for (unsigned i = 0; i < batch->n; i++) {
		struct relay_out *o = &batch->out[i];
		uint8_t m[64];

		assert_int_equal(o->to.stream, in.from.stream);
		memcpy(m, o->data, o->n);
		(void)!relay_client_input(client, m, o->n,
					  s->stream ? NULL : &relay_at, now);
	}
}

static void run(nsec_t t)
{
	for (nsec_t end = now + t; now < end; now += STEP) {
		struct relay_client_send s;
		unsigned sent = 0;

		while (relay_client_poll(client, &s, now)) {
			carry(&s);
			assert_true(++sent < 50);
		}
		assert_true(relay_client_next_expiry(client) > now);
	}
}

static struct relay_client_status status(void)
{
	struct relay_client_status s;

	(void)relay_client_status(client, &s);
	return s;
}

static void test_udp_first(void **state)
{
	run(MSEC(500));
	assert_true(status().registered);
	assert_false(status().stream);
	assert_false(relay_client_wants_stream(client));
}

static void test_stream_after_300_ms(void **state)
{
	udp_works = false;
	run(MSEC(295));
	assert_false(relay_client_wants_stream(client));
	run(MSEC(15));
	assert_true(relay_client_wants_stream(client));
	relay_client_set_stream(client, true, now);
	run(MSEC(50));
	assert_true(status().registered && status().stream);
	assert_true(endpoint_is_zero(&status().observed[0]));
}

static void test_udp_comes_back(void **state)
{
	test_stream_after_300_ms(state);
	run(SEC(60));
	assert_true(status().stream);
	assert_true(hellos > 4 && hellos < 60);
	udp_works = true;
	run(SEC(20));
	assert_true(status().registered);
	assert_false(status().stream);
	assert_true(endpoint_eq(&status().observed[0], &node_at));
	run(SEC(11));
	assert_false(relay_client_wants_stream(client));
}

static void test_udp_is_lost(void **state)
{
	run(SEC(1));
	relay_client_traffic(client, now);
	udp_works = false;
	for (unsigned i = 0; i < 20 && !relay_client_wants_stream(client); i++) {
		relay_client_traffic(client, now);
		run(MSEC(50));
	}
	assert_true(relay_client_wants_stream(client));
	assert_true(status().registered); /* not given up yet */
	relay_client_set_stream(client, true, now);
	run(MSEC(20));
	assert_true(status().registered && status().stream);
}

static void test_stream_ends(void **state)
{
	test_stream_after_300_ms(state);
	relay_client_set_stream(client, false, now);
	assert_false(status().registered);
	run(MSEC(100));
	assert_true(relay_client_wants_stream(client));
	relay_client_set_stream(client, true, now);
	run(MSEC(50));
	assert_true(status().stream);
}

static int set_up(void **state)
{
	struct relay_server_params sp = { .clients_max = 16 };
	struct relay_client_params cp = { .self_private = &node_key, .seed = 3 };
	struct token t = { .network = 1, .expires_s = 100000 };
	struct sign_private coord;
	uint8_t octets[TOKEN_OCTETS];

	if (key_setup())
		return -1;
	now = SEC(100);
	udp_works = stream_works = true;
	hellos = 0;
	key_private_generate(&relay_key);
	key_private_generate(&node_key);
	sign_generate(&coord, &sp.coord);
	sp.key = relay_key;
	key_public_of(&relay_key, &cp.relay);
	key_public_of(&node_key, &cp.self);
	node_at = (struct endpoint){ ipaddr_v4(0xc0000205), 1234, 0 };
	cp.at[0] = relay_at = (struct endpoint){ ipaddr_v4(0xc6336401), 3478, 0 };
	t.node = cp.self;
	token_sign(&t, &coord, octets);
	batch = calloc(1, sizeof(*batch));
	server = relay_server_new(&sp);
	client = relay_client_new(&cp);
	relay_client_set_token(client, octets, sizeof(octets), now);
	return batch && server && client ? 0 : -1;
}

static int tear_down(void **state)
{
	relay_client_free(client);
	relay_server_free(server);
	free(batch);
	return 0;
}

int main(void)
{
#define EACH(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		EACH(test_udp_first),	   EACH(test_stream_after_300_ms),
		EACH(test_udp_comes_back), EACH(test_udp_is_lost),
		EACH(test_stream_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
