/* SPDX-License-Identifier: MIT
 *
 * pathset_punch.c - where to ping, where to punch, and when to try again
 */
#include "traversal/pathset_inside.h"

#include <string.h>

#include "traversal/strategy.h"

/* After the last ping of a failed round; the second lets poisoned ports recover. */
static const nsec_t waits[] = { SEC(5), SEC(32), SEC(120), SEC(600), SEC(1800) };

#define HARD_PATIENCE MSEC(600) /* for R1 where R3 will follow */

static bool is_public(const struct ipaddr *ip)
{
	return ipaddr_class(ip) == ADDR_CLASS_GLOBAL;
}

static bool external(const struct candidate *c)
{
	return ipaddr_is_v4(&c->at.ip) && c->kind != CANDIDATE_LAN &&
	       !candidate_is_tcp(c->kind) && is_public(&c->at.ip);
}

bool pathset_behind_one(const struct pathset *ps)
{
	for (unsigned i = 0; i < ps->self.list.count; i++)
		for (unsigned j = 0; j < ps->peer.list.count; j++)
			if (external(&ps->self.list.c[i]) &&
			    external(&ps->peer.list.c[j]) &&
			    ipaddr_eq(&ps->self.list.c[i].at.ip,
				      &ps->peer.list.c[j].at.ip))
				return true;
	return false;
}

/* pathset_on_link() - one of ours in its subnet (/24, /64) or one external address says
 * yes; what is our own says no */
bool pathset_on_link(const struct pathset *ps, const struct endpoint *at)
{
	bool v4 = ipaddr_is_v4(&at->ip);
	struct prefix net = prefix_make(at->ip, v4 ? 24 : 64);
	bool near = pathset_behind_one(ps);

	for (unsigned i = 0; i < ps->self.list.count; i++) {
		const struct candidate *mine = &ps->self.list.c[i];

		if (ipaddr_eq(&mine->at.ip, &at->ip))
			return false;
		near |= prefix_contains(&net, &mine->at.ip);
	}
	return near;
}

bool pathset_direct_safe(const struct pathset *ps, const struct candidate *c)
{
	if (candidate_is_tcp(c->kind))
		return false;
	if (!is_public(&c->at.ip))
		return pathset_on_link(ps, &c->at);
	if (!ipaddr_is_v4(&c->at.ip))
		return true;
	switch (c->kind) {
	case CANDIDATE_LAN:
	case CANDIDATE_V6:
	case CANDIDATE_MAPPED:
	case CANDIDATE_PUBLIC:
		return true;
	case CANDIDATE_STATIC: /* not a port that the NAT chose: none is spoilt */
		return ps->peer.nat.known && !ps->peer.nat.opener_needed;
	case CANDIDATE_REFLEXIVE:
	case CANDIDATE_PEER_REFLEXIVE:
		return ps->peer.nat.known && ps->peer.nat.filter_independent;
	case CANDIDATE_TCP:
	case CANDIDATE_TCP_REFLEXIVE:
		return false;
	}
	return false;
}

/* tried() - was this endpoint punched at, from whatever socket, and did not answer? */
static bool tried(const struct pathset *ps, const struct endpoint *at)
{
	for (unsigned i = 0; i < PATHSET_PATHS_MAX; i++) {
		const struct path *p = &ps->path[i];

		if (p->used && p->plan == &path_plan_punch &&
		    p->state == PATH_DEAD && endpoint_eq(&p->to, at))
			return true;
	}
	return false;
}

/* targets() - IPv4 endpoints to punch at: those not yet tried, else all */
static unsigned targets(const struct pathset *ps, struct candidate *out)
{
	struct candidate_list l = ps->peer.list;
	struct candidate last = { ps->remembered, CANDIDATE_REFLEXIVE, false };
	unsigned n = 0;

	if (ps->remembered.port != 0)
		(void)candidate_add(&l, &last);
	for (int again = 0; again < 2 && n == 0; again++)
		for (unsigned i = 0; i < l.count; i++)
			if (n < PATHSET_TARGETS && external(&l.c[i]) &&
			    (again || !tried(ps, &l.c[i].at)))
				out[n++] = l.c[i];
	return n;
}

void pathset_open(struct pathset *ps, unsigned round, nsec_t now)
{
	struct candidate t[PATHSET_TARGETS];
	unsigned n = targets(ps, t);
	int socket = pathset_socket(ps, false, round > 1);

	for (unsigned i = 0; i < n && socket >= 0; i++) {
		struct path *p = pathset_path(ps, (unsigned)socket, &t[i].at,
					      t[i].kind, now);
		struct out o = { .kind = OUT_OPENER };

		if (!p || p->state == PATH_ALIVE)
			continue;
		/* pings follow when the round says so */
		path_probe(p, &path_plan_punch, NSEC_NEVER, now);
		o.slot = (unsigned)(p - ps->path);
		o.ttl = punch_ttl(ps->self.nat.public_hop, round);
		if (!pathset_behind_one(ps))
			pathset_out(ps, &o);
	}
}

/* start_pings() - the far NAT is open now */
static void start_pings(struct pathset *ps, nsec_t now)
{
	for (unsigned i = 0; i < PATHSET_PATHS_MAX; i++) {
		struct path *p = &ps->path[i];

		if (p->used && p->state == PATH_PROBING &&
		    p->plan == &path_plan_punch && p->plan_step == 0)
			path_probe(p, &path_plan_punch, now, now);
	}
	if (ps->punch.round == 1) /* later ones need the budget for punching */
		pathset_probe_r0(ps, now);
}

static void send_go(struct pathset *ps)
{
	int relay = pathset_relay_best(ps);
	struct out o = { .kind = OUT_GO };

	if (relay < 0)
		return;
	o.via.relayed = true;
	o.via.relay = (unsigned)relay;
	o.plan = ps->punch.plan;
	o.round = ps->punch.round;
	pathset_out(ps, &o);
}

static void wait_more(struct pathset *ps, nsec_t now)
{
	nsec_t wait = MSEC(10); /* R2 follows R1 at once */

	if (ps->round > 1) {
		ps->scanned = false; /* R3 has its own budget by the hour */
		wait = waits[ps->retry_step];
		if (ps->retry_step + 1 < sizeof(waits) / sizeof(waits[0]))
			ps->retry_step++;
	}
	ps->retry = nsec_add(now, wait);
}

/* needs_r3() - one side has a NAT whose port the other has to find */
static bool needs_r3(const struct pathset *ps, struct strategy *s)
{
	*s = strategy_of(&ps->self.nat, &ps->peer.nat);
	if (s->kind == STRATEGY_COUNTERS)
		s->easy = ps->controls;
	return s->kind == STRATEGY_BRACKET || s->kind == STRATEGY_SCAN ||
	       s->kind == STRATEGY_COUNTERS;
}

/* lopsided() - has exactly one side a NAT to be protected? */
static bool lopsided(const struct pathset *ps)
{
	struct strategy s;

	if (needs_r3(ps, &s))
		return true;
	return (ps->self.nat.known && ps->self.nat.opener_needed) !=
	       (ps->peer.nat.known && ps->peer.nat.opener_needed);
}

/* leads() - the easy side; the side to be protected, if it is one; else the smaller key */
static bool leads(const struct pathset *ps)
{
	struct strategy s;

	if (needs_r3(ps, &s))
		return s.easy;
	if (lopsided(ps))
		return ps->self.nat.known && ps->self.nat.opener_needed;
	return ps->controls;
}

/* await() - the peer should begin; ask for it once it is late */
static void await(struct pathset *ps, nsec_t now)
{
	if (ps->round > 2)
		pathset_send_cand(ps, DISCO_CAND_LEAD);
	wait_more(ps, nsec_add(now, SEC(4)));
}

/* hand_over() - ask the peer to lead; if nothing comes of it, lead after all */
static void hand_over(struct pathset *ps, nsec_t now)
{
	pathset_send_cand(ps, DISCO_CAND_LEAD);
	pathset_send_cand(ps, DISCO_CAND_LEAD); /* one may be lost */
	ps->must_lead = true;
	ps->round--;
	ps->retry = nsec_add(now, SEC(1));
}

/* try_round() - the next round, if there is anything to punch at */
static void try_round(struct pathset *ps, nsec_t now)
{
	struct candidate t[PATHSET_TARGETS];

	if (!ps->self.known || !ps->peer_told || !ps->acked_any ||
	    pathset_relay_best(ps) < 0)
		return; /* the CAND exchange comes here again */
	if (pathset_scan_begin(ps, now))
		return;
	if (targets(ps, t) == 0 || pathset_socket(ps, false, false) < 0) {
		pathset_probe_r0(ps, now);
		ps->retry = nsec_add(now, waits[0]);
		return;
	}
	ps->round++;
	if (!leads(ps) && !ps->must_lead) {
		await(ps, now);
		return;
	}
	if (leads(ps) && !ps->must_lead && ps->round % 2 == 0 && !lopsided(ps)) {
		/* the other order may work where the first did not */
		hand_over(ps, now);
		return;
	}
	ps->must_lead = false;
	punch_begin(&ps->punch, (uint32_t)prng_u64(&ps->prng) | 1u, ps->round,
		    ps->round > 1, now);
	if (ps->round > 1) {
		ps->want_sockets = true;
		pathset_send_cand(ps, 0); /* tells the peer to do so too */
	}
}

/* punch_event() - do what the round asks; false: nothing is due */
static bool punch_event(struct pathset *ps, nsec_t now)
{
	struct strategy s;

	switch (punch_tick(&ps->punch, now)) {
	case PUNCH_NOTHING:
		return false;
	case PUNCH_OPEN:
		pathset_open(ps, ps->punch.round, now);
		send_go(ps);
		return true;
	case PUNCH_AGAIN:
		send_go(ps);
		return true;
	case PUNCH_PINGS:
		start_pings(ps, now);
		if (needs_r3(ps, &s) && ps->round == 1 && !ps->scanned)
			ps->punch.due = nsec_add(now, HARD_PATIENCE);
		return true;
	case PUNCH_OVER:
		wait_more(ps, now);
		return true;
	}
	return false;
}

void pathset_tick_punch(struct pathset *ps, nsec_t now)
{
	if (pathset_direct(ps) && ps->punch.step != PUNCH_REST)
		punch_stop(&ps->punch);
	if (ps->retry <= now && now < ps->peer_leads)
		ps->retry = ps->peer_leads;
	if (ps->retry <= now && ps->punch.step == PUNCH_REST &&
	    ps->scan.step == SCAN_REST) {
		ps->retry = NSEC_NEVER;
		if (!pathset_direct(ps) && pathset_active(ps, now))
			try_round(ps, now);
	}
	while (punch_event(ps, now))
		;
}

nsec_t pathset_next_punch(const struct pathset *ps)
{
	if (ps->punch.step != PUNCH_REST)
		return punch_next(&ps->punch);
	return ps->scan.step == SCAN_REST ? ps->retry : NSEC_NEVER;
}
