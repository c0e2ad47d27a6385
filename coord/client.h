/* SPDX-License-Identifier: MIT
 *
 * client.h - a node's connection to the coordination server, kept up
 *
 * Owns one TLS stream with WebSocket and Noise (crypto/channel.h), reconnects with
 * jitter (0.2 s growing to 30 s, reset by coord_client_network_changed()), joins by
 * invite once, then logs in by machine key, presents the netmap version it has, applies
 * what comes, and tells its owner. All calls and callbacks are on the loop's thread; no
 * callback may free the client.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/loop.h"
#include "coord/invite.h"
#include "coord/netmap.h"
#include "crypto/key.h"

struct coord_client;
struct proxy;

struct coord_client_params {
	struct loop *loop;
	const struct key_private *machine; /* borrowed for life */
	struct key_public tunnel; /* ours; changed by coord_client_set_tunnel_key() */
	char url[INVITE_URL];
	struct key_public server; /* pinned */
	uint8_t invite_secret[INVITE_SECRET_OCTETS]; /* used while !enrolled */
	bool enrolled; /* false: join first */
	char hostname[NETMAP_NAME]; /* wanted name */
	bool fast_aes;
	struct netmap *netmap; /* borrowed for life; changed before netmap_changed() */
	uint32_t mark; /* SO_MARK of the connection, 0: none */
	const struct proxy *proxy; /* borrowed for life; NULL: none */

	void *owner; /* handed to the callbacks */
	void (*state_changed)(void *owner, bool connected, const char *why);
	void (*joined)(void *owner); /* once: enrolled from now on */
	void (*refused)(void *owner, const char *why); /* invite or node refused: final */
	/* our membership has expired: we wait to be revived; may be NULL */
	void (*expired)(void *owner, const char *why);
	void (*netmap_changed)(void *owner);
	void (*warned)(void *owner, const char *text); /* for the user; may be NULL */
	/* the server sees us there, by TCP; may be NULL */
	void (*seen)(void *owner, const struct endpoint *at);
	void (*token)(void *owner, const uint8_t *token, size_t n);
	/* a peer's message passed on by the server (sealed discovery message) */
	void (*signal)(void *owner, const struct key_public *from, const uint8_t *m,
		       size_t n);
};

/* coord_client_new() - starts at once; NULL: no memory */
struct coord_client *coord_client_new(const struct coord_client_params *p);
void coord_client_free(struct coord_client *c); /* takes NULL */

/* coord_client_set_tunnel_key() - a new tunnel key, told to the server at once */
void coord_client_set_tunnel_key(struct coord_client *c, const struct key_public *k);

/* coord_client_unknown() - messages of a type that this release does not know */
uint64_t coord_client_unknown(const struct coord_client *c);
/* coord_client_full_maps() - whole maps received, deltas not counted */
uint64_t coord_client_full_maps(const struct coord_client *c);

bool coord_client_connected(const struct coord_client *c);

struct coord_client_rtts { /* of relays, ms */
	uint16_t servers[NETMAP_RELAYS_MAX]; /* by position in the netmap */
	struct netmap_rtt peers[NETMAP_PEER_RELAYS_MAX];
};

/* coord_client_publish() - our candidates and relay RTTs; sent when changed */
void coord_client_publish(struct coord_client *c, const struct candidate_list *l,
			  uint32_t generation, const struct coord_client_rtts *rtts);

/* coord_client_carry() - where our relay for others is, its key and .at; NULL: there is
 * none. It is listed where the server sees us at the same address */
void coord_client_carry(struct coord_client *c, const struct netmap_relay *r);

/* coord_client_offer() - the subnets behind us, all of them, at most NETMAP_ROUTES_MAX;
 * they count once an administrator has approved them */
void coord_client_offer(struct coord_client *c, const struct prefix *routes,
			unsigned count);

/* coord_client_signal() - pass a sealed message to a peer; false: not connected or over
 * budget (8 in 30 s per peer) */
bool coord_client_signal(struct coord_client *c, const struct key_public *to,
			 const uint8_t *m, size_t n);

/* coord_client_leave() - sign off for good: the server forgets this node; done() is
 * called when it has said so or after 3 s */
void coord_client_leave(struct coord_client *c, void (*done)(void *owner, bool ok));

void coord_client_network_changed(struct coord_client *c);
