/* SPDX-License-Identifier: MIT
 *
 * netmap.c - what one node may know of its network
 *
 * A change is built beside the map and swapped in at the end, so that a message which
 * does not fit leaves the map as it was. Records are judged one by one: whatever is
 * malformed, outside the overlay, or claims what another record has (id, key, address,
 * name) is skipped and counted, and the others stand.
 */
#include "coord/netmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "coord/proto.h"
#include "coord/record.h"
#include "coord/rules.h"

enum {
	FILE_MAX = 64 << 20,
	FILE_VERSION = 1,
};

void netmap_init(struct netmap *m)
{
	*m = (struct netmap){ 0 };
}

static void free_peers(struct netmap_node *peers, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		record_node_done(&peers[i]);
	free(peers);
}

void netmap_done(struct netmap *m)
{
	free_peers(m->peers, m->peer_count);
	record_node_done(&m->self);
	rules_free(m->rules);
	*m = (struct netmap){ 0 };
}

/* Peers being built: sorted by id only at the end, so insertion stays cheap. */
struct draft {
	struct netmap_node *peers;
	unsigned count;
	unsigned skipped;
	const struct netmap_node *self;
	const struct prefix *overlay;
};

static int by_id(const void *a, const void *b)
{
	const struct netmap_node *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static int by_key(const void *a, const void *b)
{
	const struct netmap_node *const *x = a, *const *y = b;
	int c = memcmp((*x)->key.b, (*y)->key.b, KEY_OCTETS);

	return c ? c : by_id(*x, *y);
}

static int by_v4(const void *a, const void *b)
{
	const struct netmap_node *const *x = a, *const *y = b;
	int c = memcmp(&(*x)->v4, &(*y)->v4, sizeof((*x)->v4));

	return c ? c : by_id(*x, *y);
}

static int by_v6(const void *a, const void *b)
{
	const struct netmap_node *const *x = a, *const *y = b;
	int c = memcmp(&(*x)->v6, &(*y)->v6, sizeof((*x)->v6));

	return c ? c : by_id(*x, *y);
}

static int by_name(const void *a, const void *b)
{
	const struct netmap_node *const *x = a, *const *y = b;
	int c = strcmp((*x)->name, (*y)->name);

	return c ? c : by_id(*x, *y);
}

static bool same_key(const struct netmap_node *a, const struct netmap_node *b)
{
	return key_public_eq(&a->key, &b->key);
}

static bool same_v4(const struct netmap_node *a, const struct netmap_node *b)
{
	return ipaddr_eq(&a->v4, &b->v4);
}

static bool same_v6(const struct netmap_node *a, const struct netmap_node *b)
{
	return ipaddr_eq(&a->v6, &b->v6);
}

static bool same_name(const struct netmap_node *a, const struct netmap_node *b)
{
	return !strcmp(a->name, b->name);
}

/* What must be unique; the older member (lower id) keeps it. */
static const struct {
	int (*order)(const void *, const void *);
	bool (*same)(const struct netmap_node *, const struct netmap_node *);
} unique[] = {
	{ by_key, same_key },
	{ by_v4, same_v4 },
	{ by_v6, same_v6 },
	{ by_name, same_name },
};

static bool record_stands(const struct draft *d, const struct netmap_node *n)
{
	if (n->id == d->self->id)
		return false;
	for (unsigned i = 0; i < ARRAY_SIZE(unique); i++)
		if (unique[i].same(n, d->self))
			return false;
	return prefix_contains(&d->overlay[0], &n->v4) &&
	       prefix_contains(&d->overlay[1], &n->v6);
}

/* Ids first (a later record of an id replaces the earlier), then the rest. */
static int drop_clashes(struct draft *d)
{
	const struct netmap_node **sorted;
	bool *bad;
	unsigned kept = 0;

	if (!d->count)
		return 0;
	sorted = calloc(d->count, sizeof(struct netmap_node *));
	bad = calloc(d->count, sizeof(*bad));
	if (!sorted || !bad) {
		free(sorted);
		free(bad);
		return -ENOMEM;
	}
	qsort(d->peers, d->count, sizeof(*d->peers), by_id);
	for (unsigned u = 0; u < ARRAY_SIZE(unique); u++) {
		const struct netmap_node *last;

		for (unsigned i = 0; i < d->count; i++)
			sorted[i] = &d->peers[i];
		qsort(sorted, d->count, sizeof(struct netmap_node *), unique[u].order);
		last = NULL;
		for (unsigned i = 0; i < d->count; i++) {
			if (bad[sorted[i] - d->peers])
				continue;
			if (last && unique[u].same(last, sorted[i]))
				bad[sorted[i] - d->peers] = true;
			else
				last = sorted[i];
		}
	}
	for (unsigned i = 0; i < d->count; i++) {
		if (!bad[i] && (!kept || d->peers[i].id != d->peers[kept - 1].id)) {
			d->peers[kept++] = d->peers[i];
			continue;
		}
		record_node_done(&d->peers[i]);
		d->skipped++;
	}
	d->count = kept;
	free(sorted);
	free(bad);
	return 0;
}

static bool is_removed(const json_t *removed, uint64_t id)
{
	json_t *o;
	size_t i;

	json_array_foreach(removed, i, o)
		if ((uint64_t)json_integer_value(o) == id)
			return true;
	return false;
}

static int id_order(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The ids that a message has valid records for; those replace what we hold. */
static uint64_t *replaced_ids(const struct draft *d)
{
	uint64_t *ids = calloc(d->count + 1, sizeof(*ids));

	for (unsigned i = 0; ids && i < d->count; i++)
		ids[i] = d->peers[i].id;
	if (ids)
		qsort(ids, d->count, sizeof(*ids), id_order);
	return ids;
}

static bool copy_node(const struct netmap_node *from, struct netmap_node *to)
{
	*to = *from;
	to->routes = NULL; /* of its own, or none */
	to->tags = from->tags ? strdup(from->tags) : NULL;
	if (from->tags && !to->tags)
		return false;
	if (!from->route_count)
		return true;
	to->routes = malloc(from->route_count * sizeof(*to->routes));
	if (!to->routes) {
		free(to->tags);
		return false;
	}
	memcpy(to->routes, from->routes, from->route_count * sizeof(*to->routes));
	return true;
}

static int read_records(struct draft *d, const json_t *array)
{
	json_t *o;
	size_t i;

	json_array_foreach(array, i, o) {
		struct netmap_node n;

		if (!record_node_read(o, &n)) {
			d->skipped++;
		} else if (!record_stands(d, &n)) {
			record_node_done(&n);
			d->skipped++;
		} else {
			d->peers[d->count++] = n;
		}
	}
	return 0;
}

/* What a delta does not mention stays. */
static int keep_others(struct draft *d, const struct netmap *m, const json_t *o)
{
	const json_t *removed = json_object_get(o, "removed");
	bool reset = proto_bool(o, "reset");
	unsigned fresh = d->count;
	uint64_t *ids = replaced_ids(d);

	if (!ids)
		return -ENOMEM;
	for (unsigned i = 0; i < m->peer_count; i++) {
		const struct netmap_node *n = &m->peers[i];

		if (bsearch(&n->id, ids, fresh, sizeof(*ids), id_order) ||
		    is_removed(removed, n->id) || !record_stands(d, n))
			continue;
		if (!copy_node(n, &d->peers[d->count])) {
			free(ids);
			return -ENOMEM;
		}
		if (reset)
			d->peers[d->count].online = false;
		d->count++;
	}
	free(ids);
	return 0;
}

static bool overlay_read(const json_t *array, struct prefix out[static 2])
{
	const char *v4 = json_string_value(json_array_get(array, 0));
	const char *v6 = json_string_value(json_array_get(array, 1));
	struct prefix a, b;

	if (!v4 || !v6 || !prefix_parse(v4, &a) || !prefix_parse(v6, &b) ||
	    !prefix_is_v4(&a) || prefix_is_v4(&b) || prefix_family_bits(&a) < 8 ||
	    prefix_family_bits(&b) < 8)
		return false;
	out[0] = a;
	out[1] = b;
	return true;
}

/* add_relays() - servers, or nodes that relay: at most so many in all */
static void add_relays(const json_t *array, bool peers, unsigned most,
		       struct netmap *m)
{
	struct netmap_relay r;
	json_t *o;
	size_t i;

	json_array_foreach(array, i, o) {
		if (m->relay_count < most && record_relay_read(o, &r) &&
		    (r.node != 0) == peers)
			m->relays[m->relay_count++] = r;
		else
			m->skipped++;
	}
}

static void relays_read(const json_t *message, struct netmap *m)
{
	unsigned most;

	m->relay_count = 0;
	add_relays(json_object_get(message, "relays"), false, NETMAP_RELAYS_MAX,
		   m);
	most = m->relay_count + NETMAP_PEER_RELAYS_MAX;
	if (most > NETMAP_RELAYS_MAX)
		most = NETMAP_RELAYS_MAX;
	add_relays(json_object_get(message, "peer_relays"), true, most, m);
}

/* Everything but the peers; `next` begins as a copy of the old map. */
static bool frame_read(const json_t *o, bool full, struct netmap *next)
{
	const json_t *overlay = json_object_get(o, "overlay");
	const char *sign = proto_text(o, "sign");
	const json_t *self = json_object_get(o, "self");
	struct netmap_node n;

	next->version = proto_number(o, "version");
	if (proto_number(o, "network"))
		next->network = proto_number(o, "network");
	if ((overlay || full) && !overlay_read(overlay, next->overlay))
		return false;
	if (json_object_get(o, "relays") || full)
		relays_read(o, next);
	if (sign && !sign_public_parse(sign, &next->sign))
		next->skipped++;
	if (self || json_object_get(o, "expires"))
		next->expires_s = proto_number(o, "expires");
	if (!self)
		return !full;
	if (!record_node_read(self, &n))
		return false;
	record_node_done(&next->self);
	next->self = n;
	next->waiting = proto_bool(o, "waiting");
	return next->version && prefix_contains(&next->overlay[0], &n.v4) &&
	       prefix_contains(&next->overlay[1], &n.v6);
}

/* set_online() - of the peers with these ids; what we do not have is left out */
static void set_online(struct draft *d, const json_t *ids, bool online)
{
	struct netmap_node key = { 0 }, *n;
	json_t *o;
	size_t i;

	json_array_foreach(ids, i, o) {
		key.id = (uint64_t)json_integer_value(o);
		n = d->count ? bsearch(&key, d->peers, d->count, sizeof(key),
				       by_id) : NULL;
		if (n)
			n->online = online;
	}
}

static int build_peers(const struct netmap *m, const json_t *o, bool full,
		       struct netmap *next)
{
	const json_t *peers = json_object_get(o, "peers");
	size_t room = json_array_size(peers) + (full ? 0 : m->peer_count);
	struct draft d = { .self = &next->self, .overlay = next->overlay };
	int err = 0;

	if (json_array_size(peers) > NETMAP_PEERS_MAX || room > 2 * NETMAP_PEERS_MAX)
		return -EINVAL;
	d.peers = calloc(room + 1, sizeof(*d.peers));
	if (!d.peers)
		return -EINVAL;
	read_records(&d, peers);
	if (!full)
		err = keep_others(&d, m, o);
	if (!err)
		err = drop_clashes(&d);
	if (err || d.count > NETMAP_PEERS_MAX) {
		free_peers(d.peers, d.count);
		return -EINVAL;
	}
	set_online(&d, json_object_get(o, "online"), true);
	set_online(&d, json_object_get(o, "offline"), false);
	next->peers = d.peers;
	next->peer_count = d.count;
	next->guest_count = 0;
	for (unsigned i = 0; i < d.count; i++)
		next->guest_count += d.peers[i].gateway != 0;
	next->skipped += d.skipped;
	return 0;
}

/* rules_of() - what the message says of rules, else what we have; false: no memory */
static bool rules_of(const json_t *message, bool full, struct netmap *next)
{
	const json_t *o = json_object_get(message, "rules");

	if (!o && !full)
		return true; /* next has those of m */
	next->rules = NULL;
	next->rules_change++;
	if (!o || json_is_null(o))
		return true;
	next->rules = rules_read(o, &next->skipped);
	return next->rules != NULL;
}

int netmap_apply(struct netmap *m, const struct json_t *message)
{
	bool full = proto_bool(message, "full");
	struct netmap next = *m;

	if (!full && (m->version == 0 ||
		      proto_number(message, "from") != m->version ||
		      proto_number(message, "version") < m->version))
		return -EINVAL;
	next.peers = NULL;
	next.peer_count = 0;
	if (!copy_node(&m->self, &next.self))
		return -EINVAL;
	if (!frame_read(message, full, &next) ||
	    !rules_of(message, full, &next) ||
	    build_peers(m, message, full, &next) < 0) {
		record_node_done(&next.self);
		if (next.rules != m->rules)
			rules_free(next.rules);
		return -EINVAL;
	}
	if (next.rules == m->rules)
		m->rules = NULL; /* they live on in next */
	netmap_done(m);
	*m = next;
	return 0;
}

const struct netmap_node *netmap_peer_by_key(const struct netmap *m,
					     const struct key_public *k)
{
	for (unsigned i = 0; i < m->peer_count; i++)
		if (key_public_eq(&m->peers[i].key, k))
			return &m->peers[i];
	return NULL;
}

bool netmap_has_sign(const struct netmap *m)
{
	static const struct sign_public none;

	return memcmp(&m->sign, &none, sizeof(none));
}

static json_t *overlay_json(const struct netmap *m)
{
	char v4[ADDR_TEXT], v6[ADDR_TEXT];

	return json_pack("[s,s]", prefix_text(&m->overlay[0], v4),
			 prefix_text(&m->overlay[1], v6));
}

static json_t *map_json(const struct netmap *m)
{
	json_t *o = json_object(), *peers = json_array(), *relays = json_array();
	json_t *peer_relays = json_array();
	char sign[KEY_TEXT];

	for (unsigned i = 0; i < m->peer_count; i++)
		json_array_append_new(peers, record_node_json(&m->peers[i]));
	for (unsigned i = 0; i < m->relay_count; i++)
		json_array_append_new(m->relays[i].node ? peer_relays : relays,
				      record_relay_json(&m->relays[i]));
	proto_set_number(o, "file", FILE_VERSION);
	proto_set_bool(o, "full", true);
	proto_set_number(o, "version", m->version);
	proto_set_number(o, "network", m->network);
	json_object_set_new(o, "overlay", overlay_json(m));
	json_object_set_new(o, "self", record_node_json(&m->self));
	json_object_set_new(o, "peers", peers);
	json_object_set_new(o, "relays", relays);
	json_object_set_new(o, "peer_relays", peer_relays);
	if (netmap_has_sign(m))
		proto_set_text(o, "sign", sign_public_text(&m->sign, sign));
	if (m->rules)
		json_object_set_new(o, "rules", rules_json(m->rules));
	if (m->expires_s)
		proto_set_number(o, "expires", m->expires_s);
	if (m->waiting)
		proto_set_bool(o, "waiting", true);
	return o;
}

int netmap_save(const struct netmap *m, const char *path)
{
	json_t *o = map_json(m);
	char *text = json_dumps(o, JSON_COMPACT);
	int err = text ? file_replace(path, text, strlen(text), 0600) : -ENOMEM;

	json_decref(o);
	free(text);
	return err;
}

int netmap_load(struct netmap *m, const char *path)
{
	char *text = NULL;
	enum proto_type type;
	size_t n = 0;
	json_t *o;
	int err = file_read_secret(path, FILE_MAX, &text, &n);

	if (err)
		return err;
	o = proto_parse(text, n, FILE_MAX, &type);
	free(text);
	err = o && proto_number(o, "file") == FILE_VERSION ? netmap_apply(m, o) :
							     -EINVAL;
	json_decref(o);
	return err;
}
