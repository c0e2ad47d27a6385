/* SPDX-License-Identifier: MIT
 *
 * test_portal.c - what answers without TLS where TLS is expected: login pages, others
 *
 * The test is the other end, on a socket pair, whole or octet by octet; the stream ends
 * with one clause. Pages inside TLS: test_upgrade.c, tests/netns/relay_bad_input.sh.
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/loop.h"
#include "base/stream.h"

#define PATIENCE SEC(20)

static struct loop loop;
static struct loop_timer ticker;
static bool opened, closed;
static char why[256];

static void on_tick(struct loop_timer *t, nsec_t now)
{
	loop_timer_at(t, now + MSEC(1));
}

static void on_opened(void *owner, struct stream *s)
{
	(void)owner;
	(void)s;
	opened = true;
}

static void on_closed(void *owner, struct stream *s, const char *text)
{
	(void)owner;
	(void)s;
	assert_false(closed);
	closed = true;
	snprintf(why, sizeof(why), "%s", text);
}

static const struct stream_events events = { .opened = on_opened,
					     .closed = on_closed };

/* begin() - a stream whose other end is returned */
static int begin(nsec_t timeout)
{
	struct endpoint at;
	int fd[2];

	opened = closed = false;
	assert_true(endpoint_parse("192.0.2.1:443", &at));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	assert_non_null(stream_over(&loop, fd[1], &at, "/x", timeout, &events));
	return fd[0];
}

static void ends_with(const char *part)
{
	nsec_t end = time_now() + PATIENCE;

	loop_timer_at(&ticker, time_now());
	while (!closed) {
		assert_true(time_now() < end);
		loop_turn(&loop);
	}
	loop_timer_at(&ticker, NSEC_NEVER);
	assert_false(opened);
	if (!strstr(why, part) || strchr(why, '\n'))
		fail_msg("\"%s\" does not say \"%s\" in one line", why, part);
}

/* give() - these octets, piece by piece; then the end */
static void give(int fd, const char *octets, size_t n, size_t piece)
{
	loop_timer_at(&ticker, time_now());
	for (size_t at = 0; at < n && !closed; at += piece) {
		size_t more = n - at < piece ? n - at : piece;

		assert_int_equal(send(fd, octets + at, more, MSG_NOSIGNAL), more);
		for (unsigned turns = 0; piece == 1 && turns < 3; turns++)
			loop_turn(&loop);
	}
	if (!n)
		shutdown(fd, SHUT_RDWR);
}

static const char no_tls[] = "not TLS";

static void no_tls_where_tls_is_expected(void **state)
{
	static const struct {
		const char *octets;
		size_t n;
		const char *part;
	} rows[] = {
#define TEXT(t) t, sizeof(t) - 1
		{ TEXT("HTTP/1.1 302 Found\r\nLocation: http://l.example/\r\n\r\n"),
		  no_tls },
		{ TEXT("HTTP/1.0 200 OK\r\n\r\n<html>Please sign in</html>"),
		  no_tls },
		{ TEXT("HTTP/1.1 400 Bad Request\r\n\r\n"), no_tls },
		{ TEXT("<html>"), no_tls },
		{ TEXT("SSH-2.0-OpenSSH_9.2\r\n"), no_tls },
		{ TEXT("220 mail.example ESMTP\r\n"), no_tls },
		{ TEXT("\0\0\0\0\0\0\0\0"), no_tls },
		{ TEXT("\x16\x03\x03\xff\xff\x02"), no_tls }, /* a huge record */
		/* alerts: unrecognized_name, protocol_version, internal_error */
		{ TEXT("\x15\x03\x03\x00\x02\x02\x70"), "no such name" },
		{ TEXT("\x15\x03\x03\x00\x02\x02\x46"), "TLS 1.2" },
		{ TEXT("\x15\x03\x03\x00\x02\x02\x50"), "TLS fails" },
#undef TEXT
		{ "", 0, "closed by the other side" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		for (size_t piece = 1; piece <= 64; piece += 63) {
			int fd = begin(SEC(30));

			give(fd, rows[i].octets, rows[i].n, piece);
			ends_with(rows[i].part);
			close(fd);
		}
}

static void no_answer(void **state)
{
	int fd = begin(MSEC(200));

	(void)state;
	ends_with("no answer in time");
	close(fd);
	fd = begin(MSEC(200)); /* half a record */
	assert_int_equal(send(fd, "\x16\x03", 2, MSG_NOSIGNAL), 2);
	ends_with("no answer in time");
	close(fd);
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
		cmocka_unit_test(no_tls_where_tls_is_expected),
		cmocka_unit_test(no_answer),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
