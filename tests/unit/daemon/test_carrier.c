/* SPDX-License-Identifier: MIT
 *
 * test_carrier.c - a node's relay over loopback: whom it serves, how much, and the box
 */
#include "tests/unit/unit.h"

#include <poll.h>

#include "base/udp.h"
#include "daemon/carrier.h"
#include "relay/client.h"
#include "relay/token.h"

enum {
	NODES = 3,
	TRIES = 2000, /* polls of 1 ms at most: only a failure takes so long */
	DAILY = 400000,
	MESSAGE = 1000,
};

struct member {
	struct key_private key;
	struct key_public public;
	struct udp u;
	struct relay_client *c;
	unsigned got; /* data frames */
	uint8_t buffer[UDP_TRAIN_MAX];
};

static struct member member[NODES];
static struct carrier *carrier;
static struct endpoint at;

static void add_member(struct member *m, const struct key_public *relay,
		       const struct sign_private *coord)
{
	struct relay_client_params p = { .self_private = &m->key, .relay = *relay,
					 .at = { at }, .seed = 7 };
	struct udp_params up = { .local.ip = at.ip, .buffer_octets = 1 << 20 };
	struct token t = { .expires_s = time_wall() / SEC(1) + 600 };
	uint8_t octets[TOKEN_OCTETS];

	key_private_generate(&m->key);
	key_public_of(&m->key, &m->public);
	p.self = t.node = m->public;
	assert_int_equal(udp_open(&m->u, &up), 0);
	m->c = relay_client_new(&p);
	token_sign(&t, coord, octets);
	relay_client_set_token(m->c, octets, sizeof(octets), time_now());
}

static int setup(void **state)
{
	struct carrier_params p = { .daily = DAILY };
	struct sign_private coord;
	struct key_public relay;
	char why[256];

	(void)state;
	assert_int_equal(key_setup(), 0);
	sign_generate(&coord, &p.coord);
	key_private_generate(&p.key);
	key_public_of(&p.key, &relay);
	carrier = carrier_start(&p, why);
	assert_non_null(carrier);
	at = (struct endpoint){ .ip = ipaddr_v4(0x7f000001),
				.port = carrier_port(carrier, false) };
	for (unsigned i = 0; i < NODES; i++)
		add_member(&member[i], &relay, &coord);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NODES; i++) {
		relay_client_free(member[i].c);
		udp_close(&member[i].u);
	}
	carrier_stop(carrier);
	return 0;
}

static void receive(struct member *m)
{
	struct udp_in in = { .data = m->buffer, .room = sizeof(m->buffer) };
	size_t header;

	while (udp_recv(&m->u, &in, 1) == 1) {
		if (relay_is_data(in.data, in.n, &header))
			m->got++;
		else
			(void)!relay_client_input(m->c, in.data, in.n, &in.from,
						  time_now());
	}
}

static void send_to(struct member *m, const void *data, size_t n)
{
	struct udp_out o = { .to = at, .data = data, .n = n };
	unsigned sent;

	assert_int_equal(udp_send(&m->u, &o, 1, &sent), 0);
}

static void turn(void)
{
	struct relay_client_send s;

	for (unsigned i = 0; i < NODES; i++) {
		struct pollfd p = { .fd = member[i].u.fd, .events = POLLIN };

		while (relay_client_poll(member[i].c, &s, time_now()))
			send_to(&member[i], s.message, s.n);
		poll(&p, 1, 1);
		receive(&member[i]);
	}
}

static bool registered(unsigned i)
{
	struct relay_client_status s;

	(void)relay_client_status(member[i].c, &s);
	return s.registered;
}

static void say(unsigned from, unsigned to)
{
	uint8_t m[RELAY_HEADER_MAX + MESSAGE] = { 0 };
	struct endpoint where;
	size_t h = relay_client_header(member[from].c, &member[to].public, m,
				       &where, time_now());

	assert_int_not_equal(h, 0);
	send_to(&member[from], m, h + MESSAGE);
}

static uint64_t drops(enum drop d)
{
	struct carrier_stats s;

	carrier_stats(carrier, &s);
	return s.drops[d];
}

/* only the nodes that it was told, and no longer than told */
static void whom_it_serves(void **state)
{
	struct key_public let[2] = { member[0].public, member[1].public };

	(void)state;
	for (unsigned i = 0; i < TRIES && !drops(DROP_RELAY_TOKEN); i++)
		turn();
	assert_false(registered(0));
	carrier_let(carrier, let, 2);
	for (unsigned i = 0; i < NODES; i++)
		relay_client_network_changed(member[i].c, time_now());
	for (unsigned i = 0; i < TRIES && !(registered(0) && registered(1)); i++)
		turn();
	assert_true(registered(0) && registered(1));
	for (unsigned i = 0; i < TRIES && drops(DROP_RELAY_TOKEN) < 4; i++)
		turn();
	assert_false(registered(2));
	say(0, 1);
	for (unsigned i = 0; i < TRIES && !member[1].got; i++)
		turn();
	assert_int_equal(member[1].got, 1);
	carrier_let(carrier, let, 1);
	for (unsigned i = 0; i < TRIES && registered(1); i++) {
		relay_client_traffic(member[1].c, time_now());
		turn();
	}
	assert_false(registered(1));
	assert_true(registered(0));
	carrier_let(carrier, let, 2);
	relay_client_network_changed(member[1].c, time_now());
	for (unsigned i = 0; i < TRIES && !registered(1); i++)
		turn();
	assert_true(registered(1));
}

/* a day's allowance, and what comes behind it is dropped under its row */
static void how_much_it_carries(void **state)
{
	struct carrier_stats s;
	unsigned sent = 1;

	(void)state;
	for (unsigned i = 0; i < TRIES && !drops(DROP_RELAY_RATE); i++) {
		say(0, 1);
		sent++;
		turn();
	}
	carrier_stats(carrier, &s);
	assert_true(s.spent);
	assert_in_range(s.drops[DROP_RELAY_RATE], 1, TRIES); /* it may lag behind us */
	assert_true(s.today <= DAILY && s.today > DAILY - 2 * MESSAGE);
	assert_true(sent > DAILY / (MESSAGE + 40));
	assert_int_equal(s.day, time_wall() / SEC(1) / 86400);
	assert_int_equal(s.clients, 2);
}

static void what_is_no_frame(void **state)
{
	struct stun_message m = { .class = STUN_SUCCESS };
	struct pollfd p = { .fd = carrier_fd(carrier), .events = POLLIN };
	struct carrier_message got;
	uint8_t stun[STUN_MAX];
	size_t n;

	(void)state;
	m.mapped = at;
	n = stun_write(&m, stun);
	assert_false(carrier_take(carrier, &got));
	send_to(&member[2], "neither this nor that", 21);
	for (unsigned i = 0; i < 2; i++)
		send_to(&member[2], stun, n);
	assert_int_equal(poll(&p, 1, TRIES), 1);
	for (unsigned i = 0; i < TRIES && !drops(DROP_UNKNOWN_TYPE); i++)
		turn();
	assert_int_equal(drops(DROP_UNKNOWN_TYPE), 1);
	assert_true(carrier_take(carrier, &got));
	assert_int_equal(got.n, n);
	assert_int_equal(got.from.port, member[2].u.port);
	for (unsigned i = 0; i < 40; i++) /* a flood fills the box, no more */
		send_to(&member[2], stun, n);
	for (unsigned i = 0; i < TRIES && !drops(DROP_CONTROL_RING_FULL); i++)
		turn();
	assert_true(drops(DROP_CONTROL_RING_FULL) > 0);
	while (carrier_take(carrier, &got))
		;
	assert_int_equal(poll(&p, 1, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whom_it_serves),
		cmocka_unit_test(how_much_it_carries),
		cmocka_unit_test(what_is_no_frame),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
