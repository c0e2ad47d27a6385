/* SPDX-License-Identifier: MIT
 *
 * state.h - what a node keeps on disk: who it is, and how it last reached its peers
 *
 * Files in the state folder (0700), each replaced atomically, each 0600:
 *   node.json    keys, port, server: rarely written; the identity
 *   netmap.json  the last netmap (coord/netmap.h)
 *   paths.json   per peer: endpoint of the last good path, between which addresses a search
 *                found it, whether traffic flowed, handshake timestamps; written when it changes, lost without harm
 *   places.json  networks this machine has been in and what their NATs did (places.h)
 *   relay.token  the last admission to relays (relay/token.h), good for an hour
 *   carried      how much was relayed for others today
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/attr.h"
#include "coord/invite.h"
#include "coord/netmap.h"
#include "crypto/key.h"
#include "traversal/pathset.h"

enum state_relay { /* does this node relay for others? */
	STATE_RELAY_AUTO,
	STATE_RELAY_ON,
	STATE_RELAY_OFF,
};

struct state {
	char dir[PATH_MAX - 64];
	struct key_private machine, tunnel;
	uint64_t tunnel_since_s; /* since 1970: it was made */
	uint16_t port; /* stable UDP port, 20000..31999 */
	bool enrolled; /* the server knows us */
	bool joining; /* an invite is waiting to be used */
	bool down; /* `adit down` was the last word */
	struct invite coord; /* url, key; secret while joining */
	char hostname[NETMAP_NAME];
	struct prefix offers[NETMAP_ROUTES_MAX]; /* subnets behind us */
	unsigned offer_count;
	bool accept_routes; /* use those behind others */
	bool advertise_exit; /* let others reach the internet through us */
	uint64_t exit_id; /* netmap id of the exit node; 0: none */
	char exit_name[NETMAP_NAME]; /* as it was called when it was chosen */
	enum state_relay relay;
};

/* A peer as remembered over a restart. */
struct state_peer {
	struct key_public key;
	struct endpoint remote; /* of the last good direct path; zero: none */
	struct pathset_pair searched; /* pathset_searched() */
	bool active; /* traffic flowed in the last minutes */
	uint8_t seen[12], sent[12]; /* TAI64N */
};

/**
 * state_open() - Load, or make keys and a port at first start
 * @why: On failure: what is wrong with which file and what to do
 */
must_check int state_open(struct state *s, const char *dir, char why[static 512]);
void state_done(struct state *s); /* wipes */

must_check int state_save(const struct state *s); /* node.json */

/* What this node has carried for others on a day (since 1970): octets. Lost without
 * harm; nothing is changed when there is no such file. */
must_check int state_save_carried(const struct state *s, uint64_t day,
				  uint64_t octets);
void state_load_carried(const struct state *s, uint64_t *day, uint64_t *octets);

/* state_path() - "DIR/name" into out; returns out */
const char *state_path(const struct state *s, const char *name,
		       char out[static PATH_MAX]);

must_check int state_save_peers(const struct state *s, const struct state_peer *p,
				unsigned n);
/* state_load_peers() - heap array, the caller frees; 0 peers if there is no file */
must_check int state_load_peers(const struct state *s, struct state_peer **p,
				unsigned *n);
