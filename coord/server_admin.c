/* SPDX-License-Identifier: MIT
 *
 * server_admin.c - what an administrator asks of relays, nodes and routes
 */
#include <stdio.h>
#include <string.h>

#include "coord/peerrelays.h"
#include "coord/proto.h"
#include "coord/record.h"
#include "coord/relays.h"
#include "coord/routes.h"
#include "coord/session.h"

/* relays_changed() - everybody's map has a new version, with the new list in it */
static const char *relays_changed(struct server *s)
{
	server_load_relays(s);
	members_relays_changed(&s->members);
	server_push_at_once(s);
	return NULL;
}

const char *server_relay_add(struct server *s, const json_t *request)
{
	const char *why = relays_add(s->p.registry, request);

	return why ? why : relays_changed(s);
}

const char *server_relay_remove(struct server *s, const char *name)
{
	const char *why = relays_remove(s->p.registry, name);

	return why ? why : relays_changed(s);
}

const char *server_set_peer_relays(struct server *s, const char *rule)
{
	const char *why = peerrelays_set_rule(&s->members, rule);

	server_push_at_once(s);
	return why;
}

json_t *server_peer_relays(const struct server *s)
{
	return peerrelays_json(&s->members);
}

json_t *server_relays(const struct server *s)
{
	json_t *a = json_array();

	for (unsigned i = 0; i < s->members.relay_count; i++)
		json_array_append_new(a, record_relay_json(&s->members.relays[i]));
	return a;
}

const char *server_remove(struct server *s, const char *node)
{
	struct member *n = members_by_name(&s->members, node);
	struct session *x = n ? n->session : NULL;
	const char *why;

	if (!n)
		return "there is no node of that name; adit-coord nodes lists them";
	why = server_forget(s, n);
	if (why || !x)
		return why;
	server_tell(x, proto_new(PROTO_REMOVED));
	server_close(x);
	return NULL;
}

bool server_route(struct server *s, const char *node, const char *prefix, bool approve,
		  char why[static 256])
{
	struct member *n = members_by_name(&s->members, node);
	bool ok;

	snprintf(why, 256, "there is no node of that name; adit-coord nodes lists "
		 "them");
	if (!n)
		return false;
	ok = approve ? routes_approve(&s->members, n, prefix, why) :
		       routes_revoke(&s->members, n, prefix, why);
	server_push_at_once(s);
	return ok;
}

json_t *server_routes(const struct server *s)
{
	return routes_json(&s->members);
}

static json_t *node_json(const struct member *n)
{
	json_t *o = json_object(), *addresses = json_array();
	char text[ADDR_TEXT];

	proto_set_number(o, "id", n->row.id);
	proto_set_text(o, "name", n->row.name);
	proto_set_key(o, "key", &n->row.tunnel);
	json_array_append_new(addresses,
			      json_string(ipaddr_text(&n->row.v4, text)));
	json_array_append_new(addresses,
			      json_string(ipaddr_text(&n->row.v6, text)));
	json_object_set_new(o, "addresses", addresses);
	proto_set_bool(o, "online", n->session != NULL);
	proto_set_number(o, "created", n->row.created_s);
	proto_set_bool(o, "waiting", n->row.waiting);
	proto_set_text(o, "tags", n->row.tags);
	if (n->gateway)
		proto_set_text(o, "gateway", n->gateway->row.name);
	proto_set_bool(o, "expired", members_expired(n, server_wall_s()));
	proto_set_number(o, "expires", n->row.expires_s);
	if (n->session)
		proto_set_text(o, "from", stream_peer(n->session->stream));
	return o;
}

json_t *server_nodes(const struct server *s)
{
	json_t *a = json_array();

	for (unsigned i = 0; i < s->members.count; i++)
		json_array_append_new(a, node_json(s->members.all[i]));
	return a;
}
