/* SPDX-License-Identifier: MIT
 *
 * punch.c - steps of a punching round (theory in punch.h)
 */
#include "traversal/punch.h"

#define FRESH_PATIENCE MSEC(1200)
#define OPENER_LEAD    MSEC(15) /* between our opener and our first ping */
#define PING_PATIENCE  MSEC(2000)
#define CALL_GAP       MSEC(150)

enum {
	CALLS_MAX = 5,
	TTL_MIN = 2, /* less does not even cross our own NAT */
	TTL_MAX = 8,
};

void punch_begin(struct punch *p, uint32_t plan, unsigned round, bool fresh,
		 nsec_t now)
{
	*p = (struct punch){ .plan = plan, .round = round };
	p->step = PUNCH_FRESHEN;
	p->due = fresh ? nsec_add(now, FRESH_PATIENCE) : now;
}

bool punch_called(struct punch *p, uint32_t plan, unsigned round, bool *answer,
		  nsec_t now)
{
	bool again = plan == p->plan;

	*answer = !again || p->step == PUNCH_FOLLOW || p->step == PUNCH_PING;
	if (again)
		return false;
	*p = (struct punch){ .plan = plan, .round = round };
	p->step = PUNCH_FOLLOW;
	p->due = nsec_add(now, OPENER_LEAD);
	return true;
}

bool punch_opened(struct punch *p, uint32_t plan, nsec_t now)
{
	if (p->step != PUNCH_CALL || p->plan != plan)
		return false;
	p->step = PUNCH_FOLLOW;
	p->due = now;
	return true;
}

static void both_fresh(struct punch *p, nsec_t now)
{
	if (p->step == PUNCH_FRESHEN && p->self_fresh && p->peer_fresh)
		p->due = now;
}

void punch_self_fresh(struct punch *p, nsec_t now)
{
	p->self_fresh = true;
	both_fresh(p, now);
}

void punch_peer_fresh(struct punch *p, nsec_t now)
{
	p->peer_fresh = true;
	both_fresh(p, now);
}

void punch_stop(struct punch *p)
{
	p->step = PUNCH_REST;
}

/* call() - GO, first or again, each later than the one before */
static enum punch_event call(struct punch *p, nsec_t now)
{
	if (p->calls >= CALLS_MAX) {
		p->step = PUNCH_REST;
		return PUNCH_OVER;
	}
	p->step = PUNCH_CALL;
	p->calls++;
	p->due = nsec_add(now, p->calls * CALL_GAP);
	return p->calls == 1 ? PUNCH_OPEN : PUNCH_AGAIN;
}

enum punch_event punch_tick(struct punch *p, nsec_t now)
{
	if (p->step == PUNCH_REST || p->due > now)
		return PUNCH_NOTHING;
	switch (p->step) {
	case PUNCH_REST:
		return PUNCH_NOTHING;
	case PUNCH_FRESHEN:
	case PUNCH_CALL:
		return call(p, now);
	case PUNCH_FOLLOW:
		p->step = PUNCH_PING;
		p->due = nsec_add(now, PING_PATIENCE);
		return PUNCH_PINGS;
	case PUNCH_PING:
		p->step = PUNCH_REST;
		return PUNCH_OVER;
	}
	return PUNCH_NOTHING;
}

nsec_t punch_next(const struct punch *p)
{
	return p->step == PUNCH_REST ? NSEC_NEVER : p->due;
}

uint8_t punch_ttl(unsigned public_hop, unsigned round)
{
	unsigned base = public_hop > TTL_MIN ? public_hop : TTL_MIN;

	if (base > TTL_MAX)
		base = TTL_MAX;
	return (uint8_t)(round % 2 == 0 ? base + 1 : base);
}
