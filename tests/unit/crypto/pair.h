/* SPDX-License-Identifier: MIT
 *
 * pair.h - two tunnels in memory under a virtual clock
 *
 * A side does what the daemon does: it polls after every call and at every
 * expiry, and after a packet only if the packet path asked for it. What it
 * would send waits in its outbox until pair_deliver().
 */
#pragma once

#include <stdlib.h>

#include "crypto/aead.h"
#include "crypto/gate.h"
#include "crypto/tunnel.h"
#include "tests/unit/unit.h"

enum {
	OUTBOX = 64,
	PACKET = 256,
	KINDS = TUNNEL_ESTABLISHED + 1,
};

struct packet {
	size_t n;
	uint8_t b[PACKET];
};

struct side {
	struct identity id;
	struct tunnel *tunnel;
	struct gate *gate;
	struct aead_thread *thread;
	struct session *sessions[TUNNEL_SLOT_SESSIONS];
	struct session *use;
	unsigned count[KINDS]; /* events of each kind */
	nsec_t at[KINDS]; /* time of the last one */
	struct packet outbox[OUTBOX];
	unsigned out_n;
	unsigned woken; /* wake bits of all calls */
	unsigned data_in, keepalives_in;
	enum drop verdict; /* of the last message delivered here */
	bool load; /* under load */
};

struct pair {
	struct side a, b;
	struct key_psk psk;
	enum aead_suite suite;
	nsec_t persistent; /* of a */
};

static inline void side_push(struct side *s, const void *m, size_t n)
{
	assert_true(s->out_n < OUTBOX && n <= PACKET);
	memcpy(s->outbox[s->out_n].b, m, n);
	s->outbox[s->out_n++].n = n;
}

/* side_seal() - n octets of inner packet through session s; returns the
 * verdict */
static inline enum drop side_seal(struct side *s, struct session *with,
				  size_t n, nsec_t now, unsigned *wake)
{
	uint8_t buf[PACKET] = { 0 };
	struct session_out out = { .data = buf, .inner = n };
	enum drop d;

	memset(buf + 16, 0x45, n);
	d = session_seal(with, s->thread, &out, 1, 1420, now, wake);
	if (d == DROP_NONE)
		side_push(s, buf, out.n);
	return d;
}

static inline void side_event(struct side *s, const struct tunnel_event *e,
			      nsec_t now)
{
	unsigned wake = 0;

	s->count[e->kind]++;
	s->at[e->kind] = now;
	switch (e->kind) {
	case TUNNEL_SEND:
		side_push(s, e->message, e->n);
		break;
	case TUNNEL_SEND_KEEPALIVE:
		assert_non_null(s->use);
		assert_int_equal(side_seal(s, s->use, 0, now, &wake), DROP_NONE);
		s->woken |= wake;
		break;
	case TUNNEL_SESSION_ADD:
		assert_null(s->sessions[index_turn(session_index(e->session))]);
		s->sessions[index_turn(session_index(e->session))] = e->session;
		break;
	case TUNNEL_SESSION_USE:
		s->use = e->session;
		break;
	case TUNNEL_SESSION_RETIRE:
		assert_ptr_equal(
			s->sessions[index_turn(session_index(e->session))],
			e->session);
		s->sessions[index_turn(session_index(e->session))] = NULL;
		assert_ptr_not_equal(s->use, e->session);
		session_free(e->session);
		break;
	case TUNNEL_IDLE:
	case TUNNEL_GAVE_UP:
	case TUNNEL_ESTABLISHED:
		break;
	}
}

static inline void side_poll(struct side *s, nsec_t now)
{
	struct tunnel_event e;

	for (unsigned i = 0;; i++) {
		assert_true(i < 100);
		tunnel_poll(s->tunnel, &e, now);
		if (e.kind == TUNNEL_IDLE)
			return;
		side_event(s, &e, now);
	}
}

/* side_run() - everything that is due up to and including `until` */
static inline void side_run(struct side *s, nsec_t until)
{
	nsec_t at;

	for (unsigned i = 0; (at = tunnel_next_expiry(s->tunnel)) <= until;
	     i++) {
		assert_true(i < 10000);
		side_poll(s, at ? at : until); /* 0: at once */
	}
}

/* side_send() - an inner packet of n octets, as a worker would */
static inline enum drop side_send(struct side *s, size_t n, nsec_t now)
{
	unsigned wake = 0;
	enum drop d;

	if (!s->use) {
		tunnel_want(s->tunnel, now);
		side_poll(s, now);
		return DROP_NO_SESSION;
	}
	d = side_seal(s, s->use, n, now, &wake);
	s->woken |= wake;
	if (wake)
		side_poll(s, now);
	return d;
}

static inline void side_input_data(struct side *s, struct packet *p, nsec_t now)
{
	struct session_in in = { .data = p->b, .n = p->n };
	struct message_data h;
	struct session *session;
	unsigned wake = 0;

	memcpy(&h, p->b, sizeof(h));
	session = s->sessions[index_turn(le32_get(h.receiver))];
	s->verdict = DROP_UNKNOWN_INDEX;
	if (!session || session_index(session) != le32_get(h.receiver))
		return;
	session_open(session, s->thread, &in, 1, now, &wake);
	s->verdict = in.verdict;
	if (in.verdict == DROP_NONE && in.inner)
		s->data_in++;
	else if (in.verdict == DROP_NONE)
		s->keepalives_in++;
	s->woken |= wake;
	if (wake)
		side_poll(s, now);
}

static inline void side_input_handshake(struct side *s, struct packet *p,
					nsec_t now)
{
	const struct endpoint from = { .ip = ipaddr_v4(0xc0000201), .port = 7 };
	struct gate_result gate;
	struct initiation i;

	gate_check(s->gate, p->b, p->n, &from, s->load, now, &gate);
	s->verdict = gate.verdict;
	if (gate.reply_n)
		side_push(s, gate.reply, gate.reply_n);
	if (gate.verdict != DROP_NONE)
		return;
	if (p->n == sizeof(struct message_initiation)) {
		s->verdict = initiation_open(&s->id, p->b, p->n, &i);
		if (s->verdict == DROP_NONE)
			s->verdict = tunnel_input_initiation(s->tunnel, &i, now);
	} else {
		s->verdict = tunnel_input_response(s->tunnel, p->b, p->n, now);
	}
	side_poll(s, now);
}

static inline void side_input(struct side *s, const struct packet *from,
			      nsec_t now)
{
	struct packet p = *from;

	if (p.b[0] == MESSAGE_DATA) {
		side_input_data(s, &p, now);
	} else if (p.b[0] == MESSAGE_COOKIE) {
		s->verdict = tunnel_input_response(s->tunnel, p.b, p.n, now);
		side_poll(s, now);
	} else {
		side_input_handshake(s, &p, now);
	}
}

/* pair_deliver() - what `from` has sent arrives at `to`; returns how many */
static inline unsigned pair_deliver(struct side *from, struct side *to,
				    nsec_t now)
{
	const unsigned n = from->out_n;

	for (unsigned i = 0; i < n; i++)
		side_input(to, &from->outbox[i], now);
	from->out_n = 0;
	return n;
}

/* pair_settle() - back and forth until nobody has anything to say */
static inline void pair_settle(struct pair *p, nsec_t now)
{
	for (unsigned i = 0;; i++) {
		assert_true(i < 20);
		if (!pair_deliver(&p->a, &p->b, now) &&
		    !pair_deliver(&p->b, &p->a, now))
			return;
	}
}

static inline void side_init(struct side *s)
{
	*s = (struct side){ .use = NULL };
	key_private_generate(&s->id.private_key);
	key_public_of(&s->id.private_key, &s->id.public_key);
	s->gate = gate_new(&s->id.public_key);
	s->thread = aead_thread_new();
	assert_non_null(s->gate);
	assert_non_null(s->thread);
}

static inline void side_open(struct side *s, const struct pair *p,
			     const struct key_public *peer, uint32_t slot)
{
	const struct tunnel_params params = {
		.self = &s->id,
		.peer = *peer,
		.psk = p->psk,
		.suite = p->suite,
		.slot = slot,
		.persistent_keepalive = s == &p->a ? p->persistent : 0,
		.seed = slot,
		.wall = SEC(1700000000),
	};

	s->tunnel = tunnel_new(&params);
	assert_non_null(s->tunnel);
}

/* pair_init() - p->psk, suite and persistent were set by the caller */
static inline void pair_init(struct pair *p)
{
	side_init(&p->a);
	side_init(&p->b);
	side_open(&p->a, p, &p->b.id.public_key, 5);
	side_open(&p->b, p, &p->a.id.public_key, 0xfffff);
}

static inline void side_done(struct side *s, nsec_t now)
{
	tunnel_reset(s->tunnel, now);
	side_poll(s, now);
	assert_null(s->use);
	for (unsigned i = 0; i < TUNNEL_SLOT_SESSIONS; i++)
		assert_null(s->sessions[i]);
	tunnel_free(s->tunnel);
	aead_thread_free(s->thread);
	gate_free(s->gate);
}

static inline void pair_done(struct pair *p)
{
	side_done(&p->a, SEC(1000000));
	side_done(&p->b, SEC(1000000));
}

/* pair_connect() - a full handshake begun by a at `now`, nothing left to say */
static inline void pair_connect(struct pair *p, nsec_t now)
{
	tunnel_want(p->a.tunnel, now);
	side_poll(&p->a, now);
	pair_settle(p, now);
	assert_non_null(p->a.use);
	assert_non_null(p->b.use);
}

static inline int pair_group_setup(void **state)
{
	(void)state;
	return key_setup() || aead_setup("libsodium");
}
