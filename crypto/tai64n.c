/* SPDX-License-Identifier: MIT
 *
 * tai64n.c - timestamps of initiations: only ever greater
 */
#include "crypto/tai64n.h"

#include <string.h>

#include "base/wire.h"

#define EPOCH UINT64_C(0x400000000000000a) /* 1970 in TAI64 */

struct tai64n {
	be64 seconds;
	be32 nanoseconds;
};
WIRE_SIZE(struct tai64n, TAI64N_OCTETS);

static struct tai64n make(uint64_t seconds, uint32_t ns)
{
	return (struct tai64n){ be64_of(seconds), be32_of(ns) };
}

static struct tai64n of_wall(nsec_t wall)
{
	const uint32_t ns = (uint32_t)(wall % SEC(1));

	return make(EPOCH + wall / SEC(1), ns & ~(uint32_t)(TAI64N_STEP - 1));
}

static struct tai64n step_past(const uint8_t stamp[static TAI64N_OCTETS])
{
	struct tai64n t;
	uint64_t ns;

	memcpy(&t, stamp, sizeof(t));
	ns = (uint64_t)be32_get(t.nanoseconds) + TAI64N_STEP;
	if (ns >= SEC(1))
		return make(be64_get(t.seconds) + 1, 0);
	return make(be64_get(t.seconds), (uint32_t)ns);
}

void tai64n_next(uint8_t stamp[static TAI64N_OCTETS], nsec_t wall)
{
	struct tai64n t = of_wall(wall);

	if (memcmp(&t, stamp, sizeof(t)) <= 0)
		t = step_past(stamp);
	memcpy(stamp, &t, sizeof(t));
}

bool tai64n_greater(const uint8_t a[static TAI64N_OCTETS],
		    const uint8_t b[static TAI64N_OCTETS])
{
	return memcmp(a, b, TAI64N_OCTETS) > 0;
}
