/* SPDX-License-Identifier: MIT
 *
 * relays.h - the further relays of the network, as its administrator names them
 *
 * The server's own relay is always the first of the netmap's; those of the registry
 * follow, at most NETMAP_RELAYS_MAX in all. A change goes to every node at once.
 */
#pragma once

#include <jansson.h>

#include "coord/registry.h"
#include "coord/server.h"

enum {
	RELAYS_OWN_ID = 1, /* of the server's own; others follow */
};

/* relays_load() - those of the registry, behind the `count` that are there already;
 * returns the number together */
unsigned relays_load(struct registry *r, struct netmap_relay *list, unsigned count);

/* relays_add() - {"name", "key", "at": [..], "url"}, by an administrator, untrusted;
 * NULL, or a sentence */
const char *relays_add(struct registry *r, const json_t *request);
const char *relays_remove(struct registry *r, const char *name);
