/* SPDX-License-Identifier: MIT
 *
 * netmap.h - what one node may know of its network; versioned, stored, changed by deltas
 *
 * The server sends a whole map or the difference to the version that the node has. A
 * record that does not parse is skipped and counted, never fatal. The node keeps the
 * map on disk: with every server down it starts from there. Every record has room for
 * a signature by an offline key (member "sig", unused yet).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/attr.h"
#include "crypto/key.h"
#include "traversal/candidate.h"

struct json_t;
struct rules;

enum {
	NETMAP_NAME = 64, /* DNS label with NUL */
	NETMAP_URL = 256,
	NETMAP_TAGS = 1024, /* octets of a node's tags with NUL */
	NETMAP_ROUTES_MAX = 64,
	NETMAP_RELAYS_MAX = 8, /* servers first, then nodes that relay */
	NETMAP_PEER_RELAYS_MAX = 4, /* of these */
	NETMAP_PEERS_MAX = 65536,
};

struct netmap_relay {
	uint32_t id; /* stable */
	uint64_t node; /* it is this node, which relays for others; 0: a server */
	char name[NETMAP_NAME];
	struct key_public key;
	struct endpoint at[2]; /* IPv4, IPv6; zero: none. STUN here and on port + 1 */
	char url[NETMAP_URL]; /* https://HOST[:PORT], where it is over TLS; "": nowhere */
};

struct netmap_rtt { /* to a node that relays; no padding: compared as octets */
	uint32_t relay; /* id; 0: empty */
	uint32_t ms;
};

struct netmap_node {
	uint64_t id; /* stable, never reused */
	uint64_t gateway; /* 0, or: a stock WireGuard behind the node of this id */
	char name[NETMAP_NAME];
	struct key_public key; /* tunnel key */
	struct ipaddr v4, v6; /* overlay addresses */
	char *tags; /* "web,db"; heap; NULL: none */
	struct prefix *routes; /* approved subnets behind it; heap */
	unsigned route_count;
	bool online;
	bool fast_aes;
	struct candidate_list candidates;
	uint32_t generation; /* of the candidates */
	/* by position in relays; 0: none, or a node that relays: those by their ids,
	 * for not everybody has the same list of them */
	uint16_t relay_rtt_ms[NETMAP_RELAYS_MAX];
	struct netmap_rtt peer_rtt[NETMAP_PEER_RELAYS_MAX];
};

struct netmap {
	uint64_t version; /* 0: empty */
	uint64_t network; /* network id */
	struct sign_public sign; /* whose tokens a relay of ours accepts; zero: unknown */
	struct prefix overlay[2]; /* IPv4 and IPv6 ranges */
	struct netmap_node self;
	struct netmap_node *peers; /* sorted by id; heap */
	unsigned peer_count;
	unsigned guest_count; /* peers that have a gateway */
	struct netmap_relay relays[NETMAP_RELAYS_MAX];
	unsigned relay_count;
	struct rules *rules; /* what we let in; heap; NULL: everything of members */
	uint32_t rules_change; /* grows when rules do not stay */
	uint64_t expires_s; /* our membership, unless renewed; since 1970; 0: never */
	bool waiting; /* for an administrator's approval: no peers until then */
	unsigned skipped; /* records that did not parse, since the start */
};

void netmap_init(struct netmap *m); /* empty */
void netmap_done(struct netmap *m); /* safe on zeroed memory */

/* netmap_apply() - a whole map or a delta from the server (JSON, untrusted: bounded);
 * 0, or -EINVAL: m is unchanged (ask for a whole map) */
must_check int netmap_apply(struct netmap *m, const struct json_t *message);

const struct netmap_node *netmap_peer_by_key(const struct netmap *m,
					     const struct key_public *k);

/* netmap_has_sign() - has the server told whose tokens a relay accepts? */
bool netmap_has_sign(const struct netmap *m);

/* netmap_save() / netmap_load() - the 0600 state file, replaced atomically */
must_check int netmap_save(const struct netmap *m, const char *path);
must_check int netmap_load(struct netmap *m, const char *path);
