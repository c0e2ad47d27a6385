/* SPDX-License-Identifier: MIT
 *
 * routes.c - subnets behind nodes: offered by a node, approved by an administrator
 */
#include "coord/routes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "coord/proto.h"

static bool says(char why[static ROUTES_WHY], const struct prefix *p,
		 const char *reason)
{
	char text[ADDR_TEXT];

	snprintf(why, ROUTES_WHY, "%s %s", prefix_text(p, text), reason);
	return true;
}

static const char *class_refusal(const struct prefix *p)
{
	switch (ipaddr_class(&p->ip)) {
	case ADDR_CLASS_UNSPECIFIED:
		return "is part of a default route; an exit node offers "
		       "0.0.0.0/0 and ::/0 with: adit set advertise-exit on";
	case ADDR_CLASS_LOOPBACK:
		return "is a host's loopback";
	case ADDR_CLASS_LINK_LOCAL:
		return "is link-local and cannot be routed";
	case ADDR_CLASS_MULTICAST:
		return "is multicast and cannot be routed";
	case ADDR_CLASS_BROADCAST:
		return "is reserved and cannot be routed";
	case ADDR_CLASS_PRIVATE:
	case ADDR_CLASS_SHARED:
	case ADDR_CLASS_TRANSLATION:
	case ADDR_CLASS_GLOBAL:
		break;
	}
	return NULL;
}

/* Whatever such a prefix holds, it holds more than one site. */
static bool too_wide(const struct prefix *p)
{
	return prefix_family_bits(p) < (prefix_is_v4(p) ? 8u : 16u);
}

bool routes_refused(const struct members *m, const struct prefix *p,
		    char why[static ROUTES_WHY])
{
	const char *reason;

	if (prefix_is_default(p)) /* counts for those who choose it as their exit */
		return false;
	reason = class_refusal(p);
	if (reason)
		return says(why, p, reason);
	if (too_wide(p))
		return says(why, p, "takes over most of the address space; "
			    "allowed are /8 and longer, IPv6 /16");
	for (unsigned i = 0; i < 2; i++)
		if (m->overlay[i].bits && prefix_overlaps(p, &m->overlay[i]))
			return says(why, p, "overlaps this network's own range");
	for (unsigned i = 0; i < m->relay_count; i++)
		for (unsigned k = 0; k < 2; k++)
			if (!endpoint_is_zero(&m->relays[i].at[k]) &&
			    prefix_contains(p, &m->relays[i].at[k].ip))
				return says(why, p, "holds the address of a "
					    "server of this network");
	return false;
}

/* ---- what others see ---- */

static bool is_served(const struct member_route *r)
{
	return r->state == REGISTRY_ROUTE_SERVED;
}

/* publish_routes() - the node's record from the member's routes; true: it changed */
static bool publish_routes(struct member *n)
{
	struct prefix *routes = NULL;
	unsigned count = 0;

	if (n->route_count)
		routes = calloc(n->route_count, sizeof(*routes));
	for (unsigned i = 0; routes && i < n->route_count; i++)
		if (is_served(&n->routes[i]))
			routes[count++] = n->routes[i].prefix;
	if (count == n->node.route_count &&
	    (!count || !memcmp(routes, n->node.routes, count * sizeof(*routes)))) {
		free(routes);
		return false;
	}
	free(n->node.routes);
	n->node.routes = routes;
	n->node.route_count = count;
	return true;
}

static bool publish(struct members *m, struct member *n)
{
	if (!publish_routes(n))
		return false;
	members_touch(m, n);
	if (m->access.policy) /* whom it may reach, and what it lets in */
		members_changed(m, n, n->version);
	return true;
}

/* ---- one route ---- */

static struct member_route *find(struct member *n, const struct prefix *p)
{
	for (unsigned i = 0; i < n->route_count; i++)
		if (prefix_eq(&n->routes[i].prefix, p))
			return &n->routes[i];
	return NULL;
}

static bool set_state(struct members *m, struct member *n, struct member_route *r,
		      enum registry_route state)
{
	char text[ADDR_TEXT];

	if (r->state == state)
		return true;
	if (registry_route_set(m->registry, n->row.id,
			       prefix_text(&r->prefix, text), state) < 0)
		return false;
	r->state = state;
	return true;
}

static struct member_route *add(struct member *n, const struct prefix *p,
				enum registry_route state)
{
	struct member_route *grown;

	if (n->route_count == MEMBERS_ROUTES_MAX)
		return NULL;
	grown = realloc(n->routes, (n->route_count + 1u) * sizeof(*grown));
	if (!grown)
		return NULL;
	n->routes = grown;
	grown[n->route_count] = (struct member_route){ *p, state, false };
	return &grown[n->route_count++];
}

static void forget(struct members *m, struct member *n, unsigned at)
{
	char text[ADDR_TEXT];

	if (registry_route_remove(m->registry, n->row.id,
				  prefix_text(&n->routes[at].prefix, text)) < 0)
		return; /* an offer too many: harmless */
	n->routes[at] = n->routes[--n->route_count];
}

/* ---- offers ---- */

static void take_offer(struct members *m, struct member *n, const json_t *o)
{
	const char *text = json_string_value(o);
	struct member_route *r;
	char why[ROUTES_WHY];
	struct prefix p;

	if (!text || !prefix_parse(text, &p))
		return;
	if (routes_refused(m, &p, why)) {
		log_warn("node %s: its route is refused: %s", n->row.name, why);
		return;
	}
	r = find(n, &p);
	if (!r) {
		if (n->route_count == MEMBERS_ROUTES_MAX ||
		    registry_route_set(m->registry, n->row.id,
				       prefix_text(&p, why),
				       REGISTRY_ROUTE_OFFERED) < 0)
			return;
		r = add(n, &p, REGISTRY_ROUTE_OFFERED);
		log_info("node %s offers %s; approve it with: adit-coord route "
			 "approve %s %s", n->row.name, why, n->row.name,
			 prefix_is_default(&p) ? "exit" : why);
	}
	if (r && r->state == REGISTRY_ROUTE_KEPT)
		(void)set_state(m, n, r, REGISTRY_ROUTE_SERVED);
	if (r)
		r->seen = true;
}

static void end_unseen(struct members *m, struct member *n)
{
	for (unsigned i = n->route_count; i-- > 0;) {
		struct member_route *r = &n->routes[i];

		if (!r->seen && r->state == REGISTRY_ROUTE_OFFERED)
			forget(m, n, i);
		else if (!r->seen)
			(void)set_state(m, n, r, REGISTRY_ROUTE_KEPT);
	}
}

bool routes_offer(struct members *m, struct member *n, const json_t *array)
{
	json_t *o;
	size_t i;

	if (!json_is_array(array))
		return false;
	for (unsigned k = 0; k < n->route_count; k++)
		n->routes[k].seen = false;
	json_array_foreach(array, i, o)
		if (i < MEMBERS_ROUTES_MAX)
			take_offer(m, n, o);
	end_unseen(m, n);
	return publish(m, n);
}

/* ---- approval ---- */

/* clash() - part of somebody's approved subnet; the same subnet may be served twice */
static bool clash(const struct members *m, const struct member *n,
		  const struct prefix *p, char why[static ROUTES_WHY])
{
	char mine[ADDR_TEXT], theirs[ADDR_TEXT];

	for (unsigned i = 0; i < m->count && !prefix_is_default(p); i++)
		for (unsigned k = 0; k < m->all[i]->route_count; k++) {
			const struct member_route *r = &m->all[i]->routes[k];

			if (m->all[i] == n ||
			    r->state == REGISTRY_ROUTE_OFFERED ||
			    prefix_eq(&r->prefix, p) ||
			    prefix_is_default(&r->prefix) ||
			    !prefix_overlaps(&r->prefix, p))
				continue;
			snprintf(why, ROUTES_WHY, "%s overlaps %s, approved for "
				 "%s; revoke that first, or have both offer the "
				 "same subnet", prefix_text(p, mine),
				 prefix_text(&r->prefix, theirs),
				 m->all[i]->row.name);
			return true;
		}
	return false;
}

static struct member_route *named(struct member *n, const char *text,
				  char why[static ROUTES_WHY])
{
	struct member_route *r;
	struct prefix p;

	if (!prefix_parse(text, &p)) {
		snprintf(why, ROUTES_WHY, "'%.60s' is no subnet; allowed is "
			 "ADDRESS/LENGTH, such as 192.168.1.0/24", text);
		return NULL;
	}
	r = find(n, &p);
	if (!r)
		snprintf(why, ROUTES_WHY, "%s does not offer %.60s; adit-coord "
			 "route list shows what is offered", n->row.name, text);
	return r;
}

typedef bool decide_fn(struct members *m, struct member *n, const char *prefix,
		       char why[static ROUTES_WHY]);

/* decide_exit() - "exit" is both default routes; one will do where there is one */
static bool decide_exit(decide_fn *decide, struct members *m, struct member *n,
			char why[static ROUTES_WHY])
{
	bool v4 = decide(m, n, "0.0.0.0/0", why);
	bool v6 = decide(m, n, "::/0", why);

	if (!v4 && !v6)
		snprintf(why, ROUTES_WHY, "%s is no exit node; there: adit set "
			 "advertise-exit on", n->row.name);
	return v4 || v6;
}

bool routes_approve(struct members *m, struct member *n, const char *prefix,
		    char why[static ROUTES_WHY])
{
	struct member_route *r;

	if (!strcmp(prefix, "exit"))
		return decide_exit(routes_approve, m, n, why);
	r = named(n, prefix, why);
	if (!r || routes_refused(m, &r->prefix, why) ||
	    clash(m, n, &r->prefix, why))
		return false;
	if (r->state == REGISTRY_ROUTE_OFFERED &&
	    !set_state(m, n, r, REGISTRY_ROUTE_SERVED)) {
		snprintf(why, ROUTES_WHY, "the database refused; see the "
			 "server's log and its disk");
		return false;
	}
	publish(m, n);
	return true;
}

bool routes_revoke(struct members *m, struct member *n, const char *prefix,
		   char why[static ROUTES_WHY])
{
	struct member_route *r;

	if (!strcmp(prefix, "exit"))
		return decide_exit(routes_revoke, m, n, why);
	r = named(n, prefix, why);
	if (!r)
		return false;
	if (r->state == REGISTRY_ROUTE_KEPT)
		forget(m, n, (unsigned)(r - n->routes));
	else if (!set_state(m, n, r, REGISTRY_ROUTE_OFFERED)) {
		snprintf(why, ROUTES_WHY, "the database refused; see the "
			 "server's log and its disk");
		return false;
	}
	publish(m, n);
	return true;
}

static json_t *route_json(const struct member *n, const struct member_route *r)
{
	char text[ADDR_TEXT];
	json_t *o = json_object();

	proto_set_text(o, "node", n->row.name);
	proto_set_text(o, "prefix", prefix_text(&r->prefix, text));
	proto_set_bool(o, "offered", r->state != REGISTRY_ROUTE_KEPT);
	proto_set_bool(o, "approved", r->state != REGISTRY_ROUTE_OFFERED);
	proto_set_bool(o, "online", n->session != NULL);
	return o;
}

json_t *routes_json(const struct members *m)
{
	json_t *a = json_array();

	for (unsigned i = 0; i < m->count; i++)
		for (unsigned k = 0; k < m->all[i]->route_count; k++)
			json_array_append_new(
				a, route_json(m->all[i], &m->all[i]->routes[k]));
	return a;
}

/* ---- start ---- */

static void load_one(void *owner, uint64_t node, const char *prefix,
		     enum registry_route state)
{
	struct members *m = owner;
	struct prefix p;

	for (unsigned i = 0; i < m->count; i++)
		if (m->all[i]->row.id == node && prefix_parse(prefix, &p))
			(void)add(m->all[i], &p, state);
}

int routes_load(struct members *m)
{
	if (registry_each_route(m->registry, load_one, m))
		return -EIO;
	for (unsigned i = 0; i < m->count; i++)
		publish_routes(m->all[i]);
	return 0;
}
