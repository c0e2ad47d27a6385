/* SPDX-License-Identifier: MIT
 *
 * acl.h - the access rules of this node, compiled: may this peer send this packet?
 *
 * Theory: peers that the rules treat alike share a class, which has for each protocol a
 * yes, a no, or ports as a bitmap. What a peer sends from its own address to ours costs
 * two array look-ups, whatever the number of rules. Subnets behind a peer or behind us
 * are compared rule by rule. The table never changes: a new one replaces it whole
 * (fwd_set_acl()). It stands behind decryption, so no path leads around it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/drop.h"
#include "coord/rules.h"
#include "daemon/flows.h"

struct acl;

struct acl_peer {
	uint32_t slot;
	bool exempt; /* configured by hand: not a matter of the policy */
	bool guest; /* a stock machine: through us, or behind the peer of the slot */
	bool ours; /* guest: through us; its packets to other nodes are judged there */
	struct rules_node node; /* borrowed for acl_new() */
};

/**
 * acl_new() - Compile
 * @r: Copied
 * @self: Our addresses
 * @overlay: IPv4 and IPv6 range of the network
 * @peers: A slot once, and again for each guest behind it
 * Return: NULL: no memory
 * Cost: rules x classes + selectors x peers steps
 */
must_check struct acl *acl_new(const struct rules *r, const struct rules_node *self,
			       const struct prefix overlay[static 2],
			       const struct acl_peer *peers, unsigned count);
void acl_free(struct acl *a); /* takes NULL */

/**
 * acl_inbound() - May this packet of a peer pass?
 * @p: n octets, an IP packet whose source is known to be the peer's
 * Return: DROP_NONE, DROP_ACL_DENIED, DROP_ACL_MALFORMED
 */
enum drop acl_inbound(const struct acl *a, struct flows *f, struct flows_memo *memo,
		      uint32_t slot, const uint8_t *p, size_t n, nsec_t now);
