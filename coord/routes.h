/* SPDX-License-Identifier: MIT
 *
 * routes.h - subnets behind nodes: offered by a node, approved by an administrator
 *
 * What a node offers comes from an untrusted client and is worth nothing until it is
 * approved; what could take over a host, the overlay or the way to the server is
 * refused before that. An approval outlives the offer: a router that comes back with
 * the same subnet serves it again. Several nodes may have the same subnet approved
 * (their users choose the one that works); one inside another's is refused. A default
 * route is an exit node's: it takes nothing over by itself, for each node chooses its exit.
 */
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "base/attr.h"
#include "coord/members.h"

enum {
	ROUTES_WHY = 256, /* octets of a refusal, with NUL */
};

/* routes_refused() - why nobody may offer that prefix; false: it is fine */
bool routes_refused(const struct members *m, const struct prefix *p,
		    char why[static ROUTES_WHY]);

/* routes_load() - what the registry has, at start; 0, -EIO or -ENOMEM */
must_check int routes_load(struct members *m);

/**
 * routes_offer() - What a node offers now, all of it
 * @array: Untrusted; NULL or no array: nothing is said about routes
 * Return: others see a change (the member was touched)
 */
bool routes_offer(struct members *m, struct member *n, const json_t *array);

/* routes_approve() / routes_revoke() - prefix as text, "exit": 0.0.0.0/0 and ::/0;
 * false: why is a sentence */
bool routes_approve(struct members *m, struct member *n, const char *prefix,
		    char why[static ROUTES_WHY]);
bool routes_revoke(struct members *m, struct member *n, const char *prefix,
		   char why[static ROUTES_WHY]);

/* routes_json() - [{node, prefix, offered, approved, online}]; a new reference */
json_t *routes_json(const struct members *m);
