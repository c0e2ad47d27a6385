/* SPDX-License-Identifier: MIT
 *
 * pathset_cross.c - TCP simultaneous open: both connect at once (RFC 793 s3.4)
 *
 * Theory: a NAT lets a SYN in that comes from where its host has just sent one to. So
 * each side takes a fresh local port, learns from a server how that port looks from
 * outside, tells the other over the relay, and connects to what the other said. The
 * side with the smaller key leads:
 *
 *   leader                        follower
 *   CROSS_ASK   own port
 *   CROSS_CALL  --- CALL mine -->  CROSS_ASK   own port
 *               <-- READY mine --  CROSS_WAIT
 *   CROSS_HOLD  --- GO ---------> CROSS_DIAL
 *   CROSS_DIAL  half a round trip later: when the follower has GO
 *
 * A SYN that comes too early is mostly dropped in silence and repeated by the kernel
 * after a second; where a NAT answers it with a reset, the caller connects again for a
 * moment. It needs a NAT that gives the port one face for both destinations; where it
 * does not, nothing is lost but three seconds in which the relay carried everything.
 */
#include "traversal/pathset_inside.h"

#include <stdio.h>

#define HOUR	 SEC(3600)
#define ASK_TIME SEC(6) /* for a TLS connection to a server */
#define CALL_GAP MSEC(250)
#define GO_TIME	 SEC(8) /* the follower waits for it */
#define DIAL_TIME SEC(10) /* if the caller forgets us */

enum {
	CROSSES_HOUR = 12,
	CALLS = 30, /* the follower's own asking takes its time, and so does the
		       netmap that tells it where our servers saw us */
};

static bool seen(const struct candidate_list *l)
{
	for (unsigned i = 0; i < l->count; i++)
		if (l->c[i].kind == CANDIDATE_TCP_REFLEXIVE)
			return true;
	return false;
}

static void over(struct pathset *ps, const char *why)
{
	ps->tcp.cross.step = CROSS_REST;
	pathset_tcp_say(ps, why);
}

static void ask(struct pathset *ps, uint32_t plan, nsec_t now)
{
	ps->tcp.cross = (struct cross){ .step = CROSS_ASK, .plan = plan,
					.due = nsec_add(now, ASK_TIME) };
	ps->tcp.want_ask = true;
	ps->tcp.want_cross = false;
	snprintf(ps->tcp.what, sizeof(ps->tcp.what), "TCP simultaneous open");
	pathset_tcp_say(ps, "asking a server how our port looks");
}

bool pathset_cross_begin(struct pathset *ps, nsec_t now)
{
	if (!ps->controls || pathset_relay_best(ps) < 0 ||
	    !seen(&ps->self.list) || !seen(&ps->peer.list) ||
	    !rate_take(&ps->tcp.crosses, CROSSES_HOUR, HOUR, now))
		return false;
	ask(ps, (uint32_t)prng_u64(&ps->prng) | 1u, now);
	return true;
}

void pathset_cross_stop(struct pathset *ps)
{
	ps->tcp.cross.step = CROSS_REST;
	ps->tcp.want_ask = ps->tcp.want_cross = false;
}

static void send(struct pathset *ps, enum disco_step step)
{
	struct out o = { .kind = OUT_CROSS, .plan = ps->tcp.cross.plan };
	int relay = pathset_relay_best(ps);

	if (relay < 0)
		return;
	o.via.relayed = true;
	o.via.relay = (unsigned)relay;
	o.round = step;
	if (step != DISCO_STEP_GO)
		o.at = ps->tcp.cross.self;
	pathset_out(ps, &o);
}

static void connect_now(struct pathset *ps, nsec_t now)
{
	struct cross *c = &ps->tcp.cross;
	char text[ADDR_TEXT];

	c->step = CROSS_DIAL;
	c->due = nsec_add(now, DIAL_TIME);
	ps->tcp.want_cross = true;
	snprintf(ps->tcp.what, sizeof(ps->tcp.what),
		 "TCP simultaneous open with %s", endpoint_text(&c->peer, text));
	pathset_tcp_say(ps, "connecting");
}

/* call() - the leader asks again, for either may be lost */
static void call(struct pathset *ps, nsec_t now)
{
	if (ps->tcp.cross.calls++ == CALLS) {
		over(ps, "the peer does not answer the call to take part");
		return;
	}
	ps->tcp.cross.due = nsec_add(now, CALL_GAP);
	send(ps, DISCO_STEP_CALL);
}

void pathset_cross_seen(struct pathset *ps, const struct endpoint *at, nsec_t now)
{
	struct cross *c = &ps->tcp.cross;

	if (c->step != CROSS_ASK)
		return;
	if (!at->port || ipaddr_class(&at->ip) != ADDR_CLASS_GLOBAL) {
		over(ps, "no server says how our TCP port looks from outside");
		return;
	}
	c->self = *at;
	if (c->peer.port) { /* we were called */
		c->step = CROSS_WAIT;
		c->due = nsec_add(now, GO_TIME);
		send(ps, DISCO_STEP_READY);
		return;
	}
	c->step = CROSS_CALL;
	call(ps, now);
}

/* ---- what the peer says ---- */

/* may_meet() - the endpoint that it names: one that we may connect to? */
static bool may_meet(const struct pathset *ps, const struct endpoint *at)
{
	return ipaddr_class(&at->ip) == ADDR_CLASS_GLOBAL &&
	       candidate_allowed(at, ps->overlay, ps->overlay_count) &&
	       pathset_attested(ps, &at->ip);
}

static enum drop take_call(struct pathset *ps, const struct disco_message *m,
			   nsec_t now)
{
	struct cross *c = &ps->tcp.cross;

	if (c->plan == m->plan && c->step == CROSS_ASK)
		return DROP_NONE;
	if (c->plan == m->plan && c->step == CROSS_WAIT) {
		send(ps, DISCO_STEP_READY); /* it was lost */
		return DROP_NONE;
	}
	/* a new plan puts an older one aside: the leader may have been restarted */
	if (ps->controls || c->step == CROSS_DIAL || ps->tcp.dialling ||
	    !pathset_active(ps, now) || pathset_direct(ps))
		return DROP_DISCO_STALE;
	if (!may_meet(ps, &m->at))
		return DROP_CANDIDATE_REFUSED;
	if (!rate_take(&ps->tcp.crosses, CROSSES_HOUR, HOUR, now))
		return DROP_DISCO_BUDGET;
	ask(ps, m->plan, now);
	c->peer = m->at;
	return DROP_NONE;
}

static enum drop take_ready(struct pathset *ps, const struct disco_message *m,
			    unsigned relay, nsec_t now)
{
	struct cross *c = &ps->tcp.cross;
	nsec_t rtt = relay < PATHSET_RELAYS_MAX ? ps->relay[relay].srtt : 0;

	if (c->step != CROSS_CALL || c->plan != m->plan)
		return DROP_DISCO_STALE;
	if (!may_meet(ps, &m->at))
		return DROP_CANDIDATE_REFUSED;
	c->peer = m->at;
	c->step = CROSS_HOLD;
	c->due = nsec_add(now, nsec_min(rtt / 2, SEC(1)));
	send(ps, DISCO_STEP_GO);
	return DROP_NONE;
}

enum drop pathset_take_cross(struct pathset *ps, const struct pathset_source *src,
			     const struct disco_message *m, nsec_t now)
{
	struct cross *c = &ps->tcp.cross;

	if (!src->relayed)
		return DROP_DISCO_TYPE;
	switch (m->step) {
	case DISCO_STEP_CALL:
		return take_call(ps, m, now);
	case DISCO_STEP_READY:
		return take_ready(ps, m, src->relay, now);
	case DISCO_STEP_GO:
		if (c->step != CROSS_WAIT || c->plan != m->plan)
			return DROP_DISCO_STALE;
		connect_now(ps, now);
		return DROP_NONE;
	}
	return DROP_DISCO_TYPE;
}

/* ---- time passes ---- */

void pathset_tick_cross(struct pathset *ps, nsec_t now)
{
	struct cross *c = &ps->tcp.cross;

	if (c->step == CROSS_REST)
		return;
	if (pathset_direct(ps))
		pathset_cross_stop(ps);
	if (c->due > now)
		return;
	switch (c->step) {
	case CROSS_REST:
		return;
	case CROSS_ASK:
		over(ps, "no server says how our TCP port looks from outside");
		return;
	case CROSS_CALL:
		call(ps, now);
		return;
	case CROSS_HOLD:
		connect_now(ps, now);
		return;
	case CROSS_WAIT:
		over(ps, "the peer called, but did not go on");
		return;
	case CROSS_DIAL:
		over(ps, "no answer");
		return;
	}
}

nsec_t pathset_next_cross(const struct pathset *ps)
{
	return ps->tcp.cross.step == CROSS_REST ? NSEC_NEVER :
						  ps->tcp.cross.due;
}
