/* SPDX-License-Identifier: MIT
 *
 * members.c - the nodes of the network and their map versions
 */
#include "coord/members.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coord/peerrelays.h"
#include "coord/proto.h"
#include "coord/record.h"

enum {
	VERSION_BLOCK = 1 << 20, /* numbers per write to the registry */
	SMALL_RULES = 10000, /* octets of rules that may share a message with peers */
};

static int reserve_versions(struct members *m)
{
	char text[24];
	int err;

	snprintf(text, sizeof(text), "%" PRIu64, m->version + VERSION_BLOCK);
	err = registry_set_setting(m->registry, "version_ceiling", text);
	if (!err)
		m->ceiling = m->version + VERSION_BLOCK;
	return err;
}

uint64_t members_next_version(struct members *m)
{
	if (m->version + 1 >= m->ceiling && reserve_versions(m) < 0)
		return 0;
	return ++m->version;
}

struct member *members_add(struct members *m, const struct registry_node *row)
{
	struct member *n;

	if (m->count == m->room) {
		unsigned room = m->room ? 2 * m->room : 64;
		struct member **all = realloc(m->all, room * sizeof(*all));

		if (!all)
			return NULL;
		m->all = all;
		m->room = room;
	}
	n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	n->row = *row;
	n->version = n->hidden = n->changed = row->changed;
	n->node.tags = row->tags[0] ? strdup(row->tags) : NULL;
	n->node.id = row->id;
	n->node.key = row->tunnel;
	n->node.v4 = row->v4;
	n->node.v6 = row->v6;
	n->node.fast_aes = row->fast_aes;
	memcpy(n->node.name, row->name, sizeof(n->node.name));
	n->place = m->count;
	m->all[m->count++] = n;
	m->access.stale = true;
	return n;
}

static void load_node(void *owner, const struct registry_node *row)
{
	(void)members_add(owner, row);
}

static void note_removed(void *owner, uint64_t id, uint64_t version)
{
	struct members *m = owner;

	if (m->removed_count == MEMBERS_REMOVED_MAX) {
		m->oldest = m->removed[0].version;
		memmove(m->removed, m->removed + 1,
			(MEMBERS_REMOVED_MAX - 1) * sizeof(*m->removed));
		m->removed_count--;
	}
	m->removed[m->removed_count].id = id;
	m->removed[m->removed_count++].version = version;
}

int members_load(struct members *m, struct registry *r)
{
	char text[24] = "0";

	m->registry = r;
	m->removed = calloc(MEMBERS_REMOVED_MAX, sizeof(*m->removed));
	if (!m->removed)
		return -ENOMEM;
	if (registry_each_node(r, load_node, m) ||
	    registry_each_removed(r, MEMBERS_REMOVED_MAX, note_removed, m))
		return -EIO;
	if (m->removed_count == MEMBERS_REMOVED_MAX)
		m->oldest = m->removed[0].version;
	if (registry_setting(r, "version_ceiling", text, sizeof(text)))
		m->version = strtoull(text, NULL, 10);
	m->boot = ++m->version;
	return reserve_versions(m);
}

void members_done(struct members *m)
{
	for (unsigned i = 0; i < m->count; i++) {
		record_node_done(&m->all[i]->node);
		free(m->all[i]->routes);
		free(m->all[i]);
	}
	free(m->all);
	free(m->removed);
	access_done(&m->access);
	*m = (struct members){ 0 };
}

/* Linear: a thousand nodes are 32 KiB of keys; a hash table can come with need. */
struct member *members_by_machine(const struct members *m, const struct key_public *k)
{
	for (unsigned i = 0; i < m->count; i++)
		if (!memcmp(&m->all[i]->row.machine, k, sizeof(*k)))
			return m->all[i];
	return NULL;
}

struct member *members_by_tunnel(const struct members *m, const struct key_public *k)
{
	for (unsigned i = 0; i < m->count; i++)
		if (!memcmp(&m->all[i]->row.tunnel, k, sizeof(*k)))
			return m->all[i];
	return NULL;
}

struct member *members_by_name(const struct members *m, const char *name)
{
	for (unsigned i = 0; i < m->count; i++)
		if (!strcmp(m->all[i]->row.name, name))
			return m->all[i];
	return NULL;
}

bool members_has_v4(const struct members *m, const struct ipaddr *v4)
{
	for (unsigned i = 0; i < m->count; i++)
		if (ipaddr_eq(&m->all[i]->row.v4, v4))
			return true;
	return false;
}

void members_touch(struct members *m, struct member *n)
{
	uint64_t version = members_next_version(m);

	/* A full disk must not stop online state from spreading: the ceiling is far
	 * beyond what one run uses. */
	n->version = version ? version : ++m->version;
}

void members_relays_changed(struct members *m)
{
	uint64_t version = members_next_version(m);

	m->relays_version = version ? version : ++m->version;
}

int members_remove(struct members *m, struct member *n)
{
	uint64_t version = members_next_version(m);
	unsigned at = 0;

	if (!version || registry_node_remove(m->registry, n->row.id, version))
		return -EIO;
	peerrelays_forget(m, n);
	note_removed(m, n->row.id, version);
	while (m->all[at] != n)
		at++;
	memmove(m->all + at, m->all + at + 1,
		(m->count - at - 1) * sizeof(struct member *));
	m->count--;
	for (; at < m->count; at++)
		m->all[at]->place = at;
	m->access.stale = true;
	if (n->gateway) {
		n->gateway->guests--;
		m->guests--;
		members_changed(m, n->gateway, version);
	}
	record_node_done(&n->node);
	free(n->routes);
	free(n);
	return 0;
}

void members_changed(struct members *m, struct member *n, uint64_t version)
{
	n->version = n->hidden = n->changed = version;
	m->access.stale = true;
	if (m->offer_count) /* who may use which may have changed */
		m->relays_version = version;
}

bool members_expired(const struct member *n, uint64_t now_s)
{
	return n->row.expires_s && n->row.expires_s <= now_s;
}

bool members_can_delta(const struct members *m, uint64_t version)
{
	return version && version >= m->oldest && version <= m->version;
}

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

void members_settle(struct members *m)
{
	access_settle(&m->access, m->all, m->count);
}

static bool allowed_pair(const struct access *a, const struct member *viewer,
			 const struct member *n)
{
	return viewer != n && access_see(a, viewer->place, n->place);
}

/* sees_for() - one of the viewer's guests may know of n, or of a guest of n */
static bool sees_for(const struct members *m, const struct access *a,
		     const struct member *viewer, const struct member *n)
{
	for (unsigned i = 0; i < m->count; i++) {
		const struct member *g = m->all[i];

		if (g->gateway == viewer && (g == n || allowed_pair(a, g, n)))
			return true;
		if (g->gateway == n && allowed_pair(a, viewer, g))
			return true;
		for (unsigned k = 0; g->gateway == viewer && k < m->count; k++)
			if (m->all[k]->gateway == n &&
			    allowed_pair(a, g, m->all[k]))
				return true;
	}
	return false;
}

/* Who waits for approval sees nobody and is seen by nobody. A gateway sees and is seen
 * for its guests. */
static bool may_see(const struct members *m, const struct access *a,
		    const struct member *viewer, const struct member *n,
		    uint64_t now_s)
{
	if (viewer == n || members_expired(n, now_s) || n->row.waiting ||
	    viewer->row.waiting)
		return false;
	return access_see(a, viewer->place, n->place) ||
	       ((viewer->guests || n->guests) && sees_for(m, a, viewer, n));
}

bool members_sees(const struct members *m, const struct member *viewer,
		  const struct member *n, uint64_t now_s)
{
	return may_see(m, &m->access, viewer, n, now_s);
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
		if (may_see(m, before, viewer, m->all[i], now_s) &&
		    !members_sees(m, viewer, m->all[i], now_s))
			json_array_append_new(
				removed,
				json_integer((json_int_t)m->all[i]->row.id));
	add_rules(&p, m, viewer);
	for (unsigned i = 0; i < m->count; i++)
		if (members_sees(m, viewer, m->all[i], now_s) &&
		    (m->all[i]->version > from ||
		     !may_see(m, before, viewer, m->all[i], now_s)))
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
