/* SPDX-License-Identifier: MIT
 *
 * allowance.h - ENGINE: how much a node carries for others, a second and a day
 *
 * A bucket refills at the rate and holds what it gives in 50 ms, but one train at
 * least; beside it a total for each day (UTC). Both are counted in octets that leave.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/time.h"

struct allowance {
	uint64_t rate; /* octets a second; 0: any */
	uint64_t daily; /* octets a day; 0: any */
	uint64_t credit;
	nsec_t refilled;
	uint64_t day; /* since 1970, that `today` is of */
	uint64_t today; /* octets taken */
};

/* allowance_init() - with what was taken of a day before, if that day still is */
void allowance_init(struct allowance *a, uint64_t rate, uint64_t daily, uint64_t day,
		    uint64_t today);

/* allowance_take() - n octets, at most 65535, all or none; wall_s: since 1970 */
must_check bool allowance_take(struct allowance *a, size_t n, nsec_t now,
			       uint64_t wall_s);
/* allowance_spent() - is there nothing left of this day? */
bool allowance_spent(const struct allowance *a, uint64_t wall_s);
