/* SPDX-License-Identifier: MIT
 *
 * link.c - fate of a packet on a link
 */
#include "tests/sim/link.h"

nsec_t link_pass(const struct link *l, struct prng *g, nsec_t now)
{
	nsec_t extra = l->jitter ? prng_u64(g) % l->jitter : 0;

	if (l->down || prng_below(g, 1000) < l->loss_permille)
		return NSEC_NEVER;
	return now + l->delay + extra;
}
