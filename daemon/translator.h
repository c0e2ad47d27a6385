/* SPDX-License-Identifier: MIT
 *
 * translator.h - IPv4 where the network has IPv6 alone
 *
 * Theory: a host without any way to IPv4 looks for the network's translator (NAT64): in
 * router advertisements (RFC 8781), by PCP (RFC 7225), by name (RFC 7050), and, where none of
 * them tells, behind the well-known prefix. Once it is known, the sockets for IPv4 become IPv6 ones that
 * speak through it (base/udp.h); nothing else in the node knows of it. Where the host
 * has IPv4 after all, be it by a translator of its own (464XLAT), it is left alone.
 */
#pragma once

#include "daemon/node.h"

enum translator_source {
	TRANSLATOR_NONE,
	TRANSLATOR_ADVERTISED,
	TRANSLATOR_BY_PCP,
	TRANSLATOR_BY_NAME,
	TRANSLATOR_ASSUMED, /* the well-known prefix, since nobody names one */
};

must_check int translator_start(struct node *n, nsec_t now); /* 0 or -ENOMEM */
void translator_stop(struct node *n);

/* translator_network_changed() - the host's addresses or routes did */
void translator_network_changed(struct node *n, nsec_t now);
/* translator_advertised() - a router says so; lifetime_s 0: it takes that back */
void translator_advertised(struct node *n, const struct nat64 *t, unsigned lifetime_s,
			   nsec_t now);
/* translator_by_pcp() - the router answered so; NULL: it names none. Cheap if nothing is new */
void translator_by_pcp(struct node *n, const struct nat64 *t, nsec_t now);

/* translator_status() - the one in use and how it is known; NULL: none */
const struct nat64 *translator_status(const struct node *n, enum translator_source *how);
