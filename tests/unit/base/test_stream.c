/* SPDX-License-Identifier: MIT
 *
 * test_stream.c - streams over sockets that are connected already, and what binds them
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/loop.h"
#include "base/stream.h"

#define PATIENCE SEC(20)

static struct loop loop;
static struct loop_timer ticker;

struct end {
	struct stream *s;
	bool opened, closed;
	size_t got; /* octets of the last message */
	char why[256];
};

static struct end client, server;

static void on_tick(struct loop_timer *t, nsec_t now)
{
	loop_timer_at(t, now + MSEC(1));
}

static void on_opened(void *owner, struct stream *s)
{
	struct end *e = owner;

	e->s = s;
	e->opened = true;
}

static void on_message(void *owner, struct stream *s, uint8_t *m, size_t n)
{
	(void)s;
	(void)m;
	((struct end *)owner)->got = n;
}

static void on_closed(void *owner, struct stream *s, const char *why)
{
	struct end *e = owner;

	(void)s;
	e->s = NULL;
	e->closed = true;
	snprintf(e->why, sizeof(e->why), "%s", why);
}

static struct stream_events events_of(struct end *e)
{
	return (struct stream_events){ .owner = e, .opened = on_opened,
				       .message = on_message,
				       .closed = on_closed };
}

static struct stream_server *deaf_server(void)
{
	struct stream_server_params p = { .loop = &loop, .deaf = true,
					  .connections_max = 2,
					  .handshake_timeout = SEC(5),
					  .message_max = 2048, .path = "/x",
					  .events = events_of(&server) };
	char why[256];
	struct stream_server *v = stream_server_new(&p, why);

	assert_non_null(v);
	return v;
}

/* until() - the loop turns until *what */
static void until(const bool *what)
{
	nsec_t end = time_now() + PATIENCE;

	loop_timer_at(&ticker, time_now());
	while (!*what) {
		assert_true(time_now() < end);
		loop_turn(&loop);
	}
	loop_timer_at(&ticker, NSEC_NEVER);
}

static void join(struct stream_server *v, uint8_t binding[static 32])
{
	const struct stream_events e = events_of(&client);
	struct endpoint at;
	uint8_t other[32];
	int fd[2];

	memset(&client, 0, sizeof(client));
	memset(&server, 0, sizeof(server));
	assert_true(endpoint_parse("192.0.2.1:5000", &at));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	assert_true(stream_server_take(v, fd[0], &at));
	client.s = stream_over(&loop, fd[1], &at, "/x", SEC(5), &e);
	assert_non_null(client.s);
	until(&client.opened);
	until(&server.opened);
	assert_true(stream_binding(client.s, binding));
	assert_true(stream_binding(server.s, other));
	assert_memory_equal(binding, other, 32);
}

static void both_ends_share_a_binding(void **state)
{
	struct stream_server *v = deaf_server();
	uint8_t first[32], second[32];

	(void)state;
	join(v, first);
	assert_string_equal(stream_peer(server.s), "192.0.2.1:5000");
	stream_free(client.s);
	until(&server.closed);
	join(v, second);
	assert_memory_not_equal(first, second, 32);
	stream_free(client.s);
	stream_server_free(v);
}

static void a_message_may_be_longer_once_it_is_said(void **state)
{
	struct stream_server *v = deaf_server();
	static uint8_t big[4096];
	uint8_t binding[32];
	nsec_t end;

	(void)state;
	join(v, binding);
	stream_set_max(server.s, sizeof(big));
	assert_true(stream_send(client.s, big, sizeof(big)));
	for (end = time_now() + PATIENCE; server.got != sizeof(big);) {
		assert_true(time_now() < end);
		loop_timer_at(&ticker, time_now());
		loop_turn(&loop);
	}
	stream_free(client.s);
	until(&server.closed);
	join(v, binding);
	assert_true(stream_send(client.s, big, sizeof(big)));
	until(&server.closed);
	assert_non_null(strstr(server.why, "too big"));
	until(&client.closed);
	stream_server_free(v);
}

static bool refuse(void *owner, const struct endpoint *from)
{
	(void)from;
	((struct end *)owner)->got++;
	return false;
}

static void who_is_not_admitted_hears_nothing(void **state)
{
	struct stream_server_params p = { .loop = &loop, .connections_max = 2,
					  .handshake_timeout = SEC(5),
					  .path = "/x", .admit = refuse,
					  .events = events_of(&server) };
	const struct stream_events e = events_of(&client);
	struct stream_server *v;
	char why[256], url[64];

	(void)state;
	memset(&client, 0, sizeof(client));
	memset(&server, 0, sizeof(server));
	assert_true(ipaddr_parse("127.0.0.1", &p.listen.ip));
	v = stream_server_new(&p, why);
	assert_non_null(v);
	snprintf(url, sizeof(url), "https://127.0.0.1:%u", stream_server_port(v));
	client.s = stream_connect(&loop, url, "/x", SEC(5), 0, &e);
	assert_non_null(client.s);
	until(&client.closed);
	assert_int_equal(server.got, 1);
	assert_false(server.opened);
	assert_int_equal(stream_server_refused(v), 1);
	stream_server_free(v);
}

static int setup(void **state)
{
	(void)state;
	if (loop_init(&loop) < 0)
		return -1;
	return loop_timer_init(&loop, &ticker, on_tick);
}

static int teardown(void **state)
{
	(void)state;
	loop_timer_done(&ticker);
	loop_done(&loop);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_share_a_binding),
		cmocka_unit_test(a_message_may_be_longer_once_it_is_said),
		cmocka_unit_test(who_is_not_admitted_hears_nothing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
