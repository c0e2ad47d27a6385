/* SPDX-License-Identifier: MIT
 *
 * test_dial.c - connections on loopback, several from one port; proxies: test_dial_proxy.c
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/dial.h"

#define PATIENCE SEC(20)

struct call { /* a dial and what came of it */
	int fd;
	bool done;
	struct endpoint to;
	char why[128];
};

static struct loop loop;
static int listeners[2];
static struct endpoint at[2];

static void local_of(int fd, struct endpoint *out)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t n = sizeof(ss);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &n), 0);
	assert_true(endpoint_from_sockaddr(&ss, out));
}

/* bound() - a socket on loopback, sharing its port if it may */
static int bound(uint16_t port, bool share, struct endpoint *out)
{
	struct endpoint e = { .port = port };
	struct sockaddr_storage ss;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = share;
	socklen_t n;

	assert_true(ipaddr_parse("127.0.0.1", &e.ip));
	n = endpoint_to_sockaddr(&e, false, &ss);
	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(fd, (struct sockaddr *)&ss, n), 0);
	local_of(fd, out);
	return fd;
}

static int setup(void **state)
{
	(void)state;
	if (loop_init(&loop))
		return -1;
	for (unsigned i = 0; i < 2; i++) {
		listeners[i] = bound(0, false, &at[i]);
		assert_int_equal(listen(listeners[i], 4), 0);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(listeners[0]);
	close(listeners[1]);
	loop_done(&loop);
	return 0;
}

static void on_done(void *owner, int fd, const struct endpoint *to, const char *why)
{
	struct call *c = owner;

	c->done = true;
	c->fd = fd;
	c->to = *to;
	strncpy(c->why, why ? why : "", sizeof(c->why) - 1);
}

static struct dial *begin(struct call *c, const char *host, uint16_t port,
			  uint16_t local_port)
{
	struct dial_params p = { .loop = &loop, .host = host, .port = port,
				 .local_port = local_port, .only_v4 = true,
				 .owner = c, .done = on_done };
	struct dial *d = dial_start(&p);

	*c = (struct call){ .fd = -1 };
	assert_non_null(d);
	return d;
}

static void wait_for(const struct call *c)
{
	nsec_t end = time_now() + PATIENCE;

	while (!c->done) {
		assert_true(time_now() < end);
		loop_turn(&loop);
	}
}

static void a_connection_belongs_to_the_owner(void **state)
{
	struct call c;

	(void)state;
	begin(&c, "127.0.0.1", at[0].port, 0);
	assert_false(c.done); /* never from dial_start() */
	wait_for(&c);
	assert_true(c.fd >= 0);
	assert_true(endpoint_eq(&c.to, &at[0]));
	assert_string_equal(c.why, "");
	assert_int_equal(send(c.fd, "x", 1, MSG_NOSIGNAL), 1);
	close(c.fd);
}

static void several_connect_from_one_port(void **state)
{
	struct endpoint held, here;
	int holder = bound(0, true, &held);
	struct call c[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		begin(&c[i], "127.0.0.1", at[i].port, held.port);
		wait_for(&c[i]);
		assert_true(c[i].fd >= 0);
		local_of(c[i].fd, &here);
		assert_int_equal(here.port, held.port);
	}
	close(c[0].fd);
	close(c[1].fd);
	close(holder);
}

static void a_port_that_somebody_listens_on_is_not_taken(void **state)
{
	struct call c;

	(void)state;
	begin(&c, "127.0.0.1", at[0].port, at[1].port);
	wait_for(&c);
	assert_int_equal(c.fd, -1);
	assert_string_equal(c.why, strerror(EADDRINUSE));
}

static void nobody_listens(void **state)
{
	struct endpoint e;
	struct call c;
	int fd = bound(0, false, &e);

	(void)state;
	begin(&c, "127.0.0.1", e.port, 0);
	wait_for(&c);
	assert_int_equal(c.fd, -1);
	assert_string_equal(c.why, strerror(ECONNREFUSED));
	close(fd);
}

static void ipv6_is_passed_over(void **state)
{
	struct call c;

	(void)state;
	begin(&c, "::1", at[0].port, 0);
	wait_for(&c);
	assert_int_equal(c.fd, -1);
	assert_string_equal(c.why, "it has no IPv4 address");
}

static void what_is_cancelled_does_not_answer(void **state)
{
	struct call c, other;

	(void)state;
	dial_cancel(begin(&c, "127.0.0.1", at[0].port, 0));
	begin(&other, "127.0.0.1", at[1].port, 0);
	wait_for(&other);
	assert_false(c.done);
	close(other.fd);
	dial_cancel(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define WITH(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		WITH(a_connection_belongs_to_the_owner),
		WITH(several_connect_from_one_port),
		WITH(a_port_that_somebody_listens_on_is_not_taken),
		WITH(nobody_listens),
		WITH(ipv6_is_passed_over),
		WITH(what_is_cancelled_does_not_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
