/* SPDX-License-Identifier: MIT
 *
 * relay_load.c - load for a relay: pairs of sockets, one thread; for scripts/bench relay
 *
 *   relay_load keys FILE                             a signing key; prints its public one
 *   relay_load KIND RELAY LOCAL_IP PAIRS SECONDS PID [KEYS RELAY_KEY]
 *   relay_load push RELAY LOCAL_IP RATE SECONDS 0 KEYS RELAY_KEY TO...
 *
 * KIND: adit, turn, plain, echo, idle (tests/bench/way.h). PID: of the relay, for its CPU
 * time. LOCAL_IP: the first of as many as are needed. idle registers all, says "ready"
 * and stays for SECONDS. push sends RATE datagrams a second to each client named by key.
 * Prints a line per test: "rtt P50_US P99_US LOST BUSY", "bulk GBIT MPPS LOST
 * CPU_S_PER_GB BUSY", "small ..." the same, or with 0 SECONDS "memory KIB" of PID a client; BUSY:
 * percent of the machine that others used. The sender keeps a bounded number of octets on the way, so that
 * what is measured is what arrives, not what is thrown at a relay.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/file.h"
#include "base/time.h"
#include "tests/bench/cpu.h"
#include "tests/bench/way.h"

enum {
	PAIRS_MAX = 5000,
	TRAINS = 32,
	PINGS_MAX = 100000,
	BULK = 1392, /* octets of a datagram, header included: an MTU's worth */
	SMALL = 64,
	TRAIN = 16, /* datagrams that leave together */
	FLYING = 384 << 10, /* octets */
	SMALL_FLYING = 512, /* datagrams */
	PUSH_LATE = 8,
};

struct load {
	struct way *ways;
	unsigned pairs;
	int epoll;
	nsec_t seconds;
	const char *pid;
	uint64_t got, got_octets; /* of data, at either end */
	uint64_t rtts[PINGS_MAX];
	unsigned pongs;
	struct udp_in in[TRAINS];
	uint8_t memory[TRAINS][UDP_TRAIN_MAX];
};

static struct load load;

/* ---- in ---- */

/* A datagram of ours is its header, 'D' for data, 'P' for ping or 'A' for its answer,
 * and the time it was sent. */
struct body {
	uint8_t kind[8];
	nsec_t sent;
};

static void send_datagrams(struct way_end *e, const void *m, size_t n, size_t segment)
{
	struct udp_out o = { .to = e->to, .data = m, .n = n, .segment = segment };
	unsigned sent;

	(void)!udp_send(&e->u, &o, 1, &sent);
}

/* write_head() - everything in front of the filling; n: octets of the datagram */
static void write_head(const struct way_end *e, uint8_t *m, size_t n, char kind)
{
	struct body b = { .kind = { (uint8_t)kind }, .sent = time_now() };
	size_t payload = n - e->header_n;

	memcpy(m, e->header, e->header_n);
	if (e->header_n == 4) { /* ChannelData: its length */
		m[2] = (uint8_t)(payload >> 8);
		m[3] = (uint8_t)payload;
	}
	memcpy(m + e->header_n, &b, sizeof(b));
}

static void answer(struct way_end *e, const struct body *b)
{
	uint8_t m[WAY_HEADER_MAX + SMALL] = { 0 };
	size_t n = e->header_n + SMALL;

	write_head(e, m, n, 'A');
	memcpy(m + e->header_n + offsetof(struct body, sent), &b->sent,
	       sizeof(b->sent));
	send_datagrams(e, m, n, n);
}

static void take(struct way_end *e, uint8_t *m, size_t n, size_t segment,
		 const struct endpoint *from)
{
	struct body b;

	if (n < e->inbound_n + sizeof(b) || (e->client && m[1] != 1)) {
		way_control(e, m, n < segment ? n : segment, from);
		return;
	}
	memcpy(&b, m + e->inbound_n, sizeof(b));
	if (b.kind[0] == 'P' && e->to.port && load.pairs && e == &load.ways[0].end[0])
		b.kind[0] = 'A'; /* echo: our own came back */
	if (b.kind[0] == 'P') {
		answer(e, &b);
	} else if (b.kind[0] == 'A' && load.pongs < PINGS_MAX) {
		load.rtts[load.pongs++] = time_now() - b.sent;
	} else if (b.kind[0] == 'D') {
		load.got += (n + segment - 1) / segment;
		load.got_octets += n;
	}
}

static void receive(struct way_end *e)
{
	int n = udp_recv(&e->u, load.in, TRAINS);

	for (int i = 0; i < n; i++) {
		struct udp_in *in = &load.in[i];
		bool data = !e->client || in->data[1] == 1;

		if (data) {
			take(e, in->data, in->n, in->segment, &in->from);
			continue;
		}
		for (size_t k = 0; k < in->n; k += in->segment)
			take(e, in->data + k,
			     in->n - k < in->segment ? in->n - k : in->segment,
			     in->segment, &in->from);
	}
}

/* collect() - what is there; waits up to ms for the first */
static void collect(int ms)
{
	struct epoll_event ev[64];
	int n = epoll_wait(load.epoll, ev, 64, ms);

	for (int i = 0; i < n; i++)
		receive(ev[i].data.ptr);
}

/* ---- the tests ---- */

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* rtt() - 1,000 pings a second, over all pairs in turn */
static void test_rtt(void)
{
	uint8_t m[WAY_HEADER_MAX + SMALL] = { 0 };
	unsigned sent = 0;
	nsec_t start = time_now(), end = start + load.seconds;
	struct cpu_watch cpu;

	cpu_watch(&cpu, load.pid);
	load.pongs = 0;
	for (nsec_t now = start; now < end; now = time_now()) {
		struct way_end *e = &load.ways[sent % load.pairs].end[0];

		if (now < start + sent * MSEC(1)) {
			collect(now + MSEC(1) < start + sent * MSEC(1));
			continue;
		}
		write_head(e, m, e->header_n + SMALL, 'P');
		send_datagrams(e, m, e->header_n + SMALL, e->header_n + SMALL);
		sent++;
	}
	for (nsec_t t = time_now() + MSEC(300); time_now() < t;)
		collect(10);
	qsort(load.rtts, load.pongs, sizeof(load.rtts[0]), compare);
	if (!load.pongs) {
		printf("rtt - - 100 %.0f\n", cpu_others(&cpu));
		return;
	}
	printf("rtt %.1f %.1f %.3f %.0f\n", (double)load.rtts[load.pongs / 2] / 1e3,
	       (double)load.rtts[load.pongs - 1 - load.pongs / 100] / 1e3,
	       100 - 100.0 * load.pongs / sent, cpu_others(&cpu));
}

/* send_train() - TRAIN datagrams, joined for the kernel or each for itself */
static void send_train(struct way_end *e, size_t octets, bool joined)
{
	static uint8_t m[TRAIN * BULK];
	struct udp_out o[TRAIN];
	unsigned sent;

	for (unsigned i = 0; i < TRAIN; i++) {
		write_head(e, m + i * octets, octets, 'D');
		o[i] = (struct udp_out){ .to = e->to, .data = m + i * octets,
					 .n = octets };
	}
	if (joined)
		send_datagrams(e, m, TRAIN * octets, octets);
	else
		(void)!udp_send(&e->u, o, TRAIN, &sent);
}

/* flood() - datagrams from A to B of all pairs in turn, as fast as they arrive */
static void flood(const char *name, size_t octets, bool joined, uint64_t flying)
{
	uint64_t sent = 0, lost = 0, before = 0;
	nsec_t start = time_now(), end = start + load.seconds, moved = start;
	double seconds, gb;
	struct cpu_watch cpu;
	unsigned turn = 0;

	cpu_watch(&cpu, load.pid);
	load.got = load.got_octets = 0;
	for (nsec_t now = start; now < end; now = time_now()) {
		if (load.got != before) {
			before = load.got;
			moved = now;
		}
		if (now - moved > MSEC(20)) { /* what is away by now is lost */
			lost = sent - load.got;
			moved = now;
		}
		if (sent - lost < load.got) /* it was late only */
			lost = sent - load.got;
		if (sent - lost - load.got < flying) {
			send_train(&load.ways[turn++ % load.pairs].end[0], octets,
				   joined);
			sent += TRAIN;
		}
		collect(sent - lost - load.got < flying ? 0 : 1);
	}
	for (nsec_t t = time_now() + MSEC(300); time_now() < t;)
		collect(10);
	seconds = (double)load.seconds / 1e9;
	gb = (double)load.got_octets / 1e9;
	printf("%s %.3f %.4f %.3f %.3f %.0f\n", name, gb * 8 / seconds,
	       (double)load.got / seconds / 1e6,
	       sent ? 100 - 100.0 * (double)load.got / (double)sent : 0,
	       gb > 0 ? cpu_used(&cpu) / gb : 0, cpu_others(&cpu));
}

/* ---- the others ---- */

static void stay(void)
{
	nsec_t end = time_now() + load.seconds;

	printf("ready %u\n", 2 * load.pairs);
	fflush(stdout);
	while (time_now() < end) {
		ways_turn(load.ways, load.pairs);
		for (unsigned i = 0; i < 2 * load.pairs; i++)
			way_drain(&load.ways[i / 2].end[i % 2]);
		poll(NULL, 0, 50);
	}
}

/* push() - from A of the one pair to clients elsewhere; a number of datagrams each. What
 * is late by more than PUSH_LATE is not made up for: a burst would be another test */
static int push(char **keys, unsigned count, unsigned rate)
{
	struct way_end *e = &load.ways[0].end[0];
	nsec_t start = time_now(), end = start + load.seconds, now;
	uint64_t sent = 0, due, gone = 0;

	while ((now = time_now()) < end) {
		struct key_public to;

		ways_turn(load.ways, 1);
		way_drain(e);
		due = (now - start) * rate / SEC(1);
		if (due > gone + PUSH_LATE)
			gone = due - PUSH_LATE;
		for (; gone < due; gone++, sent++)
			for (unsigned i = 0; i < count; i++)
				if (!key_public_parse(keys[i], &to) ||
				    !way_send_to(e, &to, BULK))
					return 1;
		poll(NULL, 0, 1);
	}
	printf("sent %" PRIu64 "\n", sent);
	return 0;
}

/* ---- set-up ---- */

static int make_keys(const char *path)
{
	struct sign_private k;
	struct sign_public public;
	char text[KEY_TEXT];

	if (key_setup())
		return 1;
	sign_generate(&k, &public);
	if (file_replace(path, &k, sizeof(k), 0600))
		return 1;
	puts(sign_public_text(&public, text));
	return 0;
}

static bool read_keys(const char *path, struct sign_private *out)
{
	size_t n;
	char *text;

	if (file_read(path, sizeof(*out), &text, &n) || n != sizeof(*out))
		return false;
	memcpy(out, text, n);
	free(text);
	return true;
}

static bool watch(void)
{
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	for (unsigned i = 0; i < 2 * load.pairs; i++) {
		struct way_end *e = &load.ways[i / 2].end[i % 2];
		struct epoll_event ev = { .events = EPOLLIN, .data.ptr = e };

		if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, e->u.fd, &ev))
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct way_params p = { 0 };
	double before;

	if (argc == 3 && !strcmp(argv[1], "keys"))
		return make_keys(argv[2]);
	if (argc < 7 || !endpoint_parse(argv[2], &p.relay) ||
	    !ipaddr_parse(argv[3], &p.local.ip)) {
		fprintf(stderr, "usage: relay_load KIND RELAY LOCAL_IP PAIRS SECONDS "
			"PID [KEYS RELAY_KEY]\n");
		return 2;
	}
	p.kind = argv[1];
	load.pairs = (unsigned)atoi(argv[4]);
	if (!strcmp(p.kind, "push")) {
		p.kind = "idle";
		load.pairs = 1;
	}
	p.buffer = load.pairs > 100 ? 256 << 10 : 4 << 20;
	load.seconds = SEC(atoi(argv[5]));
	load.pid = argv[6];
	if (key_setup() || !load.pairs || load.pairs > PAIRS_MAX ||
	    (argc > 8 && (!read_keys(argv[7], &p.coord) ||
			  !key_public_parse(argv[8], &p.relay_key))))
		return 1;
	for (unsigned i = 0; i < TRAINS; i++)
		load.in[i] = (struct udp_in){ .data = load.memory[i],
					      .room = UDP_TRAIN_MAX };
	load.ways = calloc(load.pairs, sizeof(*load.ways));
	before = resident_kib(load.pid);
	ways_open(load.ways, load.pairs, &p);
	if (!load.seconds) {
		printf("memory %.3f\n", (resident_kib(load.pid) - before) / load.pairs /
						(strcmp(p.kind, "turn") ? 2 : 1));
		ways_close(load.ways, load.pairs, &p);
		return 0;
	}
	if (!watch())
		return 1;
	if (!strcmp(argv[1], "push"))
		return push(argv + 9, (unsigned)argc - 9, (unsigned)atoi(argv[4]));
	if (!strcmp(p.kind, "idle")) {
		stay();
		return 0;
	}
	test_rtt();
	if (strcmp(p.kind, "echo")) {
		flood("bulk", BULK, true, FLYING / BULK);
		ways_turn(load.ways, load.pairs);
		flood("small", SMALL, false, SMALL_FLYING);
	}
	ways_close(load.ways, load.pairs, &p);
	return 0;
}
