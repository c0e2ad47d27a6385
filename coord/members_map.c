/* SPDX-License-Identifier: MIT
 *
 * members_map.c - what one node is told of the others: whole maps and differences
 */
#include "coord/members.h"

#include <string.h>

#include "coord/peerrelays.h"
#include "coord/proto.h"
#include "coord/record.h"

enum {
	SMALL_RULES = 10000, /* octets of rules that may share a message with peers */
	PART_OCTETS = PROTO_MESSAGE_MAX / 2, /* of records in one message */
};

static void set_relays(json_t *o, const struct members *m,
		       const struct member *viewer, uint64_t now_s)
{
	struct netmap_relay list[NETMAP_RELAYS_MAX];
	json_t *servers = json_array(), *peers = json_array();
	unsigned count = m->relay_count;

	memcpy(list, m->relays, sizeof(list));
	count = peerrelays_list(m, viewer, now_s, list, count);
	for (unsigned i = 0; i < count; i++)
		json_array_append_new(list[i].node ? peers : servers,
				      record_relay_json(&list[i]));
	json_object_set_new(o, "relays", servers);
	json_object_set_new(o, "peer_relays", peers);
}

static void set_self(json_t *o, const struct member *viewer)
{
	json_object_set_new(o, "self", record_node_json(&viewer->node));
	if (viewer->row.waiting)
		proto_set_bool(o, "waiting", true);
	proto_set_number(o, "expires", viewer->row.expires_s);
}

static json_t *map_frame(const struct members *m, const struct member *viewer,
			 uint64_t now_s)
{
	char v4[ADDR_TEXT], v6[ADDR_TEXT], sign[KEY_TEXT];
	json_t *o = proto_new(PROTO_NETMAP);

	proto_set_number(o, "version", m->version);
	proto_set_number(o, "network", m->network);
	json_object_set_new(o, "overlay",
			    json_pack("[s,s]", prefix_text(&m->overlay[0], v4),
				      prefix_text(&m->overlay[1], v6)));
	proto_set_text(o, "sign", sign_public_text(&m->sign, sign));
	set_relays(o, m, viewer, now_s);
	set_self(o, viewer);
	return o;
}

/* ---- messages in parts ---- */

/* A message being filled; when it is full it leaves, and the next is begun. */
struct parts {
	struct members *m;
	const struct member *viewer;
	bool full, begun; /* begun: the first has left */
	uint64_t from;
	json_t *o; /* all but the texts below */
	struct text rules, online, offline, peers; /* the lists without brackets */
	unsigned peer_count;
	void (*send)(void *owner, const struct members_part *part);
	void *owner;
};

static void add_list(struct text *t, const char *name, const struct text *list)
{
	text_add_string(t, ",\"");
	text_add_string(t, name);
	text_add_string(t, "\":[");
	text_add_text(t, list);
	text_add_string(t, "]");
}

static void leave(struct parts *p)
{
	struct text t = { 0 };

	text_add_json(&t, p->o);
	p->o = NULL;
	t.n -= t.n > 0; /* the bracket that ends the object */
	if (p->rules.n) {
		text_add_string(&t, ",\"rules\":");
		text_add_text(&t, &p->rules);
	}
	if (p->online.n)
		add_list(&t, "online", &p->online);
	if (p->offline.n)
		add_list(&t, "offline", &p->offline);
	add_list(&t, "peers", &p->peers);
	text_add_string(&t, "}");
	p->send(p->owner, &(struct members_part){ t.p, t.failed ? 0 : t.n, p->full,
						  !p->begun });
	text_done(&t);
	p->begun = true;
}

static void done(struct parts *p)
{
	json_decref(p->o);
	text_done(&p->rules);
	text_done(&p->online);
	text_done(&p->offline);
	text_done(&p->peers);
}

/* Parts of a whole map are taken together. Each part of a delta goes from the old
 * version to itself: only the last one moves on, so that a torn connection leaves
 * nothing out. */
static void next_part(struct parts *p)
{
	json_t *o = proto_new(PROTO_NETMAP);

	if (p->full)
		proto_set_bool(p->o, "more", true);
	else
		proto_set_number(p->o, "version", p->from);
	leave(p);
	if (p->full) {
		proto_set_bool(o, "full", true);
	} else {
		proto_set_number(o, "from", p->from);
		proto_set_number(o, "version", p->m->version);
	}
	p->o = o;
	p->peer_count = 0;
	text_clear(&p->rules);
	text_clear(&p->online);
	text_clear(&p->offline);
	text_clear(&p->peers);
}

/* record_of() - written once for each version of it, not for each who is told */
static const struct text *record_of(struct member *n)
{
	uint64_t at = n->version > n->presence ? n->version : n->presence;

	if (n->record_at != at) {
		text_clear(&n->record);
		text_add_json(&n->record, record_node_json(&n->node));
		n->record_at = n->record.failed ? 0 : at;
	}
	return &n->record;
}

static void add_peer(struct parts *p, struct member *n)
{
	if (p->peer_count == PROTO_PART_PEERS || p->peers.n > PART_OCTETS)
		next_part(p);
	if (p->peer_count++)
		text_add_string(&p->peers, ",");
	text_add_text(&p->peers, record_of(n));
}

static void add_id(struct text *list, uint64_t id)
{
	if (list->n)
		text_add_string(list, ",");
	text_add_number(list, id);
}

/* add_change() - what is new of a peer since p->from: its record, or only whether it is
 * online. After a restart all are offline but those that are named. */
static void add_change(struct parts *p, struct member *n)
{
	bool reset = p->from < p->m->boot;
	bool presence = reset ? n->session != NULL : n->presence > p->from;

	if (n->version > p->from || (presence && !p->viewer->takes_brief))
		add_peer(p, n);
	else if (presence)
		add_id(n->session ? &p->online : &p->offline, n->row.id);
}

/* Big rules leave in a part of their own. */
static void add_rules(struct parts *p)
{
	struct members *m = p->m;

	access_rules(&m->access, p->viewer, m->all, m->count, &p->rules);
	if (p->rules.n > SMALL_RULES)
		next_part(p);
}

static void send_full(struct parts *p, uint64_t now_s)
{
	struct members *m = p->m;

	p->full = true;
	p->o = map_frame(m, p->viewer, now_s);
	proto_set_bool(p->o, "full", true);
	add_rules(p);
	for (unsigned i = 0; i < m->count; i++)
		if (members_sees(m, p->viewer, m->all[i], now_s))
			add_peer(p, m->all[i]);
	leave(p);
}

static json_t *removed_since(const struct members *m, uint64_t from,
			     const struct member *viewer, uint64_t now_s)
{
	json_t *a = json_array();

	for (unsigned i = 0; i < m->removed_count; i++)
		if (m->removed[i].version > from)
			json_array_append_new(
				a, json_integer((json_int_t)m->removed[i].id));
	for (unsigned i = 0; i < m->count; i++)
		if (m->all[i]->hidden > from && m->all[i] != viewer &&
		    !members_sees(m, viewer, m->all[i], now_s))
			json_array_append_new(
				a, json_integer((json_int_t)m->all[i]->row.id));
	return a;
}

/* Small frames: what every delta would repeat goes only into the first after login. */
static json_t *delta_frame(const struct members *m, const struct member *viewer,
			   uint64_t from, uint64_t now_s)
{
	json_t *o;

	if (from < m->boot) {
		o = map_frame(m, viewer, now_s);
		proto_set_bool(o, "reset", true);
	} else {
		o = proto_new(PROTO_NETMAP);
		proto_set_number(o, "version", m->version);
		if (m->relays_version > from)
			set_relays(o, m, viewer, now_s);
		if (viewer->version > from)
			set_self(o, viewer);
	}
	proto_set_number(o, "from", from);
	json_object_set_new(o, "removed", removed_since(m, from, viewer, now_s));
	return o;
}

static bool says_nothing(const struct parts *p)
{
	return !p->begun && !json_object_get(p->o, "self") &&
	       !json_object_get(p->o, "relays") &&
	       !json_array_size(json_object_get(p->o, "removed")) && !p->rules.n &&
	       !p->online.n && !p->offline.n && !p->peers.n;
}

static bool send_delta(struct parts *p, uint64_t now_s)
{
	struct members *m = p->m;

	p->o = delta_frame(m, p->viewer, p->from, now_s);
	for (unsigned i = 0; i < m->count; i++)
		if (members_sees(m, p->viewer, m->all[i], now_s))
			add_change(p, m->all[i]);
	if (says_nothing(p))
		return false;
	leave(p);
	return true;
}

void members_policy_map(struct members *m, const struct access *before,
			const struct member *viewer, uint64_t from, uint64_t now_s,
			void (*send)(void *owner, const struct members_part *part),
			void *owner)
{
	struct parts p = { .m = m, .viewer = viewer, .from = from, .send = send,
			   .owner = owner };
	json_t *removed;

	p.o = delta_frame(m, viewer, from, now_s);
	removed = json_object_get(p.o, "removed");
	for (unsigned i = 0; i < m->count; i++)
		if (members_sees_by(m, before, viewer, m->all[i], now_s) &&
		    !members_sees(m, viewer, m->all[i], now_s))
			json_array_append_new(
				removed,
				json_integer((json_int_t)m->all[i]->row.id));
	add_rules(&p);
	for (unsigned i = 0; i < m->count; i++) {
		if (!members_sees(m, viewer, m->all[i], now_s))
			continue;
		if (members_sees_by(m, before, viewer, m->all[i], now_s))
			add_change(&p, m->all[i]);
		else
			add_peer(&p, m->all[i]);
	}
	leave(&p);
	done(&p);
}

bool members_map(struct members *m, const struct member *viewer, uint64_t from,
		 uint64_t now_s,
		 void (*send)(void *owner, const struct members_part *part), void *owner)
{
	struct parts p = { .m = m, .viewer = viewer, .from = from, .send = send,
			   .owner = owner };
	bool sent = true;

	members_settle(m);
	if (members_can_delta(m, from) && viewer->changed <= from &&
	    m->access.version <= from)
		sent = send_delta(&p, now_s);
	else
		send_full(&p, now_s);
	done(&p);
	return sent;
}
