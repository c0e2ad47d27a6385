/* SPDX-License-Identifier: MIT
 *
 * candidate.h - endpoints at which a node might be reached: kinds, rank, filter
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/cursor.h"
#include "base/drop.h"

enum {
	CANDIDATES_MAX = 16, /* of one node; excess is dropped, counted */
};

enum candidate_kind { /* wire values; traversal.md 6.2 */
	CANDIDATE_LAN = 1, /* interface address */
	CANDIDATE_V6 = 2, /* global IPv6 interface address */
	CANDIDATE_MAPPED = 3, /* PCP, NAT-PMP, UPnP; proved from outside */
	CANDIDATE_PUBLIC = 4, /* configured, or a global IPv4 interface address */
	CANDIDATE_REFLEXIVE = 5, /* seen by STUN or by the relay */
	CANDIDATE_STATIC = 6, /* reflexive address with our local port */
	CANDIDATE_PEER_REFLEXIVE = 7, /* source of an authenticated ping; never sent */
	CANDIDATE_TCP = 8, /* listens there for streams of its peers, TLS over TCP */
	CANDIDATE_TCP_REFLEXIVE = 9, /* our server saw it come from there by TCP; the
					port is of that one connection */
};

struct candidate {
	struct endpoint at;
	enum candidate_kind kind;
	bool attested; /* our own relay or STUN server saw the node there */
	bool spare; /* by an uplink that the node does not use as a rule */
};

struct candidate_list {
	struct candidate c[CANDIDATES_MAX]; /* best first, no two the same */
	unsigned count;
};

/* candidate_priority() - greater is tried first (traversal.md 6.2) */
unsigned candidate_priority(enum candidate_kind k);
const char *candidate_kind_name(enum candidate_kind k);
/* candidate_is_tcp() - a kind that no datagram is ever sent to */
bool candidate_is_tcp(enum candidate_kind k);
/* candidate_known() - a kind that may stand in a list */
bool candidate_known(unsigned kind);
/* candidate_same() - the same endpoint by the same protocol */
bool candidate_same(const struct candidate *a, const struct candidate *b);

/* candidate_list_same() - the same endpoints in the same order, of the same kinds and uplinks;
 * who attested them is not asked */
bool candidate_list_same(const struct candidate_list *a, const struct candidate_list *b);

/* candidate_add() - keep rank order and uniqueness; false if refused or full */
bool candidate_add(struct candidate_list *l, const struct candidate *c);

/**
 * candidate_allowed() - May we ever send a ping there? (security.md 3.3)
 * Refuses port 0 and below 1024 but 500, loopback, link-local IPv4, multicast, broadcast,
 * 0/8, translation prefixes, and whatever lies in one of the n overlay prefixes.
 */
bool candidate_allowed(const struct endpoint *e, const struct prefix *overlay,
		       unsigned n);

/* candidate_tcp_allowed() - may we ever connect there? The same, but port 443 will do */
bool candidate_tcp_allowed(const struct endpoint *e, const struct prefix *overlay,
			   unsigned n);

void candidate_list_write(const struct candidate_list *l, struct writer *w);
/* candidate_list_read() - untrusted; unknown kinds are skipped; false: malformed */
must_check bool candidate_list_read(struct reader *r, struct candidate_list *out);
