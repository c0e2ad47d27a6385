/* SPDX-License-Identifier: MIT
 *
 * relay_streams.c - clients of a relay over TLS; for scripts/bench relay and netns tests
 *
 *   relay_streams idle  URL KEYS RELAY_KEY COUNT     registers, says "ready", stays
 *   relay_streams sink  URL KEYS RELAY_KEY           says "key KEY", counts what comes
 *   relay_streams flood URL KEYS RELAY_KEY SECONDS PID   from one client to another
 *
 * Ends on SIGTERM; then "got FRAMES OCTETS". flood prints as relay_load does: "rtt ...",
 * one ping after the other, and "bulk ..."; PID is the relay's.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/loop.h"
#include "base/rand.h"
#include "base/stream.h"
#include "base/wire.h"
#include "relay/bundle.h"
#include "relay/client.h"
#include "relay/token.h"
#include "tests/bench/cpu.h"

enum {
	CLIENTS_MAX = 10000,
	AT_ONCE = 32, /* on their way in */
	FIRST = 300, /* at once; then EACH a second: a relay greets one address 400 */
	EACH = 40, /* times, then 50 times a second */
	PINGS = 1000,
	FRAME = 1392,
	PING = 64, /* octets */
	FRAMES = 11, /* of a message: as the relay sends them */
	WAITING = 64 << 10,
};

struct client {
	struct key_private key;
	struct key_public public;
	struct relay_client *relay;
	struct stream *stream;
	bool connecting, registered;
	nsec_t again; /* when to connect anew; 0: connected, or connecting */
};

static struct {
	struct loop loop;
	struct loop_timer tick;
	struct loop_signal terminate;
	const char *mode, *url, *pid;
	struct key_public relay_key;
	struct sign_private coord;
	struct client *clients;
	unsigned count, begun, registered;
	bool said, flooding;
	nsec_t started, seconds, end;
	uint64_t sent, got, got_octets, got_in_time;
	struct cpu_watch cpu;
	uint64_t rtts[PINGS];
	unsigned pongs;
	nsec_t pinged; /* 0: never */
} it;

static void fail(const char *what)
{
	fprintf(stderr, "relay_streams: %s\n", what);
	exit(1);
}

/* ---- frames ---- */

static void send_frame(struct client *c, const void *m, size_t n)
{
	uint8_t b[BUNDLE_LENGTH + RELAY_CONTROL_MAX];

	b[0] = (uint8_t)(n >> 8);
	b[1] = (uint8_t)n;
	memcpy(b + BUNDLE_LENGTH, m, n);
	(void)!stream_send(c->stream, b, n + BUNDLE_LENGTH);
}

/* send_data() - n octets from one client to the other of the flood; false: no channel */
static bool send_data(struct client *from, const struct client *to, const void *m,
		      size_t n)
{
	uint8_t frame[RELAY_CONTROL_MAX] = { 0 };
	struct endpoint at;
	size_t h = relay_client_header(from->relay, &to->public, frame, &at,
				       time_now());

	if (h)
		memcpy(frame + h, m, n);
	if (h)
		send_frame(from, frame, h + n);
	return h == 8;
}

static void poll_client(struct client *c, nsec_t now)
{
	struct relay_client_send s;
	struct relay_client_status st;

	if (!c->stream || c->connecting)
		return;
	while (relay_client_poll(c->relay, &s, now))
		if (s.stream)
			send_frame(c, s.message, s.n);
	(void)relay_client_status(c->relay, &st);
	it.registered += st.registered - c->registered;
	c->registered = st.registered;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void ping(void)
{
	uint8_t m[PING] = { 0 };

	it.pinged = time_now();
	memcpy(m, &it.pinged, sizeof(it.pinged));
	(void)send_data(&it.clients[0], &it.clients[1], m, sizeof(m));
	poll_client(&it.clients[0], it.pinged);
}

/* pinged() - a ping came to the second client, or its answer to the first */
static void pinged(struct client *c, const uint8_t *m)
{
	nsec_t sent;

	memcpy(&sent, m, sizeof(sent));
	if (c != it.clients) {
		(void)send_data(c, it.clients, m, PING);
		return;
	}
	if (it.pongs < PINGS)
		it.rtts[it.pongs++] = time_now() - sent;
	if (it.pongs < PINGS)
		ping();
}

static void on_message(void *owner, struct stream *s, uint8_t *m, size_t n)
{
	struct client *c = owner;
	size_t octets, segment, header;
	struct bundle b;
	uint8_t *train;

	(void)s;
	bundle_init(&b, m, n);
	while (bundle_next(&b, &train, &octets, &segment)) {
		if (relay_is_data(train, octets, &header)) {
			if (it.pinged && !it.flooding && octets == header + PING) {
				pinged(c, train + header);
				continue;
			}
			it.got += (octets + segment - 1) / segment;
			it.got_octets += octets;
			continue;
		}
		for (size_t i = 0; i < octets; i += segment)
			if (relay_client_input(c->relay, train + i,
					       octets - i < segment ? octets - i :
								      segment,
					       NULL, time_now()))
				continue;
	}
	poll_client(c, time_now());
}

/* ---- the flood ---- */

static void flood(struct client *a, const struct client *b)
{
	static uint8_t m[FRAMES * (BUNDLE_LENGTH + FRAME)];
	uint8_t header[RELAY_HEADER_MAX];
	struct endpoint to;
	size_t n = relay_client_header(a->relay, &b->public, header, &to, time_now());
	be16 length = be16_of(FRAME);

	poll_client(a, time_now());
	if (n != 8)
		return;
	if (!it.flooding) {
		it.flooding = true;
		cpu_watch(&it.cpu, it.pid);
		it.end = time_now() + it.seconds;
	}
	for (unsigned i = 0; i < FRAMES; i++) {
		uint8_t *p = m + i * (BUNDLE_LENGTH + FRAME);

		memcpy(p, &length, sizeof(length));
		memcpy(p + BUNDLE_LENGTH, header, n);
	}
	while (time_now() < it.end && stream_waiting(a->stream) < WAITING &&
	       stream_send(a->stream, m, sizeof(m)))
		it.sent += FRAMES;
}

static void on_drained(void *owner, struct stream *s)
{
	(void)s;
	if (owner == it.clients && it.flooding)
		flood(&it.clients[0], &it.clients[1]);
}

static void end_flood(nsec_t now)
{
	double s = (double)it.seconds / 1e9, gb;

	if (!it.flooding || now < it.end)
		return;
	if (!it.got_in_time)
		it.got_in_time = it.got;
	if (now < it.end + MSEC(500))
		return;
	qsort(it.rtts, it.pongs, sizeof(it.rtts[0]), compare);
	if (it.pongs == PINGS)
		printf("rtt %.1f %.1f 0 0\n", (double)it.rtts[PINGS / 2] / 1e3,
		       (double)it.rtts[PINGS - 1 - PINGS / 100] / 1e3);
	gb = (double)it.got * FRAME / 1e9;
	printf("bulk %.3f %.4f %.3f %.3f %.0f\n",
	       (double)it.got_in_time * FRAME * 8 / s / 1e9,
	       (double)it.got_in_time / s / 1e6,
	       100 - 100.0 * (double)it.got / (double)it.sent,
	       gb > 0 ? cpu_used(&it.cpu) / gb : 0, cpu_others(&it.cpu));
	loop_stop(&it.loop);
}

/* ---- coming and going ---- */

static void on_opened(void *owner, struct stream *s)
{
	struct client *c = owner;

	(void)s;
	c->connecting = false;
	relay_client_set_stream(c->relay, true, time_now());
	poll_client(c, time_now());
}

static void on_closed(void *owner, struct stream *s, const char *why)
{
	struct client *c = owner;

	(void)s;
	fprintf(stderr, "relay_streams: %s\n", why);
	it.registered -= c->registered;
	c->registered = c->connecting = false;
	c->stream = NULL;
	c->again = nsec_add(time_now(), SEC(1));
	relay_client_set_stream(c->relay, false, time_now());
}

static void dial(struct client *c)
{
	const struct stream_events events = { c, on_opened, on_message, on_closed,
					      on_drained };

	c->again = 0;
	c->connecting = true;
	c->stream = stream_connect(&it.loop, it.url, RELAY_PATH, SEC(20), 0, &events);
	if (!c->stream)
		fail("no stream");
}

static void begin(struct client *c)
{
	struct relay_client_params p = { .self_private = &c->key,
					 .relay = it.relay_key,
					 .seed = rand_u64() };
	struct token t = { .expires_s = time_wall() / SEC(1) + 3600 };
	uint8_t octets[TOKEN_OCTETS];

	key_private_generate(&c->key);
	key_public_of(&c->key, &c->public);
	p.self = t.node = c->public;
	c->relay = relay_client_new(&p);
	token_sign(&t, &it.coord, octets);
	relay_client_set_token(c->relay, octets, sizeof(octets), time_now());
	dial(c);
}

static void say(void)
{
	char text[KEY_TEXT];

	if (it.said || it.registered < it.count)
		return;
	it.said = true;
	if (!strcmp(it.mode, "sink"))
		printf("key %s\n", key_public_text(&it.clients[0].public, text));
	else if (!strcmp(it.mode, "idle"))
		printf("ready %u\n", it.registered);
	fflush(stdout);
}

static void run_clients(nsec_t now)
{
	uint64_t may = FIRST + nsec_since(it.started, now) / (SEC(1) / EACH);

	while (it.begun < it.count && it.begun < may &&
	       it.begun < it.registered + AT_ONCE)
		begin(&it.clients[it.begun++]);
	for (unsigned i = 0; i < it.begun; i++) {
		struct client *c = &it.clients[i];

		if (c->again && c->again <= now)
			dial(c);
		if (relay_client_next_expiry(c->relay) <= now)
			poll_client(c, now);
	}
}

static void on_tick(struct loop_timer *t, nsec_t now)
{
	run_clients(now);
	say();
	if (!strcmp(it.mode, "flood") && it.registered == 2) {
		if (it.pongs == PINGS && (!it.flooding || now < it.end))
			flood(&it.clients[0], &it.clients[1]);
		else if (!it.flooding && nsec_since(it.pinged, now) > MSEC(200))
			ping(); /* the first, or the one before was lost */
	}
	end_flood(now);
	loop_timer_at(t, nsec_add(now, MSEC(10)));
}

static void on_terminate(struct loop_signal *s, nsec_t now)
{
	(void)now;
	loop_stop(s->loop);
}

int main(int argc, char **argv)
{
	char *text;
	size_t n = 0;

	if (argc < 5 || key_setup() ||
	    file_read(argv[3], sizeof(it.coord), &text, &n) ||
	    n != sizeof(it.coord) || !key_public_parse(argv[4], &it.relay_key))
		fail("usage: relay_streams idle|sink|flood URL KEYS RELAY_KEY [NUMBER [PID]]");
	signal(SIGPIPE, SIG_IGN);
	memcpy(&it.coord, text, n);
	it.mode = argv[1];
	it.url = argv[2];
	it.count = !strcmp(it.mode, "flood") ? 2 : 1;
	if (!strcmp(it.mode, "idle") && argc > 5)
		it.count = (unsigned)atoi(argv[5]);
	it.pid = argc > 6 ? argv[6] : "0";
	it.seconds = SEC(argc > 5 ? atoi(argv[5]) : 1);
	if (!it.count || it.count > CLIENTS_MAX)
		return 2;
	it.clients = calloc(it.count, sizeof(*it.clients));
	if (!it.clients || loop_init(&it.loop) ||
	    loop_timer_init(&it.loop, &it.tick, on_tick) ||
	    loop_signal_add(&it.loop, &it.terminate, SIGTERM, on_terminate))
		fail("no memory");
	it.started = time_now();
	loop_timer_at(&it.tick, it.started);
	loop_run(&it.loop);
	if (strcmp(it.mode, "flood"))
		printf("got %llu %llu\n", (unsigned long long)it.got,
		       (unsigned long long)it.got_octets);
	return 0;
}
