/* SPDX-License-Identifier: MIT
 *
 * test_carry.c - what the engine does beside others, and what it leaves for later
 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "relay/client.h"
#include "relay/server.h"
#include "relay/token.h"

enum {
	LANES = 2,
	WALL = 1000000,
	NODES = 3,
};

struct node {
	struct key_private key;
	struct key_public public;
	struct relay_client *client;
	struct endpoint at;
};

static struct relay_server *server;
static struct relay_batch *batch;
static struct node node[NODES];
static struct sign_private coord;
static const struct endpoint relay_at = { .port = 3478 };
static nsec_t now;

static struct relay_in train_of(const struct endpoint *from, void *m, size_t n,
				size_t segment)
{
	return (struct relay_in){ .data = m, .n = n, .segment = segment,
				  .from = { .remote = *from }, .tos = 0x29 };
}

static size_t pass(const struct endpoint *from, void *m, size_t n, size_t segment)
{
	struct relay_in in = train_of(from, m, n, segment);

	batch->n = 0;
	return relay_server_pass(server, 1, &in, batch, now);
}

static void input(const struct endpoint *from, void *m, size_t n)
{
	struct relay_in in = train_of(from, m, n, n);

	batch->n = 0;
	assert_int_equal(relay_server_input(server, &in, batch, now, WALL), n);
}

static void give_back(struct node *n)
{
	for (unsigned i = 0; i < batch->n; i++)
		if (endpoint_eq(&batch->out[i].to.remote, &n->at) &&
		    batch->out[i].data[1] != FRAME_DATA)
			assert_int_equal(relay_client_input(
				n->client, batch->out[i].data,
				batch->out[i].n, &relay_at, now), DROP_NONE);
}

/* talk() - until the client has nothing to say; left: frames that pass() left */
static unsigned talk(struct node *n)
{
	struct relay_client_send s;
	unsigned left = 0;

	while (relay_client_poll(n->client, &s, now)) {
		if (pass(&n->at, s.message, s.n, s.n) == 0) {
			left++;
			input(&n->at, s.message, s.n);
		}
		give_back(n);
	}
	return left;
}

static uint64_t drops(enum drop d)
{
	struct relay_server_stats st;

	relay_server_stats(server, &st);
	return st.drops[d];
}

static void add(unsigned i, const struct key_public *relay)
{
	struct node *n = &node[i];
	struct relay_client_params p = { .self_private = &n->key,
					 .relay = *relay,
					 .at = { relay_at },
					 .seed = i };
	struct token t = { .expires_s = WALL + 600 };
	uint8_t octets[TOKEN_OCTETS];

	key_private_generate(&n->key);
	key_public_of(&n->key, &n->public);
	n->at = (struct endpoint){ ipaddr_v4(0xc6336401), (uint16_t)(4000 + i) };
	p.self = t.node = n->public;
	n->client = relay_client_new(&p);
	token_sign(&t, &coord, octets);
	relay_client_set_token(n->client, octets, sizeof(octets), now);
}

static int set_up(void **state)
{
	struct relay_server_params p = { .lanes = LANES, .clients_max = 16 };
	struct key_public relay;

	now = SEC(1);
	sign_generate(&coord, &p.coord);
	key_private_generate(&p.key);
	key_public_of(&p.key, &relay);
	server = relay_server_new(&p);
	batch = calloc(1, sizeof(*batch));
	for (unsigned i = 0; i < NODES; i++)
		add(i, &relay);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(talk(&node[i]), 1); /* REGISTER alone */
	return 0;
}

static int tear_down(void **state)
{
	for (unsigned i = 0; i < NODES; i++)
		relay_client_free(node[i].client);
	relay_server_free(server);
	free(batch);
	return 0;
}

static size_t data(unsigned to, uint8_t m[static 128])
{
	struct endpoint e;
	size_t h = relay_client_header(node[0].client, &node[to].public, m, &e,
				       now);

	assert_true(h);
	memset(m + h, 7, 50);
	return h + 50;
}

static void test_new_channel_is_left(void **state)
{
	struct relay_server_stats st;
	uint8_t m[4 * 128];
	size_t n = data(1, m);

	assert_int_equal(pass(&node[0].at, m, n, n), 0);
	assert_int_equal(batch->n, 0);
	input(&node[0].at, m, n);
	assert_int_equal(batch->n, 2); /* PEER, DATA */
	give_back(&node[1]);
	now += MSEC(10);
	(void)talk(&node[0]);
	(void)talk(&node[1]);
	n = data(1, m);
	assert_int_equal(n, 58);
	for (int i = 1; i < 4; i++)
		memcpy(m + i * n, m, n);
	assert_int_equal(pass(&node[0].at, m, 4 * n, n), 4 * n);
	assert_int_equal(batch->n, 1); /* one train, whole */
	assert_int_equal(batch->out[0].n, 4 * n);
	assert_int_equal(batch->out[0].segment, n);
	assert_int_equal(batch->out[0].tos, 0x29); /* DSCP and ECN as they came */
	assert_true(endpoint_eq(&batch->out[0].to.remote, &node[1].at));
	relay_server_stats(server, &st);
	assert_int_equal(st.forwarded, 5);
}

static void test_absent_is_dropped_at_once(void **state)
{
	uint8_t m[128];
	size_t n = data(2, m);

	assert_int_equal(pass(&node[0].at, m, n, n), n);
	assert_int_equal(batch->n, 0);
	assert_int_equal(drops(DROP_RELAY_NO_RECEIVER), 1);
}

/* What strangers send never closes the gate, whatever it is. */
static void test_strangers_hold_up_nobody(void **state)
{
	struct endpoint from = { ipaddr_v4(0xc6336409), 9 };
	uint8_t m[256];
	unsigned answers = 0;

	for (unsigned type = 0; type < 256; type++)
		for (size_t n = 8; n <= sizeof(m); n += 8) {
			memset(m, 0x5a, sizeof(m));
			m[0] = FRAME_MAGIC;
			m[1] = (uint8_t)type;
			from.port++;
			assert_int_equal(pass(&from, m, n, n), n);
			assert_true(batch->n <= 1);
			assert_true(!batch->n || batch->out[0].n <= n);
			answers += batch->n;
		}
	assert_true(answers > 0);
	assert_true(answers <= 400); /* one source address: its burst */
}

/* Nor does what only claims to be by a member. */
static void test_unsealed_holds_up_nobody(void **state)
{
	static const uint8_t types[] = { FRAME_PING, FRAME_OPEN, FRAME_ACK,
					 FRAME_LEAVE };
	uint8_t m[64] = { FRAME_MAGIC };

	for (unsigned i = 0; i < ARRAY_SIZE(types); i++)
		for (size_t n = 8; n <= sizeof(m); n += 8) {
			m[1] = types[i];
			assert_int_equal(pass(&node[0].at, m, n, n), n);
			assert_int_equal(batch->n, 0);
		}
	assert_int_equal(drops(DROP_RELAY_CRYPTO), 3 + 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_new_channel_is_left, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_absent_is_dropped_at_once,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_strangers_hold_up_nobody,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unsealed_holds_up_nobody,
						set_up, tear_down),
	};

	if (key_setup())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
