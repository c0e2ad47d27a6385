/* SPDX-License-Identifier: MIT
 *
 * test_tlsservice.c - a relay with a client over TLS and one over UDP, on loopback
 *
 * Real sockets and clocks, no sleeps: each wait is bounded by turns of the loop.
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/stream.h"
#include "base/udp.h"
#include "relay/bundle.h"
#include "relay/client.h"
#include "relay/tlsservice.h"
#include "relay/token.h"

enum {
	TURNS = 3000, /* of 1 ms: only a failure takes so many */
};

struct node {
	struct key_private key;
	struct key_public public;
	struct relay_client *client;
	unsigned got; /* data frames */
	size_t last; /* octets of the last one's message */
};

static struct loop loop;
static struct loop_timer ticker;
static struct relay_service *service;
static struct tlsservice *tls;
static struct stream_server *server;
static char folder[64], cert[96], key_path[96];
static struct node udp_node, tls_node;
static struct udp socket_of_udp;
static struct endpoint relay_at;
static struct stream *stream;
static char closed_why[256];

static void on_tick(struct loop_timer *t, nsec_t now)
{
	loop_timer_at(t, now + MSEC(1));
}

static void start_service(struct relay_service_params *p)
{
	struct stream_server_params sp = {
		.loop = &loop, .listen = { .ip = p->addresses[0] },
		.cert_path = cert, .key_path = key_path,
		.connections_max = 8, .handshake_timeout = SEC(5),
		.path = "/other",
	};
	char why[256];

	for (p->port = 43000; p->port < 44000 && !service; p->port += 2)
		service = relay_service_start(p, why);
	assert_non_null(service);
	relay_at = (struct endpoint){ p->addresses[0], (uint16_t)(p->port - 2), 0 };
	tls = tlsservice_new(&loop, service);
	server = stream_server_new(&sp, why);
	assert_non_null(tls);
	assert_non_null(server);
	assert_true(tlsservice_serve(tls, server));
}

static void add(struct node *n, bool udp, const struct key_public *relay,
		const struct sign_private *coord)
{
	struct relay_client_params p = { .self_private = &n->key, .relay = *relay,
					 .seed = 5 };
	struct token t = { .expires_s = time_wall() / SEC(1) + 600 };
	uint8_t octets[TOKEN_OCTETS];

	if (udp)
		p.at[0] = relay_at;
	key_private_generate(&n->key);
	key_public_of(&n->key, &n->public);
	p.self = t.node = n->public;
	n->client = relay_client_new(&p);
	token_sign(&t, coord, octets);
	relay_client_set_token(n->client, octets, sizeof(octets), time_now());
}

static void take(struct node *n, uint8_t *m, size_t octets,
		 const struct endpoint *from)
{
	size_t header;

	if (relay_is_data(m, octets, &header)) {
		n->got++;
		n->last = octets - header;
		return;
	}
	assert_int_equal(relay_client_input(n->client, m, octets, from,
					    time_now()), DROP_NONE);
}

static void on_message(void *owner, struct stream *s, uint8_t *m, size_t n)
{
	size_t all, segment;
	struct bundle b;
	uint8_t *train;

	bundle_init(&b, m, n);
	while (bundle_next(&b, &train, &all, &segment))
		for (size_t i = 0; i < all; i += segment)
			take(&tls_node, train + i,
			     all - i < segment ? all - i : segment, NULL);
	assert_false(b.broken);
}

static void on_opened(void *owner, struct stream *s)
{
	relay_client_set_stream(tls_node.client, true, time_now());
}

static void on_closed(void *owner, struct stream *s, const char *why)
{
	stream = NULL;
	snprintf(closed_why, sizeof(closed_why), "%s", why);
}

static void send_frame(const void *frame, size_t n)
{
	uint8_t m[2 + 2048];

	m[0] = (uint8_t)(n >> 8);
	m[1] = (uint8_t)n;
	memcpy(m + 2, frame, n);
	assert_true(stream_send(stream, m, n + 2));
}

static void poll_nodes(void)
{
	uint8_t buffer[UDP_TRAIN_MAX];
	struct udp_in in = { .data = buffer, .room = sizeof(buffer) };
	struct relay_client_send s;
	unsigned sent;

	while (relay_client_poll(udp_node.client, &s, time_now())) {
		struct udp_out o = { .to = s.to, .data = s.message, .n = s.n };

		assert_false(s.stream);
		assert_int_equal(udp_send(&socket_of_udp, &o, 1, &sent), 0);
	}
	while (relay_client_poll(tls_node.client, &s, time_now())) {
		assert_true(s.stream);
		send_frame(s.message, s.n);
	}
	while (udp_recv(&socket_of_udp, &in, 1) == 1)
		for (size_t i = 0; i < in.n; i += in.segment)
			take(&udp_node, in.data + i,
			     in.n - i < in.segment ? in.n - i : in.segment,
			     &in.from);
}

static bool registered(const struct node *n)
{
	struct relay_client_status s;

	(void)relay_client_status(n->client, &s);
	return s.registered;
}

static void turn(void)
{
	loop_turn(&loop);
	poll_nodes();
}

static void connect_stream(const char *path)
{
	static const struct stream_events events = { NULL, on_opened, on_message,
						     on_closed, NULL };
	char url[64];

	snprintf(url, sizeof(url), "https://127.0.0.1:%u",
		 stream_server_port(server));
	stream = stream_connect(&loop, url, path, SEC(5), 0, &events);
	assert_non_null(stream);
}

static void test_both_ways(void **state)
{
	uint8_t m[RELAY_HEADER_MAX + 1000] = { 0 };
	struct endpoint to;
	unsigned sent;
	size_t h;

	for (unsigned i = 0; i < TURNS && !(registered(&udp_node) &&
					    relay_client_wants_stream(
						    tls_node.client)); i++)
		turn();
	assert_true(registered(&udp_node));
	connect_stream(RELAY_PATH);
	for (unsigned i = 0; i < TURNS && !registered(&tls_node); i++)
		turn();
	assert_true(registered(&tls_node));
	for (unsigned i = 0; i < 5; i++) {
		h = relay_client_header(tls_node.client, &udp_node.public, m, &to,
					time_now());
		assert_true(h && endpoint_is_zero(&to));
		send_frame(m, h + 1000);
		h = relay_client_header(udp_node.client, &tls_node.public, m, &to,
					time_now());
		struct udp_out o = { .to = to, .data = m, .n = h + 900 };

		assert_true(h && endpoint_eq(&to, &relay_at));
		assert_int_equal(udp_send(&socket_of_udp, &o, 1, &sent), 0);
	}
	for (unsigned i = 0; i < TURNS && (udp_node.got < 5 || tls_node.got < 5);
	     i++)
		turn();
	assert_int_equal(udp_node.got, 5);
	assert_int_equal(udp_node.last, 1000);
	assert_int_equal(tls_node.got, 5);
	assert_int_equal(tls_node.last, 900);
}

static void test_rubbish_is_counted(void **state)
{
	struct relay_service_stats st = { 0 };

	assert_true(stream_send(stream, "\xff\xff rubbish", 10));
	for (unsigned i = 0; i < TURNS && !st.drops[DROP_BAD_LENGTH]; i++) {
		turn();
		relay_service_stats(service, &st);
	}
	assert_int_equal(st.drops[DROP_BAD_LENGTH], 1);
	assert_int_equal(st.clients, 2);
	assert_true(registered(&tls_node));
}

static void test_end_of_stream(void **state)
{
	struct relay_service_stats st = { .clients = 2 };

	stream_finish(stream);
	stream = NULL;
	relay_client_set_stream(tls_node.client, false, time_now());
	assert_false(registered(&tls_node));
	for (unsigned i = 0; i < TURNS && st.clients == 2; i++) {
		turn();
		relay_service_stats(service, &st);
	}
	assert_int_equal(st.clients, 1);
}

static void test_other_path(void **state)
{
	connect_stream("/adit/nothing");
	for (unsigned i = 0; i < TURNS && stream; i++)
		turn();
	assert_null(stream);
	assert_non_null(strstr(closed_why, "no WebSocket"));
}

static int set_up(void **state)
{
	struct relay_service_params p = { .address_count = 1 };
	struct udp_params up = { .gro = true, .buffer_octets = 1 << 20 };
	struct sign_private coord;
	struct key_public relay;

	strcpy(folder, "/tmp/adit-tls.XXXXXX");
	if (key_setup() || !mkdtemp(folder) || loop_init(&loop) ||
	    loop_timer_init(&loop, &ticker, on_tick))
		return -1;
	snprintf(cert, sizeof(cert), "%s/cert.pem", folder);
	snprintf(key_path, sizeof(key_path), "%s/key.pem", folder);
	loop_timer_at(&ticker, time_now());
	p.addresses[0] = up.local.ip = ipaddr_v4(0x7f000001);
	key_private_generate(&p.key);
	key_public_of(&p.key, &relay);
	sign_generate(&coord, &p.coord);
	start_service(&p);
	add(&udp_node, true, &relay, &coord);
	add(&tls_node, false, &relay, &coord);
	return udp_open(&socket_of_udp, &up);
}

static int tear_down(void **state)
{
	stream_free(stream);
	stream_server_free(server);
	tlsservice_free(tls);
	relay_service_stop(service);
	relay_client_free(udp_node.client);
	relay_client_free(tls_node.client);
	udp_close(&socket_of_udp);
	loop_timer_done(&ticker);
	loop_done(&loop);
	unlink(cert);
	unlink(key_path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_rubbish_is_counted),
		cmocka_unit_test(test_end_of_stream),
		cmocka_unit_test(test_other_path),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
