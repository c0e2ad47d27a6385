/* SPDX-License-Identifier: MIT
 *
 * client.c - one node's registration at one relay
 *
 * Theory: an attempt (HELLO to each of the relay's endpoints, then REGISTER to the
 * first that answered) runs beside the standing registration, so renewing a token or
 * moving to another address interrupts nothing. Pings: four a second while data
 * moves, one in 12 s otherwise (a NAT keeps its mapping); once one is late they come
 * each 200 ms, and after 800 ms without any answer the relay is dead.
 * Three places lead to the relay: two UDP endpoints and the stream. An attempt asks
 * some of them; bits say which. Layout: relay/frame.h. Channels: relay/peers.h.
 */
#include <stdlib.h>
#include <string.h>

#include "relay/client_inside.h"

struct relay_client *relay_client_new(const struct relay_client_params *p)
{
	struct relay_client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	if (peers_init(&c->peers)) {
		free(c);
		return NULL;
	}
	c->p = *p;
	c->random.state = p->seed;
	c->can[0] = c->can[1] = true;
	c->lonely = c->udp_next = NSEC_NEVER;
	c->usable = proof_pair(p->self_private, &p->relay, &p->self, &p->relay,
			       &c->pair);
	random_octets(c, c->instance);
	return c;
}

void relay_client_free(struct relay_client *c)
{
	if (!c)
		return;
	peers_done(&c->peers);
	secret_wipe(c, sizeof(*c));
	free(c);
}

static bool reachable(const struct relay_client *c, unsigned i)
{
	const struct endpoint *e = &c->p.at[i];

	if (i == STREAM)
		return c->stream_open;
	return !endpoint_is_zero(e) && c->can[ipaddr_is_v4(&e->ip) ? 0 : 1];
}

unsigned relay_client_reachable(const struct relay_client *c)
{
	unsigned bits = 0;

	for (unsigned i = 0; i < PLACES; i++)
		bits |= reachable(c, i) ? 1u << i : 0;
	return bits;
}

void relay_client_ask(struct relay_client *c, unsigned places, nsec_t when,
		      nsec_t until)
{
	if (!c->token_n || !c->usable || c->leaving)
		return;
	c->attempt = (struct attempt){ .phase = ATTEMPT_HELLO, .next = when,
				       .places = places, .until = until };
	random_octets(c, c->attempt.txid);
}

void relay_client_ask_all(struct relay_client *c, nsec_t when)
{
	relay_client_ask(c, UDP_BITS | STREAM_BIT, when, NSEC_NEVER);
}

/* be_lonely() - no answer over UDP: the time runs until a stream is wanted */
static void be_lonely(struct relay_client *c, nsec_t now)
{
	if (c->lonely == NSEC_NEVER)
		c->lonely = now;
}

void relay_client_lose(struct relay_client *c, nsec_t now)
{
	if (!c->registered)
		return;
	if (c->at != STREAM)
		be_lonely(c, c->unanswered ? c->unanswered_since : now);
	if (c->at != STREAM && nsec_since(c->udp_since, now) > UDP_STEADY)
		c->udp_wait = 0;
	c->registered = false;
	c->since = now;
	c->rtt = 0;
	c->changes++;
}

void relay_client_set_token(struct relay_client *c, const uint8_t *token, size_t n,
			    nsec_t now)
{
	if (n > sizeof(c->token) ||
	    (n == c->token_n && !memcmp(token, c->token, n)))
		return;
	memcpy(c->token, token, n);
	c->token_n = n;
	c->denied_wait = 0;
	c->denied = 0;
	if (!c->since)
		c->since = now;
	if (!c->registered)
		be_lonely(c, now);
	relay_client_ask_all(c, now);
}

void relay_client_set_families(struct relay_client *c, bool v4, bool v6, nsec_t now)
{
	c->can[0] = v4;
	c->can[1] = v6;
	if (c->registered && !reachable(c, c->at)) {
		relay_client_lose(c, now);
		relay_client_ask_all(c, now);
	} else if (!c->registered && c->attempt.phase == ATTEMPT_HELLO) {
		c->attempt.tries = 0;
		c->attempt.next = now;
	}
}

void relay_client_network_changed(struct relay_client *c, nsec_t now)
{
	c->udp_wait = 0;
	if (on_stream(c))
		c->udp_next = now;
	/* Beside the standing registration, which a ping from elsewhere would end. */
	relay_client_ask_all(c, now);
	if (c->registered)
		c->next_ping = nsec_add(now, PING_LATE);
}

static void stream_closed(struct relay_client *c, nsec_t now)
{
	struct attempt *a = &c->attempt;
	bool lost = on_stream(c);

	if (lost)
		relay_client_lose(c, now);
	if (lost || a->places == STREAM_BIT ||
	    (a->phase == ATTEMPT_REGISTER && a->at == STREAM)) {
		a->phase = ATTEMPT_NONE;
		if (!c->registered)
			relay_client_ask_all(c, now);
	}
}

void relay_client_set_stream(struct relay_client *c, bool open, nsec_t now)
{
	if (open == c->stream_open)
		return;
	c->stream_open = open;
	c->linger = nsec_add(now, STREAM_LINGER);
	if (!open)
		stream_closed(c, now);
	else if (!c->registered && c->attempt.phase != ATTEMPT_REGISTER)
		relay_client_ask_all(c, now);
	else if (c->registered && c->unanswered > 1) /* UDP falters */
		relay_client_ask(c, STREAM_BIT, now, NSEC_NEVER);
}

nsec_t relay_client_stream_due(const struct relay_client *c)
{
	nsec_t due = c->lonely;

	if (c->registered && c->at != STREAM && c->unanswered > 1)
		due = nsec_min(due, c->unanswered_since + c->rtt);
	return due == NSEC_NEVER ? due : nsec_add(due, STREAM_AFTER);
}

bool relay_client_wants_stream(const struct relay_client *c)
{
	return c->stream_wish;
}

void relay_client_leave(struct relay_client *c, nsec_t now)
{
	c->leaving = true;
	c->attempt.phase = ATTEMPT_NONE;
}

void relay_client_traffic(struct relay_client *c, nsec_t now)
{
	bool idle = !c->last_data || nsec_since(c->last_data, now) > ACTIVE_TIME;

	c->last_data = now;
	if (idle)
		c->next_ping = nsec_min(c->next_ping, now);
}

/* ---- what comes ---- */

bool relay_is(const uint8_t *m, size_t n)
{
	return frame_is(m, n);
}

bool relay_is_data(const uint8_t *m, size_t n, size_t *header)
{
	size_t size;

	if (!frame_is(m, n))
		return false;
	if (m[1] != FRAME_DATA && m[1] != FRAME_DATA_KEYED)
		return false;
	size = m[1] == FRAME_DATA ? sizeof(struct frame_header) :
				    sizeof(struct frame_keyed);
	if (n <= size)
		return false;
	*header = size;
	return true;
}

static void take_cookie(struct relay_client *c, const struct frame_challenge *f,
			unsigned at, nsec_t now)
{
	struct attempt *a = &c->attempt;

	a->phase = ATTEMPT_REGISTER;
	memcpy(a->txid, f->txid, FRAME_TXID);
	memcpy(a->cookie, f->cookie, FRAME_COOKIE);
	a->issued = f->issued;
	a->at = at;
	a->tries = 0;
	a->due = 0;
	a->next = now;
}

static enum drop input_challenge(struct relay_client *c, const uint8_t *m,
				 size_t n, unsigned at, nsec_t now)
{
	const struct frame_challenge *f = (const void *)m;

	if (n < sizeof(*f))
		return DROP_TOO_SHORT;
	if (c->attempt.phase != ATTEMPT_HELLO ||
	    memcmp(f->txid, c->attempt.txid, FRAME_TXID))
		return DROP_RELAY_CRYPTO;
	take_cookie(c, f, at, now);
	return DROP_NONE;
}

static struct ping *find_ping(struct relay_client *c, const uint8_t *txid)
{
	for (unsigned i = 0; i < PINGS; i++)
		if (c->pings[i].sent &&
		    !memcmp(c->pings[i].txid, txid, FRAME_TXID))
			return &c->pings[i];
	return NULL;
}

/* input_reset() - the relay does not know us. Bound to a ping of ours it is believed
 * and brings a cookie; alone it is a hint to ask. */
static enum drop input_reset(struct relay_client *c, const uint8_t *m, size_t n,
			     unsigned at, nsec_t now)
{
	const struct frame_challenge *f = (const void *)m;

	if (!c->registered)
		return DROP_NONE;
	if (n < sizeof(*f)) {
		if (c->unanswered || nsec_since(c->last_hint, now) < HINT_GAP)
			return DROP_NONE;
		c->last_hint = now;
		c->next_ping = now;
		return DROP_NONE;
	}
	if (!find_ping(c, f->txid))
		return DROP_RELAY_CRYPTO;
	relay_client_lose(c, now);
	relay_client_ask_all(c, now);
	take_cookie(c, f, at, now);
	return DROP_NONE;
}

static struct endpoint endpoint_of(const struct frame_endpoint *f)
{
	return (struct endpoint){ .ip = ipaddr_from_v6(f->ip),
				  .port = be16_get(f->port) };
}

static void observe(struct relay_client *c, const struct frame_endpoint *f)
{
	struct endpoint e = endpoint_of(f);
	struct endpoint *o = &c->observed[ipaddr_is_v4(&e.ip) ? 0 : 1];

	if (endpoint_eq(o, &e))
		return;
	*o = e;
	c->changes++;
}

static void settle(struct relay_client *c, const struct frame_welcome *f,
		   unsigned at, nsec_t now)
{
	if (!be32_get(f->header.channel))
		peers_forget_channels(&c->peers);
	if (!c->registered)
		c->since = now;
	c->registered = true;
	c->at = at;
	c->attempt.phase = ATTEMPT_NONE;
	c->denied = 0;
	c->denied_wait = 0;
	c->unanswered = 0;
	memset(c->pings, 0, sizeof(c->pings));
	c->next_ping = now; /* the first round-trip time */
	c->changes++;
	if (at == STREAM) {
		be_lonely(c, now);
		c->udp_next = now + nsec_max(c->udp_wait, UDP_FIRST);
		return;
	}
	observe(c, &f->observed);
	c->lonely = NSEC_NEVER;
	c->udp_since = now;
	c->linger = nsec_add(now, STREAM_LINGER);
}

static enum drop input_welcome(struct relay_client *c, const uint8_t *m, size_t n,
			       unsigned at, nsec_t now)
{
	const struct frame_welcome *f = (const void *)m;
	struct proof_key session;

	if (n < sizeof(*f))
		return DROP_TOO_SHORT;
	if (c->attempt.phase != ATTEMPT_REGISTER || at != c->attempt.at ||
	    memcmp(f->txid, c->attempt.txid, FRAME_TXID))
		return DROP_RELAY_CRYPTO;
	proof_session(&c->pair, f->txid, c->attempt.issued, &session);
	if (!proof_check(&session, m, offsetof(struct frame_welcome, mac)))
		return DROP_RELAY_CRYPTO;
	c->session = session;
	settle(c, f, at, now);
	return DROP_NONE;
}

static enum drop input_denied(struct relay_client *c, const uint8_t *m, size_t n,
			      nsec_t now)
{
	const struct frame_denied *f = (const void *)m;

	if (n < sizeof(*f))
		return DROP_TOO_SHORT;
	if (c->attempt.phase != ATTEMPT_REGISTER ||
	    memcmp(f->txid, c->attempt.txid, FRAME_TXID))
		return DROP_RELAY_CRYPTO;
	c->denied_wait = c->denied_wait ?
				 nsec_min(2 * c->denied_wait, DENIED_LAST) :
				 DENIED_WAIT;
	if (c->denied != be16_get(f->reason))
		c->changes++;
	c->denied = be16_get(f->reason);
	relay_client_ask_all(c, now + jitter(c, c->denied_wait));
	return DROP_NONE;
}

static enum drop input_pong(struct relay_client *c, const uint8_t *m, size_t n,
			    nsec_t now)
{
	const struct frame_pong *f = (const void *)m;
	struct ping *p;
	nsec_t rtt;

	if (n < sizeof(*f))
		return DROP_TOO_SHORT;
	p = find_ping(c, f->txid);
	if (!c->registered || !p ||
	    !proof_check(&c->session, m, offsetof(struct frame_pong, mac)))
		return DROP_RELAY_CRYPTO;
	rtt = nsec_max(nsec_since(p->sent, now), 1);
	c->rtt = c->rtt ? (7 * c->rtt + rtt) / 8 : rtt;
	p->sent = 0;
	c->unanswered = 0;
	c->next_ping = now + (is_active(c, now) ?
				      PING_ACTIVE :
				      PING_IDLE - jitter(c, SEC(1)));
	if (c->at != STREAM) /* what TCP's address is tells nothing about UDP */
		observe(c, &f->observed);
	return DROP_NONE;
}

static enum drop input_peer(struct relay_client *c, const uint8_t *m, size_t n,
			    nsec_t now)
{
	const struct frame_peer *f = (const void *)m;
	struct key_public key;

	if (n < sizeof(*f))
		return DROP_TOO_SHORT;
	if (!c->registered ||
	    !proof_check(&c->session, m, offsetof(struct frame_peer, mac)))
		return DROP_RELAY_CRYPTO;
	memcpy(key.b, f->peer, sizeof(key.b));
	if (f->header.type == FRAME_ABSENT) {
		peers_absent(&c->peers, &key, now);
		return DROP_NONE;
	}
	if (peers_set_channel(&c->peers, &key, be32_get(f->header.channel)))
		c->changes++;
	return DROP_NONE;
}

static enum drop input_frame(struct relay_client *c, const uint8_t *m, size_t n,
			     unsigned at, nsec_t now)
{
	switch (m[1]) {
	case FRAME_CHALLENGE:
		return input_challenge(c, m, n, at, now);
	case FRAME_RESET:
		return input_reset(c, m, n, at, now);
	case FRAME_WELCOME:
		return input_welcome(c, m, n, at, now);
	case FRAME_DENIED:
		return input_denied(c, m, n, now);
	case FRAME_PONG:
		return input_pong(c, m, n, now);
	case FRAME_PEER:
	case FRAME_ABSENT:
		return input_peer(c, m, n, now);
	default:
		return DROP_RELAY_TYPE;
	}
}

enum drop relay_client_input(struct relay_client *c, const uint8_t *m, size_t n,
			     const struct endpoint *from, nsec_t now)
{
	if (!frame_is(m, n))
		return DROP_TOO_SHORT;
	if (!from)
		return input_frame(c, m, n, STREAM, now);
	for (unsigned i = 0; i < STREAM; i++)
		if (!endpoint_is_zero(from) && endpoint_eq(from, &c->p.at[i]))
			return input_frame(c, m, n, i, now);
	return DROP_RELAY_CRYPTO;
}

size_t relay_client_header(struct relay_client *c, const struct key_public *peer,
			   uint8_t out[static RELAY_HEADER_MAX],
			   struct endpoint *to, nsec_t now)
{
	struct frame_header h = frame_header_of(FRAME_DATA_KEYED, 0);
	uint32_t channel;

	if (!c->registered)
		return 0;
	channel = peers_want(&c->peers, peer, now);
	*to = on_stream(c) ? (struct endpoint){ 0 } : c->p.at[c->at];
	if (channel)
		h = frame_header_of(FRAME_DATA, channel);
	memcpy(out, &h, sizeof(h));
	if (channel)
		return sizeof(h);
	memcpy(out + sizeof(h), peer->b, sizeof(peer->b));
	return sizeof(struct frame_keyed);
}

bool relay_client_sender(const struct relay_client *c, const uint8_t *m, size_t n,
			 struct key_public *out)
{
	const struct frame_keyed *f = (const void *)m;
	const struct peer *p;
	size_t header;

	if (!relay_is_data(m, n, &header))
		return false;
	if (header == sizeof(*f)) {
		memcpy(out->b, f->peer, sizeof(out->b));
		return true;
	}
	p = peers_by_channel(&c->peers, be32_get(f->header.channel));
	if (p)
		*out = p->key;
	return p;
}

static const char *denial_text(unsigned why)
{
	static const char *const texts[] = {
		[0] = NULL,
		[FRAME_DENIED_TOKEN] = "it does not know our network, or our "
				       "membership has ended",
		[FRAME_DENIED_PROOF] = "our key does not fit our admission",
		[FRAME_DENIED_FULL] = "it has no room for more nodes",
		[FRAME_DENIED_RULE] = "its operator does not let this node in",
		[FRAME_DENIED_QUOTA] = "its quota is used up",
	};

	return why < ARRAY_SIZE(texts) ? texts[why] : "it does not say why";
}

uint64_t relay_client_status(const struct relay_client *c,
			     struct relay_client_status *out)
{
	*out = (struct relay_client_status){
		.registered = c->registered,
		.rtt = c->rtt,
		.since = c->since,
		.observed = { c->observed[0], c->observed[1] },
		.stream = on_stream(c),
		.denied = denial_text(c->denied),
	};
	if (!on_stream(c))
		out->at = c->p.at[c->registered ? c->at : 0];
	return c->changes;
}
