/* SPDX-License-Identifier: MIT
 *
 * path.h - one direct way to the peer: is it alive, how far, when to ask again
 *
 * Theory: a path is a local socket and a remote endpoint. It is PROBING while pings of
 * a fixed plan go out; the first pong that echoes a ping in flight makes it ALIVE.
 * A ping that stays unanswered for max(2 srtt + 50 ms, 250 ms) is followed by another
 * at once; two make the path SUSPECT, five or 3 s make it DEAD. Data that came in
 * counts for an answer as long as a pong came within 15 s: a path that only
 * brings data in, but takes none out, must still die. traversal.md 6.5. An outage is not
 * loss: what it left unanswered is struck from the history once the path answers again.
 *
 * PROBING -> ALIVE <-> SUSPECT -> DEAD; PROBING -> DEAD; a pong revives all.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/time.h"
#include "traversal/candidate.h"

enum {
	PATH_FLIGHTS = 8, /* pings remembered */
	PATH_WHAT = 96, /* octets of its text */
};

enum path_state {
	PATH_PROBING,
	PATH_ALIVE,
	PATH_SUSPECT,
	PATH_DEAD,
};

/* When pings of a probe go out, after its start. */
struct path_plan {
	unsigned count;
	uint16_t at_ms[6];
};

extern const struct path_plan path_plan_r0; /* traversal.md 6.4, R0 */
extern const struct path_plan path_plan_punch; /* R1 */

struct path {
	bool used; /* this slot holds a path */
	unsigned socket;
	struct endpoint to;
	enum candidate_kind kind;
	enum path_state state;
	nsec_t since; /* of the state */
	bool validated; /* a pong came, ever */
	bool ping_back; /* the next ping answers a ping */
	unsigned in_row; /* pongs since the last loss */
	unsigned unanswered; /* pings since the last sign of life */
	nsec_t silent_since; /* when the first of them was sent */
	nsec_t pinged, heard, ponged; /* last of each; 0: never */
	nsec_t srtt; /* 0: not measured */
	bool late; /* the last answer was given up before it came */
	uint32_t history; /* last pings, newest in bit 0; 1: answered */
	unsigned history_count;
	nsec_t hold; /* a revival is on trial for so long, twice as long once it has died in
		      * use again; 0: it never died */
	nsec_t trial; /* on trial until then */
	nsec_t interval; /* between pings while alive; 0: none */
	const struct path_plan *plan;
	nsec_t plan_start;
	unsigned plan_step;
	nsec_t due; /* next ping */
	nsec_t deadline; /* the last ping is lost then */
	struct {
		uint64_t txid;
		nsec_t sent; /* 0: none */
	} flight[PATH_FLIGHTS];
	unsigned flight_next;
	char what[PATH_WHAT]; /* "R0 ping lan 192.168.1.2:1234" */
};

void path_init(struct path *p, unsigned socket, const struct endpoint *to,
	       enum candidate_kind kind, nsec_t now);
/* path_probe() - begin a plan of pings at start; a living path ignores it */
void path_probe(struct path *p, const struct path_plan *plan, nsec_t start, nsec_t now);
/* path_check() - ping now, unless one is on its way */
void path_check(struct path *p, nsec_t now);
/* path_doubt() - the ground moved: suspect until the next pong */
void path_doubt(struct path *p, nsec_t now);
/* path_keep() - ping this often while alive; 0: never */
void path_keep(struct path *p, nsec_t interval, nsec_t now);

/* path_flown() - a ping with this txid left, outside the plan (an opener) */
void path_flown(struct path *p, uint64_t txid, nsec_t now);
/* path_pinged() - the due ping left; txid 0: the budget swallowed it */
void path_pinged(struct path *p, uint64_t txid, nsec_t now);
/* path_ponged() - true if that ping was in flight */
bool path_ponged(struct path *p, uint64_t txid, nsec_t now);
/* path_heard() - data came in at that time, which may lie a moment in the past */
void path_heard(struct path *p, nsec_t at);

/* path_expire() - let time pass: lost pings, change of state */
void path_expire(struct path *p, nsec_t now);
nsec_t path_next(const struct path *p);

/* path_busy() - alive, or with a plan that still runs */
bool path_busy(const struct path *p);
/* path_fit() - may data be switched onto it? Two pings in a row were answered */
bool path_fit(const struct path *p);
/* path_settled() - has it lived for long enough after its last death to be preferred to
 * another that lives, too? 2 s, twice as long after each further death within 5 min, at
 * most 60 s */
bool path_settled(const struct path *p, nsec_t now);
/* path_cost() - nanoseconds; RTT and a bias by kind (traversal.md 6.7) */
nsec_t path_cost(const struct path *p);
double path_loss(const struct path *p); /* 0..1 */
const char *path_state_name(enum path_state s);
