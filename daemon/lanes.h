/* SPDX-License-Identifier: MIT
 *
 * lanes.h - which of its TUN queues a worker wants the packets of a flow in
 *
 * Theory: PURE. A bulk flow fills the queue in front of a worker with megabytes, and what
 * comes behind waits for them: a ping, a key pressed. So a worker has several queues, its
 * lanes: the first for flows that send little, the others for bulk flows, which share
 * them by a hash of the flow (stochastic fair queueing, McKenney 1990), and takes of each
 * in turn. The kernel puts packets of a flow into the queue on which the last packet of its
 * other direction was written; a flow that it has not seen written it spreads over all.
 * So the choice is made when an answer is written: the first lane, unless the flow has
 * sent LANES_BULK octets within LANES_WINDOW. A bulk flow that rests is little again
 * after LANES_LINGER, far more than its packets wait in any queue, so that none
 * overtakes another. Nothing is dropped to keep lanes short: a bulk flow fills its own,
 * up to what its sender's buffer holds, and who sends little does not wait for it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"

#define LANES_WINDOW MSEC(10)
#define LANES_LINGER SEC(1)

enum {
	LANES_MAX = 8, /* queues of a worker */
	LANES_BULK = 24 * 1024, /* octets of a window: 20 Mbit/s */
	LANES_FLOWS = 256, /* remembered; one that falls on another replaces it */
};

struct lane_flow {
	uint32_t tag; /* hash of both directions */
	uint32_t octets; /* sent in this window */
	nsec_t window; /* its beginning */
	nsec_t bulk; /* when it last sent so much; 0: never */
};

struct lanes {
	unsigned count; /* 0..LANES_MAX */
	bool blind; /* who writes does not see what is sent: all may be bulk */
	struct lane_flow flows[LANES_FLOWS];
};

/* lanes_sent() - n octets at p, headers parsed by ip_parse(), left towards a peer: any
 * packet or super-packet */
void lanes_sent(struct lanes *l, const uint8_t *p, size_t n, nsec_t now);
/* lanes_choose() - for a packet or super-packet whose first n octets are at p, that is to
 * be written: below count, or 0 */
unsigned lanes_choose(const struct lanes *l, const uint8_t *p, size_t n, nsec_t now);
