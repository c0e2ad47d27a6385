/* SPDX-License-Identifier: MIT
 *
 * server.h - the coordination server: connections, who is logged in, what they are told
 *
 * Who a client is, is its channel's key; no message has a field that could say
 * otherwise. Single-threaded: everything on the loop.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/attr.h"
#include "base/loop.h"
#include "coord/members.h"
#include "coord/registry.h"
#include "crypto/key.h"

enum {
	SERVER_CONNECTIONS_MAX = 16384,
	SERVER_RATE = 20, /* messages a second of one connection ... */
	SERVER_BURST = 100, /* ... and at once */
};

struct server;
struct stream_server;

struct server_params {
	struct loop *loop;
	struct registry *registry; /* borrowed for life */
	struct endpoint listen; /* port 0: any */
	const char *cert_path, *key_path;
	const struct key_private *key; /* of the channel; borrowed for life */
	const struct sign_private *sign; /* for tokens; borrowed for life */
	uint64_t network;
	struct prefix overlay[2];
	struct netmap_relay relays[NETMAP_RELAYS_MAX];
	unsigned relay_count;
	void *owner;
	/* node_removed() - its tokens are void: tell the relay; may be NULL */
	void (*node_removed)(void *owner, const struct key_public *tunnel);
	/* node_joined() - its tokens count, whatever was before; may be NULL */
	void (*node_joined)(void *owner, const struct key_public *tunnel);
};

/* server_new() - listens at once; NULL: why is a sentence */
struct server *server_new(const struct server_params *p, char why[static 256]);
void server_free(struct server *s); /* takes NULL */
uint16_t server_port(const struct server *s);
/* server_streams() - to serve other request paths on the same port */
struct stream_server *server_streams(struct server *s);

/* What an administrator asks; NULL or a sentence. */
const char *server_relay_add(struct server *s, const json_t *request);
const char *server_relay_remove(struct server *s, const char *name);
json_t *server_relays(const struct server *s); /* a new reference */
const char *server_remove(struct server *s, const char *node);
const char *server_expire(struct server *s, const char *node);
/* server_revive() - an expired node is a member again, and let in at once if it waits */
const char *server_revive(struct server *s, const char *node);
/* server_set_expiry() - coord/expiry.h; 0: off */
const char *server_set_expiry(struct server *s, uint64_t period_s);
json_t *server_nodes(const struct server *s); /* a new reference */
const char *server_approve(struct server *s, const char *node);
const char *server_set_approve(struct server *s, bool on); /* for new nodes */
/* server_set_peer_relays() - which nodes may relay for others: peerrelays_set_rule() */
const char *server_set_peer_relays(struct server *s, const char *rule);
json_t *server_peer_relays(const struct server *s); /* a new reference */

/* Policies: NULL, or a sentence, which may be in why; "LINE: reason" if the text is
 * wrong. A policy whose tests do not hold for the members of now is refused. */
const char *server_policy_check(struct server *s, const char *text, json_t *out,
				char why[static 512]);
const char *server_policy_set(struct server *s, const char *text,
			      char why[static 512]);
const char *server_policy_rollback(struct server *s, json_t *out,
				   char why[static 512]);
/* Stock WireGuard machines (coord/guests.h); the reply has what its configuration needs */
const char *server_guest_add(struct server *s, const json_t *request, json_t *reply,
			     char why[static 512]);
const char *server_guest_remove(struct server *s, const char *name);
json_t *server_routes(const struct server *s); /* a new reference */
/* server_route() - approve or revoke a subnet of a node; false: why is a sentence */
bool server_route(struct server *s, const char *node, const char *prefix, bool approve,
		  char why[static 256]);

struct server_stats {
	uint64_t connections, refused, logins, joins, full_maps, deltas, signals,
		signals_over_budget, unknown, over_rate;
};
void server_stats(const struct server *s, struct server_stats *out);
