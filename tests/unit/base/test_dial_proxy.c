/* SPDX-License-Identifier: MIT
 *
 * test_dial_proxy.c - what an HTTP proxy on loopback may answer to CONNECT
 *
 * The test is the proxy: it answers all at once, or octet by octet. What follows a good
 * answer belongs to the tunnel, to the octet.
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/dial.h"

#define PATIENCE SEC(20)

static struct loop loop;
static struct loop_timer ticker;
static int listener;
static struct proxy proxy;

struct call { /* a dial and what came of it */
	int fd;
	bool done;
	char why[512];
};

static void on_tick(struct loop_timer *t, nsec_t now)
{
	loop_timer_at(t, now + MSEC(1));
}

static int setup(void **state)
{
	struct endpoint e = { 0 };
	struct sockaddr_storage ss;
	socklen_t n;

	(void)state;
	if (loop_init(&loop) || loop_timer_init(&loop, &ticker, on_tick))
		return -1;
	assert_true(ipaddr_parse("127.0.0.1", &e.ip));
	n = endpoint_to_sockaddr(&e, false, &ss);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&ss, n), 0);
	assert_int_equal(listen(listener, 4), 0);
	n = sizeof(ss);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&ss, &n), 0);
	assert_true(endpoint_from_sockaddr(&ss, &e));
	proxy = (struct proxy){ .host = "127.0.0.1", .port = e.port,
				.user = "u", .password = "secret" };
	loop_timer_at(&ticker, time_now());
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(listener);
	loop_timer_done(&ticker);
	loop_done(&loop);
	return 0;
}

static void on_done(void *owner, int fd, const struct endpoint *to, const char *why)
{
	struct call *c = owner;

	(void)to;
	c->done = true;
	c->fd = fd;
	snprintf(c->why, sizeof(c->why), "%s", why ? why : "");
}

/* asked() - the proxy's end of a dial to vpn.example:443, the request read */
static int asked(struct call *c)
{
	static const char first[] = "CONNECT vpn.example:443 HTTP/1.1\r\n";
	struct dial_params p = { .loop = &loop, .host = "vpn.example",
				 .port = 443, .proxy = &proxy, .owner = c,
				 .done = on_done };
	nsec_t end = time_now() + PATIENCE;
	char request[PROXY_REQUEST];
	ssize_t n = -1;
	int fd;

	*c = (struct call){ .fd = -1 };
	assert_non_null(dial_start(&p));
	loop_turn(&loop);
	fd = accept(listener, NULL, NULL);
	while (n <= 0) {
		assert_true(time_now() < end);
		loop_turn(&loop);
		n = recv(fd, request, sizeof(request), MSG_DONTWAIT);
	}
	assert_true((size_t)n > sizeof(first));
	assert_memory_equal(request, first, sizeof(first) - 1);
	return fd;
}

/* answer() - and turn the loop until the dial has an end */
static void answer(struct call *c, int fd, const char *text, size_t n, bool drip)
{
	nsec_t end = time_now() + PATIENCE;
	size_t at = 0;

	while (!c->done) {
		size_t more = drip && at < n ? 1 : n - at;

		assert_true(time_now() < end);
		if (more)
			assert_int_equal(send(fd, text + at, more, MSG_NOSIGNAL),
					 more);
		at += more;
		loop_turn(&loop);
	}
	close(fd);
}

static const char login[] = "(407)", forbids[] = "(403)", behind[] = "(5xx)",
		  strange[] = "a status that it did not explain",
		  none[] = "does not answer in HTTP";

static void a_refusal_is_one_clause(void **state)
{
	static const struct {
		const char *text, *part;
	} rows[] = {
		{ "HTTP/1.1 407 x\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n",
		  login },
		{ "HTTP/1.0 401 x\r\n\r\n", login },
		{ "HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\n", forbids },
		{ "HTTP/1.1 500 x\r\n\r\n<html>", behind },
		{ "HTTP/1.1 504 x\r\n\r\n", behind },
		{ "HTTP/1.1 302 Found\r\nLocation: http://l.example/\r\n\r\n",
		  strange },
		{ "SSH-2.0-OpenSSH_9.2\r\n\r\n", none },
		{ "<html>\r\n\r\n", none },
		{ "\r\n\r\n", none },
	};
	struct call c;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		for (unsigned drip = 0; drip < 2; drip++) {
			int fd = asked(&c);

			answer(&c, fd, rows[i].text, strlen(rows[i].text), drip);
			assert_int_equal(c.fd, -1);
			if (!strstr(c.why, rows[i].part))
				fail_msg("\"%s\" says no \"%s\"", c.why,
					 rows[i].part);
			assert_non_null(strstr(c.why, "the proxy 127.0.0.1:"));
			assert_null(strstr(c.why, "secret"));
			assert_null(strchr(c.why, '\n'));
		}
}

static void what_follows_belongs_to_the_tunnel(void **state)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nVia: x\r\n\r\n\x16";
	char got[8];
	struct call c;

	(void)state;
	for (unsigned drip = 0; drip < 2; drip++) {
		int fd = asked(&c);

		answer(&c, fd, text, sizeof(text) - (drip ? 2 : 1), drip);
		assert_true(c.fd >= 0);
		assert_int_equal(recv(c.fd, got, sizeof(got), 0), drip ? 0 : 1);
		close(c.fd);
	}
}

static void a_head_without_end(void **state)
{
	static char text[2 * HTTP_HEAD_MAX];
	struct call c;
	int fd = asked(&c);

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "HTTP/1.1 200 OK\r\nX: ", 20);
	answer(&c, fd, text, sizeof(text), false);
	assert_int_equal(c.fd, -1);
	assert_non_null(strstr(c.why, none));
}

static void an_end_without_answer(void **state)
{
	struct call c;
	int fd = asked(&c);

	(void)state;
	shutdown(fd, SHUT_RDWR);
	answer(&c, fd, "", 0, false);
	assert_non_null(strstr(c.why, "closed the connection without an answer"));
	fd = asked(&c);
	assert_int_equal(send(fd, "HTTP/1.1 200 O", 14, MSG_NOSIGNAL), 14);
	shutdown(fd, SHUT_RDWR);
	answer(&c, fd, "", 0, false);
	assert_int_equal(c.fd, -1);
	assert_non_null(strstr(c.why, "closed the connection"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define WITH(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		WITH(a_refusal_is_one_clause),
		WITH(what_follows_belongs_to_the_tunnel),
		WITH(a_head_without_end),
		WITH(an_end_without_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
