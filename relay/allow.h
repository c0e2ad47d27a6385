/* SPDX-License-Identifier: MIT
 *
 * allow.h - whom a relay's operator lets in, beside what the token says (pure)
 *
 * Two lists: where a client may come from, and which nodes. An empty list lets all
 * pass; both must let a client pass.
 */
#pragma once

#include <stdbool.h>

#include "base/addr.h"
#include "base/attr.h"
#include "crypto/key.h"

enum {
	ALLOW_PREFIXES = 64,
	ALLOW_NODES = 256,
};

struct allow {
	struct prefix from[ALLOW_PREFIXES];
	unsigned from_count;
	struct key_public nodes[ALLOW_NODES];
	unsigned node_count;
};

/* allow_from(), allow_node() - one more row of text: "192.0.2.0/24", a node's key.
 * false: not of that form, or the list is full */
must_check bool allow_from(struct allow *a, const char *text);
must_check bool allow_node(struct allow *a, const char *text);

/* allow_admits() - may this node register from there? */
bool allow_admits(const struct allow *a, const struct key_public *node,
		  const struct ipaddr *from);
