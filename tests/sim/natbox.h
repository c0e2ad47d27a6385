/* SPDX-License-Identifier: MIT
 *
 * natbox.h - a NAT of any kind of RFC 4787, in memory
 *
 * Mapping and filtering by table (RFC 4787 s4.1, s5). With `accepts` it behaves as a
 * Linux router whose INPUT chain accepts: a stray packet to its own address leaves
 * state that pushes our own packet for that very tuple onto another port
 * (traversal.md 3.4, measured there).
 */
#pragma once

#include <stdbool.h>

#include "base/addr.h"
#include "base/rand.h"
#include "base/time.h"

enum nat_kind {
	NAT_KIND_INDEPENDENT,
	NAT_KIND_ADDRESS,
	NAT_KIND_ADDRESS_PORT,
};

enum {
	NATBOX_ROWS = 256,
};

struct natbox {
	bool present; /* false: the host is on the internet */
	enum nat_kind mapping, filtering;
	bool accepts; /* poisonable */
	struct ipaddr external;
	nsec_t lifetime;
	struct prng prng;
	struct natbox_row {
		bool used;
		bool stray; /* an accepted packet to the router itself */
		struct endpoint inside, remote;
		uint16_t port; /* external */
		nsec_t last;
	} row[NATBOX_ROWS];
};

void natbox_init(struct natbox *n, enum nat_kind mapping, enum nat_kind filtering,
		 bool accepts, struct ipaddr external, uint64_t seed);
/* natbox_out() - translate the source of a leaving packet */
void natbox_out(struct natbox *n, struct endpoint *from, const struct endpoint *to,
		nsec_t now);
/* natbox_in() - translate the destination of an arriving packet; false: dropped */
bool natbox_in(struct natbox *n, const struct endpoint *from, struct endpoint *to,
	       nsec_t now);
