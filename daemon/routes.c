/* SPDX-License-Identifier: MIT
 *
 * routes.c - subnets behind peers: which of them we use, and through whom
 */
#include "daemon/routes.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "daemon/exitnode.h"
#include "daemon/peer.h"
#include "daemon/router.h"

#define SILENCE MSEC(300) /* sending without hearing: worth a question */
#define ASK_GAP MSEC(300) /* between questions; a path set keeps 16 of 3 s */
#define CHECK_FOR SEC(10) /* an answer of the kernel about a subnet */
#define SILENT_FOR SEC(10) /* then it may try again, if there is nobody else */

_Static_assert(NETMAP_ROUTES_MAX <= 64, "struct peer has a bit for each");

/* ---- which ---- */

static bool holds_server(const struct node *n, const struct prefix *p)
{
	for (unsigned i = 0; i < n->netmap.relay_count; i++)
		for (unsigned k = 0; k < 2; k++) {
			const struct endpoint *at = &n->netmap.relays[i].at[k];

			if (!n->netmap.relays[i].node && !endpoint_is_zero(at) &&
			    prefix_contains(p, &at->ip))
				return true;
		}
	return false;
}

/* hostile() - whatever an administrator approved: this would cut us off */
static const char *hostile(const struct node *n, const struct prefix *p)
{
	for (unsigned i = 0; i < 2; i++)
		if (n->netmap.overlay[i].bits &&
		    prefix_overlaps(p, &n->netmap.overlay[i]))
			return "overlaps this network's own range";
	if (holds_server(n, p))
		return "holds the address of a server of this network";
	return NULL;
}

static bool refused(struct node *n, const struct prefix *p,
		    char why[static ROUTES_WHY])
{
	const char *reason = hostile(n, p);
	char text[ADDR_TEXT];

	if (reason)
		snprintf(why, ROUTES_WHY, "%s %s", prefix_text(p, text), reason);
	return reason || netconf_route_conflict(p, n->device.index, why);
}

static uint64_t route_hash(const struct prefix *p)
{
	return hmap_mix(p->ip.b, hmap_mix(p->ip.b + 8, p->bits));
}

/* clashes() - as netconf_route_conflict(), which reads all routes of the host: netmaps
 * change often, the host does not, and says so when it does */
static bool clashes(struct node *n, const struct prefix *p)
{
	struct route_check *c = &n->route_checks[route_hash(p) %
						 ARRAY_SIZE(n->route_checks)];
	nsec_t now = time_now();
	char why[ROUTES_WHY];

	if (c->at && prefix_eq(&c->net, p) && nsec_since(c->at, now) < CHECK_FOR)
		return c->clash;
	*c = (struct route_check){
		*p, netconf_route_conflict(p, n->device.index, why), now };
	return c->clash;
}

void routes_host_changed(struct node *n)
{
	memset(n->route_checks, 0, sizeof(n->route_checks));
}

static bool uses(struct node *n, const struct netmap_node *node,
		 const struct prefix *p)
{
	if (prefix_is_default(p))
		return exitnode_is(n, node);
	return n->state.accept_routes && !hostile(n, p) && !clashes(n, p);
}

static unsigned own_prefixes(const struct netmap_node *node, struct prefix *out)
{
	unsigned count = 0;

	if (!ipaddr_is_zero(&node->v4))
		out[count++] = prefix_make(node->v4, 32);
	if (!ipaddr_is_zero(&node->v6))
		out[count++] = prefix_make(node->v6, 128);
	return count;
}

unsigned routes_allowed(struct node *n, const struct netmap_node *node,
			struct prefix *out, unsigned *own)
{
	unsigned count = 0;

	count += own_prefixes(node, out);
	for (unsigned i = 0; n->netmap.guest_count && i < n->netmap.peer_count; i++)
		if (n->netmap.peers[i].gateway == node->id &&
		    count <= 2 * ROUTES_GUESTS_MAX)
			count += own_prefixes(&n->netmap.peers[i], out + count);
	*own = count;
	for (unsigned i = 0; i < node->route_count; i++)
		if (uses(n, node, &node->routes[i]))
			out[count++] = node->routes[i];
	return count;
}

/* ---- through whom ---- */

bool routes_carries(const struct peer *p, unsigned k)
{
	return k < p->own_count ||
	       (k - p->own_count < 64 && p->carries >> (k - p->own_count) & 1);
}

static unsigned rank(const struct peer *p, bool carries)
{
	return (p->silent_since ? 0u : 8u) + (p->online ? 4u : 0u) +
	       (p->use.best.kind != PATH_NONE ? 2u : 0u) + carries;
}

/* served_at() - the place of that subnet among a peer's; -1: not there */
static int served_at(const struct peer *p, const struct prefix *net)
{
	for (unsigned k = p->own_count; k < p->allowed_count; k++)
		if (prefix_eq(&p->allowed[k], net))
			return (int)k;
	return -1;
}

/* is_best() - of all that serve the k-th prefix of p, is p to carry it? Ties go to the
 * first of the list */
static bool is_best(const struct node *n, const struct peer *p, unsigned k)
{
	unsigned mine = rank(p, routes_carries(p, k));
	bool before = true;

	for (unsigned i = 0; i < n->peer_count; i++) {
		const struct peer *other = n->peers[i];
		int at;

		if (other == p) {
			before = false;
			continue;
		}
		at = served_at(other, &p->allowed[k]);
		if (at < 0)
			continue;
		unsigned theirs = rank(other,
				       routes_carries(other, (unsigned)at));

		if (theirs > mine || (theirs == mine && before))
			return false;
	}
	return true;
}

static uint64_t choice_of(const struct node *n, const struct peer *p)
{
	uint64_t carries = 0;

	for (unsigned k = p->own_count; k < p->allowed_count; k++)
		if (k - p->own_count < 64 && is_best(n, p, k))
			carries |= 1ull << (k - p->own_count);
	return carries;
}

bool routes_choose(struct node *n)
{
	bool changed = false;

	/* all look at the old choice, then all take the new one */
	for (unsigned i = 0; i < n->peer_count; i++)
		n->peers[i]->will_carry = choice_of(n, n->peers[i]);
	for (unsigned i = 0; i < n->peer_count; i++) {
		struct peer *p = n->peers[i];

		if (p->carries == p->will_carry)
			continue;
		if (p->will_carry & ~p->carries)
			log_info("peer %s: carries routes now", p->name);
		p->carries = p->will_carry;
		changed = true;
	}
	return changed;
}

void routes_reconsider(struct node *n, const struct peer *p)
{
	if (p->allowed_count > p->own_count && routes_choose(n))
		peers_publish_routes(n);
}

/* ---- does it still carry? ---- */

static bool has_rival(const struct node *n, const struct peer *p)
{
	for (unsigned i = 0; i < n->peer_count; i++)
		for (unsigned k = p->own_count; k < p->allowed_count; k++)
			if (n->peers[i] != p &&
			    served_at(n->peers[i], &p->allowed[k]) >= 0)
				return true;
	return false;
}

static void end_silence(struct node *n, struct peer *p)
{
	p->asking_since = 0;
	if (!p->silent_since)
		return;
	p->silent_since = 0;
	routes_reconsider(n, p);
}

void routes_watch(struct node *n, struct peer *p, nsec_t now)
{
	nsec_t sent = atomic_load(&p->fwd->last_tx);
	nsec_t heard = nsec_max(atomic_load(&p->fwd->last_rx), p->answered);

	if (p->allowed_count == p->own_count)
		return;
	if (p->silent_since && (heard > p->silent_since ||
				nsec_since(p->silent_since, now) > SILENT_FOR))
		end_silence(n, p);
	if (!p->carries || nsec_since(sent, now) > SEC(1) ||
	    nsec_since(heard, now) < SILENCE) {
		p->asking_since = 0;
		return;
	}
	if (!p->asking_since && !has_rival(n, p))
		return;
	if (!p->asking_since)
		p->asking_since = now;
	if (nsec_since(p->asked, now) >= ASK_GAP) {
		p->asked = now;
		pathset_ping(p->paths, ROUTES_PING, now);
	}
	if (p->silent_since || nsec_since(p->asking_since, now) < ROUTES_PATIENCE)
		return;
	p->silent_since = now;
	log_warn("peer %s: takes packets for its subnets and is silent", p->name);
	routes_reconsider(n, p);
}

bool routes_answered(struct node *n, struct peer *p, uint32_t id, nsec_t rtt,
		     nsec_t now)
{
	if (id != ROUTES_PING)
		return false;
	if (rtt != NSEC_NEVER)
		p->answered = now;
	return true;
}

/* ---- what we offer ---- */

bool routes_offer_refused(const struct node *n, const struct prefix *p,
			  char why[static ROUTES_WHY])
{
	const char *reason = NULL;
	char text[ADDR_TEXT];

	switch (ipaddr_class(&p->ip)) {
	case ADDR_CLASS_UNSPECIFIED:
		reason = "is a default route; to be an exit node: adit set "
			 "advertise-exit on";
		break;
	case ADDR_CLASS_LOOPBACK:
		reason = "is this machine's loopback";
		break;
	case ADDR_CLASS_LINK_LOCAL:
	case ADDR_CLASS_MULTICAST:
	case ADDR_CLASS_BROADCAST:
		reason = "cannot be routed";
		break;
	case ADDR_CLASS_PRIVATE:
	case ADDR_CLASS_SHARED:
	case ADDR_CLASS_TRANSLATION:
	case ADDR_CLASS_GLOBAL:
		reason = hostile(n, p);
		break;
	}
	if (reason)
		snprintf(why, ROUTES_WHY, "%s %s", prefix_text(p, text), reason);
	return reason;
}

void routes_tell_offer(const struct node *n)
{
	struct prefix all[NETMAP_ROUTES_MAX];
	unsigned count = 0;

	while (count < n->state.offer_count && count < ROUTES_OFFERS_MAX) {
		all[count] = n->state.offers[count];
		count++;
	}
	if (n->state.advertise_exit) {
		all[count++] = prefix_default(true);
		all[count++] = prefix_default(false);
	}
	if (n->coord)
		coord_client_offer(n->coord, all, count);
}

/* ---- status ---- */

static json_t *offered_json(const struct node *n)
{
	const struct netmap_node *self = &n->netmap.self;
	json_t *list = json_array();
	char text[ADDR_TEXT];

	for (unsigned i = 0; i < n->state.offer_count; i++) {
		bool approved = false;

		for (unsigned k = 0; k < self->route_count; k++)
			approved |= prefix_eq(&self->routes[k],
					      &n->state.offers[i]);
		json_array_append_new(
			list, json_pack("{s:s,s:b}", "prefix",
					prefix_text(&n->state.offers[i], text),
					"approved", approved));
	}
	return list;
}

static json_t *used_json(const struct node *n)
{
	json_t *list = json_array();
	char text[ADDR_TEXT];

	for (unsigned i = 0; i < n->peer_count; i++) {
		const struct peer *p = n->peers[i];

		for (unsigned k = p->own_count; k < p->allowed_count; k++)
			if (routes_carries(p, k))
				json_array_append_new(
					list,
					json_pack("{s:s,s:s}", "prefix",
						  prefix_text(&p->allowed[k],
							      text),
						  "via", p->name));
	}
	return list;
}

/* refused_json() - what the netmap has and we do not use; asks the kernel for each */
static json_t *refused_json(struct node *n)
{
	json_t *list = json_array();
	char text[ADDR_TEXT], why[ROUTES_WHY];

	for (unsigned i = 0; n->up && i < n->netmap.peer_count; i++) {
		const struct netmap_node *node = &n->netmap.peers[i];

		for (unsigned k = 0; k < node->route_count; k++) {
			if (prefix_is_default(&node->routes[k]))
				continue;
			if (!n->state.accept_routes)
				snprintf(why, sizeof(why), "not accepted here; to "
					 "use it: adit set accept-routes on");
			else if (!refused(n, &node->routes[k], why))
				continue;
			json_array_append_new(
				list, json_pack("{s:s,s:s,s:s}", "prefix",
						prefix_text(&node->routes[k],
							    text),
						"via", node->name, "why", why));
		}
	}
	return list;
}

/* overlay_clash() - the network's own range is in use on this host: text, or NULL */
static const char *overlay_clash(struct node *n, char why[static ROUTES_WHY])
{
	for (unsigned i = 0; n->up && n->netmap.version && i < 2; i++)
		if (netconf_route_conflict(&n->netmap.overlay[i], n->device.index,
					   why))
			return why;
	return NULL;
}

json_t *routes_status(struct node *n)
{
	char why[ROUTES_WHY];
	const char *advice = overlay_clash(n, why);

	if (!advice)
		advice = exitnode_advice(n);
	return json_pack("{s:b,s:o,s:o,s:o,s:o,s:s?}", "accept",
			 (int)n->state.accept_routes, "offered", offered_json(n),
			 "used", used_json(n), "refused", refused_json(n),
			 "exit", exitnode_status(n),
			 "advice", advice ? advice : router_advice(n));
}
