/* SPDX-License-Identifier: MIT
 *
 * test_seen.c - a server says from where we connect
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

#include "base/loop.h"
#include "base/stream.h"
#include "relay/seen.h"

#define PATIENCE SEC(20)

static struct loop loop;
static bool closed;
static struct endpoint seen, here;

static void layout(void **state)
{
	uint8_t want[SEEN_OCTETS], got[SEEN_OCTETS];
	struct endpoint e, back = { .port = 9 };

	(void)state;
	assert_true(endpoint_parse("192.0.2.1:5000", &e));
	unit_hex("00000000000000000000ffffc0000201 1388", want, sizeof(want));
	seen_write(&e, got);
	assert_memory_equal(got, want, sizeof(want));
	for (size_t n = 0; n < sizeof(want); n++)
		assert_false(seen_read(want, n, &back));
	assert_int_equal(back.port, 9);
	assert_true(seen_read(want, sizeof(want), &back));
	assert_true(endpoint_eq(&e, &back));
}

static void on_opened(void *owner, struct stream *s)
{
	(void)owner;
	here = stream_local(s);
}

static void on_message(void *owner, struct stream *s, uint8_t *m, size_t n)
{
	(void)owner;
	(void)s;
	assert_true(seen_read(m, n, &seen));
}

static void on_closed(void *owner, struct stream *s, const char *why)
{
	(void)owner;
	(void)s;
	(void)why;
	closed = true;
}

static void a_server_tells(void **state)
{
	const struct stream_events e = { NULL, on_opened, on_message, on_closed,
					 NULL };
	struct stream_server_params p = { .loop = &loop, .connections_max = 2,
					  .handshake_timeout = SEC(5),
					  .path = "/other" };
	struct stream_server *v;
	char why[256], url[64];
	nsec_t end;

	(void)state;
	assert_int_equal(loop_init(&loop), 0);
	assert_true(ipaddr_parse("127.0.0.1", &p.listen.ip));
	v = stream_server_new(&p, why);
	assert_non_null(v);
	assert_true(seen_serve(v));
	snprintf(url, sizeof(url), "https://127.0.0.1:%u", stream_server_port(v));
	assert_non_null(stream_connect(&loop, url, SEEN_PATH, SEC(15), 0, &e));
	for (end = time_now() + PATIENCE; !closed;) {
		assert_true(time_now() < end);
		loop_turn(&loop);
	}
	assert_true(here.port != 0);
	assert_true(endpoint_eq(&seen, &here));
	stream_server_free(v);
	loop_done(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layout),
		cmocka_unit_test(a_server_tells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
