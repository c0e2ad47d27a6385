/* SPDX-License-Identifier: MIT
 *
 * allowance.c - how much a node carries for others, a second and a day
 */
#include "relay/allowance.h"

enum {
	DAY_S = 24 * 3600,
	BURST_PART = 20, /* of a second's rate */
	TRAIN = 65535,
};

void allowance_init(struct allowance *a, uint64_t rate, uint64_t daily, uint64_t day,
		    uint64_t today)
{
	*a = (struct allowance){ .rate = rate, .daily = daily, .day = day,
				 .today = today };
}

static void refill(struct allowance *a, nsec_t now)
{
	nsec_t past = nsec_min(nsec_since(a->refilled, now), SEC(1));
	uint64_t burst = a->rate / BURST_PART + TRAIN;
	uint64_t more = past / USEC(1) * a->rate / (SEC(1) / USEC(1));

	if (!more && a->refilled)
		return; /* let time add up to an octet */
	a->refilled = now;
	a->credit = a->credit + more > burst ? burst : a->credit + more;
}

bool allowance_take(struct allowance *a, size_t n, nsec_t now, uint64_t wall_s)
{
	if (a->day != wall_s / DAY_S) {
		a->day = wall_s / DAY_S;
		a->today = 0;
	}
	if (a->daily && a->today + n > a->daily)
		return false;
	if (a->rate) {
		refill(a, now);
		if (a->credit < n)
			return false;
		a->credit -= n;
	}
	a->today += n;
	return true;
}

bool allowance_spent(const struct allowance *a, uint64_t wall_s)
{
	return a->daily && a->day == wall_s / DAY_S && a->today + TRAIN > a->daily;
}
