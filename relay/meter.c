/* SPDX-License-Identifier: MIT
 *
 * meter.c - a rate that several threads share
 */
#include "relay/meter.h"

enum {
	LARGEST = 65536, /* octets: a train passes at any rate, by and by */
};

bool meter_pass(struct meter *m, size_t n, nsec_t now)
{
	nsec_t paid, next, most;

	if (!m->rate)
		return true;
	most = nsec_add(now, METER_BURST + LARGEST * SEC(1) / m->rate);
	paid = atomic_load_explicit(&m->paid, memory_order_relaxed);
	do {
		next = nsec_add(nsec_max(paid, now), n * SEC(1) / m->rate);
		if (next > most)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		&m->paid, &paid, next, memory_order_relaxed,
		memory_order_relaxed));
	return true;
}
