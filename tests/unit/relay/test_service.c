/* SPDX-License-Identifier: MIT
 *
 * test_service.c - the relay's thread over real loopback sockets: STUN, and a train
 * between two clients that arrives whole
 */
#include "tests/unit/unit.h"

#include <poll.h>

#include "base/time.h"
#include "base/udp.h"
#include "relay/client.h"
#include "relay/service.h"
#include "relay/token.h"
#include "traversal/stun.h"

enum {
	SEGMENT = 8 + 1000,
	SEGMENTS = 20,
	TRIES = 2000, /* polls of 1 ms at most: only a failure takes so long */
};

struct node {
	struct key_private key;
	struct key_public public;
	struct udp u;
	struct relay_client *c;
	size_t octets; /* of data that came */
	uint8_t buffer[UDP_TRAIN_MAX];
};

static struct node node[2];
static struct relay_service *service;
static struct endpoint relay_at;

static void start(struct relay_service_params *p)
{
	char why[256];

	p->addresses[0] = ipaddr_v4(0x7f000001);
	p->address_count = 1;
	for (p->port = 42000; p->port < 43000; p->port += 2) {
		service = relay_service_start(p, why);
		if (service)
			break;
	}
	assert_non_null(service);
	relay_at = (struct endpoint){ .ip = p->addresses[0], .port = p->port };
}

static void add_node(struct node *n, const struct key_public *relay,
		     const struct sign_private *coord)
{
	struct relay_client_params p = { .self_private = &n->key,
					 .relay = *relay,
					 .at = { relay_at },
					 .seed = 7 };
	struct udp_params up = { .local.ip = relay_at.ip, .gro = true,
				 .buffer_octets = 1 << 20 };
	uint8_t octets[TOKEN_OCTETS];
	struct token t = { .expires_s = time_wall() / SEC(1) + 600 };

	key_private_generate(&n->key);
	key_public_of(&n->key, &n->public);
	p.self = t.node = n->public;
	assert_int_equal(udp_open(&n->u, &up), 0);
	n->c = relay_client_new(&p);
	token_sign(&t, coord, octets);
	relay_client_set_token(n->c, octets, sizeof(octets), time_now());
}

static void receive(struct node *n)
{
	struct udp_in in = { .data = n->buffer, .room = sizeof(n->buffer) };
	size_t header;

	while (udp_recv(&n->u, &in, 1) == 1) {
		enum drop d;

		if (relay_is_data(in.data, in.n, &header)) {
			n->octets += in.n;
			continue;
		}
		for (size_t i = 0; i < in.n; i += in.segment) {
			size_t left = in.n - i;

			d = relay_client_input(n->c, in.data + i,
					       left < in.segment ? left :
								   in.segment,
					       &in.from, time_now());
			assert_int_equal(d, DROP_NONE);
		}
	}
}

static void turn(void)
{
	struct relay_client_send s;
	unsigned sent;

	for (unsigned i = 0; i < 2; i++) {
		struct pollfd p = { .fd = node[i].u.fd, .events = POLLIN };

		while (relay_client_poll(node[i].c, &s, time_now())) {
			struct udp_out o = { .to = s.to, .data = s.message,
					     .n = s.n };

			assert_int_equal(udp_send(&node[i].u, &o, 1, &sent), 0);
		}
		poll(&p, 1, 1);
		receive(&node[i]);
	}
}

static bool registered(unsigned i)
{
	struct relay_client_status s;

	(void)relay_client_status(node[i].c, &s);
	return s.registered;
}

static void send_train(size_t header, const uint8_t *head, unsigned segments)
{
	static uint8_t train[SEGMENTS * SEGMENT];
	struct udp_out o = { .to = relay_at, .data = train };
	unsigned sent;

	o.segment = SEGMENT - 8 + header;
	o.n = segments * o.segment;
	for (unsigned i = 0; i < segments; i++)
		memcpy(train + i * o.segment, head, header);
	assert_int_equal(udp_send(&node[0].u, &o, 1, &sent), 0);
}

static void test_carry(void **state)
{
	struct relay_service_stats st;
	uint8_t head[RELAY_HEADER_MAX];
	struct endpoint to;
	size_t h = 0;

	for (int i = 0; i < TRIES && !(registered(0) && registered(1)); i++)
		turn();
	assert_true(registered(0) && registered(1));
	h = relay_client_header(node[0].c, &node[1].public, head, &to, time_now());
	assert_int_equal(h, 40);
	send_train(h, head, 1);
	for (int i = 0; i < TRIES && (h != 8 || !node[1].octets); i++) {
		turn();
		h = relay_client_header(node[0].c, &node[1].public, head, &to,
					time_now());
	}
	assert_int_equal(h, 8);
	assert_int_equal(node[1].octets, SEGMENT);
	send_train(h, head, SEGMENTS);
	for (int i = 0; i < TRIES && node[1].octets < (SEGMENTS + 1) * SEGMENT; i++)
		turn();
	assert_int_equal(node[1].octets, (SEGMENTS + 1) * SEGMENT);
	relay_service_stats(service, &st);
	assert_int_equal(st.clients, 2);
	assert_int_equal(st.forwarded, SEGMENTS + 1);
	relay_service_remove(service, &node[1].public);
	relay_service_stats(service, &st);
	assert_int_equal(st.clients, 1);
}

static void test_stun(void **state)
{
	struct stun_message m = { .class = STUN_REQUEST, .change_port = true }, r;
	struct udp_params up = { .local.ip = relay_at.ip };
	struct udp_in in = { .data = node[0].buffer,
			     .room = sizeof(node[0].buffer) };
	struct pollfd p = { .events = POLLIN };
	uint8_t b[STUN_MAX];
	struct udp_out o = { .to = relay_at, .data = b, .n = stun_write(&m, b) };
	struct udp u;
	unsigned sent;

	assert_int_equal(udp_open(&u, &up), 0);
	assert_int_equal(udp_send(&u, &o, 1, &sent), 0);
	p.fd = u.fd;
	assert_int_equal(poll(&p, 1, TRIES), 1);
	assert_int_equal(udp_recv(&u, &in, 1), 1);
	assert_int_equal(in.from.port, relay_at.port + 1);
	assert_int_equal(stun_parse(in.data, in.n, &r), DROP_NONE);
	assert_int_equal(r.mapped.port, u.port);
	udp_close(&u);
}

static void test_refusals(void **state)
{
	struct relay_service_params p = { .port = relay_at.port };
	char why[256] = "";

	assert_null(relay_service_start(&p, why));
	assert_non_null(strstr(why, "in use"));
	p.port = UINT16_MAX;
	assert_null(relay_service_start(&p, why));
	p.port = relay_at.port;
	p.addresses[p.address_count++] = ipaddr_v4(0xcb007101);
	assert_null(relay_service_start(&p, why));
	assert_non_null(strstr(why, "203.0.113.1 is no address"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_carry),
		cmocka_unit_test(test_stun),
		cmocka_unit_test(test_refusals),
	};
	struct relay_service_params p = { .workers = 3 };
	struct sign_private coord;
	struct key_public relay;
	int failed;

	if (key_setup())
		return 1;
	sign_generate(&coord, &p.coord);
	key_private_generate(&p.key);
	key_public_of(&p.key, &relay);
	start(&p);
	add_node(&node[0], &relay, &coord);
	add_node(&node[1], &relay, &coord);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	for (unsigned i = 0; i < 2; i++) {
		relay_client_free(node[i].c);
		udp_close(&node[i].u);
	}
	relay_service_stop(service);
	return failed;
}
