/* SPDX-License-Identifier: MIT
 *
 * ladder.h - ENGINE: which routers our packets pass on their way out
 *
 * Theory: a packet of TTL n ends at hop n, which says so (RFC 792). A request to one server
 * with each TTL from 1 up, each from a socket of its own, so that an answer is told
 * from the others: the first hop with a public address lies behind all our NATs, so
 * an opener that ends there has opened every one of them and reaches no peer's. A hop in
 * 100.64/10 before it is a carrier's NAT (RFC 6598) behind the one in the house. Hops
 * may be silent, and answers may be forged: the result chooses a TTL within bounds and a
 * sentence of advice, nothing more.
 */
#pragma once

#include <stdbool.h>

#include "base/addr.h"
#include "base/attr.h"
#include "base/time.h"

enum {
	LADDER_RUNGS = 8, /* TTL 1 to 8 */
};

enum ladder_rung {
	LADDER_SILENT,
	LADDER_HOP, /* a router said that the packet ended there */
	LADDER_END, /* the packet reached the server */
};

struct ladder {
	struct {
		enum ladder_rung is;
		struct ipaddr hop;
		nsec_t due; /* of the next packet */
		unsigned sent;
	} rung[LADDER_RUNGS];
	nsec_t deadline; /* 0: done */
};

struct ladder_result {
	uint8_t public_hop; /* TTL of the first public one; 0: none was seen */
	bool carrier; /* a hop of a carrier's NAT lies before it */
};

void ladder_start(struct ladder *l, nsec_t now);
void ladder_stop(struct ladder *l);
bool ladder_done(const struct ladder *l);

/* ladder_poll() - true: send a packet of this TTL, from its own socket */
bool ladder_poll(struct ladder *l, unsigned *ttl, nsec_t now);
nsec_t ladder_next(const struct ladder *l); /* NSEC_NEVER when done */

/* ladder_hop() - the packet of this TTL ended at a router; its address is outside data */
void ladder_hop(struct ladder *l, unsigned ttl, const struct ipaddr *hop);
/* ladder_end() - the packet of this TTL was answered by the server */
void ladder_end(struct ladder *l, unsigned ttl);

/* ladder_result() - what is known so far */
struct ladder_result ladder_result(const struct ladder *l);
