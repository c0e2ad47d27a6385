/* SPDX-License-Identifier: MIT
 *
 * upnp.c - a UPnP Internet Gateway Device, asked through miniupnpc
 */
#include "traversal/upnp.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <miniupnpc/miniupnpc.h>
#include <miniupnpc/upnpcommands.h>

#include "base/attr.h"

enum { /* WANIPConnection:2 s2.5.16, tables 2-47 and following */
	INVALID_ARGS = 402,
	NO_SUCH_ENTRY = 714,
	CONFLICT = 718,
	SAME_PORTS = 724, /* external must be the internal one */
	ONLY_PERMANENT = 725,
	PORT_MIN = 1024,
	NUMBER_TEXT = 16,
	CLIENT_TEXT = 64, /* miniupnpc writes at most 16 of it */
	DESCRIPTION_TEXT = 128, /* miniupnpc writes at most 80 */
	MALFORMED = -1,
	PINHOLE_ID = 8, /* octets that miniupnpc writes, with NUL */
	LAST_LEASE_S = 60, /* of a pinhole that is about to be closed */
};

struct upnp {
	struct UPNPUrls urls;
	struct IGDdatas data;
};

static bool is_there(const char *url, const char *service)
{
	return url && *url && *service;
}

struct upnp *upnp_open(const char *location, bool v6)
{
	struct upnp *u = calloc(1, sizeof(*u));
	char lan[64];

	if (!u)
		return NULL;
	if (UPNP_GetIGDFromUrl(location, &u->urls, &u->data, lan, sizeof(lan)) ==
		    1 &&
	    (v6 ? is_there(u->urls.controlURL_6FC, u->data.IPv6FC.servicetype) :
		  is_there(u->urls.controlURL, u->data.first.servicetype)))
		return u;
	upnp_close(u);
	return NULL;
}

void upnp_close(struct upnp *u)
{
	if (u)
		FreeUPNPUrls(&u->urls);
	free(u);
}

static const char *number(uint32_t v, char out[static NUMBER_TEXT])
{
	snprintf(out, NUMBER_TEXT, "%u", v);
	return out;
}

enum owner { NOBODY, OURS, ANOTHER };

/* owner_of() - whose is that external port? A router that cannot tell: nobody's */
static enum owner owner_of(struct upnp *u, uint16_t port,
			   const struct endpoint *internal)
{
	char ext[NUMBER_TEXT], client[CLIENT_TEXT] = "", in[NUMBER_TEXT] = "";
	char what[DESCRIPTION_TEXT] = "", enabled[NUMBER_TEXT] = "";
	char left[NUMBER_TEXT * 2] = "", ours[NUMBER_TEXT];
	struct ipaddr ip;

	if (UPNP_GetSpecificPortMappingEntry(
		    u->urls.controlURL, u->data.first.servicetype,
		    number(port, ext), "UDP", NULL, client, in, what, enabled,
		    left) != UPNPCOMMAND_SUCCESS)
		return NOBODY;
	if (!ipaddr_parse(client, &ip) || !ipaddr_eq(&ip, &internal->ip))
		return ANOTHER;
	return strcmp(in, number(internal->port, ours)) ? ANOTHER : OURS;
}

static int delete_port(struct upnp *u, uint16_t port)
{
	char ext[NUMBER_TEXT];

	return UPNP_DeletePortMapping(u->urls.controlURL,
				      u->data.first.servicetype,
				      number(port, ext), "UDP", NULL);
}

static int add_port(struct upnp *u, const struct upnp_mapping *m, uint16_t port,
		    uint32_t lifetime_s)
{
	char ext[NUMBER_TEXT], in[NUMBER_TEXT], lease[NUMBER_TEXT];
	char client[ADDR_TEXT];

	return UPNP_AddPortMapping(u->urls.controlURL, u->data.first.servicetype,
				   number(port, ext),
				   number(m->internal.port, in),
				   ipaddr_text(&m->internal.ip, client), "adit",
				   "UDP", NULL, number(lifetime_s, lease));
}

/* try_port() - 0: mapped there; CONFLICT: not with this port; else final */
static int try_port(struct upnp *u, struct upnp_mapping *m, uint16_t port)
{
	enum owner owner = owner_of(u, port, &m->internal);
	uint32_t lifetime = m->lifetime_s;
	int e;

	if (port < PORT_MIN || owner == ANOTHER)
		return CONFLICT;
	e = add_port(u, m, port, lifetime);
	if (e == ONLY_PERMANENT || e == INVALID_ARGS) {
		lifetime = 0;
		e = add_port(u, m, port, lifetime);
	}
	if (e && owner == OURS && !delete_port(u, port))
		e = add_port(u, m, port, lifetime);
	if (e)
		return e;
	if (owner_of(u, port, &m->internal) == ANOTHER)
		return CONFLICT;
	m->external.port = port;
	m->lifetime_s = lifetime;
	return 0;
}

/* read_address() - whatever it is: who asked will judge */
static int read_address(struct upnp *u, struct ipaddr *out)
{
	char text[64] = "";
	int e = UPNP_GetExternalIPAddress(u->urls.controlURL,
					  u->data.first.servicetype, text);

	if (e)
		return e;
	return ipaddr_parse(text, out) ? 0 : MALFORMED;
}

/* ---- IPv6 ---- */

/* open_pinhole() - from everywhere; one that is there gets this lifetime, and keeps its id
 * (WANIPv6FirewallControl:1 s2.3.3) */
static int open_pinhole(struct upnp *u, const struct upnp_mapping *m, uint32_t lifetime_s,
			char id[static PINHOLE_ID])
{
	char in[NUMBER_TEXT], lease[NUMBER_TEXT], protocol[NUMBER_TEXT];
	char client[ADDR_TEXT];

	return UPNP_AddPinhole(u->urls.controlURL_6FC, u->data.IPv6FC.servicetype, "",
			       "0", ipaddr_text(&m->internal.ip, client),
			       number(m->internal.port, in),
			       number(IPPROTO_UDP, protocol),
			       number(lifetime_s, lease), id);
}

static int map_pinhole(struct upnp *u, struct upnp_mapping *m)
{
	char id[PINHOLE_ID] = "";
	int e = open_pinhole(u, m, m->lifetime_s, id);

	if (!e)
		m->external = m->internal;
	return e;
}

/* unmap_pinhole() - nobody has kept its id: opening it again tells */
static int unmap_pinhole(struct upnp *u, const struct upnp_mapping *m)
{
	char id[PINHOLE_ID] = "";
	int e = open_pinhole(u, m, LAST_LEASE_S, id);

	if (e)
		return e;
	return UPNP_DeletePinhole(u->urls.controlURL_6FC, u->data.IPv6FC.servicetype,
				  id);
}

/* ---- either ---- */

int upnp_map(struct upnp *u, struct upnp_mapping *m)
{
	int e;

	if (!ipaddr_is_v4(&m->internal.ip))
		return map_pinhole(u, m);
	e = read_address(u, &m->external.ip);
	if (e)
		return e;
	e = try_port(u, m, m->external.port);
	if (e == SAME_PORTS)
		e = try_port(u, m, m->internal.port);
	for (unsigned i = 0; e == CONFLICT && i < ARRAY_SIZE(m->others); i++)
		e = try_port(u, m, m->others[i]);
	return e;
}

int upnp_unmap(struct upnp *u, const struct upnp_mapping *m)
{
	if (!ipaddr_is_v4(&m->internal.ip))
		return unmap_pinhole(u, m);
	if (m->external.port < PORT_MIN)
		return INVALID_ARGS;
	switch (owner_of(u, m->external.port, &m->internal)) {
	case ANOTHER:
		return NO_SUCH_ENTRY;
	case NOBODY:
	case OURS:
		break;
	}
	return delete_port(u, m->external.port);
}
