/* SPDX-License-Identifier: MIT
 *
 * budget.h - how many packets may go to an address that has not answered yet
 *
 * Theory: security.md 3.3. A peer can name addresses of third parties, so until an
 * address has answered with an authenticated pong it gets a small, fixed number of
 * packets, all its ports together: no 30 s hold more than the limit, since the count
 * begins anew only 30 s after the last packet. One row per address; when all rows are
 * in use the address is refused rather than forgotten. Each peer has a budget of its
 * own; addresses that only peers name count in the node's too, so that many peers
 * cannot do together what one of them cannot.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/time.h"

enum {
	BUDGET_ROWS = 32,
	BUDGET_NODE_ROWS = 512,
	BUDGET_UNPROVEN = 16, /* packets per window to one address */
	BUDGET_ATTESTED = 64, /* if our own server saw the peer there */
	BUDGET_NODE = 2048, /* per window to all unproven addresses together */
};

#define BUDGET_WINDOW SEC(30)

struct budget_row {
	struct ipaddr ip;
	nsec_t last; /* packet; 0: row is free */
	unsigned used;
};

struct budget { /* of one peer */
	struct budget_row row[BUDGET_ROWS];
};

/* A count per window. */
struct rate {
	nsec_t start;
	unsigned used;
};

struct budget_node { /* of all peers of a node */
	struct budget_row row[BUDGET_NODE_ROWS];
	struct rate all;
	uint64_t sent; /* since the start; for the status */
	uint64_t refused; /* by this budget or by the peer's own: counted by the caller */
};

/* budget_take() - one packet to ip; false: not now */
bool budget_take(struct budget *b, const struct ipaddr *ip, unsigned limit, nsec_t now);
/* budget_node_take() - one packet to ip, which only a peer's word speaks for */
bool budget_node_take(struct budget_node *b, const struct ipaddr *ip, nsec_t now);
/* budget_left() - how many of limit would be granted now */
unsigned budget_left(const struct budget *b, const struct ipaddr *ip, unsigned limit,
		     nsec_t now);

/* rate_take() - one more, at most max per window */
bool rate_take(struct rate *r, unsigned max, nsec_t window, nsec_t now);
