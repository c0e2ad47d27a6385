/* SPDX-License-Identifier: MIT
 *
 * peerrelays.c - nodes that relay for others: what they offer, and to whom it is listed
 */
#include "coord/peerrelays.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "coord/name.h"
#include "coord/proto.h"
#include "coord/record.h"

enum {
	STORED_MAX = 32 * 1024, /* octets of all offers as JSON */
	SITE_V4 = 24, /* bits that two relays of one site share */
	SITE_V6 = 48,
};

/* ---- offers ---- */

static struct member_offer *find(struct members *m, const struct member *n)
{
	for (unsigned i = 0; i < m->offer_count; i++)
		if (m->offers[i].node == n->row.id)
			return &m->offers[i];
	return NULL;
}

static void remove_offer(struct members *m, struct member_offer *f)
{
	unsigned i = (unsigned)(f - m->offers);

	memmove(f, f + 1, (m->offer_count - i - 1) * sizeof(*f));
	m->offer_count--;
}

/* save() - a full disk costs us the list after a restart, no more */
static void save(struct members *m)
{
	json_t *a = peerrelays_json(m);
	char *text = json_dumps(a, JSON_COMPACT);

	if (!text || registry_set_setting(m->registry, "peer_relay_offers", text))
		log_warn("peer relays: the database refused; after a restart of "
			 "this server nodes will look for them anew");
	free(text);
	json_decref(a);
}

static void changed(struct members *m)
{
	members_relays_changed(m);
	save(m);
}

/* read_offer() - where we saw the node ourselves, and public */
static bool read_offer(const json_t *o, const struct endpoint *seen,
		       struct member_offer *out)
{
	json_t *text;
	size_t i;

	if (!o || !proto_key(o, "key", &out->key) || key_public_is_zero(&out->key))
		return false;
	json_array_foreach(json_object_get(o, "at"), i, text) {
		struct endpoint e;

		if (!json_is_string(text) ||
		    !endpoint_parse(json_string_value(text), &e) ||
		    e.port < 1024 || e.port == UINT16_MAX ||
		    ipaddr_class(&e.ip) != ADDR_CLASS_GLOBAL)
			continue;
		if (seen && !ipaddr_eq(&e.ip, &seen->ip))
			continue;
		e.scope = 0;
		out->at[ipaddr_is_v4(&e.ip) ? 0 : 1] = e;
	}
	return !endpoint_is_zero(&out->at[0]) || !endpoint_is_zero(&out->at[1]);
}

static bool same_offer(const struct member_offer *a, const struct member_offer *b)
{
	return key_public_eq(&a->key, &b->key) &&
	       endpoint_eq(&a->at[0], &b->at[0]) &&
	       endpoint_eq(&a->at[1], &b->at[1]);
}

bool peerrelays_offer(struct members *m, struct member *n, const json_t *o,
		      const struct endpoint *seen)
{
	struct member_offer fresh = { .node = n->row.id }, *f = find(m, n);

	if (n->row.id >= PEERRELAYS_ID || !read_offer(o, seen, &fresh)) {
		if (!f)
			return false;
		remove_offer(m, f);
		changed(m);
		return true;
	}
	if (f && same_offer(f, &fresh))
		return false;
	if (!f && m->offer_count == MEMBERS_OFFERS_MAX)
		return false;
	if (!f)
		f = &m->offers[m->offer_count++];
	*f = fresh;
	changed(m);
	return true;
}

void peerrelays_online(struct members *m, const struct member *n, bool online,
		       nsec_t now)
{
	struct member_offer *f = find(m, n);

	if (f)
		f->away_since = online ? 0 : nsec_max(now, 1);
}

bool peerrelays_expire(struct members *m, nsec_t now)
{
	unsigned before = m->offer_count;

	for (unsigned i = m->offer_count; i-- > 0;) {
		struct member_offer *f = &m->offers[i];

		if (f->away_since &&
		    nsec_since(f->away_since, now) > SEC(PEERRELAYS_AWAY_S))
			remove_offer(m, f);
	}
	if (m->offer_count == before)
		return false;
	changed(m);
	return true;
}

void peerrelays_forget(struct members *m, const struct member *n)
{
	struct member_offer *f = find(m, n);

	if (!f)
		return;
	remove_offer(m, f);
	changed(m);
}

/* ---- lists ---- */

static int by_id(const void *key, const void *at)
{
	const uint64_t *id = key;
	const struct member *const *n = at;

	return *id < (*n)->row.id ? -1 : *id > (*n)->row.id;
}

static const struct member *member_of(const struct members *m,
				      const struct member_offer *f)
{
	struct member *const *n =
		m->count ? bsearch(&f->node, m->all, m->count, sizeof(*n), by_id) :
			   NULL;

	return n ? *n : NULL;
}

static bool has_tag(const char *tags, const char *tag)
{
	size_t n = strlen(tag);

	for (const char *t = tags; t && *t; t += strcspn(t, ",")) {
		t += *t == ',';
		if (!strncmp(t, tag, n) && (!t[n] || t[n] == ','))
			return true;
	}
	return false;
}

static bool rule_lets(const struct members *m, const struct member *n)
{
	if (!strcmp(m->offer_rule, "off"))
		return false;
	return strncmp(m->offer_rule, "tag:", 4) ||
	       has_tag(n->node.tags, m->offer_rule + 4);
}

static bool one_site(const struct endpoint *a, const struct endpoint *b)
{
	struct prefix p = { .ip = a->ip };

	if (endpoint_is_zero(a) || endpoint_is_zero(b))
		return false;
	p.bits = (uint8_t)(ipaddr_is_v4(&a->ip) ? 96 + SITE_V4 : SITE_V6);
	return prefix_contains(&p, &b->ip);
}

/* is_crowded() - is one of the list at the same site, or it itself? */
static bool is_crowded(const struct member_offer *f, const struct netmap_relay *list,
		       unsigned count, bool itself)
{
	for (unsigned i = 0; i < count; i++)
		if (itself ? list[i].node == f->node :
			     one_site(&list[i].at[0], &f->at[0]) ||
			     one_site(&list[i].at[1], &f->at[1]))
			return true;
	return false;
}

static struct netmap_relay relay_of(const struct member_offer *f,
				    const struct member *n)
{
	struct netmap_relay r = { .id = PEERRELAYS_ID | (uint32_t)f->node,
				  .node = f->node,
				  .key = f->key,
				  .at = { f->at[0], f->at[1] } };

	snprintf(r.name, sizeof(r.name), "%s", n->row.name);
	return r;
}

unsigned peerrelays_list(const struct members *m, const struct member *viewer,
			 uint64_t now_s, struct netmap_relay *list, unsigned count)
{
	unsigned first = count, most = count + PEERRELAYS_LISTED;

	if (most > NETMAP_RELAYS_MAX)
		most = NETMAP_RELAYS_MAX;
	for (unsigned turn = 0; turn < 2; turn++)
		for (unsigned i = 0; i < m->offer_count && count < most; i++) {
			const struct member_offer *f = &m->offers[i];
			const struct member *n = member_of(m, f);

			if (!n || !rule_lets(m, n) ||
			    !members_sees(m, viewer, n, now_s) ||
			    is_crowded(f, list + first, count - first, turn))
				continue;
			list[count++] = relay_of(f, n);
		}
	return count;
}

/* ---- what an administrator says, and what is kept ---- */

static bool rule_valid(const char *rule)
{
	if (!strncmp(rule, "tag:", 4))
		return name_valid(rule + 4);
	return !strcmp(rule, "on") || !strcmp(rule, "off");
}

const char *peerrelays_set_rule(struct members *m, const char *rule)
{
	if (!rule_valid(rule))
		return "peer-relays is on, off or tag:NAME";
	if (registry_set_setting(m->registry, "peer_relays", rule))
		return "the database refused; see the server's log and its disk";
	snprintf(m->offer_rule, sizeof(m->offer_rule), "%s", rule);
	members_relays_changed(m);
	return NULL;
}

static void load_offers(struct members *m, const json_t *array, nsec_t now)
{
	json_t *o;
	size_t i;

	json_array_foreach(array, i, o) {
		struct member_offer f = { .node = proto_number(o, "node"),
					  .away_since = nsec_max(now, 1) };

		if (m->offer_count < MEMBERS_OFFERS_MAX &&
		    f.node < PEERRELAYS_ID && read_offer(o, NULL, &f))
			m->offers[m->offer_count++] = f;
	}
}

void peerrelays_load(struct members *m, nsec_t now)
{
	char rule[sizeof(m->offer_rule)];
	char *text = malloc(STORED_MAX);
	json_t *a = NULL;

	strcpy(m->offer_rule, "on");
	if (registry_setting(m->registry, "peer_relays", rule, sizeof(rule)) &&
	    rule_valid(rule))
		strcpy(m->offer_rule, rule);
	if (text && registry_setting(m->registry, "peer_relay_offers", text,
				     STORED_MAX))
		a = json_loads(text, 0, NULL);
	load_offers(m, a, now);
	json_decref(a);
	free(text);
}

static json_t *offer_json(const struct members *m, const struct member_offer *f)
{
	const struct member *n = member_of(m, f);
	json_t *o = json_object(), *at = json_array();
	char text[ADDR_TEXT];

	proto_set_number(o, "node", f->node);
	if (n)
		proto_set_text(o, "name", n->row.name);
	proto_set_key(o, "key", &f->key);
	for (unsigned i = 0; i < 2; i++)
		if (!endpoint_is_zero(&f->at[i]))
			json_array_append_new(
				at, json_string(endpoint_text(&f->at[i], text)));
	json_object_set_new(o, "at", at);
	return o;
}

json_t *peerrelays_json(const struct members *m)
{
	json_t *a = json_array();

	for (unsigned i = 0; i < m->offer_count; i++)
		json_array_append_new(a, offer_json(m, &m->offers[i]));
	return a;
}
