/* SPDX-License-Identifier: MIT
 *
 * pathset_scan.c - finding the port of a hard NAT: round R3 (strategy.h)
 *
 * The easy side leads. It opens one throw-away socket, learns by STUN how that looks, and
 * sends SCAN over the relay. The hard side opens its fan towards that endpoint, with
 * openers whose TTL ends before the easy side's NAT if they would spoil something there,
 * and answers WIN; for a counter it
 * first brackets one opener. Then the easy side probes, bounded by birthday.h, until an
 * authenticated ping comes back: both adopt their socket and go on as with any path.
 * Two counters: each side says which port it will come to after some 50 mappings, opens a
 * run of sockets across it in one go, all aimed at the port that the other named, and
 * the leader pings once from each.
 *
 * Budget (security.md 3.3): probes and openers go only to addresses at which our own
 * servers saw the peer, only while there is traffic, SCANS_HOUR times an hour; the
 * caller grants one attempt at a time for the whole node.
 */
#include "traversal/pathset_inside.h"

#include <stdio.h>
#include <string.h>

#include "traversal/strategy.h"

enum {
	SCANS_HOUR = 3,
	BRACKETS_HOUR = 12,
	BRACKET_TRIES = 4, /* in one attempt */
	ANSWERS_HOUR = 48, /* fans opened for the peer */
	ASKS = 4,
	CALLS = 6,
	READY_AT = 64, /* sockets open: the probes may begin */
	LEAD_AHEAD = 48, /* mappings from a counter's STUN answer to the port named */
	FOLLOW_AHEAD = 32, /* and for the one that opens at once */
	TTL_FAR = 64, /* RFC 1700's default */
};

#define HOUR	      SEC(3600)
#define GRANT_TIME    SEC(1)
#define ASK_GAP	      MSEC(250)
#define CALL_GAP      MSEC(200)
#define BRACKET_TIME  MSEC(500)
#define OPENER_GAP    MSEC(5)
#define HOLD_TIME     SEC(14)
#define LINGER_TIME   MSEC(600)
#define PEER_HOLDS    SEC(4)

static void say(struct pathset *ps, const char *outcome)
{
	ps->scan.outcome = outcome;
}

static void turn(struct pathset *ps, enum scan_step step, nsec_t due)
{
	ps->scan.step = step;
	ps->scan.due = due;
}

static void over(struct pathset *ps, const char *outcome, nsec_t now)
{
	if (ps->scan.step == SCAN_REST)
		return;
	say(ps, outcome);
	turn(ps, SCAN_REST, NSEC_NEVER);
	ps->want_fan = 0;
	if (ps->scan.easy)
		ps->retry = nsec_add(now, MSEC(10));
	else
		ps->peer_leads = now;
}

void pathset_scan_stop(struct pathset *ps, nsec_t now)
{
	struct out o = { .kind = OUT_STOP, .plan = ps->scan.plan };
	int relay = pathset_relay_best(ps);

	if (ps->scan.step == SCAN_REST)
		return;
	o.via = (struct pathset_source){ .relayed = true, .relay = (unsigned)relay };
	if (relay >= 0 && ps->scan.easy)
		pathset_out(ps, &o);
	over(ps, "stopped", now);
}

static void want_fan(struct pathset *ps, unsigned count, nsec_t now)
{
	ps->want_fan = (int)count;
	turn(ps, SCAN_SOCKETS, nsec_add(now, GRANT_TIME));
	say(ps, "under way");
}

/* ---- the easy side ---- */

/* target() - the address to search: our servers have seen the peer there */
static bool target(const struct pathset *ps, struct ipaddr *out)
{
	for (unsigned i = 0; i < ps->netmap.count; i++) {
		const struct candidate *c = &ps->netmap.c[i];

		if (!c->attested || !ipaddr_is_v4(&c->at.ip) ||
		    ipaddr_class(&c->at.ip) != ADDR_CLASS_GLOBAL)
			continue;
		*out = c->at.ip;
		return true;
	}
	return false;
}

/* pair_now() - the external addresses that a search is between; false: not known */
static bool pair_now(const struct pathset *ps, struct pathset_pair *out)
{
	for (unsigned i = 0; i < ps->self.list.count; i++) {
		const struct candidate *c = &ps->self.list.c[i];

		if (c->kind != CANDIDATE_REFLEXIVE || !ipaddr_is_v4(&c->at.ip) || c->spare)
			continue;
		out->self = c->at.ip;
		return target(ps, &out->peer);
	}
	return false;
}

/* searched_here() - did a search find the way between the addresses of now? */
static bool searched_here(const struct pathset *ps)
{
	struct pathset_pair p;

	return pair_now(ps, &p) && ipaddr_eq(&p.self, &ps->searched.self) &&
	       ipaddr_eq(&p.peer, &ps->searched.peer);
}

struct pathset_pair pathset_searched(const struct pathset *ps)
{
	return ps->searched;
}

void pathset_set_searched(struct pathset *ps, const struct pathset_pair *pair)
{
	ps->searched = *pair;
}

static enum disco_how how_of(const struct strategy *s)
{
	if (s->kind == STRATEGY_COUNTERS)
		return DISCO_HOW_COUNTERS;
	return s->kind == STRATEGY_BRACKET ? DISCO_HOW_BRACKET : DISCO_HOW_FAN;
}

static const char *how_name(const struct scan *s)
{
	switch (s->how) {
	case DISCO_HOW_FAN:
		return "scan";
	case DISCO_HOW_BRACKET:
		return "bracket";
	case DISCO_HOW_COUNTERS:
		return "counters";
	}
	return "scan";
}

/* strategy_now() - of this pair; of two counters the controlling side leads */
static struct strategy strategy_now(const struct pathset *ps)
{
	struct strategy s = strategy_of(&ps->self.nat, &ps->peer.nat);

	if (s.kind == STRATEGY_COUNTERS)
		s.easy = ps->controls;
	return s;
}

static bool is_r3(const struct strategy *s)
{
	return s->kind == STRATEGY_BRACKET || s->kind == STRATEGY_SCAN ||
	       s->kind == STRATEGY_COUNTERS;
}

static void begin(struct pathset *ps, const struct strategy *s, unsigned attempt,
		  nsec_t now)
{
	memset(&ps->scan, 0, sizeof(ps->scan));
	ps->scan.easy = true;
	ps->scan.how = how_of(s);
	ps->scan.fans = s->fans;
	ps->scan.attempt = attempt;
	ps->scan.plan = (uint32_t)prng_u64(&ps->prng) | 1u;
	snprintf(ps->scan.what, sizeof(ps->scan.what), "R3 %s",
		 how_name(&ps->scan));
	want_fan(ps, s->kind == STRATEGY_COUNTERS ? s->fans : 1, now);
}

bool pathset_scan_begin(struct pathset *ps, nsec_t now)
{
	struct strategy s = strategy_now(ps);
	struct ipaddr ip;

	if (!s.easy || !is_r3(&s) || ps->scanned ||
	    (s.kind == STRATEGY_SCAN && ps->round == 0 && !searched_here(ps)) ||
	    now >= ps->active_until || !target(ps, &ip))
		return false;
	ps->scanned = true;
	if (s.kind == STRATEGY_SCAN ?
		    !rate_take(&ps->scans, SCANS_HOUR, HOUR, now) :
		    !rate_take(&ps->brackets, BRACKETS_HOUR, HOUR, now))
		return false;
	begin(ps, &s, 0, now);
	return true;
}

static void ask(struct pathset *ps, unsigned fan)
{
	struct out o = { .kind = OUT_FAN_STUN, .slot = fan };

	pathset_out(ps, &o);
}

static void call(struct pathset *ps, nsec_t now)
{
	struct out o = { .kind = OUT_SCAN, .plan = ps->scan.plan };
	int relay = pathset_relay_best(ps);

	if (relay < 0 || ps->scan.tries++ == CALLS) {
		over(ps, "the peer did not open", now);
		return;
	}
	o.via = (struct pathset_source){ .relayed = true, .relay = (unsigned)relay };
	pathset_out(ps, &o);
	turn(ps, SCAN_CALL, nsec_add(now, ps->scan.tries * CALL_GAP));
}

enum drop pathset_take_win(struct pathset *ps, const struct pathset_source *src,
			   const struct disco_message *m, nsec_t now)
{
	struct scan *s = &ps->scan;
	struct allocator range = ps->peer.nat.allocator;
	struct ipaddr ip = m->window.ip;

	if (!src->relayed || s->step != SCAN_CALL || s->plan != m->plan)
		return DROP_DISCO_STALE;
	if (s->how == DISCO_HOW_FAN ? !target(ps, &ip) :
				      !bracket_range(&m->window, &range))
		return DROP_CANDIDATE_REFUSED;
	if (!pathset_attested(ps, &ip))
		return DROP_CANDIDATE_REFUSED;
	s->aim = (struct endpoint){ .ip = ip, .port = m->window.low };
	if (s->how == DISCO_HOW_COUNTERS) {
		turn(ps, SCAN_OPEN, now);
		return DROP_NONE;
	}
	if (allocator_range(&range) == 0) { /* whatever it is: anywhere */
		range = (struct allocator){ .kind = ALLOCATOR_RANDOM,
					    .low = ALLOCATOR_LOWEST,
					    .high = 65535 };
	}
	birthday_begin(&s->walk, &ip, &range,
		       s->how == DISCO_HOW_BRACKET ? BIRTHDAY_WINDOW_PROBES : 1, &ps->prng, now);
	turn(ps, SCAN_PROBE, now);
	return DROP_NONE;
}

/* probe_run() - two counters: the next socket of our run; the likely ones first */
static bool probe_run(struct scan *s, unsigned *fan, struct endpoint *to, nsec_t now)
{
	unsigned run = s->fans - 1;

	if (s->probed == run || now < s->due)
		return false;
	*fan = (s->probed++ + run / 4) % run;
	*to = s->aim;
	s->due = nsec_add(now, BIRTHDAY_GAP);
	return true;
}

bool pathset_scan_probe(struct pathset *ps, unsigned *fan, struct endpoint *to,
			nsec_t now)
{
	struct scan *s = &ps->scan;
	char text[ADDR_TEXT];

	if (s->step == SCAN_PROBE && s->how == DISCO_HOW_COUNTERS) {
		if (probe_run(s, fan, to, now))
			return true;
		if (s->probed + 1 == s->fans)
			turn(ps, SCAN_LINGER, nsec_add(now, LINGER_TIME));
		return false;
	}
	*fan = 0;
	while (s->step == SCAN_PROBE && birthday_poll(&s->walk, to, now))
		if (candidate_allowed(to, ps->overlay, ps->overlay_count)) {
			snprintf(s->what, sizeof(s->what),
				 "R3 %s %s, %u probes",
				 how_name(s), ipaddr_text(&to->ip, text), s->walk.probes);
			return true;
		}
	if (s->step == SCAN_PROBE && birthday_done(&s->walk))
		turn(ps, SCAN_LINGER, nsec_add(now, LINGER_TIME));
	return false;
}

static void again_or_over(struct pathset *ps, nsec_t now)
{
	struct strategy s = strategy_now(ps);

	if (ps->scan.how != DISCO_HOW_FAN && how_of(&s) == ps->scan.how &&
	    ps->scan.attempt + 1 < BRACKET_TRIES && s.easy)
		begin(ps, &s, ps->scan.attempt + 1, now);
	else
		pathset_scan_stop(ps, now);
	if (ps->scan.step != SCAN_REST)
		return;
	say(ps, "no answer");
	ps->searched = (struct pathset_pair){ 0 };
}

/* ---- the hard side ---- */

/* may_open() - shall we open a fan towards that endpoint for the peer? */
static enum drop may_open(struct pathset *ps, const struct pathset_source *src,
			  const struct disco_message *m, nsec_t now)
{
	struct strategy s = strategy_now(ps);

	if (!src->relayed)
		return DROP_DISCO_TYPE;
	if (!is_r3(&s) || s.easy ||
	    now >= ps->active_until || pathset_direct(ps))
		return DROP_DISCO_STALE;
	if (!ipaddr_is_v4(&m->at.ip) || !pathset_attested(ps, &m->at.ip) ||
	    !candidate_allowed(&m->at, ps->overlay, ps->overlay_count))
		return DROP_CANDIDATE_REFUSED;
	if (!rate_take(&ps->fans, ANSWERS_HOUR, HOUR, now))
		return DROP_DISCO_BUDGET;
	return DROP_NONE;
}

static void send_win(struct pathset *ps)
{
	struct out o = { .kind = OUT_WIN, .plan = ps->scan.plan };
	int relay = pathset_relay_best(ps);

	o.via = (struct pathset_source){ .relayed = true, .relay = (unsigned)relay };
	if (relay >= 0)
		pathset_out(ps, &o);
}

enum drop pathset_take_scan(struct pathset *ps, const struct pathset_source *src,
			    const struct disco_message *m, nsec_t now)
{
	struct strategy s = strategy_now(ps);
	struct scan *scan = &ps->scan;
	unsigned attempt = scan->easy ? 1 : scan->attempt + 1;
	enum drop d;

	if (scan->step != SCAN_REST && scan->plan == m->plan) {
		if (scan->won || (scan->opened >= READY_AT &&
				  scan->how == DISCO_HOW_FAN) ||
		    scan->step == SCAN_HOLD)
			send_win(ps);
		return DROP_NONE;
	}
	if (scan->step != SCAN_REST && scan->easy)
		return DROP_DISCO_STALE;
	d = may_open(ps, src, m, now);
	if (d != DROP_NONE)
		return d;
	punch_stop(&ps->punch);
	memset(scan, 0, sizeof(*scan));
	scan->plan = m->plan;
	scan->attempt = attempt;
	scan->aim = m->at;
	scan->how = how_of(&s);
	scan->fans = s.fans;
	snprintf(scan->what, sizeof(scan->what), "R3 %u sockets for the peer's %s",
		 scan->fans, how_name(scan));
	ps->peer_leads = nsec_max(ps->peer_leads, nsec_add(now, PEER_HOLDS));
	want_fan(ps, scan->fans, now);
	return DROP_NONE;
}

/* opener_ttl() - to cross all our NATs, of which there may be two. One hop more in every
 * other attempt, where more could spoil the far mapping; a counter's is not known */
static uint8_t opener_ttl(const struct pathset *ps)
{
	if (ps->scan.how == DISCO_HOW_COUNTERS)
		return punch_ttl(ps->self.nat.public_hop, 1);
	if (ps->peer.nat.known && !ps->peer.nat.opener_needed)
		return TTL_FAR;
	return punch_ttl(ps->self.nat.public_hop, ps->scan.attempt);
}

static void open_one(struct pathset *ps, unsigned fan)
{
	struct out o = { .kind = OUT_FAN_OPENER, .slot = fan };

	o.via.from = ps->scan.aim;
	o.ttl = opener_ttl(ps);
	pathset_out(ps, &o);
}

/* open_run() - two counters: all at once, lest others' mappings come between */
static void open_run(struct pathset *ps, nsec_t now)
{
	struct scan *s = &ps->scan;

	open_one(ps, s->opened++);
	s->due = now;
	if (s->opened + 1 < s->fans)
		return;
	if (s->easy) {
		turn(ps, SCAN_PROBE, now);
		return;
	}
	s->won = true;
	send_win(ps);
	turn(ps, SCAN_HOLD, nsec_add(now, SEC(3)));
}

/* open_next() - one more socket of the fan; the probes may begin when enough are open */
static void open_next(struct pathset *ps, nsec_t now)
{
	struct scan *s = &ps->scan;

	if (s->how == DISCO_HOW_COUNTERS) {
		open_run(ps, now);
		return;
	}
	open_one(ps, s->opened++);
	if (s->opened == s->fans || s->opened == READY_AT)
		send_win(ps);
	if (s->opened < s->fans)
		turn(ps, SCAN_OPEN, nsec_add(now, OPENER_GAP));
	else
		turn(ps, SCAN_HOLD, nsec_add(now, HOLD_TIME));
	ps->peer_leads = nsec_max(ps->peer_leads, nsec_add(now, PEER_HOLDS));
}

static void begin_bracket(struct pathset *ps, nsec_t now)
{
	ask(ps, BRACKET_FIRST); /* back to back, in this order */
	open_one(ps, BRACKET_OPENER);
	ask(ps, BRACKET_LAST);
	turn(ps, SCAN_BRACKET, nsec_add(now, BRACKET_TIME));
}

static void bracketed(struct pathset *ps, nsec_t now)
{
	struct scan *s = &ps->scan;

	if (s->first.port == 0 || s->last.port == 0)
		return;
	if (!bracket_window(&s->first, &s->last,
			    ps->self.nat.allocator.step, &s->window)) {
		over(ps, "the window is too wide", now);
		return;
	}
	s->won = true;
	send_win(ps);
	turn(ps, SCAN_HOLD, nsec_add(now, SEC(3)));
}

enum drop pathset_take_stop(struct pathset *ps, const struct pathset_source *src,
			    const struct disco_message *m, nsec_t now)
{
	if (!src->relayed || ps->scan.step == SCAN_REST || ps->scan.easy ||
	    ps->scan.plan != m->plan || ps->scan.step == SCAN_ADOPT)
		return DROP_DISCO_STALE;
	over(ps, "no answer", now);
	return DROP_NONE;
}

/* ---- what the caller tells ---- */

void pathset_fan_ready(struct pathset *ps, unsigned count, nsec_t now)
{
	struct scan *s = &ps->scan;

	if (s->step != SCAN_SOCKETS)
		return;
	if (count == 0 || (count < s->fans && (s->how == DISCO_HOW_COUNTERS ||
		(s->how == DISCO_HOW_BRACKET && !s->easy)))) {
		ps->scanned = false; /* another one's turn: later */
		over(ps, "no sockets for it now", now);
		ps->retry = nsec_add(now, SEC(5));
		return;
	}
	if (!s->easy && count < s->fans)
		s->fans = count;
	if (s->easy || s->how == DISCO_HOW_COUNTERS)
		turn(ps, SCAN_ASK, now);
	else if (s->how == DISCO_HOW_BRACKET)
		begin_bracket(ps, now);
	else
		turn(ps, SCAN_OPEN, now);
}

/* name_port() - two counters: the port that our run shall cover */
static void name_port(struct pathset *ps, unsigned fan, const struct endpoint *at,
		      nsec_t now)
{
	struct scan *s = &ps->scan;
	int port = at->port + ps->self.nat.allocator.step *
				      (s->easy ? LEAD_AHEAD : FOLLOW_AHEAD);

	if (s->step != SCAN_ASK || fan + 1 != s->fans)
		return;
	if (port < ALLOCATOR_LOWEST || port > 65535) {
		over(ps, "the counter is about to wrap", now);
		return;
	}
	s->at = (struct endpoint){ .ip = at->ip, .port = (uint16_t)port };
	s->tries = 0;
	if (s->easy) {
		call(ps, now);
		return;
	}
	s->window = (struct bracket_window){ at->ip, s->at.port, s->at.port };
	turn(ps, SCAN_OPEN, now);
}

void pathset_fan_mapped(struct pathset *ps, unsigned fan, const struct endpoint *at,
			nsec_t now)
{
	struct scan *s = &ps->scan;

	if (s->how == DISCO_HOW_COUNTERS) {
		name_port(ps, fan, at, now);
	} else if (s->step == SCAN_ASK && fan == 0) {
		s->at = *at;
		s->tries = 0;
		call(ps, now);
	} else if (s->step == SCAN_BRACKET) {
		if (fan == BRACKET_FIRST)
			s->first = *at;
		else if (fan == BRACKET_LAST)
			s->last = *at;
		bracketed(ps, now);
	}
}

enum drop pathset_scan_ping(struct pathset *ps, const struct pathset_source *src,
			    const struct disco_message *m, nsec_t now)
{
	struct scan *s = &ps->scan;
	const struct ipaddr *ip = &s->aim.ip;
	bool awaited = s->easy ? s->step == SCAN_PROBE || s->step == SCAN_LINGER :
				 s->step == SCAN_OPEN || s->step == SCAN_HOLD;

	if (!awaited || src->socket >= s->fans ||
	    !ipaddr_eq(ip, &src->from.ip) ||
	    !candidate_allowed(&src->from, ps->overlay, ps->overlay_count))
		return DROP_DISCO_STALE;
	s->fan = src->socket;
	s->from = src->from;
	s->txid = m->txid;
	ps->want_adopt = true;
	turn(ps, SCAN_ADOPT, nsec_add(now, GRANT_TIME));
	return DROP_NONE;
}

void pathset_fan_adopted(struct pathset *ps, int socket, nsec_t now)
{
	struct scan *s = &ps->scan;
	struct out o = { .kind = OUT_PONG, .txid = s->txid };
	struct path *p;

	if (s->step != SCAN_ADOPT)
		return;
	p = socket < 0 ? NULL :
		pathset_path(ps, (unsigned)socket, &s->from,
			     CANDIDATE_PEER_REFLEXIVE, now);
	if (!p) {
		over(ps, "no room for the socket found", now);
		return;
	}
	o.via = (struct pathset_source){ .socket = p->socket, .from = p->to };
	pathset_out(ps, &o);
	path_probe(p, &path_plan_r0, now, now);
	p->ping_back = true;
	if (s->easy && (!pair_now(ps, &ps->searched) || s->how != DISCO_HOW_FAN))
		ps->searched = (struct pathset_pair){ 0 };
	over(ps, "found", now);
	ps->retry = nsec_add(now, SEC(2)); /* if nothing comes of it */
}

/* ---- time ---- */

void pathset_tick_scan(struct pathset *ps, nsec_t now)
{
	struct scan *s = &ps->scan;

	if (s->step == SCAN_REST)
		return;
	if (pathset_direct(ps) && s->step != SCAN_ADOPT)
		pathset_scan_stop(ps, now);
	if (s->due > now)
		return;
	switch (s->step) {
	case SCAN_REST:
	case SCAN_PROBE:
		return;
	case SCAN_ASK:
		if (s->tries++ == ASKS) {
			over(ps, "no STUN server answers", now);
			return;
		}
		ask(ps, s->how == DISCO_HOW_COUNTERS ? s->fans - 1 : 0);
		s->due = nsec_add(now, ASK_GAP);
		return;
	case SCAN_CALL:
		call(ps, now);
		return;
	case SCAN_LINGER:
		again_or_over(ps, now);
		return;
	case SCAN_OPEN:
		open_next(ps, now);
		return;
	case SCAN_SOCKETS:
	case SCAN_BRACKET:
	case SCAN_HOLD:
	case SCAN_ADOPT:
		over(ps, "no answer", now);
		return;
	}
}

nsec_t pathset_next_scan(const struct pathset *ps)
{
	switch (ps->scan.step) {
	case SCAN_REST:
		return NSEC_NEVER;
	case SCAN_PROBE:
		if (ps->scan.how == DISCO_HOW_COUNTERS)
			return ps->scan.due;
		return birthday_done(&ps->scan.walk) ?
			       0 :
			       birthday_next(&ps->scan.walk);
	case SCAN_ASK:
	case SCAN_CALL:
	case SCAN_LINGER:
	case SCAN_OPEN:
	case SCAN_SOCKETS:
	case SCAN_BRACKET:
	case SCAN_HOLD:
	case SCAN_ADOPT:
		return ps->scan.due;
	}
	return NSEC_NEVER;
}
