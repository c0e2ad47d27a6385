/* SPDX-License-Identifier: MIT
 *
 * tai64n.h - timestamps of initiations: only ever greater
 *
 * Theory: the peer refuses what is not greater than what it has seen, so a
 * clock that was set back must not lock us out: a new stamp is the clock or one
 * step past the last, whichever is greater. Stamps are cut to 2^24 ns so that
 * they tell little.
 * Spec: TAI64N (D. J. Bernstein); WireGuard paper s5.4.2
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

enum {
	TAI64N_OCTETS = 12,
	TAI64N_STEP = 1 << 24, /* ns */
};

/* tai64n_next() - replace the last stamp by the one to send at this wall
 * time */
void tai64n_next(uint8_t stamp[static TAI64N_OCTETS], nsec_t wall);
bool tai64n_greater(const uint8_t a[static TAI64N_OCTETS],
		    const uint8_t b[static TAI64N_OCTETS]);
