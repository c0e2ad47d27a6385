/* SPDX-License-Identifier: MIT
 *
 * server.c - who is registered at a relay, and where their frames go
 */
#include "relay/server_inside.h"

#include <stdlib.h>
#include <string.h>

#include "relay/token.h"

enum {
	GREET_RATE = 50, /* answers a second to one unregistered source; a large */
	GREET_BURST = 400, /* NAT may hide hundreds of nodes after a restart */
};

#define SECRET_AGE  SEC(120)
#define RATE_SPAN   MSEC(50) /* burst: what the rate gives in this time */
#define RATE_USUAL  UINT64_C(1250000000)
#define RATE_MOST   UINT64_C(16000000000) /* times a second in ns fits 64 bits */
#define TICK_PERIOD SEC(1)

static void take_limits(struct relay_server *s, const struct relay_limits *l)
{
	s->rate = l->rate ? l->rate : RATE_USUAL;
	if (s->rate > RATE_MOST)
		s->rate = RATE_MOST;
	s->burst = s->rate / (SEC(1) / RATE_SPAN) + UINT16_MAX;
	s->total.rate = l->total_rate > RATE_MOST ? RATE_MOST : l->total_rate;
	s->quota.node_daily = l->node_daily;
	s->quota.monthly = l->monthly;
	s->allow = l->allow;
}

struct relay_server *relay_server_new(const struct relay_server_params *p)
{
	struct relay_server *s = calloc(1, sizeof(*s));
	unsigned max = p->clients_max ? p->clients_max : RELAY_CLIENTS_DEFAULT;

	if (!s)
		return NULL;
	s->lane_count = p->lanes ? p->lanes : 1;
	s->lanes = aligned_alloc(_Alignof(struct lane),
				 s->lane_count * sizeof(*s->lanes));
	s->greet = limiter_new(GREET_RATE, GREET_BURST, p->seed);
	if (!s->lanes || !s->greet || roster_init(&s->roster, max, p->seed)) {
		relay_server_free(s);
		return NULL;
	}
	memset(s->lanes, 0, s->lane_count * sizeof(*s->lanes));
	s->key = p->key;
	key_public_of(&s->key, &s->public);
	s->coord = p->coord;
	s->network = p->network;
	s->admits = p->admits;
	s->owner = p->owner;
	s->quota.seed = p->seed;
	take_limits(s, &p->limits);
	memcpy(s->secrets[0].b, p->secret, sizeof(p->secret));
	s->secrets[1] = s->secrets[0];
	return s;
}

void relay_server_free(struct relay_server *s)
{
	if (!s)
		return;
	limiter_free(s->greet);
	quota_done(&s->quota);
	free(s->lanes);
	roster_done(&s->roster);
	secret_wipe(s, sizeof(*s));
	free(s);
}

void relay_server_answer(struct turn *t, const void *m, size_t n)
{
	struct relay_batch *b = t->batch;
	struct relay_out *o = &b->out[b->n];

	memcpy(b->control[b->n], m, n);
	*o = (struct relay_out){ .to = t->in->from,
				 .data = b->control[b->n],
				 .n = n,
				 .segment = n,
				 .receiver = RELAY_NO_CLIENT };
	b->n++;
}

static struct frame_endpoint endpoint_frame(const struct endpoint *e)
{
	struct frame_endpoint f = { .port = be16_of(e->port) };

	memcpy(f.ip, e->ip.b, sizeof(f.ip));
	return f;
}

/* challenge() - a cookie for this source, as CHALLENGE or as RESET */
static void challenge(struct turn *t, enum frame_type type, const uint8_t *txid)
{
	struct frame_challenge f = { .header = frame_header_of(type, 0),
				     .issued = be64_of(t->now),
				     .version = be16_of(FRAME_VERSION) };

	if (!limiter_pass(t->s->greet, &t->in->from.remote.ip, t->now)) {
		drop(t, DROP_RELAY_RATE);
		return;
	}
	memcpy(f.txid, txid, FRAME_TXID);
	proof_cookie(&t->s->secrets[0], &t->in->from.remote, txid, f.issued,
		     f.cookie);
	relay_server_answer(t, &f, sizeof(f));
}

static void input_hello(struct turn *t, const uint8_t *m, size_t n)
{
	const struct frame_hello *f = (const void *)m;

	if (n < sizeof(*f))
		drop(t, DROP_TOO_SHORT);
	else
		challenge(t, FRAME_CHALLENGE, f->txid);
}

static bool cookie_is_good(const struct turn *t, const struct frame_register *f)
{
	uint64_t issued = be64_get(f->issued);
	uint8_t cookie[FRAME_COOKIE];

	if (issued > t->now || t->now - issued > 2 * SECRET_AGE)
		return false;
	for (int i = 0; i < 2; i++) {
		proof_cookie(&t->s->secrets[i], &t->in->from.remote, f->txid,
			     f->issued, cookie);
		if (secret_eq(cookie, f->cookie, sizeof(cookie)))
			return true;
	}
	return false;
}

static bool is_removed(const struct relay_server *s, const struct key_public *k,
		       nsec_t now)
{
	for (unsigned i = 0; i < REMOVED_MAX; i++)
		if (s->removed[i].at && key_public_eq(&s->removed[i].key, k) &&
		    nsec_since(s->removed[i].at, now) <
			    SEC(TOKEN_LIFETIME_S + 120))
			return true;
	return false;
}

static bool admit(const struct turn *t, const uint8_t *m, size_t n,
		  struct token *out)
{
	const struct relay_server *s = t->s;

	if (!token_check(m, n, &s->coord, t->wall_s, out))
		return false;
	if (s->network && out->network != s->network)
		return false;
	if (s->admits && !s->admits(s->owner, &out->node))
		return false;
	return !is_removed(s, &out->node, t->now);
}

static void deny(struct turn *t, const struct frame_register *f,
		 enum frame_denial why, enum drop row)
{
	struct frame_denied d = { .header = frame_header_of(FRAME_DENIED, 0),
				  .reason = be16_of((uint16_t)why) };

	memcpy(d.txid, f->txid, FRAME_TXID);
	relay_server_answer(t, &d, sizeof(d));
	drop(t, row);
}

static uint32_t seconds_left(const struct roster_client *c, uint64_t wall_s)
{
	uint64_t left = c->expires_s > wall_s ? c->expires_s - wall_s : 0;

	return left > UINT32_MAX ? UINT32_MAX : (uint32_t)left;
}

static void welcome(struct turn *t, struct roster_client *c)
{
	struct frame_welcome w = {
		.header = frame_header_of(FRAME_WELCOME, c->channel_count),
		.observed = endpoint_frame(&c->route.remote),
		.version = be16_of(FRAME_VERSION),
		.lifetime_s = be32_of(seconds_left(c, t->wall_s)),
		.silence_s = be16_of(RELAY_SILENCE_S),
	};

	memcpy(w.txid, c->txid, FRAME_TXID);
	proof_put(&c->session, &w, offsetof(struct frame_welcome, mac));
	relay_server_answer(t, &w, sizeof(w));
}

/* enroll() - all proofs are good: into the roster, or to its new route */
static void enroll(struct turn *t, const struct frame_register *f,
		   const struct token *token, const struct proof_key *pair)
{
	struct roster *r = &t->s->roster;
	struct roster_client *c = roster_by_key(r, &token->node);

	if (c && be64_get(f->issued) < c->issued) { /* a replay */
		drop(t, DROP_RELAY_COOKIE);
		return;
	}
	if (c && memcmp(c->instance, f->instance, sizeof(c->instance)))
		roster_forget_channels(r, c);
	if (!c)
		c = roster_add(r, &token->node);
	if (!c) {
		deny(t, f, FRAME_DENIED_FULL, DROP_RELAY_QUEUE_FULL);
		return;
	}
	roster_move(r, c, &t->in->from);
	memcpy(c->instance, f->instance, sizeof(c->instance));
	memcpy(c->txid, f->txid, sizeof(c->txid));
	c->issued = be64_get(f->issued);
	c->expires_s = token->expires_s;
	c->network = token->network;
	c->heard = t->now;
	proof_session(pair, f->txid, f->issued, &c->session);
	t->sender = c;
	welcome(t, c);
}

/* is_register() - is it complete, and by somebody who gets what we send to its source? */
static bool is_register(struct turn *t, const uint8_t *m, size_t n)
{
	const struct frame_register *f = (const void *)m;

	if (n < sizeof(*f) + FRAME_MAC)
		drop(t, DROP_TOO_SHORT);
	else if (n < sizeof(*f) + be16_get(f->token_octets) + FRAME_MAC)
		drop(t, DROP_BAD_LENGTH);
	else if (!cookie_is_good(t, f))
		drop(t, DROP_RELAY_COOKIE);
	else
		return true;
	return false;
}

/* bill() - the quota learns what was carried for a client since the last time */
static void bill(struct relay_server *s, struct roster_client *c)
{
	quota_add(&s->quota, &c->key, c->sent - c->billed);
	c->billed = c->sent;
}

static void forget(struct relay_server *s, struct roster_client *c)
{
	bill(s, c);
	roster_remove(&s->roster, c);
}

/* is_granted() - does the operator let it in, now? If not, it is told */
static bool is_granted(struct turn *t, const struct frame_register *f,
		       const struct key_public *node)
{
	if (!allow_admits(&t->s->allow, node, &t->in->from.remote.ip))
		deny(t, f, FRAME_DENIED_RULE, DROP_RELAY_RULE);
	else if (quota_spent(&t->s->quota, node))
		deny(t, f, FRAME_DENIED_QUOTA, DROP_RELAY_QUOTA);
	else
		return true;
	return false;
}

static void input_register(struct turn *t, const uint8_t *m)
{
	const struct frame_register *f = (const void *)m;
	size_t token_n = be16_get(f->token_octets), body = sizeof(*f) + token_n;
	struct proof_key pair;
	struct token token;

	if (!limiter_pass(t->s->greet, &t->in->from.remote.ip, t->now)) {
		drop(t, DROP_RELAY_RATE);
		return;
	}
	if (!admit(t, m + sizeof(*f), token_n, &token)) {
		deny(t, f, FRAME_DENIED_TOKEN, DROP_RELAY_TOKEN);
		return;
	}
	if (!proof_pair(&t->s->key, &token.node, &token.node, &t->s->public,
			&pair) ||
	    !proof_check(&pair, m, body))
		deny(t, f, FRAME_DENIED_PROOF, DROP_RELAY_CRYPTO);
	else if (is_granted(t, f, &token.node))
		enroll(t, f, &token, &pair);
	secret_wipe(&pair, sizeof(pair));
}

/* sealed() - does the sender's MAC close the first `size` octets? */
static bool sealed(struct turn *t, const uint8_t *m, size_t n, size_t size)
{
	if (n < size)
		drop(t, DROP_TOO_SHORT);
	else if (!proof_check(&t->sender->session, m, size - FRAME_MAC))
		drop(t, DROP_RELAY_CRYPTO);
	else
		return true;
	return false;
}

void relay_server_ping(struct turn *t, const uint8_t *m, size_t n)
{
	const struct frame_ping *f = (const void *)m;
	struct frame_pong p = { .header = frame_header_of(FRAME_PONG, 0) };

	if (!sealed(t, m, n, sizeof(*f)))
		return;
	t->sender->heard = t->now;
	p.observed = endpoint_frame(&t->sender->route.remote);
	memcpy(p.txid, f->txid, FRAME_TXID);
	proof_put(&t->sender->session, &p, offsetof(struct frame_pong, mac));
	relay_server_answer(t, &p, sizeof(p));
}

static void input_open(struct turn *t, const uint8_t *m)
{
	const struct frame_peer *f = (const void *)m;
	struct frame_peer reply;
	struct key_public peer;
	uint32_t number = 0;

	memcpy(peer.b, f->peer, sizeof(peer.b));
	if (relay_server_find_peer(t, &peer))
		number = roster_channel_for(&t->s->roster, t->sender, &peer);
	reply = relay_server_peer_frame(number ? FRAME_PEER : FRAME_ABSENT, number, &peer,
			   &t->sender->session);
	relay_server_answer(t, &reply, sizeof(reply));
}

static void input_ack(struct turn *t, const uint8_t *m)
{
	const struct frame_peer *f = (const void *)m;
	struct roster_channel *ch;

	ch = roster_channel(t->sender, be32_get(f->header.channel));
	if (ch && !memcmp(ch->peer.b, f->peer, sizeof(f->peer)))
		ch->told = true;
}

static void input_leave(struct turn *t)
{
	forget(t->s, t->sender);
	t->sender = NULL;
}

void relay_server_greet(struct turn *t, const uint8_t *m, size_t n)
{
	struct frame_header reset = frame_header_of(FRAME_RESET, 0);

	if (m[1] == FRAME_HELLO) {
		input_hello(t, m, n);
		return;
	}
	drop(t, DROP_RELAY_UNREGISTERED);
	if (m[1] == FRAME_PING && n >= sizeof(struct frame_ping))
		challenge(t, FRAME_RESET, ((const struct frame_ping *)m)->txid);
	else if (limiter_pass(t->s->greet, &t->in->from.remote.ip, t->now))
		relay_server_answer(t, &reset, sizeof(reset));
}

/* wanted() - is a control frame good enough to hold up everybody for it? If not, it
 * is dropped here */
static bool wanted(struct turn *t, const uint8_t *m, size_t n)
{
	switch (m[1]) {
	case FRAME_REGISTER:
		return is_register(t, m, n);
	case FRAME_OPEN:
	case FRAME_ACK:
		return sealed(t, m, n, sizeof(struct frame_peer));
	case FRAME_LEAVE:
		return sealed(t, m, n, sizeof(struct frame_leave));
	default:
		drop(t, DROP_RELAY_TYPE);
		return false;
	}
}

bool relay_server_control(struct turn *t, const uint8_t *m, size_t n)
{
	if (!wanted(t, m, n))
		return true;
	if (t->shared)
		return false;
	if (m[1] == FRAME_REGISTER)
		input_register(t, m);
	else if (m[1] == FRAME_OPEN)
		input_open(t, m);
	else if (m[1] == FRAME_ACK)
		input_ack(t, m);
	else
		input_leave(t);
	return true;
}

static void turn_secret(struct relay_server *s, const uint8_t *fresh, nsec_t now)
{
	s->secrets[1] = s->secrets[0];
	memcpy(s->secrets[0].b, fresh, sizeof(s->secrets[0].b));
	s->next_secret = now + SECRET_AGE;
}

/* may_stay() - is it heard, its token good, its quota not used up? */
static bool may_stay(struct relay_server *s, const struct roster_client *c, nsec_t now,
		     uint64_t wall_s)
{
	if (nsec_since(c->heard, now) > SEC(RELAY_SILENCE_S) ||
	    c->expires_s + 60 < wall_s)
		return false;
	if (!quota_spent(&s->quota, &c->key))
		return true;
	drop_count(&s->lanes[0].drops, DROP_RELAY_QUOTA);
	return false;
}

void relay_server_tick(struct relay_server *s, const uint8_t fresh[static 32],
		       nsec_t now, uint64_t wall_s)
{
	if (now >= s->next_secret)
		turn_secret(s, fresh, now);
	s->next_tick = now + TICK_PERIOD;
	quota_turn(&s->quota, wall_s);
	for (int32_t i = 0; i < s->roster.used; i++) {
		struct roster_client *c = &s->roster.clients[i];

		if (!c->live)
			continue;
		bill(s, c);
		if (!may_stay(s, c, now, wall_s))
			roster_remove(&s->roster, c);
	}
}

nsec_t relay_server_next_expiry(const struct relay_server *s)
{
	return s->next_tick;
}

void relay_server_set_limits(struct relay_server *s, const struct relay_limits *l)
{
	take_limits(s, l);
	for (int32_t i = 0; i < s->roster.used; i++) {
		struct roster_client *c = &s->roster.clients[i];

		if (c->live &&
		    !allow_admits(&s->allow, &c->key, &c->route.remote.ip))
			forget(s, c);
	}
}

void relay_server_set_month(struct relay_server *s, uint64_t month, uint64_t octets)
{
	s->quota.month = month;
	s->quota.total = octets;
}

uint64_t relay_server_month(const struct relay_server *s, uint64_t *octets)
{
	*octets = s->quota.total;
	return s->quota.month;
}

void relay_server_remove(struct relay_server *s, const struct key_public *node,
			 nsec_t now)
{
	struct roster_client *c = roster_by_key(&s->roster, node);

	s->removed[s->removed_next++ % REMOVED_MAX] =
		(struct removed){ *node, nsec_max(now, 1) };
	if (c)
		forget(s, c);
}

void relay_server_closed(struct relay_server *s, const struct relay_route *route)
{
	struct roster_client *c = roster_by_route(&s->roster, route);

	if (c)
		forget(s, c);
}

bool relay_server_knows(const struct relay_server *s,
			const struct relay_route *route)
{
	return roster_by_route(&s->roster, route) != NULL;
}

void relay_server_readmit(struct relay_server *s, const struct key_public *node)
{
	for (unsigned i = 0; i < REMOVED_MAX; i++)
		if (key_public_eq(&s->removed[i].key, node))
			s->removed[i].at = 0;
}

void relay_server_stats(const struct relay_server *s,
			struct relay_server_stats *out)
{
	*out = (struct relay_server_stats){
		.clients = (uint64_t)s->roster.count,
		.channels = s->roster.channels,
	};
	for (unsigned i = 0; i < s->lane_count; i++) {
		out->forwarded += s->lanes[i].forwarded;
		out->forwarded_octets += s->lanes[i].forwarded_octets;
		for (unsigned d = 0; d < DROP_COUNT; d++)
			out->drops[d] += s->lanes[i].drops.n[d];
	}
}

struct drop_counts *relay_server_drops(struct relay_server *s)
{
	return &s->lanes[0].drops;
}
