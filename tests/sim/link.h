/* SPDX-License-Identifier: MIT
 *
 * link.h - one direction of a network: delay, jitter (so also reorder), loss
 */
#pragma once

#include <stdbool.h>

#include "base/rand.h"
#include "base/time.h"

struct link {
	nsec_t delay, jitter;
	unsigned loss_permille;
	bool down;
};

/* link_pass() - when a packet sent now arrives; NSEC_NEVER: never */
nsec_t link_pass(const struct link *l, struct prng *g, nsec_t now);
