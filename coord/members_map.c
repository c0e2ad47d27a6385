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
	json_object_set_new(o, "peers", json_array());
	return o;
}

/* ---- messages in parts ---- */

/* A message being filled; when it is full it leaves, and the next is begun. */
struct parts {
	const struct members *m;
	bool full;
	uint64_t from;
	json_t *o, *peers;
	void (*send)(void *owner, json_t *o);
	void *owner;
};

static void begin(struct parts *p, json_t *o)
{
	p->o = o;
	p->peers = json_object_get(o, "peers");
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
	p->send(p->owner, p->o);
	json_object_set_new(o, "peers", json_array());
	if (p->full) {
		proto_set_bool(o, "full", true);
	} else {
		proto_set_number(o, "from", p->from);
		proto_set_number(o, "version", p->m->version);
	}
	begin(p, o);
}

static void add_peer(struct parts *p, const struct member *n)
{
	if (json_array_size(p->peers) == PROTO_PART_PEERS)
		next_part(p);
	json_array_append_new(p->peers, record_node_json(&n->node));
}

/* Big rules leave in a part of their own. */
static void add_rules(struct parts *p, struct members *m, const struct member *viewer)
{
	json_t *rules = access_rules(&m->access, viewer, m->all, m->count);

	json_object_set_new(p->o, "rules", rules);
	if (json_string_length(json_object_get(rules, "allow")) +
		    40 * json_array_size(json_object_get(rules, "sources")) >
	    SMALL_RULES)
		next_part(p);
}

static void send_full(struct members *m, const struct member *viewer, uint64_t now_s,
		      struct parts *p)
{
	p->full = true;
	begin(p, map_frame(m, viewer, now_s));
	proto_set_bool(p->o, "full", true);
	add_rules(p, m, viewer);
	for (unsigned i = 0; i < m->count; i++)
		if (members_sees(m, viewer, m->all[i], now_s))
			add_peer(p, m->all[i]);
	p->send(p->owner, p->o);
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
		json_object_set_new(o, "peers", json_array());
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

static bool says_nothing(const json_t *o)
{
	return !json_object_get(o, "self") && !json_object_get(o, "rules") &&
	       !json_object_get(o, "relays") &&
	       !json_array_size(json_object_get(o, "removed")) &&
	       !json_array_size(json_object_get(o, "peers"));
}

static bool send_delta(const struct members *m, const struct member *viewer,
		       uint64_t from, uint64_t now_s, struct parts *p)
{
	bool reset = from < m->boot;

	begin(p, delta_frame(m, viewer, from, now_s));
	for (unsigned i = 0; i < m->count; i++) {
		const struct member *n = m->all[i];

		if (members_sees(m, viewer, n, now_s) &&
		    (n->version > from || (reset && n->session)))
			add_peer(p, n);
	}
	if (says_nothing(p->o)) {
		json_decref(p->o);
		return false;
	}
	p->send(p->owner, p->o);
	return true;
}

void members_policy_map(struct members *m, const struct access *before,
			const struct member *viewer, uint64_t from, uint64_t now_s,
			void (*send)(void *owner, json_t *o), void *owner)
{
	struct parts p = { .m = m, .from = from, .send = send, .owner = owner };
	json_t *removed;

	begin(&p, delta_frame(m, viewer, from, now_s));
	removed = json_object_get(p.o, "removed");
	for (unsigned i = 0; i < m->count; i++)
		if (members_sees_by(m, before, viewer, m->all[i], now_s) &&
		    !members_sees(m, viewer, m->all[i], now_s))
			json_array_append_new(
				removed,
				json_integer((json_int_t)m->all[i]->row.id));
	add_rules(&p, m, viewer);
	for (unsigned i = 0; i < m->count; i++)
		if (members_sees(m, viewer, m->all[i], now_s) &&
		    (m->all[i]->version > from ||
		     !members_sees_by(m, before, viewer, m->all[i], now_s)))
			add_peer(&p, m->all[i]);
	p.send(p.owner, p.o);
}

bool members_map(struct members *m, const struct member *viewer, uint64_t from,
		 uint64_t now_s, void (*send)(void *owner, json_t *o), void *owner)
{
	struct parts p = { .m = m, .from = from, .send = send, .owner = owner };

	members_settle(m);
	if (members_can_delta(m, from) && viewer->changed <= from &&
	    m->access.version <= from)
		return send_delta(m, viewer, from, now_s, &p);
	send_full(m, viewer, now_s, &p);
	return true;
}
