/* SPDX-License-Identifier: MIT
 *
 * pathset_input.c - what the peer's discovery messages do to its paths
 */
#include "traversal/pathset_inside.h"

enum {
	CANDS_MAX = 8, /* new lists per window; security.md 3.3 */
	CAND_MESSAGES = 32, /* with repeats, and copies through several relays */
};

#define CANDS_WINDOW SEC(30)
#define ENGAGED_FOR  SEC(15)
#define PEER_LEADS   SEC(4) /* after it asked for fresh ports: hold still */

/* kind_at() - what the peer calls this endpoint; else it is a finding of ours */
static enum candidate_kind kind_at(const struct pathset *ps, const struct endpoint *at)
{
	for (unsigned i = 0; i < ps->peer.list.count; i++)
		if (endpoint_eq(&ps->peer.list.c[i].at, at) &&
		    !candidate_is_tcp(ps->peer.list.c[i].kind))
			return ps->peer.list.c[i].kind;
	return CANDIDATE_PEER_REFLEXIVE;
}

void pathset_ping_back(struct path *p, bool was_back, nsec_t now)
{
	if (p->state == PATH_ALIVE || (was_back && nsec_since(p->pinged, now) < SEC(1)))
		return;
	if (p->state == PATH_SUSPECT) {
		path_check(p, now);
		return;
	}
	path_probe(p, &path_plan_r0, now, now);
	p->ping_back = true;
}

/* may_answer() - is this a place that a ping may come from? */
static bool may_answer(const struct pathset *ps, const struct pathset_source *src)
{
	if (pathset_is_stream(src->socket))
		return pathset_streamed(ps, src->socket);
	return src->socket < ps->socket_count &&
	       candidate_allowed(&src->from, ps->overlay, ps->overlay_count);
}

static enum drop take_ping(struct pathset *ps, const struct pathset_source *src,
			   const struct disco_message *m, nsec_t now)
{
	struct out o = { .kind = OUT_PONG, .via = *src, .txid = m->txid };
	struct path *p;

	if (src->fan)
		return pathset_scan_ping(ps, src, m, now);
	if (src->relayed) {
		pathset_out(ps, &o);
		pathset_relay_along(ps, src->relay, now);
		return DROP_NONE;
	}
	if (!may_answer(ps, src))
		return DROP_CANDIDATE_REFUSED;
	p = pathset_path(ps, src->socket, &src->from,
			 pathset_is_stream(src->socket) ? CANDIDATE_TCP :
							  kind_at(ps, &src->from),
			 now);
	if (!pathset_affordable(ps, &src->from.ip, p, now))
		return DROP_DISCO_BUDGET; /* its source may be forged */
	pathset_out(ps, &o);
	if (!p)
		return DROP_NONE;
	if (m->flags & DISCO_PING_CHOSEN)
		ps->followed = (int)(p - ps->path);
	pathset_ping_back(p, m->flags & DISCO_PING_BACK, now);
	return DROP_NONE;
}

/* learn_observed() - the peer sees us at an address that we do not announce */
static void learn_observed(struct pathset *ps, const struct endpoint *seen, nsec_t now)
{
	if (seen->port == 0 || ipaddr_class(&seen->ip) != ADDR_CLASS_GLOBAL ||
	    ps->self.nat.mapping_varies)
		return;
	for (unsigned i = 0; i < ps->self.list.count; i++)
		if (endpoint_eq(&ps->self.list.c[i].at, seen))
			return;
	pathset_ask_stun(ps, now);
}

static bool user_pong(struct pathset *ps, const struct pathset_source *src,
		      uint64_t txid, nsec_t now)
{
	for (unsigned i = 0; i < PATHSET_USER_PINGS; i++) {
		struct user_ping *u = &ps->user[i];

		if (!u->used || u->done || u->sent == 0 || u->txid != txid)
			continue;
		u->done = true;
		u->rtt = nsec_max(nsec_since(u->sent, now), 1);
		return true;
	}
	return false;
}

static enum drop take_pong(struct pathset *ps, const struct pathset_source *src,
			   const struct disco_message *m, nsec_t now)
{
	struct path *p;

	if (user_pong(ps, src, m->txid, now))
		return DROP_NONE;
	if (src->relayed)
		return pathset_relayed_pong(ps, src->relay, m->txid, now);
	p = pathset_find(ps, src->socket, &src->from);
	if (!p || !path_ponged(p, m->txid, now))
		return DROP_DISCO_STALE;
	if (src->socket < PATHSET_ADOPTED)
		learn_observed(ps, &m->observed, now);
	return DROP_NONE;
}

/* newer() - does this CAND say what we do not know yet? */
static bool newer(const struct pathset *ps, const struct disco_message *m)
{
	return m->instance != ps->peer_instance || !ps->peer_told ||
	       m->generation > ps->peer.generation;
}

static void adopt(struct pathset *ps, const struct disco_message *m, nsec_t now)
{
	if (ps->peer_instance && m->instance > ps->peer_instance) {
		ps->want_handshake = true; /* it was restarted */
		ps->acked_any = false;
	}
	if (!candidate_list_same(&ps->peer.list, &m->candidates))
		pathset_spare_reset(ps, now);
	ps->peer_instance = m->instance;
	ps->peer.list = m->candidates;
	ps->peer.nat = m->nat;
	ps->peer.generation = m->generation;
	ps->peer.known = ps->peer_told = true;
	pathset_tcp_reset(ps);
	if (ps->punch.step == PUNCH_FRESHEN)
		punch_peer_fresh(&ps->punch, now);
	pathset_probe_r0(ps, now);
}

/* take_ack() - the peer has our newest candidates: the exchange is complete */
static void take_ack(struct pathset *ps, const struct disco_message *m, nsec_t now)
{
	if (!ps->self.known || m->ack != ps->self.generation || ps->acked_any)
		return;
	ps->acked = m->ack;
	ps->acked_any = true;
	ps->cand_due = NSEC_NEVER;
}

/* may_take() - may this CAND speak at all? */
static enum drop may_take(struct pathset *ps, const struct pathset_source *src,
			  const struct disco_message *m, nsec_t now)
{
	const struct path *p = src->relayed ? NULL :
				pathset_find(ps, src->socket, &src->from);

	if (!src->relayed && (!p || !p->validated))
		return DROP_DISCO_STALE;
	if (m->instance < ps->peer_instance ||
	    (m->instance == ps->peer_instance && ps->peer_told &&
	     m->generation < ps->peer.generation))
		return DROP_DISCO_STALE;
	if (!rate_take(&ps->cand_rate, CAND_MESSAGES, CANDS_WINDOW, now))
		return DROP_DISCO_BUDGET;
	if (newer(ps, m) &&
	    !rate_take(&ps->adopt_rate, CANDS_MAX, CANDS_WINDOW, now))
		return DROP_DISCO_BUDGET;
	return DROP_NONE;
}

/* answer_cand() - ours in exchange, to where it came from */
static void answer_cand(struct pathset *ps, const struct pathset_source *src)
{
	struct out o = { .kind = OUT_CAND, .via = *src };

	o.flags = DISCO_CAND_ANSWER;
	pathset_out(ps, &o);
}

/* after_cand() - go on with what waited for it */
static void after_cand(struct pathset *ps, unsigned flags, bool fresh, nsec_t now)
{
	if (!ps->acked_any && ps->cand_due == NSEC_NEVER)
		ps->cand_due = now;
	if (pathset_direct(ps))
		return;
	if (flags & DISCO_CAND_FRESH) {
		ps->want_sockets |= now >= ps->peer_leads;
		ps->peer_leads = nsec_add(now, PEER_LEADS);
		ps->must_lead = false;
	}
	if (ps->punch.step != PUNCH_REST || now < ps->peer_leads)
		return;
	if (flags & DISCO_CAND_LEAD) {
		ps->must_lead = true;
		ps->round += ps->round == 0;
	}
	if (flags & DISCO_CAND_LEAD || ps->retry == NSEC_NEVER)
		ps->retry = now;
	else if (fresh && (ps->retry_step > 0 || ps->round == 0))
		pathset_restart(ps, now);
}

static enum drop take_cand(struct pathset *ps, const struct pathset_source *src,
			   const struct disco_message *m, nsec_t now)
{
	enum drop d = may_take(ps, src, m, now);
	bool fresh;

	if (d != DROP_NONE)
		return d;
	fresh = newer(ps, m) || !pathset_active(ps, now);
	ps->engaged_until = nsec_max(ps->engaged_until,
				     nsec_add(now, ENGAGED_FOR));
	if (newer(ps, m))
		adopt(ps, m, now);
	take_ack(ps, m, now);
	if (!(m->flags & DISCO_CAND_ANSWER))
		answer_cand(ps, src);
	after_cand(ps, m->flags, fresh, now);
	return DROP_NONE;
}

static enum drop take_go(struct pathset *ps, const struct pathset_source *src,
			 const struct disco_message *m, nsec_t now)
{
	struct out o = { .kind = OUT_OPENED, .via = *src };
	bool answer;

	if (!src->relayed)
		return DROP_DISCO_TYPE;
	if (!ps->peer_told)
		return DROP_DISCO_STALE; /* whereto? the leader repeats it */
	ps->engaged_until = nsec_max(ps->engaged_until,
				     nsec_add(now, ENGAGED_FOR));
	if (punch_called(&ps->punch, m->plan, m->round, &answer, now)) {
		ps->round = m->round;
		ps->retry = NSEC_NEVER;
		pathset_open(ps, m->round, now);
	}
	o.plan = m->plan;
	o.round = m->round;
	if (answer)
		pathset_out(ps, &o);
	return DROP_NONE;
}

static enum drop take_opened(struct pathset *ps, const struct pathset_source *src,
			     const struct disco_message *m, nsec_t now)
{
	if (!src->relayed || !punch_opened(&ps->punch, m->plan, now))
		return DROP_DISCO_STALE;
	return DROP_NONE;
}

enum drop pathset_input(struct pathset *ps, const struct pathset_source *src,
			uint8_t *m, size_t n, uint64_t epoch, nsec_t now)
{
	struct disco_message msg;
	const uint8_t *plain;
	size_t plain_n;
	enum drop d;

	(void)epoch;
	d = box_open(&ps->box, m, n, &plain, &plain_n);
	if (d != DROP_NONE)
		return d;
	d = disco_read(plain, plain_n, &msg);
	if (d != DROP_NONE)
		return d;
	if (src->fan && msg.type != DISCO_PING)
		return DROP_DISCO_STALE;
	if (src->hello || pathset_is_hello(&msg))
		return pathset_take_hello(ps, src, &msg, now);
	switch (msg.type) {
	case DISCO_PING:
		return take_ping(ps, src, &msg, now);
	case DISCO_PONG:
		return take_pong(ps, src, &msg, now);
	case DISCO_CAND:
		return take_cand(ps, src, &msg, now);
	case DISCO_GO:
		return take_go(ps, src, &msg, now);
	case DISCO_OPENED:
		return take_opened(ps, src, &msg, now);
	case DISCO_SCAN:
		return pathset_take_scan(ps, src, &msg, now);
	case DISCO_WIN:
		return pathset_take_win(ps, src, &msg, now);
	case DISCO_STOP:
		return pathset_take_stop(ps, src, &msg, now);
	case DISCO_CROSS:
		return pathset_take_cross(ps, src, &msg, now);
	case DISCO_STREAM:
		return DROP_DISCO_TYPE; /* only as the first on a stream */
	}
	return DROP_DISCO_TYPE;
}
