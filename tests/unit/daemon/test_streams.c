/* SPDX-License-Identifier: MIT
 *
 * test_streams.c - when a relay's stream is opened, tried again, and left alone
 *
 * One node, one relay in slot 1, whose UDP never answers and whose TLS port is one that
 * nobody listens on. The relay's engine is asked at times that the test names.
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/relays.h"
#include "daemon/streams.h"

#define PATIENCE SEC(20)

enum { SLOT = 1 };

static struct node *n;
static struct relay_slot *slot;
static int reserved; /* a socket whose port nobody listens on */

static void on_timer(struct loop_timer *t, nsec_t now)
{
	(void)t;
	(void)now;
}

/* closed_port() - bound by us, so that nobody else listens there meanwhile */
static uint16_t closed_port(void)
{
	struct endpoint e = { .ip = ipaddr_v4(0x7f000001) };
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(&e, false, &ss);

	reserved = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(reserved, (struct sockaddr *)&ss, len), 0);
	len = sizeof(ss);
	assert_int_equal(getsockname(reserved, (struct sockaddr *)&ss, &len), 0);
	assert_true(endpoint_from_sockaddr(&ss, &e));
	return e.port;
}

static int setup(void **state)
{
	struct relay_client_params p = { .seed = 1 };
	static struct key_private own, relay;

	(void)state;
	n = calloc(1, sizeof(*n));
	if (!n || key_setup() || loop_init(&n->loop) ||
	    loop_timer_init(&n->loop, &n->timer, on_timer))
		return -1;
	key_private_generate(&own);
	key_private_generate(&relay);
	p.self_private = &own;
	key_public_of(&own, &p.self);
	key_public_of(&relay, &p.relay);
	assert_true(endpoint_parse("192.0.2.1:3478", &p.at[0]));
	slot = &n->relays[SLOT];
	slot->client = relay_client_new(&p);
	assert_non_null(slot->client);
	snprintf(slot->info.url, sizeof(slot->info.url), "https://127.0.0.1:%u",
		 closed_port());
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	streams_close(slot);
	relay_client_free(slot->client);
	loop_timer_done(&n->timer);
	loop_done(&n->loop);
	free(n);
	close(reserved);
	return 0;
}

/* poll() - the engine sends what it wants to, into the void */
static void poll(nsec_t now)
{
	struct relay_client_send out;

	while (relay_client_poll(slot->client, &out, now))
		assert_false(out.stream);
}

static bool wants(void)
{
	return relay_client_wants_stream(slot->client);
}

/* wish() - the engine has a token, UDP is silent: a stream is wanted from *at on, which
 * is the clock's time, as what closes a stream asks the clock */
static void wish(nsec_t *at)
{
	nsec_t now = time_now() - MSEC(301);

	relay_client_set_token(slot->client, (const uint8_t *)"token", 5, now);
	poll(now);
	assert_false(wants());
	poll(now + MSEC(299));
	assert_false(wants());
	*at = now + MSEC(301);
	poll(*at);
	assert_true(wants());
	slot->changes = relay_client_status(slot->client, &slot->status);
}

static void wait_until_closed(void)
{
	nsec_t end = time_now() + PATIENCE;

	while (slot->tls.trunk.stream) {
		assert_true(time_now() < end);
		loop_turn(&n->loop);
	}
}

static void one_is_opened_when_it_is_wanted(void **state)
{
	nsec_t now;

	(void)state;
	streams_keep(n, SLOT, time_now());
	assert_null(slot->tls.trunk.stream);
	wish(&now);
	assert_true(streams_next_expiry(n) <= now);
	streams_keep(n, SLOT, now);
	assert_non_null(slot->tls.trunk.stream);
	assert_int_equal(slot->tls.trunk.port, WORKER_STREAM_PORT + SLOT);
	assert_int_equal(streams_next_expiry(n), NSEC_NEVER);
}

/* half a second after the first failure, then ever later, up to 20 s */
static void a_failure_is_not_repeated_at_once(void **state)
{
	static const unsigned least_ms[] = { 500, 1000, 2000, 4000, 8000, 16000,
					     20000, 20000 };
	nsec_t now;

	(void)state;
	wish(&now);
	for (unsigned i = 0; i < ARRAY_SIZE(least_ms); i++) {
		nsec_t before = time_now(), at;

		streams_keep(n, SLOT, now);
		assert_non_null(slot->tls.trunk.stream);
		wait_until_closed();
		assert_non_null(strstr(slot->tls.why, "refused"));
		at = streams_next_expiry(n);
		assert_true(at >= before + MSEC(least_ms[i]));
		assert_true(at <= time_now() + MSEC(least_ms[i]) * 5 / 4);
		streams_keep(n, SLOT, at - 1);
		assert_null(slot->tls.trunk.stream);
		now = at;
	}
}

/* a try that has become due while none is wanted any more wakes nobody */
static void a_time_in_the_past_is_not_waited_for(void **state)
{
	nsec_t now;

	(void)state;
	wish(&now);
	streams_keep(n, SLOT, now);
	wait_until_closed();
	assert_true(slot->tls.again > 0);
	relay_client_leave(slot->client, now);
	poll(now);
	assert_false(wants());
	assert_int_equal(streams_next_expiry(n), NSEC_NEVER);
	streams_keep(n, SLOT, slot->tls.again + SEC(1));
	assert_null(slot->tls.trunk.stream);
	assert_int_equal(streams_next_expiry(n), NSEC_NEVER);
}

static void one_that_is_wanted_no_more_is_closed(void **state)
{
	nsec_t now;

	(void)state;
	wish(&now);
	streams_keep(n, SLOT, now);
	assert_non_null(slot->tls.trunk.stream);
	relay_client_leave(slot->client, now);
	poll(now);
	streams_keep(n, SLOT, now);
	assert_null(slot->tls.trunk.stream);
	assert_int_equal(streams_next_expiry(n), NSEC_NEVER);
}

static void a_relay_without_url_has_none(void **state)
{
	nsec_t now;

	(void)state;
	slot->info.url[0] = 0;
	wish(&now);
	streams_keep(n, SLOT, now);
	assert_null(slot->tls.trunk.stream);
	assert_int_equal(streams_next_expiry(n), NSEC_NEVER);
}

static void frames_for_no_stream_are_counted(void **state)
{
	nsec_t now;

	(void)state;
	wish(&now);
	streams_keep(n, SLOT, now);
	streams_send(n, WORKER_STREAM_PORT + SLOT, "frame", 5); /* not open yet */
	streams_send(n, WORKER_STREAM_PORT + NETMAP_RELAYS_MAX, "frame", 5);
	assert_int_equal(atomic_load(&n->drops.n[DROP_NO_PATH]), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define WITH(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		WITH(one_is_opened_when_it_is_wanted),
		WITH(a_failure_is_not_repeated_at_once),
		WITH(a_time_in_the_past_is_not_waited_for),
		WITH(one_that_is_wanted_no_more_is_closed),
		WITH(a_relay_without_url_has_none),
		WITH(frames_for_no_stream_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
