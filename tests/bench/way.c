/* SPDX-License-Identifier: MIT
 *
 * way.c - how to reach the other end through adit's relay, a TURN server, or nothing
 *
 * TURN (RFC 8656) as small as it can be, and kind to the server: A has an allocation and
 * a channel, B is a plain peer of it, so each datagram passes the server once.
 */
#include "tests/bench/way.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rand.h"
#include "base/time.h"
#include "relay/client.h"
#include "relay/frame.h"
#include "relay/token.h"

enum {
	CLIENTS_HERE = 100,
	TRIES = 40,
	TRY_MS = 250,
	COOKIE = 0x2112a442, /* RFC 8489 s5 */
	ALLOCATE = 0x0003, /* RFC 8656 s17 */
	REFRESH = 0x0004,
	CHANNEL_BIND = 0x0009,
	SUCCESS = 0x0100,
	CHANNEL_NUMBER = 0x000c, /* RFC 8656 s18 */
	LIFETIME = 0x000d,
	XOR_PEER_ADDRESS = 0x0012,
	XOR_RELAYED_ADDRESS = 0x0016,
	REQUESTED_TRANSPORT = 0x0019,
	CHANNEL = 0x4000,
	STUN_HEADER = 20,
};

static void fail(const char *what)
{
	fprintf(stderr, "relay_load: %s\n", what);
	exit(1);
}

static void send_one(struct way_end *e, const struct endpoint *to, const void *m,
		     size_t n)
{
	struct udp_out o = { .to = *to, .data = m, .n = n };
	unsigned sent;

	(void)!udp_send(&e->u, &o, 1, &sent);
}

/* ask() - until an answer of a type comes; false: none */
static bool ask(struct way_end *e, const struct endpoint *to, const void *m,
		size_t n, unsigned type, uint8_t answer[static UDP_TRAIN_MAX],
		size_t *answer_n)
{
	for (int i = 0; i < TRIES; i++) {
		struct pollfd p = { .fd = e->u.fd, .events = POLLIN };
		struct udp_in in = { .data = answer, .room = UDP_TRAIN_MAX };

		send_one(e, to, m, n);
		while (poll(&p, 1, TRY_MS) > 0 && udp_recv(&e->u, &in, 1) == 1) {
			if ((unsigned)(answer[0] << 8 | answer[1]) != type)
				continue;
			*answer_n = in.n;
			return true;
		}
	}
	return false;
}

/* ---- TURN ---- */

static size_t put16(uint8_t *m, size_t at, unsigned v)
{
	m[at] = (uint8_t)(v >> 8);
	m[at + 1] = (uint8_t)v;
	return at + 2;
}

static size_t stun_begin(uint8_t m[static STUN_HEADER], unsigned type)
{
	put16(m, 0, type);
	put16(m, 4, COOKIE >> 16);
	put16(m, 6, COOKIE & 0xffff);
	rand_bytes(m + 8, 12);
	return STUN_HEADER;
}

static size_t put_peer(uint8_t *m, size_t at, const struct endpoint *e)
{
	at = put16(m, put16(m, at, XOR_PEER_ADDRESS), 8);
	at = put16(m, put16(m, at, 1), e->port ^ COOKIE >> 16);
	for (unsigned i = 0; i < 4; i++)
		m[at++] = e->ip.b[12 + i] ^ (uint8_t)(COOKIE >> (24 - 8 * i));
	return at;
}

/* relayed_address() - of an Allocate answer */
static struct endpoint relayed_address(const uint8_t *m, size_t n)
{
	for (size_t at = STUN_HEADER; at + 12 <= n;) {
		unsigned type = m[at] << 8 | m[at + 1];
		unsigned octets = m[at + 2] << 8 | m[at + 3];

		if (type == XOR_RELAYED_ADDRESS && octets == 8) {
			uint32_t ip = (uint32_t)m[at + 8] << 24 | m[at + 9] << 16 |
				      m[at + 10] << 8 | m[at + 11];
			unsigned port = m[at + 6] << 8 | m[at + 7];

			return (struct endpoint){
				ipaddr_v4(ip ^ COOKIE),
				(uint16_t)(port ^ COOKIE >> 16) };
		}
		at += 4 + (octets + 3) / 4 * 4;
	}
	fail("the TURN server gives no relayed address");
	return (struct endpoint){ 0 };
}

static void open_turn(struct way *w, const struct way_params *p)
{
	static uint8_t answer[UDP_TRAIN_MAX];
	struct way_end *a = &w->end[0], *b = &w->end[1];
	struct endpoint peer = { w->local, b->u.port };
	uint8_t m[64];
	size_t n = stun_begin(m, ALLOCATE), answer_n;

	n = put16(m, put16(m, n, REQUESTED_TRANSPORT), 4);
	n = put16(m, put16(m, n, 17 << 8), 0); /* UDP */
	put16(m, 2, (unsigned)n - STUN_HEADER);
	if (!ask(a, &p->relay, m, n, ALLOCATE | SUCCESS, answer, &answer_n))
		fail("the TURN server allocates nothing");
	b->to = relayed_address(answer, answer_n);
	n = stun_begin(m, CHANNEL_BIND);
	n = put16(m, put16(m, n, CHANNEL_NUMBER), 4);
	n = put_peer(m, put16(m, put16(m, n, CHANNEL), 0), &peer);
	put16(m, 2, (unsigned)n - STUN_HEADER);
	if (!ask(a, &p->relay, m, n, CHANNEL_BIND | SUCCESS, answer, &answer_n))
		fail("the TURN server binds no channel");
	a->to = p->relay;
	a->header_n = a->inbound_n = 4; /* length is set with the data */
	put16(a->header, 0, CHANNEL);
}

/* close_turn() - the allocation goes: its ports will be others' */
static void close_turn(struct way_end *a)
{
	uint8_t m[64] = { 0 };
	size_t n = stun_begin(m, REFRESH);

	n = put16(m, put16(m, n, LIFETIME), 4) + 4; /* 0 seconds */
	put16(m, 2, (unsigned)n - STUN_HEADER);
	send_one(a, &a->to, m, n);
}

/* ---- no protocol ---- */

static void open_plain(struct way *w, const struct way_params *p, unsigned number)
{
	uint8_t m[6] = "PAIR";

	put16(m, 4, number);
	for (unsigned i = 0; i < 2; i++) {
		w->end[i].to = p->relay;
		send_one(&w->end[i], &p->relay, m, sizeof(m));
	}
}

/* A alone, to the port that answers */
static void open_echo(struct way *w, const struct way_params *p)
{
	w->end[0].to = p->relay;
	w->end[0].to.port++;
}

/* ---- adit ---- */

static void make_client(struct way_end *e, const struct way_params *p)
{
	struct key_private *key = malloc(sizeof(*key));
	struct relay_client_params cp = { .self_private = key,
					  .relay = p->relay_key,
					  .at = { p->relay },
					  .seed = rand_u64() };
	struct token t = { .expires_s = time_wall() / SEC(1) + 3600 };
	uint8_t octets[TOKEN_OCTETS];

	key_private_generate(key);
	key_public_of(key, &e->key);
	cp.self = t.node = e->key;
	e->client = relay_client_new(&cp);
	if (!e->client)
		fail("no memory");
	token_sign(&t, &p->coord, octets);
	relay_client_set_token(e->client, octets, sizeof(octets), time_now());
}

void way_control(struct way_end *e, uint8_t *m, size_t n, const struct endpoint *from)
{
	if (e->client && relay_client_input(e->client, m, n, from, time_now()))
		return;
}

static void poll_client(struct way_end *e)
{
	struct relay_client_send s;
	nsec_t now = time_now();

	while (e->client && relay_client_next_expiry(e->client) <= now &&
	       relay_client_poll(e->client, &s, now))
		send_one(e, &s.to, s.message, s.n);
}

void way_drain(struct way_end *e)
{
	static uint8_t m[UDP_TRAIN_MAX];
	struct udp_in in = { .data = m, .room = sizeof(m) };

	while (udp_recv(&e->u, &in, 1) == 1)
		for (size_t i = 0; i < in.n; i += in.segment)
			way_control(e, m + i,
				    in.n - i < in.segment ? in.n - i : in.segment,
				    &in.from);
}

/* is_open() - has the end a channel to the other? Asks for one */
static bool is_open(struct way_end *e, const struct way_end *other)
{
	uint8_t header[RELAY_HEADER_MAX];
	size_t n = relay_client_header(e->client, &other->key, header, &e->to,
				       time_now());

	if (n != sizeof(struct frame_header))
		return false;
	memcpy(e->header, header, n);
	e->header_n = e->inbound_n = n;
	return true;
}

static bool is_registered(const struct way_end *e)
{
	struct relay_client_status s;

	(void)relay_client_status(e->client, &s);
	return s.registered;
}

static void open_adit(struct way *w, unsigned count, const struct way_params *p)
{
	nsec_t start = time_now(), end = start + SEC(60);
	unsigned open = 0;

	for (unsigned i = 0; i < count; i++)
		for (unsigned k = 0; k < 2; k++)
			make_client(&w[i].end[k], p);
	while (open < 2 * count && time_now() < end) {
		open = 0;
		for (unsigned i = 0; i < 2 * count; i++) {
			struct way_end *e = &w[i / 2].end[i % 2];

			poll_client(e);
			way_drain(e);
			open += strcmp(p->kind, "idle") ?
					is_open(e, &w[i / 2].end[!(i % 2)]) :
					is_registered(e);
		}
		poll(NULL, 0, 1);
	}
	if (open < 2 * count)
		fail("the relay does not admit everybody");
	printf("connected %.1f\n", (double)(time_now() - start) / 1e6);
	fflush(stdout);
}

bool way_send_to(struct way_end *e, const struct key_public *peer, size_t n)
{
	static uint8_t m[RELAY_HEADER_MAX + 1500];
	struct endpoint to;
	size_t h = relay_client_header(e->client, peer, m, &to, time_now());

	if (h)
		send_one(e, &to, m, n);
	return h > 0;
}

/* ---- all ---- */

/* open_sockets() - CLIENTS_HERE clients at an address, then at the next: a relay
 * limits greetings by source */
static void open_sockets(struct way *w, unsigned number, const struct way_params *p)
{
	struct udp_params up = { .local = { .ip = p->local.ip }, .gro = true,
				 .buffer_octets = p->buffer };
	unsigned at = 2 * number / CLIENTS_HERE + p->local.ip.b[15];

	up.local.ip.b[15] = (uint8_t)at;
	up.local.ip.b[14] = (uint8_t)(up.local.ip.b[14] + at / 256);
	w->local = up.local.ip;
	for (unsigned i = 0; i < 2; i++)
		if (udp_open(&w->end[i].u, &up))
			fail("no socket");
}

void ways_open(struct way *w, unsigned count, const struct way_params *p)
{
	for (unsigned i = 0; i < count; i++)
		open_sockets(&w[i], i, p);
	if (!strcmp(p->kind, "adit") || !strcmp(p->kind, "idle"))
		open_adit(w, count, p);
	for (unsigned i = 0; i < count; i++)
		if (!strcmp(p->kind, "turn"))
			open_turn(&w[i], p);
		else if (!strcmp(p->kind, "plain"))
			open_plain(&w[i], p, i);
		else if (!strcmp(p->kind, "echo"))
			open_echo(&w[i], p);
	poll(NULL, 0, 100);
}

void ways_close(struct way *w, unsigned count, const struct way_params *p)
{
	for (unsigned i = 0; i < count; i++) {
		if (!strcmp(p->kind, "turn"))
			close_turn(&w[i].end[0]);
		for (unsigned k = 0; k < 2; k++)
			if (w[i].end[k].client)
				relay_client_leave(w[i].end[k].client, time_now());
		if (i % 16 == 15) /* at a pace at which nothing is lost */
			poll(NULL, 0, 1);
	}
	ways_turn(w, count);
}

void ways_turn(struct way *w, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		for (unsigned k = 0; k < 2; k++)
			poll_client(&w[i].end[k]);
}
