/* SPDX-License-Identifier: MIT
 *
 * relays.c - the further relays of the network, as its administrator names them
 */
#include "coord/relays.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/url.h"
#include "coord/name.h"
#include "coord/proto.h"

enum {
	UDP_PORT = 3478, /* where an address is given without */
};

struct filling {
	struct netmap_relay *list;
	unsigned count;
};

static void take(void *owner, const struct registry_relay *r)
{
	struct filling *f = owner;
	struct netmap_relay *out = &f->list[f->count];

	if (f->count == NETMAP_RELAYS_MAX)
		return;
	*out = (struct netmap_relay){ .id = (uint32_t)(r->id + RELAYS_OWN_ID),
				      .key = r->key,
				      .at = { r->at[0], r->at[1] } };
	snprintf(out->name, sizeof(out->name), "%s", r->name);
	snprintf(out->url, sizeof(out->url), "%s", r->url);
	f->count++;
}

unsigned relays_load(struct registry *r, struct netmap_relay *list, unsigned count)
{
	struct filling f = { list, count };

	(void)!registry_each_relay(r, take, &f);
	return f.count;
}

static const char *read_places(const json_t *array, struct registry_relay *out)
{
	json_t *o;
	size_t i;

	json_array_foreach(array, i, o) {
		const char *text = json_string_value(o);
		struct endpoint e = { .port = UDP_PORT };

		if (!text || (!ipaddr_parse(text, &e.ip) &&
			      !endpoint_parse(text, &e)) ||
		    !e.port || e.port == UINT16_MAX)
			return "a relay's place is ADDRESS or ADDRESS:PORT, as "
			       "nodes reach its UDP port";
		out->at[ipaddr_is_v4(&e.ip) ? 0 : 1] = e;
	}
	return endpoint_is_zero(&out->at[0]) && endpoint_is_zero(&out->at[1]) ?
		       "give the relay's address" : NULL;
}

/* default_url() - adit-relay serves TLS on 443 of the same address unless told else */
static void default_url(struct registry_relay *r)
{
	struct endpoint e = r->at[endpoint_is_zero(&r->at[0]) ? 1 : 0];
	char text[ADDR_TEXT];

	e.port = 443;
	snprintf(r->url, sizeof(r->url), "https://%s", endpoint_text(&e, text));
}

static const char *read_relay(const json_t *request, struct registry_relay *out)
{
	const char *name = proto_text(request, "name");
	const char *url = proto_text(request, "url");
	const char *why = read_places(json_object_get(request, "at"), out);
	char host[URL_HOST];
	uint16_t port;

	if (!name || !name_valid(name) || strlen(name) >= sizeof(out->name) ||
	    !strcmp(name, "coord"))
		return "a relay's name is made of a-z, 0-9 and -, 31 at most, and "
		       "is not coord";
	if (!proto_key(request, "key", &out->key) ||
	    key_public_is_zero(&out->key))
		return "a relay's key is the 44 characters that adit-relay prints "
		       "when it starts";
	if (why)
		return why;
	snprintf(out->name, sizeof(out->name), "%s", name);
	default_url(out);
	if (!url)
		return NULL;
	if (strlen(url) >= sizeof(out->url) ||
	    (strcmp(url, "none") && !url_parse(url, host, &port)))
		return "where it is over TLS must be https://HOST[:PORT], or none";
	snprintf(out->url, sizeof(out->url), "%s", strcmp(url, "none") ? url : "");
	return NULL;
}

const char *relays_add(struct registry *r, const json_t *request)
{
	struct netmap_relay all[NETMAP_RELAYS_MAX];
	struct registry_relay relay = { 0 };
	const char *why = read_relay(request, &relay);

	if (why)
		return why;
	if (relays_load(r, all, 1) == NETMAP_RELAYS_MAX)
		return "there are as many relays as a network can have; remove one";
	switch (registry_relay_add(r, &relay)) {
	case 0:
		return NULL;
	case -EEXIST:
		return "there is a relay of that name or key; adit-coord relay list "
		       "shows them";
	}
	return "the database refused; see the server's log and its disk";
}

const char *relays_remove(struct registry *r, const char *name)
{
	switch (registry_relay_remove(r, name)) {
	case 0:
		return NULL;
	case -ENOENT:
		return "there is no relay of that name; adit-coord relay list shows "
		       "them";
	}
	return "the database refused; see the server's log and its disk";
}
