/* SPDX-License-Identifier: MIT
 *
 * peer.h - a peer: its tunnel and its path set, driven together
 *
 * The tunnel says what to send and which session to use; the path set says over which
 * path. This file carries out what both ask and publishes the result to the workers.
 */
#pragma once

#include "daemon/node.h"

#define PEER_TICK MSEC(100) /* between looks at the active peers' traffic */
#define PEER_QUIET SEC(2) /* without traffic: no longer watched */
#define PEER_IDLE SEC(120) /* without traffic: no longer active */

struct peer_new_params {
	const char *name;
	struct key_public key;
	struct key_psk psk;
	uint64_t id; /* netmap id; 0: configured by hand */
	bool stock; /* speaks WireGuard alone */
	enum aead_suite suite;
	nsec_t keepalive; /* 0: off */
	const struct prefix *allowed; /* copied */
	unsigned allowed_count;
};

/* peer_new() - enters it into the node's tables; NULL: no memory or slot, or a key of
 * low order or our own. Routes change by peers_publish_routes(). */
struct peer *peer_new(struct node *n, const struct peer_new_params *p);
void peer_free(struct node *n, struct peer *p); /* takes it out of all tables */

/* peer_run() - poll both engines until idle, carry out, schedule */
void peer_run(struct node *n, struct peer *p, nsec_t now);

/* peer_stage() - an inner packet that waits for a session or a path */
void peer_stage(struct node *n, struct peer *p, const uint8_t *data, size_t octets,
		nsec_t now);

/* peer_send_message() - a handshake on every live path at once; false: there is none */
bool peer_send_message(struct node *n, struct peer *p, const uint8_t *m, size_t octets,
		       nsec_t now);

/* peer_refresh_egress() - build the egress anew: relay channels or paths changed */
void peer_refresh_egress(struct node *n, struct peer *p, nsec_t now);

/* peer_hurry() - something suggests that the peer can be reached now: if traffic waits
 * for a session, do not sit out the retry of 5 s, unless one is 200 ms old at most */
void peer_hurry(struct node *n, struct peer *p, nsec_t now);

/* peer_roam() - a stock peer was heard, authenticated, from there */
void peer_roam(struct node *n, struct peer *p, const struct endpoint *from,
	       nsec_t now);

/* peer_activate() - traffic moves: watch it */
void peer_activate(struct node *n, struct peer *p, nsec_t now);

/* peer_note_best() - tell the path set of data that came over the best path */
void peer_note_best(struct peer *p, nsec_t now);

/* peers_tick() - tell watched peers' path sets what the workers saw */
void peers_tick(struct node *n, nsec_t now);

/* ---- all of them ---- */

struct peer *peers_by_key(const struct node *n, const struct key_public *k);
struct peer *peers_by_slot(const struct node *n, uint32_t slot);
/* peers_by_hint() - the first 8 octets behind the magic of a discovery message */
struct peer *peers_by_hint(const struct node *n, const uint8_t *hint);
/* peers_by_text() - NAME, address or key */
struct peer *peers_by_text(const struct node *n, const char *text);

/* peers_publish_routes() - inner prefixes -> peers, for the workers and the host */
void peers_publish_routes(struct node *n);
/* peers_publish_acl() - what each peer may send us, if the policy or peers changed */
void peers_publish_acl(struct node *n);
void peers_run_due(struct node *n, nsec_t now);
void peers_refresh_hints(struct node *n); /* the epoch changed */
/* peers_save_soon() - paths.json in a second */
void peers_save_soon(struct node *n);
void peers_save_now(struct node *n);
