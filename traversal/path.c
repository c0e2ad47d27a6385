/* SPDX-License-Identifier: MIT
 *
 * path.c - the life of one direct path (theory in path.h)
 */
#include "traversal/path.h"

#include <string.h>

#define SPACING_MIN   MSEC(250)
#define PROBE_PATIENCE MSEC(1000) /* after the last ping of a plan */
#define DEAD_AFTER    SEC(3)
#define DEAD_PINGS    SEC(5) /* how often a dead path is asked */
#define DEAD_HOPE     SEC(60) /* and for how long */
#define PONG_FRESH    SEC(15)
#define FLIGHT_MAX    SEC(5) /* a later pong is no answer */
#define TRIAL_MIN     SEC(2)
#define TRIAL_MAX     SEC(60)
#define TRIAL_PAST    SEC(300) /* a life of this length makes up for earlier deaths */

enum {
	SUSPECT_AT = 2,
	DEAD_AT = 5,
	FIT_AT = 2,
	OUTAGE_AT = 3, /* lost in a row: not loss, but an outage */
};

const struct path_plan path_plan_r0 = { 3, { 0, 100, 300 } };
const struct path_plan path_plan_punch = { 6, { 0, 45, 135, 315, 685, 1285 } };

static void turn(struct path *p, enum path_state s, nsec_t now)
{
	if (p->state == s)
		return;
	p->state = s;
	p->since = now;
}

void path_init(struct path *p, unsigned socket, const struct endpoint *to,
	       enum candidate_kind kind, nsec_t now)
{
	memset(p, 0, sizeof(*p));
	p->used = true;
	p->socket = socket;
	p->to = *to;
	p->kind = kind;
	p->state = PATH_DEAD;
	p->since = now;
	p->due = NSEC_NEVER;
	p->deadline = NSEC_NEVER;
}

void path_probe(struct path *p, const struct path_plan *plan, nsec_t start, nsec_t now)
{
	if (p->state == PATH_ALIVE || p->state == PATH_SUSPECT)
		return;
	turn(p, PATH_PROBING, now);
	p->plan = plan;
	p->plan_start = start;
	p->plan_step = 0;
	p->due = start;
	p->deadline = NSEC_NEVER;
}

void path_check(struct path *p, nsec_t now)
{
	if (p->state != PATH_PROBING && p->deadline == NSEC_NEVER)
		p->due = now;
}

void path_doubt(struct path *p, nsec_t now)
{
	if (p->state == PATH_ALIVE)
		turn(p, PATH_SUSPECT, now);
	p->in_row = 0;
	p->deadline = NSEC_NEVER;
	path_check(p, now);
}

void path_keep(struct path *p, nsec_t interval, nsec_t now)
{
	if (p->interval == interval)
		return;
	p->interval = interval;
	if (p->state != PATH_ALIVE || p->deadline != NSEC_NEVER || p->due <= now)
		return;
	p->due = interval ? nsec_max(now, nsec_add(p->pinged, interval)) :
			    NSEC_NEVER;
}

static nsec_t spacing(const struct path *p)
{
	return nsec_max(2 * p->srtt + MSEC(50), SPACING_MIN);
}

void path_flown(struct path *p, uint64_t txid, nsec_t now)
{
	p->flight[p->flight_next].txid = txid;
	p->flight[p->flight_next].sent = now;
	p->flight_next = (p->flight_next + 1) % PATH_FLIGHTS;
}

/* next_of_plan() - when the ping after this one of a probe goes */
static void next_of_plan(struct path *p, nsec_t now)
{
	const struct path_plan *plan = p->plan;

	p->plan_step++;
	if (p->plan_step < plan->count) {
		p->due = nsec_add(p->plan_start,
				  MSEC(plan->at_ms[p->plan_step]));
		return;
	}
	p->due = NSEC_NEVER;
	p->deadline = nsec_add(now, PROBE_PATIENCE);
}

void path_pinged(struct path *p, uint64_t txid, nsec_t now)
{
	if (txid != 0)
		path_flown(p, txid, now);
	p->pinged = now;
	p->ping_back = false;
	switch (p->state) {
	case PATH_PROBING:
		next_of_plan(p, now);
		return;
	case PATH_ALIVE:
	case PATH_SUSPECT:
		if (p->unanswered == 0)
			p->silent_since = now;
		p->due = NSEC_NEVER;
		p->deadline = nsec_add(now, spacing(p));
		return;
	case PATH_DEAD:
		p->due = p->validated && nsec_since(p->since, now) < DEAD_HOPE ?
				 nsec_add(now, DEAD_PINGS) :
				 NSEC_NEVER;
		return;
	}
}

static void note(struct path *p, bool answered)
{
	p->history = p->history << 1 | answered;
	if (p->history_count < 32)
		p->history_count++;
}

/* forgive() - an outage that is over says nothing of how good the path is */
static void forgive(struct path *p)
{
	unsigned n = p->unanswered < p->history_count ? p->unanswered : p->history_count;

	if (p->unanswered < OUTAGE_AT)
		return;
	p->history >>= n;
	p->history_count -= n;
	p->unanswered = 0;
}

/* died() - the longer on trial, the oftener it dies in use; one that dies on trial hurt
 * nobody, and is tried for as long again: a link that comes up is one event, however many
 * times a path stumbles over it */
static void died(struct path *p, nsec_t now)
{
	bool on_trial = p->hold && !path_settled(p, now);

	turn(p, PATH_DEAD, now);
	if (!p->validated)
		return;
	if (p->trial && nsec_since(p->trial, now) >= TRIAL_PAST)
		p->hold = 0;
	if (!on_trial)
		p->hold = p->hold ? nsec_min(2 * p->hold, TRIAL_MAX) : TRIAL_MIN;
	p->trial = NSEC_NEVER;
}

/* alive_again() - whatever was counted against it is void */
static void alive_again(struct path *p, nsec_t now)
{
	forgive(p);
	p->unanswered = 0;
	if (p->trial == NSEC_NEVER)
		p->trial = nsec_add(now, p->hold);
	p->deadline = NSEC_NEVER;
	p->due = p->interval ? nsec_add(now, p->interval) : NSEC_NEVER;
	if (p->in_row < FIT_AT)
		p->due = now; /* until data may be switched onto it */
	turn(p, PATH_ALIVE, now);
}

/* measure() - an answer that was given up already may tell how long it lay somewhere, in a
 * queue for an address to be resolved or a link to come up, with all that were sent
 * meanwhile. To a ping sent after that it tells the RTT. */
static void measure(struct path *p, nsec_t sent, nsec_t now)
{
	nsec_t rtt = nsec_since(sent, now);
	bool late = p->srtt && rtt > spacing(p);
	bool again = p->late && sent > p->ponged;

	p->late = late;
	if (late && !again)
		return;
	p->srtt = p->srtt ? (7 * p->srtt + rtt) / 8 : nsec_max(rtt, 1);
}

bool path_ponged(struct path *p, uint64_t txid, nsec_t now)
{
	for (unsigned i = 0; i < PATH_FLIGHTS; i++) {
		if (p->flight[i].txid != txid || p->flight[i].sent == 0)
			continue;
		if (nsec_since(p->flight[i].sent, now) > FLIGHT_MAX)
			return false;
		measure(p, p->flight[i].sent, now);
		p->flight[i].sent = 0;
		p->heard = p->ponged = now;
		p->validated = true;
		p->in_row++;
		forgive(p);
		note(p, true);
		alive_again(p, now);
		return true;
	}
	return false;
}

void path_heard(struct path *p, nsec_t at)
{
	if (at <= p->heard)
		return;
	p->heard = at;
	if (p->state == PATH_SUSPECT && at > p->since && nsec_since(p->ponged, at) < PONG_FRESH)
		alive_again(p, at);
}

static void lost(struct path *p, nsec_t now)
{
	note(p, false);
	p->in_row = 0;
	p->unanswered++;
	p->deadline = NSEC_NEVER;
	p->due = now;
	if (p->unanswered >= DEAD_AT ||
	    nsec_since(p->silent_since, now) >= DEAD_AFTER)
		died(p, now);
	else if (p->unanswered >= SUSPECT_AT)
		turn(p, PATH_SUSPECT, now);
}

void path_expire(struct path *p, nsec_t now)
{
	if (p->deadline > now)
		return;
	p->deadline = NSEC_NEVER;
	switch (p->state) {
	case PATH_PROBING:
		turn(p, PATH_DEAD, now);
		return;
	case PATH_ALIVE:
	case PATH_SUSPECT:
		if (p->heard > p->pinged &&
		    nsec_since(p->ponged, now) < PONG_FRESH) {
			alive_again(p, now);
			return;
		}
		lost(p, now);
		return;
	case PATH_DEAD:
		return;
	}
}

nsec_t path_next(const struct path *p)
{
	return nsec_min(p->due, p->deadline);
}

bool path_busy(const struct path *p)
{
	return p->state == PATH_ALIVE || p->state == PATH_SUSPECT ||
	       (p->state == PATH_PROBING && path_next(p) != NSEC_NEVER);
}

bool path_fit(const struct path *p)
{
	return p->state == PATH_ALIVE && p->in_row >= FIT_AT;
}

bool path_settled(const struct path *p, nsec_t now)
{
	return p->trial <= now;
}

nsec_t path_cost(const struct path *p)
{
	nsec_t loss = (nsec_t)(path_loss(p) * (double)MSEC(400));

	switch (p->kind) {
	case CANDIDATE_LAN:
	case CANDIDATE_V6:
		return p->srtt + loss;
	case CANDIDATE_MAPPED:
	case CANDIDATE_PUBLIC:
		return p->srtt + loss + USEC(500);
	case CANDIDATE_REFLEXIVE:
	case CANDIDATE_STATIC:
	case CANDIDATE_PEER_REFLEXIVE:
		return p->srtt + loss + MSEC(1);
	case CANDIDATE_TCP:
	case CANDIDATE_TCP_REFLEXIVE:
		return p->srtt + loss + MSEC(20);
	}
	return p->srtt + loss;
}

double path_loss(const struct path *p)
{
	unsigned n = p->history_count;
	uint32_t seen = n < 32 ? p->history & ((1u << n) - 1u) : p->history;

	if (n == 0)
		return 0;
	return 1.0 - (double)__builtin_popcount(seen) / (double)n;
}

const char *path_state_name(enum path_state s)
{
	switch (s) {
	case PATH_PROBING:
		return "probing";
	case PATH_ALIVE:
		return "alive";
	case PATH_SUSPECT:
		return "suspect";
	case PATH_DEAD:
		return "dead";
	}
	return "unknown";
}
