/* SPDX-License-Identifier: MIT
 *
 * peer.c - a peer: its tunnel and its path set, driven together
 */
#include "daemon/peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/cross.h"
#include "daemon/direct.h"
#include "daemon/discovery.h"
#include "daemon/fan.h"
#include "daemon/figures.h"
#include "daemon/pinger.h"
#include "daemon/relays.h"
#include "daemon/routes.h"

#define HURRY_GAP MSEC(200) /* at least, behind any initiation of ours */

/* ---- staging ---- */

static void drop_staged(struct node *n, struct peer *p, enum drop why)
{
	while (p->staged) {
		struct staged *s = p->staged;

		p->staged = s->next;
		free(s);
		if (why != DROP_NONE)
			drop_count(&n->drops, why);
	}
	p->staged_end = &p->staged;
	p->staged_count = 0;
}

/* send_sealed() - one message by one egress */
static void send_sealed(struct node *n, const struct egress *e, const uint8_t *m,
			size_t octets)
{
	uint8_t frame[WORKER_NOTE_DATA + RELAY_HEADER_MAX + 64];

	if (!e->usable)
		return;
	memcpy(frame, e->header, e->header_n);
	memcpy(frame + e->header_n, m, octets);
	node_send(n, e->port, &e->to, 0, frame, e->header_n + octets);
}

/* seal_and_send() - one inner packet (0 octets: keepalive) with the current session */
static void seal_and_send(struct node *n, struct peer *p, const uint8_t *inner,
			  size_t octets, nsec_t now)
{
	const struct egress_pair *e = atomic_load(&p->fwd->egress);
	uint8_t m[WORKER_NOTE_DATA + MESSAGE_DATA_OVERHEAD + MESSAGE_PADDING];
	struct session_out out = { .data = m, .inner = octets };
	unsigned wake = 0;
	enum drop d;

	if (octets)
		memcpy(m + sizeof(struct message_data), inner, octets);
	d = session_seal(p->current, n->aead, &out, 1, n->conf.mtu, now, &wake);
	if (d == DROP_NONE && (!e || !e->best.usable))
		d = DROP_NO_PATH;
	if (d != DROP_NONE) {
		drop_count(&n->drops, d);
		return;
	}
	send_sealed(n, &e->best, m, out.n);
	send_sealed(n, &e->also, m, out.n);
	if (!octets)
		return;
	atomic_fetch_add(&p->fwd->tx_octets, octets);
	atomic_fetch_add(&p->fwd->tx_packets, 1);
}

static void flush_staged(struct node *n, struct peer *p, nsec_t now)
{
	const struct egress_pair *e = atomic_load(&p->fwd->egress);

	if (!p->current || !e || !e->best.usable)
		return;
	for (struct staged *s = p->staged; s; s = s->next)
		seal_and_send(n, p, s->data, s->n, now);
	drop_staged(n, p, DROP_NONE);
}

void peer_stage(struct node *n, struct peer *p, const uint8_t *data, size_t octets,
		nsec_t now)
{
	struct staged *s;

	if (p->staged_count == NODE_STAGED_MAX) { /* the oldest goes */
		s = p->staged;
		p->staged = s->next;
		if (!p->staged)
			p->staged_end = &p->staged;
		p->staged_count--;
		free(s);
		drop_count(&n->drops, DROP_NO_SESSION);
	}
	s = malloc(sizeof(*s) + octets);
	if (!s) {
		drop_count(&n->drops, DROP_NO_SESSION);
		return;
	}
	s->next = NULL;
	s->n = octets;
	memcpy(s->data, data, octets);
	*p->staged_end = s;
	p->staged_end = &s->next;
	p->staged_count++;
	peer_activate(n, p, now);
	flush_staged(n, p, now);
	if (!p->current)
		tunnel_want(p->tunnel, now);
	peer_run(n, p, now);
}

/* ---- where to ---- */

static struct egress egress_of(struct node *n, struct peer *p,
			       const struct path_choice *c, nsec_t now)
{
	struct egress e = { 0 };

	switch (c->kind) {
	case PATH_NONE:
		break;
	case PATH_DIRECT:
		e.usable = true;
		e.port = (uint8_t)c->socket;
		e.to = c->to;
		break;
	case PATH_TCP:
		e.port = (uint8_t)direct_port(n, p, c->socket);
		e.usable = e.port != 0;
		e.to = c->to;
		break;
	case PATH_RELAY:
		e.header_n = (uint8_t)relays_header(n, c->relay, &p->key,
						    e.header, &e.to, now);
		e.usable = e.header_n != 0;
		if (e.usable)
			e.port = (uint8_t)relays_port(n, c->relay);
		break;
	}
	return e;
}

static struct path_choice direct_choice(const struct endpoint *to)
{
	return (struct path_choice){ .kind = PATH_DIRECT,
				     .socket = node_main_port(to),
				     .to = *to };
}

void peer_hurry(struct node *n, struct peer *p, nsec_t now)
{
	if (p->current || (!p->active && !p->staged_count))
		return;
	/* an answer to the last one may be under way: a new one would void it */
	if (p->initiated && nsec_since(p->initiated, now) < HURRY_GAP)
		return;
	p->hurries = 0;
	tunnel_rehandshake(p->tunnel, true, now);
}

void peer_refresh_egress(struct node *n, struct peer *p, nsec_t now)
{
	struct egress_pair *e = calloc(1, sizeof(*e)), *old;

	if (!e)
		return;
	if (!p->paths && !endpoint_is_zero(&p->stock_at)) {
		p->use.best = direct_choice(&p->stock_at);
	}
	e->best = egress_of(n, p, &p->use.best, now);
	e->also = egress_of(n, p, &p->use.also, now);
	if (!e->best.usable && e->also.usable) {
		e->best = e->also;
		e->also.usable = false;
	}
	old = atomic_load(&p->fwd->egress);
	if (old && !memcmp(old, e, sizeof(*e))) {
		free(e);
		return;
	}
	atomic_store(&p->fwd->also_budget, 64);
	fwd_set_egress(&n->fwd, p->fwd, e);
	flush_staged(n, p, now);
	if (e->best.usable)
		peer_hurry(n, p, now);
}

static void log_use(const struct peer *p, const struct path_choice *c)
{
	char at[ADDR_TEXT];

	switch (c->kind) {
	case PATH_NONE:
		log_info("peer %s: no path", p->name);
		break;
	case PATH_RELAY:
		log_info("peer %s: through relay %u", p->name, c->relay);
		break;
	case PATH_DIRECT:
		log_info("peer %s: direct at %s", p->name,
			 endpoint_text(&c->to, at));
		break;
	case PATH_TCP:
		log_info("peer %s: direct over TCP, at %s", p->name,
			 endpoint_text(&c->to, at));
		break;
	}
}

static bool same_choice(const struct path_choice *a, const struct path_choice *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == PATH_RELAY)
		return a->relay == b->relay;
	return a->kind == PATH_NONE ||
	       (a->socket == b->socket && endpoint_eq(&a->to, &b->to));
}

static void use_paths(struct node *n, struct peer *p, const struct pathset_use *u,
		      nsec_t now)
{
	if (!same_choice(&u->best, &p->use.best))
		log_use(p, &u->best);
	p->use = *u;
	if (u->best.kind == PATH_DIRECT && !u->best.to.scope &&
	    !endpoint_eq(&u->best.to, &p->remembered)) {
		p->remembered = u->best.to;
		peers_save_soon(n);
	}
	peer_refresh_egress(n, p, now);
	routes_reconsider(n, p);
}

void peer_roam(struct node *n, struct peer *p, const struct endpoint *from,
	       nsec_t now)
{
	if (p->paths || endpoint_eq(&p->stock_at, from))
		return;
	p->stock_at = *from;
	peer_refresh_egress(n, p, now);
	log_use(p, &p->use.best);
}

/* ---- handshakes ---- */

/* send_by() - one message by one choice of path */
static bool send_by(struct node *n, struct peer *p, const struct path_choice *c,
		    const uint8_t *m, size_t octets, nsec_t now)
{
	struct egress e = egress_of(n, p, c, now);

	send_sealed(n, &e, m, octets);
	return e.usable;
}

static bool send_on_paths(struct node *n, struct peer *p, const uint8_t *m,
			  size_t octets, nsec_t now)
{
	struct path_info info[PATHSET_PATHS_MAX];
	unsigned count = pathset_paths(p->paths, info, ARRAY_SIZE(info));
	bool sent = false;

	for (unsigned i = 0; i < count; i++)
		if (path_is_direct(&info[i].choice) &&
		    (!strcmp(info[i].state, "alive") ||
		     !strcmp(info[i].state, "suspect")))
			sent |= send_by(n, p, &info[i].choice, m, octets, now);
	for (unsigned r = 0; r < NETMAP_RELAYS_MAX; r++) {
		struct path_choice c = { .kind = PATH_RELAY, .relay = r };

		if (n->relays[r].status.registered)
			sent |= send_by(n, p, &c, m, octets, now);
	}
	return sent;
}

bool peer_send_message(struct node *n, struct peer *p, const uint8_t *m,
		       size_t octets, nsec_t now)
{
	struct path_choice c;
	bool sent;

	if (!p->paths) {
		c = direct_choice(&p->stock_at);
		return !endpoint_is_zero(&p->stock_at) &&
		       send_by(n, p, &c, m, octets, now);
	}
	sent = send_on_paths(n, p, m, octets, now);
	if (path_is_direct(&p->reply) && !path_is_direct(&p->use.best))
		sent |= send_by(n, p, &p->reply, m, octets, now);
	if (p->recalled && !path_is_direct(&p->use.best)) {
		c = direct_choice(&p->remembered);
		sent |= send_by(n, p, &c, m, octets, now);
	}
	return sent;
}

/* ---- the engines ---- */

static void established(struct node *n, struct peer *p)
{
	log_debug("peer %s: handshake done", p->name);
	p->hurries = 0;
	peers_save_soon(n);
}

static bool is_initiation(const struct tunnel_event *ev)
{
	return ev->n == sizeof(struct message_initiation);
}

static void run_tunnel(struct node *n, struct peer *p, nsec_t now)
{
	struct tunnel_event ev;

	for (;;) {
		tunnel_poll(p->tunnel, &ev, now);
		switch (ev.kind) {
		case TUNNEL_IDLE:
			return;
		case TUNNEL_SEND:
			if (peer_send_message(n, p, ev.message, ev.n, now) &&
			    is_initiation(&ev))
				p->initiated = now;
			break;
		case TUNNEL_SEND_KEEPALIVE:
			if (p->current && !p->staged_count)
				seal_and_send(n, p, NULL, 0, now);
			break;
		case TUNNEL_SESSION_ADD:
			n->handshakes++;
			fwd_session_add(&n->fwd, ev.session);
			break;
		case TUNNEL_SESSION_USE:
			p->current = ev.session;
			fwd_session_use(p->fwd, ev.session);
			flush_staged(n, p, now);
			break;
		case TUNNEL_SESSION_RETIRE:
			if (p->current == ev.session)
				p->current = NULL;
			fwd_session_retire(&n->fwd, ev.session);
			break;
		case TUNNEL_GAVE_UP:
			drop_staged(n, p, DROP_NO_SESSION);
			break;
		case TUNNEL_ESTABLISHED:
			established(n, p);
			break;
		}
	}
}

/* send_direct() - PATHSET_SEND_DIRECT: from a socket, or by a stream */
static void send_direct(struct node *n, struct peer *p,
			const struct pathset_action *a)
{
	unsigned port = a->socket;

	if (a->socket >= PATHSET_STREAM)
		port = direct_port(n, p, a->socket);
	if (a->socket >= PATHSET_STREAM && !port)
		drop_count(&n->drops, DROP_NO_PATH);
	else if (a->ttl)
		node_send(n, port, &a->to, a->ttl, a->message, a->n);
	else
		node_answer(n, port, &a->to, &a->from, a->index, a->message, a->n);
}

static void run_paths(struct node *n, struct peer *p, nsec_t now)
{
	struct pathset_action a;

	for (;;) {
		pathset_poll(p->paths, &a, n->epoch, now);
		switch (a.kind) {
		case PATHSET_IDLE:
			return;
		case PATHSET_SEND_DIRECT:
			send_direct(n, p, &a);
			break;
		case PATHSET_SEND_RELAY:
			relays_send(n, a.relay, &p->key, a.message, a.n, now);
			break;
		case PATHSET_USE:
			use_paths(n, p, &a.use, now);
			break;
		case PATHSET_WANT_STUN:
			discovery_refresh(n, now);
			break;
		case PATHSET_WANT_SOCKETS:
			discovery_fresh_port(n, now);
			break;
		case PATHSET_REHANDSHAKE:
			tunnel_rehandshake(p->tunnel, false, now);
			peer_hurry(n, p, now);
			break;
		case PATHSET_WANT_FAN:
			fan_want(n->fan, p, a.count, now);
			break;
		case PATHSET_SEND_FAN:
			fan_send(n->fan, p, a.socket, &a.to, a.ttl, a.message,
				 a.n);
			break;
		case PATHSET_FAN_STUN:
			fan_stun(n->fan, p, a.socket, now);
			break;
		case PATHSET_ADOPT_FAN:
			fan_adopt(n->fan, p, a.socket, now);
			break;
		case PATHSET_DIAL:
			direct_dial(n, p, &a.to);
			break;
		case PATHSET_CROSS_ASK:
			cross_ask(n, p);
			break;
		case PATHSET_CROSS:
			cross_connect(n, p, &a.to);
			break;
		}
	}
}

void peer_run(struct node *n, struct peer *p, nsec_t now)
{
	nsec_t at;

	if (!n->up)
		return;
	if (p->paths)
		run_paths(n, p, now);
	run_tunnel(n, p, now);
	if (p->paths)
		pinger_collect(n, p, now);
	at = tunnel_next_expiry(p->tunnel);
	if (p->paths)
		at = nsec_min(at, pathset_next_expiry(p->paths));
	if (heap_set(&n->due, &p->due, at) < 0)
		log_error("peer %s: out of memory for its timer", p->name);
	node_schedule(n);
}

/* ---- activity ---- */

void peer_activate(struct node *n, struct peer *p, nsec_t now)
{
	atomic_store(&p->fwd->active, true);
	if (p->paths)
		pathset_traffic(p->paths, now);
	p->idle_since = now;
	p->watched = true;
	if (!n->ticking) {
		n->ticking = true;
		loop_timer_at(&n->tick, now + PEER_TICK);
	}
	if (p->active)
		return;
	p->active = true;
	p->next_active = n->active;
	n->active = p;
	peers_save_soon(n);
}

/* ---- birth and death ---- */

static struct pathset *make_paths(struct node *n, const struct key_public *key)
{
	struct pathset_params p = {
		.self_private = &n->identity.private_key,
		.self = n->identity.public_key,
		.peer = *key,
		.box_counter = time_wall(),
		.seed = rand_u64(),
		.overlay = n->netmap.overlay,
		.overlay_count = 2,
		.budget = &n->budget,
	};

	return pathset_new(&p);
}

static bool enter_tables(struct node *n, struct peer *p)
{
	if (p->fwd->slot >= ARRAY_SIZE(n->by_slot))
		return false;
	if (n->peer_count == n->peer_room) {
		unsigned room = n->peer_room ? n->peer_room * 2 : 16;
		struct peer **more = realloc(n->peers, room * sizeof(*more));

		if (!more)
			return false;
		n->peers = more;
		n->peer_room = room;
	}
	if (hmap_put(&n->by_key, hmap_mix(p->key.b, n->key_seed), p) < 0)
		return false;
	n->peers[n->peer_count++] = p;
	n->by_slot[p->fwd->slot] = p;
	return true;
}

static void leave_tables(struct node *n, struct peer *p)
{
	uint64_t k = hmap_mix(p->key.b, n->key_seed);

	if (hmap_get(&n->by_key, k) == p)
		hmap_del(&n->by_key, k);
	for (unsigned i = 0; i < 3 && p->paths; i++) {
		uint64_t h = hmap_mix(p->hints[i], 0);

		if (hmap_get(&n->by_hint, h) == p)
			hmap_del(&n->by_hint, h);
	}
	for (unsigned i = 0; i < n->peer_count; i++)
		if (n->peers[i] == p)
			n->peers[i] = n->peers[--n->peer_count];
	for (struct peer **at = &n->active; *at; at = &(*at)->next_active)
		if (*at == p) {
			*at = p->next_active;
			break;
		}
	if (p->fwd && p->fwd->slot < ARRAY_SIZE(n->by_slot) &&
	    n->by_slot[p->fwd->slot] == p)
		n->by_slot[p->fwd->slot] = NULL;
}

static bool make_parts(struct node *n, struct peer *p,
		       const struct peer_new_params *pp)
{
	struct tunnel_params tp = {
		.self = &n->identity,
		.peer = pp->key,
		.psk = pp->psk,
		.suite = pp->suite,
		.persistent_keepalive = pp->keepalive,
		.seed = rand_u64(),
		.wall = time_wall() - time_now(),
	};

	p->fwd = fwd_peer_new(&n->fwd);
	if (!p->fwd)
		return false;
	tp.slot = p->fwd->slot;
	p->tunnel = tunnel_new(&tp);
	key_psk_wipe(&tp.psk);
	if (p->tunnel && !pp->stock)
		p->paths = make_paths(n, &pp->key);
	p->allowed = calloc(pp->allowed_count + 1, sizeof(*p->allowed));
	return p->tunnel && (p->paths || pp->stock) && p->allowed;
}

struct peer *peer_new(struct node *n, const struct peer_new_params *pp)
{
	struct peer *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	snprintf(p->name, sizeof(p->name), "%s", pp->name);
	p->key = pp->key;
	p->id = pp->id;
	p->staged_end = &p->staged;
	if (!make_parts(n, p, pp) || !enter_tables(n, p)) {
		peer_free(n, p);
		return NULL;
	}
	memcpy(p->allowed, pp->allowed, pp->allowed_count * sizeof(*p->allowed));
	p->own_count = p->allowed_count = pp->allowed_count;
	return p;
}

static void retire_sessions(struct node *n, struct peer *p)
{
	struct tunnel_event ev;

	tunnel_reset(p->tunnel, time_now());
	do {
		tunnel_poll(p->tunnel, &ev, time_now());
		if (ev.kind == TUNNEL_SESSION_RETIRE)
			fwd_session_retire(&n->fwd, ev.session);
	} while (ev.kind != TUNNEL_IDLE);
}

void peer_free(struct node *n, struct peer *p)
{
	pinger_forget(n, p);
	fan_forget(n->fan, p);
	direct_forget(n, p);
	cross_forget(n, p);
	leave_tables(n, p);
	if (heap_set(&n->due, &p->due, NSEC_NEVER) < 0)
		log_error("peer %s: cannot leave the schedule", p->name);
	drop_staged(n, p, DROP_NO_SESSION);
	if (p->tunnel)
		retire_sessions(n, p);
	tunnel_free(p->tunnel);
	pathset_free(p->paths);
	if (p->fwd) {
		figures_keep(n, p->fwd);
		fwd_peer_remove(&n->fwd, p->fwd);
	}
	free(p->allowed);
	free(p);
}
