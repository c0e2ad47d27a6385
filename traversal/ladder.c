/* SPDX-License-Identifier: MIT
 *
 * ladder.c - which routers our packets pass on their way out (theory in ladder.h)
 */
#include "traversal/ladder.h"

#include <string.h>

enum {
	TRIES = 2, /* packets of a rung */
};

#define AGAIN	 MSEC(400) /* routers answer slowly, or some at a time */
#define PATIENCE MSEC(1200)

void ladder_start(struct ladder *l, nsec_t now)
{
	memset(l, 0, sizeof(*l));
	for (unsigned i = 0; i < LADDER_RUNGS; i++)
		l->rung[i].due = now;
	l->deadline = nsec_add(now, PATIENCE);
}

void ladder_stop(struct ladder *l)
{
	l->deadline = 0;
}

bool ladder_done(const struct ladder *l)
{
	return l->deadline == 0;
}

/* is_decided() - nothing further down can change the result */
static bool is_decided(const struct ladder *l)
{
	for (unsigned i = 0; i < LADDER_RUNGS; i++) {
		if (l->rung[i].is == LADDER_SILENT)
			return false;
		if (l->rung[i].is == LADDER_END ||
		    ipaddr_class(&l->rung[i].hop) == ADDR_CLASS_GLOBAL)
			return true;
	}
	return true;
}

bool ladder_poll(struct ladder *l, unsigned *ttl, nsec_t now)
{
	if (ladder_done(l))
		return false;
	if (now >= l->deadline || is_decided(l)) {
		ladder_stop(l);
		return false;
	}
	for (unsigned i = 0; i < LADDER_RUNGS; i++) {
		if (l->rung[i].is != LADDER_SILENT || now < l->rung[i].due)
			continue;
		l->rung[i].due = ++l->rung[i].sent < TRIES ? nsec_add(now, AGAIN) :
							     NSEC_NEVER;
		*ttl = i + 1;
		return true;
	}
	return false;
}

nsec_t ladder_next(const struct ladder *l)
{
	nsec_t next = l->deadline;

	if (ladder_done(l))
		return NSEC_NEVER;
	if (is_decided(l))
		return 0;
	for (unsigned i = 0; i < LADDER_RUNGS; i++)
		if (l->rung[i].is == LADDER_SILENT)
			next = nsec_min(next, l->rung[i].due);
	return next;
}

static bool is_rung(const struct ladder *l, unsigned ttl)
{
	return !ladder_done(l) && ttl >= 1 && ttl <= LADDER_RUNGS &&
	       l->rung[ttl - 1].sent && l->rung[ttl - 1].is == LADDER_SILENT;
}

void ladder_hop(struct ladder *l, unsigned ttl, const struct ipaddr *hop)
{
	if (!is_rung(l, ttl))
		return;
	l->rung[ttl - 1].is = LADDER_HOP;
	l->rung[ttl - 1].hop = *hop;
}

void ladder_end(struct ladder *l, unsigned ttl)
{
	if (is_rung(l, ttl))
		l->rung[ttl - 1].is = LADDER_END;
}

struct ladder_result ladder_result(const struct ladder *l)
{
	struct ladder_result r = { 0 };
	bool shared = false;

	for (unsigned i = 0; i < LADDER_RUNGS; i++) {
		enum addr_class c = ipaddr_class(&l->rung[i].hop);

		if (l->rung[i].is == LADDER_END)
			break;
		if (l->rung[i].is == LADDER_SILENT)
			continue;
		shared |= c == ADDR_CLASS_SHARED;
		if (c != ADDR_CLASS_GLOBAL)
			continue;
		r.public_hop = (uint8_t)(i + 1);
		break;
	}
	r.carrier = shared;
	return r;
}
