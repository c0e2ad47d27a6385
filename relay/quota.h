/* SPDX-License-Identifier: MIT
 *
 * quota.h - ENGINE: octets carried for each node in a day, and for all in a month
 *
 * Days and months are UTC's. A node's count stays while it is away, and is forgotten
 * with its day; the month's total is the owner's to keep over a restart.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/hmap.h"
#include "crypto/key.h"

enum {
	QUOTA_NODES_MAX = 65536, /* of a day; more are not counted one by one */
};

struct quota {
	uint64_t node_daily, monthly; /* octets; 0: no limit */
	uint64_t day, month; /* that the counts are of; since 1970 */
	uint64_t total; /* of the month */
	struct hmap nodes;
	unsigned count;
	uint64_t seed;
};

/* quota_month() - months since 1970 */
uint64_t quota_month(uint64_t wall_s);

void quota_done(struct quota *q); /* safe on zeroed memory */
/* quota_turn() - forget the counts of a day and of a month that is over */
void quota_turn(struct quota *q, uint64_t wall_s);
/* quota_add() - octets were carried for a node */
void quota_add(struct quota *q, const struct key_public *node, uint64_t octets);
/* quota_spent() - may nothing more be carried for it, until its day or the month ends? */
must_check bool quota_spent(const struct quota *q, const struct key_public *node);
