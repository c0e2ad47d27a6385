/* SPDX-License-Identifier: MIT
 *
 * server.c - the coordination server
 *
 * A connection is a session: first the Noise handshake, then join or login, which ties
 * it to a member; only then anything else. Changes are pushed to all by one timer, so
 * that a burst of them becomes one delta per node.
 */
#include "coord/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "coord/enrol.h"
#include "coord/guests.h"
#include "coord/peerrelays.h"
#include "coord/proto.h"
#include "coord/relays.h"
#include "coord/record.h"
#include "coord/routes.h"
#include "coord/session.h"
#include "relay/token.h"

/* What a push to one node costs in all is well below 50 us: rests keep the processor free
 * for those who come in. */
static const nsec_t login_timeout = SEC(10), push_delay = MSEC(20),
		    tick_every = SEC(1), rest_of_one = USEC(250),
		    rest_longest = SEC(1);

uint64_t server_wall_s(void)
{
	return time_wall() / SEC(1);
}

static void arm_push(struct server *s, nsec_t delay)
{
	nsec_t at = nsec_add(time_now(), delay);

	if (s->push_armed && delay)
		return;
	if (delay)
		at = nsec_max(at, s->push_rest);
	s->push_armed = true;
	loop_timer_at(&s->push, at);
}

void server_push_soon(struct server *s)
{
	arm_push(s, push_delay);
}

void server_push_at_once(struct server *s)
{
	arm_push(s, 0);
}

static void detach(struct session *x)
{
	struct member *n = x->member;

	x->member = NULL;
	/* An older session of a node may end after a newer one has begun. */
	if (!n || n->session != x)
		return;
	n->session = NULL;
	members_set_online(&x->server->members, n, false);
	peerrelays_online(&x->server->members, n, false, time_now());
	arm_push(x->server, push_delay);
	log_info("node %s: offline", n->row.name);
}

/* Everything but the stream. */
static void end_session(struct session *x)
{
	detach(x);
	*x->link = x->next;
	if (x->next)
		x->next->link = x->link;
	x->server->stats.connections--;
	channel_free(x->channel);
	json_decref(x->waiting);
	json_decref(x->held);
	free(x->budget);
	free(x);
}

void server_close(struct session *x)
{
	stream_finish(x->stream);
	end_session(x);
}

void server_tell(struct session *x, json_t *o)
{
	proto_send(x->stream, x->channel, o);
}

void server_tell_error(struct session *x, const char *code, const char *text,
		       bool final)
{
	json_t *o = proto_new(PROTO_ERROR);

	proto_set_text(o, "code", code);
	proto_set_text(o, "text", text);
	proto_set_bool(o, "final", final);
	server_tell(x, o);
}

/* ---- what we push ---- */

void server_tell_part(void *owner, const struct members_part *part)
{
	struct session *x = owner;

	x->server->stats.full_maps += part->full && part->first;
	x->server->stats.deltas += !part->full;
	/* A last part without one before it would pass for the whole. */
	if (!x->lost)
		x->lost = !proto_send_text(x->stream, x->channel, part->text, part->n);
}

/* server_told() - a node that misses something is told anew with the next push */
void server_told(struct session *x)
{
	if (x->lost)
		log_warn("node %s: its map could not be sent; it gets a whole one with "
			 "the next change", x->member->row.name);
	x->sent = x->lost ? 0 : x->server->members.version;
	x->lost = false;
}

void server_store(struct server *s)
{
	if (members_store(&s->members) < 0)
		log_warn("what nodes have published cannot be stored: %s",
			 registry_error(s->p.registry));
}

static void send_map(struct session *x, uint64_t from)
{
	/* What says nothing is not sent: the node keeps its version, and so do we. */
	if (members_map(&x->server->members, x->member, from, server_wall_s(),
			server_tell_part, x))
		server_told(x);
	else
		x->sent = from;
}

void server_send_token(struct session *x, nsec_t now)
{
	struct token t = { .node = x->member->row.tunnel,
			   .network = x->server->p.network,
			   .expires_s = server_wall_s() + TOKEN_LIFETIME_S };
	uint8_t m[TOKEN_OCTETS];
	json_t *o;

	x->token_renewal = nsec_add(now, SEC(TOKEN_LIFETIME_S / 2));
	if (x->member->row.waiting)
		return;
	o = proto_new(PROTO_TOKEN);
	token_sign(&t, x->server->p.sign, m);
	proto_set_octets(o, "token", m, sizeof(m));
	proto_set_number(o, "expires", t.expires_s);
	server_tell(x, o);
}

void server_push(struct server *s)
{
	nsec_t rest = 0;

	s->push_armed = false;
	server_store(s);
	for (struct session *x = s->sessions; x; x = x->next) {
		if (!x->member || x->sent >= s->members.version)
			continue;
		send_map(x, x->sent);
		rest += rest_of_one;
	}
	s->push_rest = nsec_add(time_now(), nsec_min(rest, rest_longest));
}

static void on_push(struct loop_timer *t, nsec_t now)
{
	server_push(container_of(t, struct server, push));
}

static void on_tick(struct loop_timer *t, nsec_t now)
{
	struct server *s = container_of(t, struct server, tick);

	for (struct session *x = s->sessions, *next; x; x = next) {
		next = x->next;
		if (!x->member && !x->held &&
		    nsec_since(x->since, now) > login_timeout)
			server_close(x);
		else if (x->member && now >= x->token_renewal)
			server_send_token(x, now);
	}
	server_expiry_pass(s, server_wall_s());
	if (peerrelays_expire(&s->members, now))
		arm_push(s, push_delay);
	loop_timer_at(&s->tick, nsec_add(now, tick_every));
}

/* ---- what we hear ---- */

/* first_map() - at once, but with the next push when there is something to be stored
 * before: in a storm that is one transaction for all who come in meanwhile */
static void first_map(struct session *x, uint64_t held)
{
	const struct members *m = &x->server->members;

	if (!members_unstored(m))
		send_map(x, held);
	else
		x->sent = members_can_delta(m, held) ? held : 0;
}

void server_welcome(struct session *x, struct member *n, const json_t *o)
{
	struct server *s = x->server;
	json_t *w = proto_new(PROTO_WELCOME);
	struct endpoint seen = stream_remote(x->stream);
	char at[ADDR_TEXT];
	struct session *older = n->session;
	uint64_t held = proto_number(o, "version");

	x->member = n;
	json_decref(x->held);
	x->held = NULL;
	x->told_expires = proto_number(o, "expires");
	n->session = x;
	if (older && older != x)
		server_close(older);
	n->takes_brief = proto_bool(o, "brief");
	members_set_online(&s->members, n, true);
	peerrelays_online(&s->members, n, true, time_now());
	s->stats.logins++;
	proto_set_number(w, "id", n->row.id);
	proto_set_text(w, "name", n->row.name);
	proto_set_number(w, "time", server_wall_s());
	proto_set_text(w, "seen", endpoint_text(&seen, at));
	server_tell(x, w);
	server_send_token(x, time_now());
	first_map(x, proto_number(o, "network") == s->p.network ? held : 0);
	arm_push(s, push_delay);
	log_info("node %s: online from %s", n->row.name, stream_peer(x->stream));
}

void server_log_in(struct session *x, json_t *o)
{
	struct server *s = x->server;
	const struct enrol e = { &s->members, channel_peer(x->channel), o,
				 server_wall_s(), s->approve };
	bool join = !x->member && !strcmp(proto_text(o, "type"), "join");
	const char *code = NULL, *why;
	struct member *n = NULL;
	struct key_public old = server_key_of(s, x);
	unsigned before = s->members.count;

	why = join ? enrol_join(&e, &n, &code) : enrol_login(&e, &n, &code);
	server_key_replaced(s, n, &old);
	if (!why) {
		s->stats.joins += s->members.count - before;
		if (join && s->p.node_joined)
			s->p.node_joined(s->p.owner, &n->row.tunnel);
		server_welcome(x, n, o);
		return;
	}
	if (!strcmp(code, "expired")) {
		server_hold(x, o, why);
		return;
	}
	log_warn("%s from %s refused: %s", join ? "join" : "login",
		 stream_peer(x->stream), why);
	if (!strcmp(code, "removed"))
		server_tell(x, proto_new(PROTO_REMOVED));
	else
		server_tell_error(x, code, why, strcmp(code, "database") != 0);
	server_close(x);
}

/* on_login() - a copy is found out before anything is written: it may bring another key */
static void on_login(struct session *x, json_t *o)
{
	struct member *n = members_by_machine(&x->server->members,
					      channel_peer(x->channel));

	x->instance = proto_number(o, "instance");
	if (n && server_copy_suspected(x, n))
		server_copy_ask(x, n, o);
	else
		server_log_in(x, o);
}

/* Our own eyes: the address that the channel comes from is really theirs. */
static void attest(struct candidate_list *l, const struct endpoint *seen)
{
	for (unsigned i = 0; i < l->count; i++)
		l->c[i].attested = ipaddr_eq(&l->c[i].at.ip, &seen->ip);
}

static void on_publish(struct session *x, const json_t *o)
{
	struct netmap_node *n = &x->member->node;
	struct netmap_node old;
	struct endpoint seen = stream_remote(x->stream);
	bool routes = routes_offer(&x->server->members, x->member,
				   json_object_get(o, "routes"));
	bool carries = peerrelays_offer(&x->server->members, x->member,
					json_object_get(o, "carries"), &seen);

	if (routes || carries)
		arm_push(x->server, push_delay);
	old = *n;
	record_published_read(o, n);
	attest(&n->candidates, &seen);
	/* What changes nothing is told to nobody. */
	if (x->member->heard && !memcmp(&old, n, sizeof(old)))
		return;
	x->member->heard = true;
	members_touch(&x->server->members, x->member);
	arm_push(x->server, push_delay);
}

static void on_signal(struct session *x, const json_t *o)
{
	struct server_stats *stats = &x->server->stats;
	uint8_t m[PROTO_SIGNAL_MAX];
	struct key_public to;
	struct member *peer;
	json_t *out;
	size_t n;

	if (!proto_key(o, "to", &to) || !proto_octets(o, "m", m, sizeof(m), &n))
		return;
	if (!x->budget)
		x->budget = calloc(1, sizeof(*x->budget));
	if (!x->budget || !budget_take(x->budget, &to, time_now())) {
		stats->signals_over_budget++;
		return;
	}
	peer = members_by_tunnel(&x->server->members, &to);
	members_settle(&x->server->members);
	if (!peer || !peer->session ||
	    !members_sees(&x->server->members, peer, x->member, server_wall_s()))
		return;
	out = proto_new(PROTO_SIGNAL);
	proto_set_key(out, "from", &x->member->row.tunnel);
	proto_set_octets(out, "m", m, n);
	stats->signals++;
	server_tell(peer->session, out);
}

const char *server_forget(struct server *s, struct member *n)
{
	struct key_public tunnel = n->row.tunnel;
	struct session *x = n->session;
	char name[NETMAP_NAME];

	memcpy(name, n->row.name, sizeof(name));
	if (guests_leave(&s->members, n) < 0)
		return "the database refused; see the server's log and its disk";
	if (members_remove(&s->members, n) < 0)
		return "the database refused; see the server's log and its disk";
	if (x)
		x->member = NULL;
	if (s->p.node_removed)
		s->p.node_removed(s->p.owner, &tunnel);
	arm_push(s, 0);
	log_info("node %s: removed", name);
	return NULL;
}

static void on_leave(struct session *x)
{
	const char *why = server_forget(x->server, x->member);

	if (why)
		server_tell_error(x, "database", why, false);
	else
		server_tell(x, proto_new(PROTO_LEFT));
	server_close(x);
}

static void take_of_member(struct session *x, enum proto_type type, json_t *o)
{
	switch (type) {
	case PROTO_JOIN:
	case PROTO_LOGIN:
		on_login(x, o);
		return;
	case PROTO_RESYNC:
		server_store(x->server);
		send_map(x, 0);
		return;
	case PROTO_PUBLISH:
		on_publish(x, o);
		return;
	case PROTO_SIGNAL:
		on_signal(x, o);
		return;
	case PROTO_LEAVE:
		on_leave(x);
		return;
	case PROTO_PROBE:
		server_copy_found(x);
		return;
	case PROTO_WARNING:
	case PROTO_WELCOME:
	case PROTO_NETMAP:
	case PROTO_TOKEN:
	case PROTO_LEFT:
	case PROTO_REMOVED:
	case PROTO_ERROR:
	case PROTO_UNKNOWN:
		x->server->stats.unknown++;
		return;
	}
}

/* Everything but join and login needs a member: denied by default. */
static void take(struct session *x, enum proto_type type, json_t *o)
{
	if (x->member)
		take_of_member(x, type, o);
	else if (type == PROTO_JOIN || type == PROTO_LOGIN)
		on_login(x, o);
	else
		server_close(x);
}

/* ---- stream ---- */

static bool within_rate(struct session *x, nsec_t now)
{
	const nsec_t one = SEC(1) / SERVER_RATE;

	x->bucket = nsec_max(x->bucket, now);
	if (x->bucket - now > (SERVER_BURST - 1) * one)
		return false;
	x->bucket += one;
	return true;
}

static void on_handshake(struct session *x, const uint8_t *m, size_t n)
{
	static const char hello[] = "{\"v\":1}";
	uint8_t payload[CHANNEL_PAYLOAD_MAX], out[CHANNEL_SECOND + sizeof(hello)];
	size_t out_n = 0;

	if (channel_read_handshake(x->channel, m, n, payload, sizeof(payload)) >= 0)
		out_n = channel_write_handshake(x->channel, hello,
						sizeof(hello) - 1, out,
						sizeof(out));
	if (!out_n || !stream_send(x->stream, out, out_n))
		server_close(x);
}

static void on_message(void *owner, struct stream *s, uint8_t *m, size_t n)
{
	struct session *x = owner;
	enum proto_type type = PROTO_UNKNOWN;
	json_t *o;
	int plain;

	(void)s;
	if (!within_rate(x, time_now())) {
		x->server->stats.over_rate++;
		server_close(x);
		return;
	}
	if (!channel_ready(x->channel)) {
		on_handshake(x, m, n);
		return;
	}
	plain = channel_open(x->channel, m, n);
	o = plain > 0 ? proto_parse(m, (size_t)plain, PROTO_REQUEST_MAX, &type) :
			NULL;
	if (o)
		take(x, type, o);
	else
		server_close(x);
	json_decref(o);
}

static void on_closed(void *owner, struct stream *s, const char *why)
{
	struct session *x = owner;

	(void)s;
	log_debug("connection of %s: %s", stream_peer(x->stream), why);
	end_session(x);
}

static void on_opened(void *owner, struct stream *stream)
{
	struct server *s = owner;
	struct session *x = calloc(1, sizeof(*x));
	const struct stream_events events = { x, NULL, on_message, on_closed };

	if (x)
		x->channel = channel_new_server(s->p.key);
	if (!x || !x->channel) {
		free(x);
		stream_free(stream);
		return;
	}
	x->server = s;
	x->stream = stream;
	x->since = time_now();
	x->next = s->sessions;
	x->link = &s->sessions;
	if (x->next)
		x->next->link = &x->next;
	s->sessions = x;
	s->stats.connections++;
	stream_set_owner(stream, &events);
}

/* ---- set-up ---- */

void server_load_relays(struct server *s)
{
	memcpy(s->members.relays, s->p.relays, sizeof(s->p.relays));
	s->members.relay_count = relays_load(s->p.registry, s->members.relays,
					     s->p.relay_count);
}

static bool start(struct server *s, char why[static 256])
{
	struct stream_server_params p = {
		.loop = s->p.loop,
		.listen = s->p.listen,
		.cert_path = s->p.cert_path,
		.key_path = s->p.key_path,
		.connections_max = SERVER_CONNECTIONS_MAX,
		.message_max = PROTO_REQUEST_MAX + CHANNEL_TAG,
		.handshake_timeout = login_timeout,
		.path = PROTO_PATH,
		.events = { .owner = s, .opened = on_opened },
	};

	snprintf(why, 256, "the database does not answer, or no memory");
	if (members_load(&s->members, s->p.registry) ||
	    routes_load(&s->members) || guests_load(&s->members) ||
	    loop_timer_init(s->p.loop, &s->tick, on_tick) ||
	    server_copy_init(s) ||
	    loop_timer_init(s->p.loop, &s->push, on_push))
		return false;
	s->members.network = s->p.network;
	memcpy(s->members.overlay, s->p.overlay, sizeof(s->p.overlay));
	sign_public_of(s->p.sign, &s->members.sign);
	peerrelays_load(&s->members, time_now());
	server_load_relays(s);
	if (!server_load_policy(s, why))
		return false;
	s->streams = stream_server_new(&p, why);
	if (!s->streams)
		return false;
	loop_timer_at(&s->tick, nsec_add(time_now(), tick_every));
	server_load_expiry(s, server_wall_s());
	return true;
}

struct server *server_new(const struct server_params *p, char why[static 256])
{
	struct server *s = calloc(1, sizeof(*s));

	snprintf(why, 256, "out of memory");
	if (!s)
		return NULL;
	s->p = *p;
	if (start(s, why))
		return s;
	server_free(s);
	return NULL;
}

void server_free(struct server *s)
{
	if (!s)
		return;
	while (s->sessions) {
		struct session *x = s->sessions;

		stream_free(x->stream);
		end_session(x);
	}
	stream_server_free(s->streams);
	loop_timer_done(&s->tick);
	server_copy_done(s);
	loop_timer_done(&s->push);
	members_done(&s->members);
	free(s);
}

uint16_t server_port(const struct server *s)
{
	return stream_server_port(s->streams);
}

struct stream_server *server_streams(struct server *s)
{
	return s->streams;
}

void server_stats(const struct server *s, struct server_stats *out)
{
	*out = s->stats;
	out->refused = stream_server_refused(s->streams);
}
