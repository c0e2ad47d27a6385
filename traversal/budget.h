/* SPDX-License-Identifier: MIT
 *
 * budget.h - how many packets may go to an address that has not answered yet
 *
 * Theory: security.md 3.3. A peer can name addresses of third parties, so until an
 * address has answered with an authenticated pong it gets a small, fixed number of
 * packets per window, all its ports together. One row per address; when all rows are
 * in use the address is refused rather than forgotten.
 */
#pragma once

#include <stdbool.h>

#include "base/addr.h"
#include "base/time.h"

enum {
	BUDGET_ROWS = 32,
	BUDGET_UNPROVEN = 16, /* packets per window to one address */
	BUDGET_ATTESTED = 64, /* if our own server saw the peer there */
};

#define BUDGET_WINDOW SEC(30)

struct budget {
	struct {
		struct ipaddr ip;
		nsec_t start; /* of its window; 0: row is free */
		unsigned used;
	} row[BUDGET_ROWS];
};

/* budget_take() - one packet to ip; false: not now */
bool budget_take(struct budget *b, const struct ipaddr *ip, unsigned limit, nsec_t now);
/* budget_left() - how many of limit would be granted now */
unsigned budget_left(const struct budget *b, const struct ipaddr *ip, unsigned limit,
		     nsec_t now);

/* A count per window. */
struct rate {
	nsec_t start;
	unsigned used;
};

/* rate_take() - one more, at most max per window */
bool rate_take(struct rate *r, unsigned max, nsec_t window, nsec_t now);
