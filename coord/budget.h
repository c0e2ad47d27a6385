/* SPDX-License-Identifier: MIT
 *
 * budget.h - PROTO_SIGNALS messages in PROTO_SIGNALS_S seconds, per peer
 *
 * A token bucket per key in a small table; when it is full the entry that is longest
 * unused makes room. Pure.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/time.h"
#include "crypto/key.h"

enum {
	BUDGET_PEERS = 256,
};

struct budget {
	struct budget_entry {
		struct key_public key;
		nsec_t full_at; /* when the bucket is full again; 0: unused */
	} entries[BUDGET_PEERS];
};

/* budget_take() - one message to that peer; false: over budget */
must_check bool budget_take(struct budget *b, const struct key_public *peer,
			    nsec_t now);
