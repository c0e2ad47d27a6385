/* SPDX-License-Identifier: MIT
 *
 * meter.h - a rate that several threads share (pure)
 *
 * Theory: one number, the time at which all that was let through would have been sent
 * at the rate; what would move it more than a burst ahead of now is refused (the
 * generic cell rate algorithm, ITU-T I.371). One compare-and-swap a train.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/time.h"

struct meter {
	uint64_t rate; /* octets a second; 0: no limit */
	_Atomic nsec_t paid; /* until then the rate is used up */
};

#define METER_BURST MSEC(50)

/* meter_pass() - may n octets pass now? */
bool meter_pass(struct meter *m, size_t n, nsec_t now);
