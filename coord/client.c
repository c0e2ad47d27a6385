/* SPDX-License-Identifier: MIT
 *
 * client.c - a node's connection to the coordination server, kept up
 *
 * One attempt is a stream and a channel; whatever ends it sets the timer for the next
 * with full jitter: anywhere in 0..limit, where the limit doubles from 0.2 s to 30 s
 * and falls back once the server has welcomed us or the network has changed.
 */
#include "coord/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/rand.h"
#include "base/stream.h"
#include "base/udp.h"
#include "coord/budget.h"
#include "coord/proto.h"
#include "coord/record.h"
#include "crypto/channel.h"

/* Hang-ups in answer to our first handshake message, in a row, that settle that an invite
 * names another server's key; one alone may be a server on its way down. */
enum { STRANGER_HANGUPS = 3 };

static const nsec_t backoff_first = MSEC(200), backoff_last = SEC(30),
		    connect_timeout = SEC(10), leave_timeout = SEC(3);

enum state {
	STATE_WAITING, /* for the timer */
	STATE_CONNECTING, /* stream and Noise */
	STATE_ASKED, /* join or login sent */
	STATE_WELCOME,
	STATE_EXPIRED, /* an administrator may revive us: the welcome comes then */
	STATE_REFUSED, /* final */
};

struct coord_client {
	struct coord_client_params p;
	enum state state;
	struct stream *stream;
	struct channel *channel;
	struct loop_timer timer, leave_timer;
	nsec_t backoff; /* limit of the next wait */
	struct prng jitter;
	struct budget budget;
	uint64_t instance; /* tells a reconnection from a copy of our state */
	json_t *parts; /* netmap whose last part has not come */
	uint64_t unknown, full_maps;
	unsigned hangups; /* in a row, during the handshake */

	bool have_published;
	struct candidate_list candidates;
	uint32_t generation;
	struct coord_client_rtts rtts;
	bool carries;
	struct netmap_relay carrier; /* key and .at of our relay for others */
	struct prefix routes[NETMAP_ROUTES_MAX]; /* offered */
	unsigned route_count;

	void (*left)(void *owner, bool ok);
};

static void tell(struct coord_client *c, bool connected, const char *why)
{
	if (c->p.state_changed)
		c->p.state_changed(c->p.owner, connected, why);
}

static void drop_connection(struct coord_client *c)
{
	stream_free(c->stream);
	channel_free(c->channel);
	json_decref(c->parts);
	c->stream = NULL;
	c->channel = NULL;
	c->parts = NULL;
}

static void retry(struct coord_client *c, const char *why)
{
	nsec_t wait = prng_below(&c->jitter, (uint32_t)(c->backoff / USEC(1)));

	drop_connection(c);
	if (c->state == STATE_REFUSED)
		return;
	c->state = STATE_WAITING;
	c->backoff = nsec_min(c->backoff * 2, backoff_last);
	loop_timer_at(&c->timer, nsec_add(time_now(), USEC(wait)));
	tell(c, false, why);
}

static void refuse(struct coord_client *c, const char *why)
{
	c->state = STATE_REFUSED;
	drop_connection(c);
	loop_timer_at(&c->timer, NSEC_NEVER);
	tell(c, false, why);
	if (c->p.refused)
		c->p.refused(c->p.owner, why);
}

/* The server took our stream but not our handshake. A member goes on trying, since its
 * server may come back; an invite for another server will not get better. */
static void handshake_failed(struct coord_client *c)
{
	if (!c->p.enrolled && ++c->hangups >= STRANGER_HANGUPS)
		refuse(c, "the server does not have the key of our invite: it is not "
			  "the one that made it, or it was set up anew; ask for a "
			  "new invite");
	else
		retry(c, "the server does not have the key of our invite, or "
			 "went away");
}

static bool send_object(struct coord_client *c, json_t *o)
{
	return proto_send(c->stream, c->channel, o);
}

/* ---- what we say ---- */

static void send_login(struct coord_client *c)
{
	json_t *o = proto_new(c->p.enrolled ? PROTO_LOGIN : PROTO_JOIN);

	if (!c->p.enrolled)
		proto_set_octets(o, "secret", c->p.invite_secret,
				 INVITE_SECRET_OCTETS);
	proto_set_key(o, "tunnel", &c->p.tunnel);
	proto_set_text(o, "hostname", c->p.hostname);
	proto_set_bool(o, "fast_aes", c->p.fast_aes);
	proto_set_number(o, "instance", c->instance);
	proto_set_number(o, "network", c->p.netmap->network);
	proto_set_number(o, "version", c->p.netmap->version);
	proto_set_number(o, "expires", c->p.netmap->expires_s);
	proto_set_bool(o, "brief", true);
	c->state = STATE_ASKED;
	send_object(c, o);
}

static json_t *offered_json(const struct coord_client *c)
{
	char text[ADDR_TEXT];
	json_t *a = json_array();

	for (unsigned i = 0; i < c->route_count; i++)
		json_array_append_new(
			a, json_string(prefix_text(&c->routes[i], text)));
	return a;
}

static json_t *carries_json(const struct netmap_relay *r)
{
	json_t *o = json_object(), *at = json_array();
	char text[ADDR_TEXT];

	proto_set_key(o, "key", &r->key);
	for (unsigned i = 0; i < ARRAY_SIZE(r->at); i++)
		if (!endpoint_is_zero(&r->at[i]))
			json_array_append_new(
				at, json_string(endpoint_text(&r->at[i], text)));
	json_object_set_new(o, "at", at);
	return o;
}

static void send_published(struct coord_client *c)
{
	json_t *o = proto_new(PROTO_PUBLISH);

	proto_set_number(o, "generation", c->generation);
	json_object_set_new(o, "candidates",
			    record_candidates_json(&c->candidates));
	json_object_set_new(o, "rtt", record_rtt_json(c->rtts.servers));
	if (c->rtts.peers[0].relay)
		json_object_set_new(o, "peer_rtt",
				    record_peer_rtt_json(c->rtts.peers));
	if (c->carries)
		json_object_set_new(o, "carries", carries_json(&c->carrier));
	json_object_set_new(o, "routes", offered_json(c));
	send_object(c, o);
}

/* ---- what we hear ---- */

static void tell_seen(struct coord_client *c, const json_t *o)
{
	const char *text = proto_text(o, "seen");
	struct endpoint at;

	if (c->p.seen && text && endpoint_parse(text, &at))
		c->p.seen(c->p.owner, &at);
}

static void on_welcome(struct coord_client *c, const json_t *o)
{
	c->state = STATE_WELCOME;
	c->backoff = backoff_first;
	c->hangups = 0;
	loop_timer_at(&c->timer, NSEC_NEVER);
	if (!c->p.enrolled) {
		c->p.enrolled = true;
		secret_wipe(c->p.invite_secret, sizeof(c->p.invite_secret));
		if (c->p.joined)
			c->p.joined(c->p.owner);
	}
	tell(c, true, "connected");
	tell_seen(c, o);
	if (c->have_published)
		send_published(c);
}

/* Parts of a whole map are gathered. NULL: more to come; else a reference. */
static json_t *gather(struct coord_client *c, json_t *o)
{
	json_t *peers = json_object_get(c->parts, "peers");

	if (!c->parts)
		c->parts = json_incref(o);
	else if (json_array_size(peers) <= NETMAP_PEERS_MAX)
		json_array_extend(peers, json_object_get(o, "peers"));
	if (proto_bool(o, "more"))
		return NULL;
	o = c->parts;
	c->parts = NULL;
	return o;
}

static void on_netmap(struct coord_client *c, json_t *o)
{
	bool full = proto_bool(o, "full");
	unsigned skipped = c->p.netmap->skipped;
	json_t *whole = full ? gather(c, o) : json_incref(o);

	if (!whole)
		return;
	c->full_maps += full;
	if (netmap_apply(c->p.netmap, whole) == 0) {
		if (c->p.netmap->skipped != skipped)
			log_warn("netmap: %u records skipped, the server sent "
				 "them malformed",
				 c->p.netmap->skipped - skipped);
		if (c->p.netmap_changed)
			c->p.netmap_changed(c->p.owner);
	} else if (full) {
		retry(c, "the server sent a map that makes no sense");
	} else {
		send_object(c, proto_new(PROTO_RESYNC));
	}
	json_decref(whole);
}

static void on_signal(struct coord_client *c, const json_t *o)
{
	uint8_t m[PROTO_SIGNAL_MAX];
	struct key_public from;
	size_t n;

	if (c->p.signal && proto_key(o, "from", &from) &&
	    proto_octets(o, "m", m, sizeof(m), &n))
		c->p.signal(c->p.owner, &from, m, n);
}

static void on_token(struct coord_client *c, const json_t *o)
{
	uint8_t token[512];
	size_t n;

	if (c->p.token && proto_octets(o, "token", token, sizeof(token), &n))
		c->p.token(c->p.owner, token, n);
}

static void wait_for_revival(struct coord_client *c, const char *why)
{
	c->state = STATE_EXPIRED;
	c->backoff = backoff_first;
	loop_timer_at(&c->timer, NSEC_NEVER);
	tell(c, false, why);
	if (c->p.expired)
		c->p.expired(c->p.owner, why);
}

static void on_error(struct coord_client *c, const json_t *o)
{
	const char *code = proto_text(o, "code");
	const char *text = proto_text(o, "text");
	char why[256];

	snprintf(why, sizeof(why), "%s",
		 text ? text : "the server refused without a reason");
	if (proto_bool(o, "final"))
		refuse(c, why);
	else if (code && !strcmp(code, "expired") && c->state == STATE_ASKED)
		wait_for_revival(c, why);
	else
		retry(c, why);
}

static void on_left(struct coord_client *c, bool ok)
{
	void (*left)(void *, bool) = c->left;

	c->left = NULL;
	loop_timer_at(&c->leave_timer, NSEC_NEVER);
	if (ok) {
		c->state = STATE_REFUSED;
		drop_connection(c);
		loop_timer_at(&c->timer, NSEC_NEVER);
	}
	if (left)
		left(c->p.owner, ok);
}

static void take(struct coord_client *c, enum proto_type type, json_t *o)
{
	switch (type) {
	case PROTO_WELCOME:
		on_welcome(c, o);
		return;
	case PROTO_NETMAP:
		on_netmap(c, o);
		return;
	case PROTO_SIGNAL:
		on_signal(c, o);
		return;
	case PROTO_TOKEN:
		on_token(c, o);
		return;
	case PROTO_LEFT:
		on_left(c, true);
		return;
	case PROTO_PROBE:
		send_object(c, proto_new(PROTO_PROBE));
		return;
	case PROTO_WARNING:
		if (c->p.warned && proto_text(o, "text"))
			c->p.warned(c->p.owner, proto_text(o, "text"));
		return;
	case PROTO_REMOVED:
		refuse(c, "this node was removed from the network by its "
			  "administrator; join again with a new invite");
		return;
	case PROTO_ERROR:
		on_error(c, o);
		return;
	case PROTO_JOIN:
	case PROTO_LOGIN:
	case PROTO_RESYNC:
	case PROTO_PUBLISH:
	case PROTO_LEAVE:
	case PROTO_UNKNOWN:
		c->unknown++;
		return;
	}
}

/* ---- stream ---- */

static void on_opened(void *owner, struct stream *s)
{
	static const char hello[] = "{\"v\":1}";
	uint8_t m[CHANNEL_FIRST + sizeof(hello)];
	struct coord_client *c = owner;
	size_t n;

	c->channel = channel_new_client(c->p.machine, &c->p.server);
	n = c->channel ? channel_write_handshake(c->channel, hello,
						 sizeof(hello) - 1, m, sizeof(m)) :
			 0;
	if (!n || !stream_send(s, m, n))
		retry(c, "no memory");
}

static void on_handshake(struct coord_client *c, const uint8_t *m, size_t n)
{
	uint8_t hello[CHANNEL_PAYLOAD_MAX];

	if (channel_read_handshake(c->channel, m, n, hello, sizeof(hello)) < 0 ||
	    !channel_ready(c->channel))
		handshake_failed(c);
	else
		send_login(c);
}

static void on_message(void *owner, struct stream *s, uint8_t *m, size_t n)
{
	struct coord_client *c = owner;
	enum proto_type type = PROTO_UNKNOWN;
	json_t *o;
	int plain;

	(void)s;
	if (!channel_ready(c->channel)) {
		on_handshake(c, m, n);
		return;
	}
	plain = channel_open(c->channel, m, n);
	o = plain > 0 ? proto_parse(m, (size_t)plain, PROTO_MESSAGE_MAX, &type) :
			NULL;
	if (!o) {
		retry(c, "the server sent something unreadable");
		return;
	}
	take(c, type, o);
	json_decref(o);
}

static void on_closed(void *owner, struct stream *s, const char *why)
{
	struct coord_client *c = owner;
	bool handshake = c->channel && !channel_ready(c->channel);
	char text[256];

	(void)s;
	c->stream = NULL; /* frees itself */
	snprintf(text, sizeof(text), "%s", why);
	if (handshake)
		handshake_failed(c);
	else
		retry(c, text);
}

static void start(struct coord_client *c)
{
	const struct stream_events events = { c, on_opened, on_message, on_closed };

	c->state = STATE_CONNECTING;
	/* Also bounds the wait for the welcome, see on_timer(). */
	loop_timer_at(&c->timer, nsec_add(time_now(), 2 * connect_timeout));
	c->stream = stream_connect_by(c->p.loop, c->p.proxy, c->p.url, PROTO_PATH,
				   connect_timeout, c->p.mark, &events);
	if (!c->stream)
		retry(c, "the server's URL is not https://HOST[:PORT]");
}

static void on_timer(struct loop_timer *t, nsec_t now)
{
	struct coord_client *c = container_of(t, struct coord_client, timer);

	(void)now;
	if (c->state == STATE_WAITING)
		start(c);
	else if (c->state == STATE_CONNECTING || c->state == STATE_ASKED)
		retry(c, "no answer in time");
}

static void on_leave_timer(struct loop_timer *t, nsec_t now)
{
	(void)now;
	on_left(container_of(t, struct coord_client, leave_timer), false);
}

/* ---- what the owner asks ---- */

struct coord_client *coord_client_new(const struct coord_client_params *p)
{
	struct coord_client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->p = *p;
	c->backoff = backoff_first;
	c->jitter.state = rand_u64();
	c->instance = rand_u64() >> 11 | 1; /* 53 bits fit every JSON reader */
	if (loop_timer_init(p->loop, &c->timer, on_timer) ||
	    loop_timer_init(p->loop, &c->leave_timer, on_leave_timer)) {
		coord_client_free(c);
		return NULL;
	}
	c->state = STATE_WAITING;
	loop_timer_at(&c->timer, time_now());
	return c;
}

void coord_client_free(struct coord_client *c)
{
	if (!c)
		return;
	drop_connection(c);
	loop_timer_done(&c->timer);
	loop_timer_done(&c->leave_timer);
	secret_wipe(c->p.invite_secret, sizeof(c->p.invite_secret));
	free(c);
}

bool coord_client_connected(const struct coord_client *c)
{
	return c->state == STATE_WELCOME;
}

uint64_t coord_client_unknown(const struct coord_client *c)
{
	return c->unknown;
}

uint64_t coord_client_full_maps(const struct coord_client *c)
{
	return c->full_maps;
}

void coord_client_publish(struct coord_client *c, const struct candidate_list *l,
			  uint32_t generation, const struct coord_client_rtts *rtts)
{
	if (c->have_published && generation == c->generation &&
	    candidate_list_same(l, &c->candidates) &&
	    !memcmp(rtts, &c->rtts, sizeof(c->rtts)))
		return;
	c->have_published = true;
	c->candidates = *l;
	c->generation = generation;
	c->rtts = *rtts;
	if (c->state == STATE_WELCOME)
		send_published(c);
}

void coord_client_offer(struct coord_client *c, const struct prefix *routes,
			unsigned count)
{
	if (count > NETMAP_ROUTES_MAX)
		count = NETMAP_ROUTES_MAX;
	if (count == c->route_count &&
	    (!count || !memcmp(routes, c->routes, count * sizeof(*routes))))
		return;
	if (count)
		memcpy(c->routes, routes, count * sizeof(*routes));
	c->route_count = count;
	if (c->state == STATE_WELCOME && c->have_published)
		send_published(c);
}

void coord_client_carry(struct coord_client *c, const struct netmap_relay *r)
{
	if (r ? c->carries && key_public_eq(&r->key, &c->carrier.key) &&
			endpoint_eq(&r->at[0], &c->carrier.at[0]) &&
			endpoint_eq(&r->at[1], &c->carrier.at[1]) :
		!c->carries)
		return;
	c->carries = r != NULL;
	if (r)
		c->carrier = *r;
	if (c->state == STATE_WELCOME && c->have_published)
		send_published(c);
}

bool coord_client_signal(struct coord_client *c, const struct key_public *to,
			 const uint8_t *m, size_t n)
{
	json_t *o;

	if (c->state != STATE_WELCOME || n > PROTO_SIGNAL_MAX ||
	    !budget_take(&c->budget, to, time_now()))
		return false;
	o = proto_new(PROTO_SIGNAL);
	proto_set_key(o, "to", to);
	proto_set_octets(o, "m", m, n);
	return send_object(c, o);
}

void coord_client_leave(struct coord_client *c, void (*done)(void *owner, bool ok))
{
	c->left = done;
	loop_timer_at(&c->leave_timer, nsec_add(time_now(), leave_timeout));
	if (c->state == STATE_WELCOME)
		send_object(c, proto_new(PROTO_LEAVE));
}

void coord_client_set_tunnel_key(struct coord_client *c, const struct key_public *k)
{
	c->p.tunnel = *k;
	if (c->state == STATE_WELCOME)
		send_login(c);
}

/* A connection from an address that this machine has lost would hang until its
 * timeout; one whose address is still here goes on. */
static bool local_address_stands(const struct coord_client *c)
{
	struct endpoint local = stream_local(c->stream);
	struct udp_params p = { .local.ip = local.ip };
	struct udp u = { .fd = -1 };

	if (ipaddr_is_zero(&local.ip))
		return false;
	p.local.scope = local.scope;
	p.v6 = !ipaddr_is_v4(&local.ip);
	if (udp_open(&u, &p) < 0)
		return false;
	udp_close(&u);
	return true;
}

void coord_client_network_changed(struct coord_client *c)
{
	c->backoff = backoff_first;
	if (c->state == STATE_REFUSED)
		return;
	if (c->state == STATE_WAITING)
		loop_timer_at(&c->timer, time_now());
	else if (!local_address_stands(c))
		retry(c, "the network changed");
}
