/* SPDX-License-Identifier: MIT
 *
 * server_guests.c - what an administrator asks of stock WireGuard machines
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "coord/guests.h"
#include "coord/proto.h"
#include "coord/session.h"

/* choose_gateway() - the named one, or the one that is most likely reached from outside */
static struct member *choose_gateway(const struct server *s, const char *name,
				     const char **why)
{
	const struct members *m = &s->members;

	*why = "there is no node of the gateway's name; adit-coord nodes lists them";
	if (name)
		return members_by_name(m, name);
	*why = "no node that is online has a public address or a mapped port; name "
	       "the gateway and its address: --gateway NODE --endpoint ADDR:PORT";
	for (unsigned i = 0; i < m->count; i++) {
		const struct candidate_list *l = &m->all[i]->node.candidates;

		for (unsigned k = 0; m->all[i]->session && k < l->count; k++)
			if (l->c[k].kind == CANDIDATE_PUBLIC ||
			    l->c[k].kind == CANDIDATE_MAPPED)
				return m->all[i];
	}
	return NULL;
}

/* endpoint_of() - as asked for, else as published; NULL and a sentence */
static const char *endpoint_of(const struct member *gateway, const json_t *request,
			       struct endpoint *out)
{
	const char *text = proto_text(request, "endpoint");
	const struct endpoint *known = guests_endpoint(gateway);

	if (text)
		return endpoint_parse(text, out) ?
			       NULL : "--endpoint takes ADDR:PORT, the gateway's "
				      "address and UDP port from outside";
	if (!known)
		return "the gateway has not said where it is reached; give "
		       "--endpoint ADDR:PORT, or try again when it is online";
	*out = *known;
	return NULL;
}

static void describe(const struct server *s, const struct member *n,
		     const struct endpoint *at, json_t *o)
{
	char text[ADDR_TEXT], other[ADDR_TEXT];

	proto_set_text(o, "name", n->row.name);
	proto_set_text(o, "gateway", n->gateway->row.name);
	proto_set_key(o, "key", &n->gateway->row.tunnel);
	proto_set_text(o, "endpoint", endpoint_text(at, text));
	proto_set_text(o, "v4", ipaddr_text(&n->row.v4, text));
	proto_set_text(o, "v6", ipaddr_text(&n->row.v6, text));
	json_object_set_new(o, "overlay",
			    json_pack("[s,s]",
				      prefix_text(&s->members.overlay[0], text),
				      prefix_text(&s->members.overlay[1], other)));
}

/* take_tags() - "a,b", checked by who asked */
static const char *take_tags(const json_t *request, char out[static REGISTRY_TAGS])
{
	const char *text = proto_text(request, "tags");

	if (!text)
		return NULL;
	if (strlen(text) >= REGISTRY_TAGS ||
	    strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-,") != strlen(text))
		return "a tag is made of a-z, 0-9 and -, 63 at most";
	memcpy(out, text, strlen(text) + 1);
	return NULL;
}

const char *server_guest_add(struct server *s, const json_t *request, json_t *reply,
			     char why[static 512])
{
	const char *name = proto_text(request, "name"), *wrong;
	struct registry_node row = { 0 };
	struct member *gateway, *n;
	struct endpoint at;

	(void)why;
	if (!name || strlen(name) >= sizeof(row.name) ||
	    !proto_key(request, "key", &row.tunnel) ||
	    key_public_is_zero(&row.tunnel))
		return "name the machine: adit-coord wg-peer add NAME";
	memcpy(row.name, name, strlen(name) + 1);
	gateway = choose_gateway(s, proto_text(request, "gateway"), &wrong);
	if (!gateway)
		return wrong;
	wrong = take_tags(request, row.tags);
	if (!wrong)
		wrong = endpoint_of(gateway, request, &at);
	if (!wrong)
		wrong = guests_add(&s->members, gateway, &row, server_wall_s(), &n);
	if (wrong)
		return wrong;
	log_info("wg-peer %s: through %s", n->row.name, gateway->row.name);
	describe(s, n, &at, reply);
	server_push(s);
	return NULL;
}

const char *server_guest_remove(struct server *s, const char *name)
{
	const struct member *n = members_by_name(&s->members, name);

	if (!n || !n->gateway)
		return "there is no stock WireGuard of that name; adit-coord wg-peer "
		       "list shows them";
	return server_remove(s, name);
}
