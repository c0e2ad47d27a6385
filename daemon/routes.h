/* SPDX-License-Identifier: MIT
 *
 * routes.h - subnets behind peers: which of them we use, and through whom
 *
 * Theory: a peer's allowed prefixes are its own addresses and, if this machine accepts
 * routes, the approved subnets behind it. A subnet that this host reaches without us, or
 * that would take over the overlay or the way to a server, is left out, and status says
 * why. When several peers serve the same subnet, one carries it: one that answers before
 * one that does not, one online before one that is not, one with a path before one
 * without; among equals the one that carries it already. A carrier that takes traffic
 * and is silent is asked over its path; with no answer in ROUTES_PATIENCE another one
 * carries on.
 */
#pragma once

#include "daemon/node.h"

#define ROUTES_PATIENCE SEC(1) /* of silence, after the first 0.3 s */

struct json_t;

enum {
	ROUTES_WHY = 256,
	ROUTES_OFFERS_MAX = NETMAP_ROUTES_MAX - 2, /* and two default routes */
	/* prefixes of one peer: its own, its guests', and what is behind it */
	ROUTES_GUESTS_MAX = 64,
	ROUTES_ALLOWED_MAX = 2 + 2 * ROUTES_GUESTS_MAX + NETMAP_ROUTES_MAX,
	ROUTES_PING = 0x7fff0000, /* ids of pings of ours; `adit ping` counts from 0 */
};

/* routes_allowed() - inner prefixes of a netmap record into out[ROUTES_ALLOWED_MAX];
 * its own addresses and those of its guests, *own of them, come first */
unsigned routes_allowed(struct node *n, const struct netmap_node *node,
			struct prefix *out, unsigned *own);

/* routes_host_changed() - links, addresses or routes of the host changed */
void routes_host_changed(struct node *n);

/* routes_choose() - who carries which subnet, by what is known now; true: it changed */
bool routes_choose(struct node *n);
/* routes_reconsider() - something about this peer changed; publishes if need be */
void routes_reconsider(struct node *n, const struct peer *p);
/* routes_carries() - does p carry its k-th allowed prefix? */
bool routes_carries(const struct peer *p, unsigned k);

/* routes_watch() - look at an active carrier, ten times a second */
void routes_watch(struct node *n, struct peer *p, nsec_t now);
/* routes_answered() - a ping of ours came back; false: the id is not ours */
bool routes_answered(struct node *n, struct peer *p, uint32_t id, nsec_t rtt,
		     nsec_t now);

/* routes_offer_refused() - why this machine should not offer that subnet; false: it may */
bool routes_offer_refused(const struct node *n, const struct prefix *p,
			  char why[static ROUTES_WHY]);

/* routes_tell_offer() - to the server: the subnets, and the default routes of an exit node */
void routes_tell_offer(const struct node *n);

/* routes_status() - {accept, offered: [{prefix, approved}], used: [{prefix, via}],
 * refused: [{prefix, via, why}], exit (exitnode.h), advice} */
struct json_t *routes_status(struct node *n);
