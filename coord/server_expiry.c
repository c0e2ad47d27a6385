/* SPDX-License-Identifier: MIT
 *
 * server_expiry.c - memberships that end, by themselves or by word, and come back
 *
 * A node whose membership has ended keeps its connection and gets nothing on it: the
 * login that it sent waits until an administrator revives the node.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "coord/expiry.h"
#include "coord/peerrelays.h"
#include "coord/proto.h"
#include "coord/session.h"

static const char database[] =
	"the database refused; see the server's log and its disk";
static const char unknown[] =
	"there is no node of that name; adit-coord nodes lists them";

/* ---- the pass over all members ---- */

/* One transaction, begun with the first write: a thousand renewals are one fsync. */
struct pass {
	struct server *s;
	uint64_t now_s;
	bool begun, failed;
};

static void write_date(struct pass *p, struct member *n, uint64_t expires_s)
{
	struct registry *r = p->s->p.registry;
	struct registry_node row = n->row;

	row.expires_s = expires_s;
	if (!p->begun)
		p->failed = registry_begin(r) != 0;
	p->begun = true;
	if (!p->failed)
		p->failed = registry_node_set(r, &row) != 0;
	if (!p->failed)
		n->row = row;
}

/* told_anew() - the others see it come or go */
static void told_anew(struct server *s, struct member *n, bool lapsed)
{
	n->lapsed = lapsed;
	members_touch(&s->members, n);
	n->hidden = n->version;
}

static void lapse(struct server *s, struct member *n)
{
	told_anew(s, n, true);
	if (members_unhear(&s->members, n) < 0)
		log_error("node %s: %s", n->row.name, database);
	peerrelays_forget(&s->members, n);
	if (s->p.node_removed)
		s->p.node_removed(s->p.owner, &n->row.tunnel);
	server_push_soon(s);
	log_info("node %s: its membership has expired; adit-coord revive %s brings it "
		 "back", n->row.name, n->row.name);
}

static void return_to_life(struct server *s, struct member *n)
{
	told_anew(s, n, false);
	if (s->p.node_joined)
		s->p.node_joined(s->p.owner, &n->row.tunnel);
	server_push_soon(s);
}

static void look_at(struct pass *p, struct member *n)
{
	uint64_t next;

	if (n->gateway) /* a stock WireGuard cannot renew */
		return;
	if (n->lapsed && !members_expired(n, p->now_s))
		return_to_life(p->s, n); /* the clock was wrong, or it joined again */
	if (n->lapsed)
		return;
	if (!n->session && members_expired(n, p->now_s)) {
		lapse(p->s, n);
		return;
	}
	next = expiry_next(n->row.expires_s, p->s->expiry_s, n->session, p->now_s);
	if (next != n->row.expires_s)
		write_date(p, n, next);
}

static void tell_dates(struct server *s)
{
	for (struct session *x = s->sessions; x; x = x->next) {
		json_t *o;

		if (!x->member || x->told_expires == x->member->row.expires_s ||
		    !x->sent || x->sent > s->members.version)
			continue;
		x->told_expires = x->member->row.expires_s;
		o = proto_new(PROTO_NETMAP);
		proto_set_number(o, "from", x->sent);
		proto_set_number(o, "version", x->sent);
		proto_set_number(o, "expires", x->told_expires);
		server_tell(x, o);
	}
}

static void note_alive(struct server *s, uint64_t now_s)
{
	char text[24];

	s->alive_s = now_s;
	snprintf(text, sizeof(text), "%" PRIu64, now_s);
	if (s->expiry_s)
		(void)!registry_set_setting(s->p.registry, "alive", text);
}

void server_expiry_pass(struct server *s, uint64_t now_s)
{
	struct pass p = { s, now_s, false, false };
	struct registry *r = s->p.registry;

	for (unsigned i = 0; i < s->members.count; i++)
		look_at(&p, s->members.all[i]);
	if (p.begun && !p.failed)
		p.failed = registry_commit(r) != 0;
	if (p.failed) {
		registry_rollback(r);
		log_error("memberships cannot be renewed: %s", database);
	}
	tell_dates(s);
	if (now_s >= s->alive_s + EXPIRY_ALIVE_S)
		note_alive(s, now_s);
}

static uint64_t stored_number(struct registry *r, const char *key)
{
	char text[24] = "0";

	(void)!registry_setting(r, key, text, sizeof(text));
	return strtoull(text, NULL, 10);
}

void server_load_expiry(struct server *s, uint64_t now_s)
{
	uint64_t alive_s = stored_number(s->p.registry, "alive");
	struct pass p = { s, now_s, false, false };

	s->expiry_s = stored_number(s->p.registry, "key_expiry");
	for (unsigned i = 0; s->expiry_s && i < s->members.count; i++) {
		struct member *n = s->members.all[i];
		uint64_t shifted = expiry_shift(n->row.expires_s, alive_s, now_s);

		if (shifted != n->row.expires_s)
			write_date(&p, n, shifted);
	}
	if (p.begun && (p.failed || registry_commit(s->p.registry)))
		registry_rollback(s->p.registry);
	note_alive(s, now_s);
}

/* ---- nodes that wait to be revived ---- */

void server_hold(struct session *x, json_t *login, const char *why)
{
	struct session *y = x->server->sessions, *next;

	/* One connection of a node: the latest. */
	for (; y; y = next) {
		next = y->next;
		if (y != x && y->held &&
		    key_public_eq(channel_peer(y->channel), channel_peer(x->channel)))
			server_close(y);
	}
	json_decref(x->held);
	x->held = json_incref(login);
	log_info("a node that has expired waits, from %s", stream_peer(x->stream));
	server_tell_error(x, "expired", why, false);
}

static void let_in(struct server *s, struct member *n)
{
	for (struct session *x = s->sessions; x; x = x->next) {
		json_t *login = x->held;

		if (!login ||
		    !key_public_eq(channel_peer(x->channel), &n->row.machine))
			continue;
		json_incref(login);
		server_welcome(x, n, login);
		json_decref(login);
		return;
	}
}

/* ---- for administrators ---- */

static const char *set_date(struct server *s, struct member *n, uint64_t expires_s)
{
	struct pass p = { s, 0, true, false };

	write_date(&p, n, expires_s);
	return p.failed ? database : NULL;
}

const char *server_expire(struct server *s, const char *node)
{
	struct member *n = members_by_name(&s->members, node);
	const char *why;

	if (!n)
		return unknown;
	if (n->gateway)
		return "that is a stock WireGuard; adit-coord wg-peer remove ends it";
	why = set_date(s, n, server_wall_s());
	if (why)
		return why;
	if (n->session)
		server_close(n->session); /* when it calls again it is held */
	lapse(s, n);
	server_push(s);
	return NULL;
}

const char *server_revive(struct server *s, const char *node)
{
	uint64_t now_s = server_wall_s();
	struct member *n = members_by_name(&s->members, node);
	const char *why;

	if (!n)
		return unknown;
	if (!n->lapsed && !members_expired(n, now_s))
		return "that node's membership has not expired";
	why = set_date(s, n, s->expiry_s ? now_s + s->expiry_s : 0);
	if (why)
		return why;
	return_to_life(s, n);
	let_in(s, n);
	server_push(s);
	log_info("node %s: revived", n->row.name);
	return NULL;
}

const char *server_set_expiry(struct server *s, uint64_t period_s)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, period_s);
	if (registry_set_setting(s->p.registry, "key_expiry", text))
		return database;
	s->expiry_s = period_s;
	note_alive(s, server_wall_s());
	server_expiry_pass(s, server_wall_s());
	return NULL;
}
