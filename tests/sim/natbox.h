/* SPDX-License-Identifier: MIT
 *
 * natbox.h - a NAT of any kind of RFC 4787, in memory
 *
 * Mapping and filtering by table (RFC 4787 s4.1, s5). With `accepts` it behaves as a
 * Linux router whose INPUT chain accepts: a stray packet to its own address leaves
 * state that pushes our own packet for that very tuple onto another port
 * (traversal.md 3.4, measured there). Where the mapping varies, `ports` says how a port is
 * chosen: random in a range or set, or counting, with other hosts' mappings in between.
 */
#pragma once

#include <stdbool.h>

#include "base/addr.h"
#include "base/rand.h"
#include "base/time.h"
#include "traversal/allocator.h"

enum nat_kind {
	NAT_KIND_INDEPENDENT,
	NAT_KIND_ADDRESS,
	NAT_KIND_ADDRESS_PORT,
};

enum {
	NATBOX_ROWS = 4096,
};

struct natbox {
	bool present; /* false: the host is on the internet */
	enum nat_kind mapping, filtering;
	bool accepts; /* poisonable */
	struct ipaddr external; /* the first of the pool */
	struct allocator ports; /* kind UNKNOWN: random */
	unsigned foreign; /* mappings that others make in a second */
	uint16_t counter;
	nsec_t counted; /* when it last moved */
	unsigned rows; /* used so far */
	nsec_t lifetime;
	struct prng prng;
	struct natbox_row {
		bool used;
		bool stray; /* an accepted packet to the router itself */
		struct endpoint inside, remote;
		uint16_t port; /* external */
		struct ipaddr ip; /* external */
		nsec_t last;
	} row[NATBOX_ROWS];
};

void natbox_init(struct natbox *n, enum nat_kind mapping, enum nat_kind filtering,
		 bool accepts, struct ipaddr external, uint64_t seed);
/* natbox_owns() - is it one of its external addresses? */
bool natbox_owns(const struct natbox *n, const struct ipaddr *ip);
/* natbox_out() - translate the source of a leaving packet */
void natbox_out(struct natbox *n, struct endpoint *from, const struct endpoint *to,
		nsec_t now);
/* natbox_in() - translate the destination of an arriving packet; false: dropped */
bool natbox_in(struct natbox *n, const struct endpoint *from, struct endpoint *to,
	       nsec_t now);
