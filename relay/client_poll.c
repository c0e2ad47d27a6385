/* SPDX-License-Identifier: MIT
 *
 * client_poll.c - what a node's registration at a relay sends, and when
 */
#include <string.h>

#include "relay/client_inside.h"

static bool emit(struct relay_client *c, struct relay_client_send *out,
		 unsigned at, const void *m, size_t n)
{
	out->stream = at == STREAM;
	out->to = at == STREAM ? (struct endpoint){ 0 } : c->p.at[at];
	memcpy(out->message, m, n);
	out->n = n;
	return true;
}

static bool poll_leave(struct relay_client *c, struct relay_client_send *out,
		       nsec_t now)
{
	struct frame_leave f = { .header = frame_header_of(FRAME_LEAVE, 0) };

	if (!c->leaving || c->left)
		return false;
	c->left = true;
	if (!c->registered)
		return false;
	random_octets(c, f.txid);
	proof_put(&c->session, &f, offsetof(struct frame_leave, mac));
	relay_client_lose(c, now);
	return emit(c, out, c->at, &f, sizeof(f));
}

/* next_try() - 100, 200, 400 ms, ... after each other, at most 10 s */
static void next_try(struct relay_client *c, nsec_t now)
{
	struct attempt *a = &c->attempt;
	nsec_t wait = TRY_FIRST << (a->tries < 7 ? a->tries : 7);

	a->tries++;
	a->next = now + jitter(c, nsec_min(wait, TRY_LAST));
	if (a->phase == ATTEMPT_HELLO) {
		a->due = relay_client_reachable(c) & a->places;
	} else if (a->tries <= REGISTER_TRIES) {
		a->due = 1u << a->at;
	} else { /* the cookie may be too old: from the start */
		relay_client_ask(c, a->places, now, a->until);
	}
}

static bool emit_hello(struct relay_client *c, struct relay_client_send *out,
		       unsigned at)
{
	struct frame_hello f = { .header = frame_header_of(FRAME_HELLO, 0),
				 .version = be16_of(FRAME_VERSION) };

	memcpy(f.txid, c->attempt.txid, FRAME_TXID);
	return emit(c, out, at, &f, sizeof(f));
}

static bool emit_register(struct relay_client *c, struct relay_client_send *out,
			  unsigned at)
{
	struct frame_register f = {
		.header = frame_header_of(FRAME_REGISTER, 0),
		.issued = c->attempt.issued,
		.version = be16_of(FRAME_VERSION),
		.token_octets = be16_of((uint16_t)c->token_n),
	};
	size_t n = sizeof(f) + c->token_n;

	memcpy(f.txid, c->attempt.txid, FRAME_TXID);
	memcpy(f.cookie, c->attempt.cookie, FRAME_COOKIE);
	memcpy(f.instance, c->instance, sizeof(f.instance));
	(void)emit(c, out, at, &f, sizeof(f));
	memcpy(out->message + sizeof(f), c->token, c->token_n);
	proof_put(&c->pair, out->message, n);
	out->n = n + FRAME_MAC;
	return true;
}

/* try_udp() - the stream carries us: is UDP back? */
static void try_udp(struct relay_client *c, nsec_t now)
{
	c->udp_wait = nsec_min(2 * c->udp_wait + UDP_FIRST, UDP_LAST);
	c->udp_next = now + UDP_TRIAL + jitter(c, c->udp_wait);
	relay_client_ask(c, UDP_BITS, now, now + UDP_TRIAL);
}

/* falters() - UDP carries us but owes answers, and a stream stands by */
static bool falters(const struct relay_client *c)
{
	return c->registered && c->at != STREAM && c->unanswered > 1 &&
	       c->stream_open && c->attempt.phase == ATTEMPT_NONE;
}

static bool poll_attempt(struct relay_client *c, struct relay_client_send *out,
			 nsec_t now)
{
	struct attempt *a = &c->attempt;

	if (on_stream(c) && a->phase == ATTEMPT_NONE && c->udp_next <= now)
		try_udp(c, now);
	if (a->phase != ATTEMPT_NONE && a->until <= now)
		a->phase = ATTEMPT_NONE;
	if (falters(c) && relay_client_stream_due(c) <= now)
		relay_client_ask(c, STREAM_BIT, now, NSEC_NEVER);
	if (a->phase == ATTEMPT_NONE)
		return false;
	if (!a->due && a->next <= now)
		next_try(c, now);
	for (unsigned i = 0; i < PLACES; i++) {
		if (!(a->due & 1u << i))
			continue;
		a->due &= ~(1u << i);
		return a->phase == ATTEMPT_HELLO ? emit_hello(c, out, i) :
						   emit_register(c, out, i);
	}
	return false;
}

static bool poll_peers(struct relay_client *c, struct relay_client_send *out,
		       nsec_t now)
{
	struct frame_peer f = { 0 };
	const struct peer *p;

	if (!c->registered)
		return false;
	p = peers_next_ack(&c->peers);
	if (p) {
		f.header = frame_header_of(FRAME_ACK, p->channel);
	} else {
		p = peers_next_open(&c->peers, now);
		if (!p)
			return false;
		f.header = frame_header_of(FRAME_OPEN, 0);
	}
	memcpy(f.peer, p->key.b, sizeof(f.peer));
	proof_put(&c->session, &f, offsetof(struct frame_peer, mac));
	return emit(c, out, c->at, &f, sizeof(f));
}

static bool emit_ping(struct relay_client *c, struct relay_client_send *out,
		      nsec_t now)
{
	struct frame_ping f = { .header = frame_header_of(FRAME_PING, 0) };
	struct ping *p = &c->pings[c->ping_next++ % PINGS];

	random_octets(c, p->txid);
	p->sent = now;
	memcpy(f.txid, p->txid, FRAME_TXID);
	proof_put(&c->session, &f, offsetof(struct frame_ping, mac));
	if (!c->unanswered++)
		c->unanswered_since = now;
	c->next_ping = now + nsec_max(PING_LATE, nsec_min(2 * c->rtt, SEC(1)));
	return emit(c, out, c->at, &f, sizeof(f));
}

static nsec_t dead_at(const struct relay_client *c)
{
	if (c->unanswered < DEAD_PINGS)
		return NSEC_NEVER;
	return c->unanswered_since +
	       nsec_max(c->at == STREAM ? DEAD_STREAM : DEAD_TIME, 4 * c->rtt);
}

static bool poll_ping(struct relay_client *c, struct relay_client_send *out,
		      nsec_t now)
{
	if (!c->registered)
		return false;
	if (now >= dead_at(c)) {
		relay_client_lose(c, now);
		if (c->attempt.phase == ATTEMPT_NONE ||
		    c->attempt.places != STREAM_BIT)
			relay_client_ask_all(c, now);
		return poll_attempt(c, out, now);
	}
	return c->next_ping <= now && emit_ping(c, out, now);
}

static bool wish(const struct relay_client *c, nsec_t now)
{
	bool may = c->token_n && c->usable && !c->leaving;

	return may && (on_stream(c) || now >= relay_client_stream_due(c) ||
		       (c->stream_open && now < c->linger));
}

bool relay_client_poll(struct relay_client *c, struct relay_client_send *out, nsec_t now)
{
	if (poll_leave(c, out, now) || poll_attempt(c, out, now) ||
	    poll_peers(c, out, now) || poll_ping(c, out, now))
		return true;
	c->stream_wish = wish(c, now);
	return false;
}

/* next_wish() - when it may change by time alone */
static nsec_t next_wish(const struct relay_client *c)
{
	if (!c->token_n || !c->usable || c->leaving)
		return NSEC_NEVER;
	if (!c->stream_wish)
		return relay_client_stream_due(c);
	if (falters(c))
		return relay_client_stream_due(c);
	return c->stream_open && c->registered && c->at != STREAM &&
			       relay_client_stream_due(c) == NSEC_NEVER ?
		       c->linger : NSEC_NEVER;
}

nsec_t relay_client_next_expiry(const struct relay_client *c)
{
	nsec_t next = NSEC_NEVER;

	if (c->leaving)
		return c->left ? NSEC_NEVER : 0;
	if (c->attempt.phase != ATTEMPT_NONE)
		next = c->attempt.due ? 0 : nsec_min(c->attempt.next,
						     c->attempt.until);
	else if (on_stream(c))
		next = c->udp_next;
	next = nsec_min(next, next_wish(c));
	if (!c->registered)
		return next;
	next = nsec_min(next, nsec_min(c->next_ping, dead_at(c)));
	return nsec_min(next, peers_next_expiry(&c->peers));
}

