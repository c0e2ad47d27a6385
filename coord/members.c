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

static int id_order(const void *id, const void *at)
{
	const uint64_t *x = id;
	const struct member *const *n = at;

	return *x < (*n)->row.id ? -1 : *x > (*n)->row.id;
}

static struct member *by_id(const struct members *m, uint64_t id)
{
	struct member **at = m->count ? bsearch(&id, m->all, m->count,
						sizeof(*m->all), id_order) : NULL;

	return at ? *at : NULL;
}

static void load_published(void *owner, uint64_t id, uint64_t version, const char *text)
{
	struct member *n = by_id(owner, id);
	enum proto_type type;
	json_t *o;

	if (!n)
		return;
	o = proto_parse(text, strlen(text), PROTO_REQUEST_MAX, &type);
	if (o) {
		record_published_read(o, &n->node);
		n->heard = true;
		n->stored = version;
		if (version > n->version)
			n->version = version;
	}
	json_decref(o);
}

static int store(struct members *m, const struct member *n)
{
	json_t *o = record_published_json(&n->node);
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	int err = text ? registry_published_set(m->registry, n->row.id, n->version,
						text) : -EIO;

	json_decref(o);
	free(text);
	return err;
}

static bool is_unstored(const struct member *n)
{
	return n->heard && n->version > n->stored;
}

static unsigned first_unstored(const struct members *m)
{
	unsigned first = 0;

	while (first < m->count && !is_unstored(m->all[first]))
		first++;
	return first;
}

bool members_unstored(const struct members *m)
{
	return first_unstored(m) < m->count;
}

int members_unhear(struct members *m, struct member *n)
{
	n->heard = false;
	n->stored = 0;
	return registry_published_forget(m->registry, n->row.id) ? -EIO : 0;
}

int members_store(struct members *m)
{
	unsigned first = first_unstored(m);
	int err;

	if (first == m->count)
		return 0;
	err = registry_begin(m->registry);
	for (unsigned i = first; i < m->count && !err; i++)
		if (is_unstored(m->all[i]))
			err = store(m, m->all[i]);
	if (!err)
		err = registry_commit(m->registry);
	if (err) {
		registry_rollback(m->registry);
		return -EIO;
	}
	for (unsigned i = first; i < m->count; i++)
		if (m->all[i]->heard)
			m->all[i]->stored = m->all[i]->version;
	return 0;
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
	    registry_each_published(r, load_published, m) ||
	    registry_each_removed(r, MEMBERS_REMOVED_MAX, note_removed, m))
		return -EIO;
	if (m->removed_count == MEMBERS_REMOVED_MAX)
		m->oldest = m->removed[0].version;
	if (registry_setting(r, "version_ceiling", text, sizeof(text)))
		m->version = strtoull(text, NULL, 10);
	m->boot = ++m->version;
	return reserve_versions(m);
}

static void free_member(struct member *n)
{
	record_node_done(&n->node);
	text_done(&n->record);
	free(n->routes);
	free(n);
}

void members_done(struct members *m)
{
	for (unsigned i = 0; i < m->count; i++)
		free_member(m->all[i]);
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

void members_set_online(struct members *m, struct member *n, bool online)
{
	uint64_t version;

	if (n->node.online == online)
		return;
	version = members_next_version(m);
	n->node.online = online;
	n->presence = version ? version : ++m->version;
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
	free_member(n);
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

/* A gateway sees and is seen for its guests. */
bool members_sees_by(const struct members *m, const struct access *a,
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
	return members_sees_by(m, &m->access, viewer, n, now_s);
}
