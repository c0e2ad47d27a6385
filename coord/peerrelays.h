/* SPDX-License-Identifier: MIT
 *
 * peerrelays.h - nodes that relay for others: what they offer, and to whom it is listed
 *
 * Theory: a node that packets of strangers reach offers a relay of its own. An offer
 * stands only at the address from which we see that node ourselves, so that nobody
 * makes others send to a third party. It is listed to those that the policy lets know of
 * that node, at most PEERRELAYS_LISTED, from different networks first and else in order
 * of age: two nodes with the same view get the same ones. Offers are kept in the
 * registry, because nodes go on using them while this server starts anew; one whose node
 * stays away is forgotten after PEERRELAYS_AWAY_S.
 */
#pragma once

#include <jansson.h>

#include "base/time.h"
#include "coord/members.h"

enum {
	PEERRELAYS_LISTED = 4, /* to one node */
	PEERRELAYS_AWAY_S = 60,
};

#define PEERRELAYS_ID (UINT32_C(1) << 31) /* ids of relays: this and the node's */

/**
 * peerrelays_offer() - What a node says of its relay, {"key", "at": [..]}, untrusted
 * @o:    NULL: it relays for nobody
 * @seen: Where its channel comes from
 * Return: lists have changed
 */
bool peerrelays_offer(struct members *m, struct member *n, const json_t *o,
		      const struct endpoint *seen);
/* peerrelays_online() - its session begins or has ended */
void peerrelays_online(struct members *m, const struct member *n, bool online,
		       nsec_t now);
/* peerrelays_expire() - forget those that stay away; true: lists have changed */
bool peerrelays_expire(struct members *m, nsec_t now);
/* peerrelays_forget() - this member is about to go */
void peerrelays_forget(struct members *m, const struct member *n);

/* peerrelays_list() - append those for this viewer to the `count` that are there;
 * returns the number together. members_settle() comes before */
unsigned peerrelays_list(const struct members *m, const struct member *viewer,
			 uint64_t now_s, struct netmap_relay *list, unsigned count);

/* peerrelays_set_rule() - which nodes may: "on", "off" or "tag:NAME", by an
 * administrator, kept in the registry; NULL, or a sentence */
const char *peerrelays_set_rule(struct members *m, const char *rule);

/* peerrelays_load() - rule and offers of the registry, after members_load() */
void peerrelays_load(struct members *m, nsec_t now);
/* peerrelays_json() - all offers, for administrators; a new reference */
json_t *peerrelays_json(const struct members *m);
