/* SPDX-License-Identifier: MIT
 *
 * punch.h - one round of hole punching that both sides take part in
 *
 * Theory: some NATs accept a stray packet from outside and then give our own packet to
 * its sender another port (traversal.md 3.4). So no packet of normal TTL may reach a
 * NAT before its own host has sent towards the other. Clocks need not agree for that;
 * cause and effect do it: the leader sends openers (TTL that crosses its own NAT but
 * dies before the other), then GO over the relay. Whoever gets GO sends its openers,
 * answers OPENED and then pings, for the leader's NAT is open by now. The leader pings
 * when it gets OPENED. The leader is the side whose NAT needs an opener if that is
 * only one: then the order protects even where the two NATs are neighbours and no
 * TTL fits. A round that follows a failed one uses fresh ports on both sides.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

enum punch_step {
	PUNCH_REST,
	PUNCH_FRESHEN, /* both sides open fresh ports */
	PUNCH_CALL, /* leader: openers and GO are out, waiting for OPENED */
	PUNCH_FOLLOW, /* the other: our openers are out, pings come next */
	PUNCH_PING, /* pings are out, waiting for a pong */
};

enum punch_event {
	PUNCH_NOTHING,
	PUNCH_OPEN, /* send openers, then GO */
	PUNCH_AGAIN, /* send GO again */
	PUNCH_PINGS, /* start the pings */
	PUNCH_OVER, /* the round ended without a pong */
};

struct punch {
	enum punch_step step;
	uint32_t plan; /* random name of the round; 0: none yet */
	unsigned round; /* 1: main ports; more: fresh ones */
	unsigned calls; /* GOs sent */
	bool self_fresh, peer_fresh; /* PUNCH_FRESHEN: that side is ready */
	nsec_t due;
};

/* punch_begin() - lead a round; fresh: wait (shortly) until both have fresh ports */
void punch_begin(struct punch *p, uint32_t plan, unsigned round, bool fresh,
		 nsec_t now);
/* punch_called() - a GO came in; true: a new plan, send openers. *answer: say OPENED */
bool punch_called(struct punch *p, uint32_t plan, unsigned round, bool *answer,
		  nsec_t now);
/* punch_opened() - an OPENED came in; false: of no plan that waits for it */
bool punch_opened(struct punch *p, uint32_t plan, nsec_t now);
void punch_self_fresh(struct punch *p, nsec_t now);
void punch_peer_fresh(struct punch *p, nsec_t now);
void punch_stop(struct punch *p);

/* punch_tick() - what is due; call until PUNCH_NOTHING */
enum punch_event punch_tick(struct punch *p, nsec_t now);
nsec_t punch_next(const struct punch *p);

/* punch_ttl() - of the opener in a round, from the first public hop (0: unknown) */
uint8_t punch_ttl(unsigned public_hop, unsigned round);
