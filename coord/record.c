/* SPDX-License-Identifier: MIT
 *
 * record.c - the netmap's records as JSON, both ways
 */
#include "coord/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/url.h"
#include "coord/name.h"
#include "coord/proto.h"

static json_t *candidate_json(const struct candidate *c)
{
	char text[ADDR_TEXT];
	json_t *o = json_object();

	proto_set_text(o, "at", endpoint_text(&c->at, text));
	proto_set_number(o, "kind", c->kind);
	if (c->attested)
		proto_set_bool(o, "attested", true);
	if (c->spare)
		proto_set_bool(o, "spare", true);
	return o;
}

json_t *record_candidates_json(const struct candidate_list *l)
{
	json_t *a = json_array();

	for (unsigned i = 0; i < l->count; i++)
		json_array_append_new(a, candidate_json(&l->c[i]));
	return a;
}

static bool candidate_read(const json_t *o, struct candidate *out)
{
	const char *at = proto_text(o, "at");
	uint64_t kind = proto_number(o, "kind");

	if (!at || !endpoint_parse(at, &out->at) || kind > CANDIDATES_MAX ||
	    !candidate_known((unsigned)kind))
		return false;
	out->at.scope = 0; /* means nothing on another machine */
	out->kind = (enum candidate_kind)kind;
	out->attested = proto_bool(o, "attested");
	out->spare = proto_bool(o, "spare");
	return true;
}

static bool has(const struct candidate_list *l, const struct candidate *c)
{
	for (unsigned i = 0; i < l->count; i++)
		if (candidate_same(&l->c[i], c))
			return true;
	return false;
}

void record_candidates_read(const json_t *array, struct candidate_list *out)
{
	struct candidate c;
	json_t *o;
	size_t i;

	*out = (struct candidate_list){ 0 };
	json_array_foreach(array, i, o) {
		if (out->count == CANDIDATES_MAX)
			return;
		memset(&c, 0, sizeof(c));
		if (candidate_read(o, &c) && !has(out, &c))
			out->c[out->count++] = c;
	}
}

json_t *record_rtt_json(const uint16_t rtt_ms[static NETMAP_RELAYS_MAX])
{
	json_t *a = json_array();

	for (unsigned i = 0; i < NETMAP_RELAYS_MAX; i++)
		json_array_append_new(a, json_integer(rtt_ms[i]));
	return a;
}

void record_rtt_read(const json_t *array, uint16_t out[static NETMAP_RELAYS_MAX])
{
	for (unsigned i = 0; i < NETMAP_RELAYS_MAX; i++) {
		json_int_t v = json_integer_value(json_array_get(array, i));

		out[i] = v > 0 && v <= UINT16_MAX ? (uint16_t)v : 0;
	}
}

json_t *record_peer_rtt_json(
	const struct netmap_rtt rtt[static NETMAP_PEER_RELAYS_MAX])
{
	json_t *a = json_array();

	for (unsigned i = 0; i < NETMAP_PEER_RELAYS_MAX; i++)
		if (rtt[i].relay)
			json_array_append_new(
				a, json_pack("[I,I]", (json_int_t)rtt[i].relay,
					     (json_int_t)rtt[i].ms));
	return a;
}

void record_peer_rtt_read(const json_t *array,
			  struct netmap_rtt out[static NETMAP_PEER_RELAYS_MAX])
{
	unsigned count = 0;
	json_t *o;
	size_t i;

	memset(out, 0, NETMAP_PEER_RELAYS_MAX * sizeof(*out));
	json_array_foreach(array, i, o) {
		json_int_t id = json_integer_value(json_array_get(o, 0));
		json_int_t ms = json_integer_value(json_array_get(o, 1));

		if (count == NETMAP_PEER_RELAYS_MAX)
			return;
		if (id <= 0 || id > UINT32_MAX || ms <= 0 || ms > UINT16_MAX)
			continue;
		out[count].relay = (uint32_t)id;
		out[count++].ms = (uint32_t)ms;
	}
}

static void set_published(json_t *o, const struct netmap_node *n)
{
	proto_set_number(o, "generation", n->generation);
	json_object_set_new(o, "candidates",
			    record_candidates_json(&n->candidates));
	json_object_set_new(o, "rtt", record_rtt_json(n->relay_rtt_ms));
	if (n->peer_rtt[0].relay)
		json_object_set_new(o, "peer_rtt",
				    record_peer_rtt_json(n->peer_rtt));
}

json_t *record_published_json(const struct netmap_node *n)
{
	json_t *o = json_object();

	if (o)
		set_published(o, n);
	return o;
}

void record_published_read(const json_t *o, struct netmap_node *out)
{
	out->generation = (uint32_t)proto_number(o, "generation");
	record_candidates_read(json_object_get(o, "candidates"), &out->candidates);
	record_rtt_read(json_object_get(o, "rtt"), out->relay_rtt_ms);
	record_peer_rtt_read(json_object_get(o, "peer_rtt"), out->peer_rtt);
}

static json_t *routes_json(const struct netmap_node *n)
{
	char text[ADDR_TEXT];
	json_t *a = json_array();

	for (unsigned i = 0; i < n->route_count; i++)
		json_array_append_new(
			a, json_string(prefix_text(&n->routes[i], text)));
	return a;
}

/* A route that would take over the host itself is never accepted; an exit node counts
 * for those who choose it. */
static bool route_allowed(const struct prefix *p)
{
	if (prefix_is_default(p))
		return true;
	switch (ipaddr_class(&p->ip)) {
	case ADDR_CLASS_UNSPECIFIED:
	case ADDR_CLASS_LOOPBACK:
	case ADDR_CLASS_LINK_LOCAL:
	case ADDR_CLASS_MULTICAST:
	case ADDR_CLASS_BROADCAST:
		return false;
	case ADDR_CLASS_PRIVATE:
	case ADDR_CLASS_SHARED:
	case ADDR_CLASS_TRANSLATION:
	case ADDR_CLASS_GLOBAL:
		break;
	}
	return prefix_family_bits(p) >= 4;
}

static bool routes_read(const json_t *array, struct netmap_node *out)
{
	size_t n = json_array_size(array), i;
	json_t *o;

	if (n == 0)
		return true;
	if (n > NETMAP_ROUTES_MAX)
		n = NETMAP_ROUTES_MAX;
	out->routes = calloc(n, sizeof(*out->routes));
	if (!out->routes)
		return false;
	json_array_foreach(array, i, o) {
		struct prefix p;

		if (out->route_count < n && json_is_string(o) &&
		    prefix_parse(json_string_value(o), &p) && route_allowed(&p))
			out->routes[out->route_count++] = p;
	}
	return true;
}

json_t *record_node_json(const struct netmap_node *n)
{
	char text[ADDR_TEXT];
	json_t *o = json_object();

	if (!o)
		return NULL;
	proto_set_number(o, "id", n->id);
	if (n->gateway)
		proto_set_number(o, "gateway", n->gateway);
	proto_set_text(o, "name", n->name);
	proto_set_key(o, "key", &n->key);
	proto_set_text(o, "v4", ipaddr_text(&n->v4, text));
	proto_set_text(o, "v6", ipaddr_text(&n->v6, text));
	if (n->tags)
		proto_set_text(o, "tags", n->tags);
	if (n->route_count)
		json_object_set_new(o, "routes", routes_json(n));
	proto_set_bool(o, "online", n->online);
	proto_set_bool(o, "fast_aes", n->fast_aes);
	set_published(o, n);
	return o;
}

static bool address_read(const json_t *o, const char *member, bool v4,
			 struct ipaddr *out)
{
	const char *text = proto_text(o, member);

	return text && ipaddr_parse(text, out) && ipaddr_is_v4(out) == v4;
}

static bool tags_read(const char *text, struct netmap_node *out)
{
	if (!text || !*text)
		return true;
	if (strlen(text) >= NETMAP_TAGS ||
	    strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-,") != strlen(text))
		return false;
	out->tags = strdup(text);
	return out->tags != NULL;
}

bool record_node_read(const json_t *o, struct netmap_node *out)
{
	const char *name = proto_text(o, "name");
	struct netmap_node n = { .id = proto_number(o, "id") };

	if (!n.id || !name || !name_valid(name) || !proto_key(o, "key", &n.key) ||
	    key_public_is_zero(&n.key) || !address_read(o, "v4", true, &n.v4) ||
	    !address_read(o, "v6", false, &n.v6))
		return false;
	snprintf(n.name, sizeof(n.name), "%s", name);
	n.gateway = proto_number(o, "gateway");
	n.online = proto_bool(o, "online");
	n.fast_aes = proto_bool(o, "fast_aes");
	record_published_read(o, &n);
	if (!tags_read(proto_text(o, "tags"), &n))
		return false;
	if (!routes_read(json_object_get(o, "routes"), &n)) {
		record_node_done(&n);
		return false;
	}
	*out = n;
	return true;
}

void record_node_done(struct netmap_node *n)
{
	free(n->routes);
	free(n->tags);
	n->routes = NULL;
	n->tags = NULL;
	n->route_count = 0;
}

json_t *record_relay_json(const struct netmap_relay *r)
{
	char text[ADDR_TEXT];
	json_t *o = json_object(), *at = json_array();

	if (!o)
		return NULL;
	proto_set_number(o, "id", r->id);
	proto_set_text(o, "name", r->name);
	proto_set_key(o, "key", &r->key);
	for (unsigned i = 0; i < ARRAY_SIZE(r->at); i++)
		if (!endpoint_is_zero(&r->at[i]))
			json_array_append_new(
				at, json_string(endpoint_text(&r->at[i], text)));
	json_object_set_new(o, "at", at);
	if (r->url[0])
		proto_set_text(o, "url", r->url);
	if (r->node)
		proto_set_number(o, "node", r->node);
	return o;
}

static void relay_endpoints_read(const json_t *array, struct netmap_relay *out)
{
	struct endpoint e;
	json_t *o;
	size_t i;

	json_array_foreach(array, i, o) {
		if (!json_is_string(o) ||
		    !endpoint_parse(json_string_value(o), &e) ||
		    e.port == UINT16_MAX)
			continue;
		e.scope = 0;
		out->at[ipaddr_is_v4(&e.ip) ? 0 : 1] = e;
	}
}

bool record_relay_read(const json_t *o, struct netmap_relay *out)
{
	const char *name = proto_text(o, "name"), *url = proto_text(o, "url");
	uint64_t id = proto_number(o, "id");
	char host[URL_HOST];
	uint16_t port;
	struct netmap_relay r = { .id = (uint32_t)id,
				  .node = proto_number(o, "node") };

	if (!id || id > UINT32_MAX || !name || !name_valid(name) ||
	    strlen(name) >= sizeof(r.name) || !proto_key(o, "key", &r.key) ||
	    key_public_is_zero(&r.key))
		return false;
	memcpy(r.name, name, strlen(name));
	if (url && strlen(url) < sizeof(r.url) && url_parse(url, host, &port))
		strcpy(r.url, url);
	relay_endpoints_read(json_object_get(o, "at"), &r);
	if (endpoint_is_zero(&r.at[0]) && endpoint_is_zero(&r.at[1]))
		return false;
	*out = r;
	return true;
}
