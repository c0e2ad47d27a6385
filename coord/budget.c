/* SPDX-License-Identifier: MIT
 *
 * budget.c - a token bucket per peer, kept as the moment when it is full again
 */
#include "coord/budget.h"

#include <string.h>

#include "coord/proto.h"

static struct budget_entry *find_entry(struct budget *b,
				       const struct key_public *peer)
{
	struct budget_entry *oldest = &b->entries[0];

	for (unsigned i = 0; i < BUDGET_PEERS; i++) {
		struct budget_entry *e = &b->entries[i];

		if (e->full_at && !memcmp(&e->key, peer, sizeof(*peer)))
			return e;
		if (e->full_at < oldest->full_at)
			oldest = e;
	}
	oldest->key = *peer;
	oldest->full_at = 0;
	return oldest;
}

bool budget_take(struct budget *b, const struct key_public *peer, nsec_t now)
{
	const nsec_t all = SEC(PROTO_SIGNALS_S), one = all / PROTO_SIGNALS;
	struct budget_entry *e = find_entry(b, peer);
	nsec_t full_at = nsec_max(e->full_at, now);

	if (full_at - now > all - one)
		return false;
	e->full_at = full_at + one;
	return true;
}
