/* SPDX-License-Identifier: MIT
 *
 * pathset_status.c - what status, ping and why show
 */
#include "traversal/pathset_inside.h"

#include <string.h>

static void describe(const struct pathset *ps, const struct path *p,
		     struct path_info *out)
{
	memset(out, 0, sizeof(*out));
	out->choice.kind = pathset_is_stream(p->socket) ? PATH_TCP : PATH_DIRECT;
	out->choice.socket = p->socket;
	out->choice.to = p->to;
	out->state = path_state_name(p->state);
	out->candidate = p->kind;
	out->spare = pathset_is_spare(ps, p);
	out->rtt = p->srtt;
	out->loss = path_loss(p);
	out->since = p->since;
}

void pathset_current(const struct pathset *ps, struct path_info *out)
{
	const struct relay_slot *r;

	if (path_is_direct(&ps->told.best) && ps->best >= 0) {
		describe(ps, &ps->path[ps->best], out);
		out->since = ps->best_since;
		return;
	}
	memset(out, 0, sizeof(*out));
	out->choice = ps->told.best;
	out->state = "dead";
	if (ps->told.best.kind != PATH_RELAY)
		return;
	r = &ps->relay[ps->told.best.relay];
	out->state = r->unanswered ? "suspect" : "alive";
	out->rtt = r->srtt ? r->srtt : r->hint;
	out->since = ps->best_since;
}

bool pathset_is_direct(const struct pathset *ps)
{
	return path_is_direct(&ps->told.best) && ps->best >= 0 &&
	       ps->path[ps->best].state != PATH_DEAD;
}

unsigned pathset_paths(const struct pathset *ps, struct path_info *out, unsigned max)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PATHSET_PATHS_MAX && n < max; i++)
		if (ps->path[i].used)
			describe(ps, &ps->path[i], &out[n++]);
	return n;
}

static const char *outcome(const struct path *p)
{
	switch (p->state) {
	case PATH_PROBING:
		return "waiting for an answer";
	case PATH_ALIVE:
		return "answers";
	case PATH_SUSPECT:
		return "answered, silent now";
	case PATH_DEAD:
		return p->validated ? "answered once, dead now" : "no answer";
	}
	return "unknown";
}

unsigned pathset_explain(const struct pathset *ps, struct pathset_trial *out,
			 unsigned max, nsec_t *next_try)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PATHSET_PATHS_MAX && n < max; i++) {
		if (!ps->path[i].used)
			continue;
		out[n].what = ps->path[i].what;
		out[n].outcome = outcome(&ps->path[i]);
		n++;
	}
	if (ps->scan.outcome && n < max) {
		out[n].what = ps->scan.what;
		out[n++].outcome = ps->scan.outcome;
	}
	if (ps->tcp.outcome[0] && n < max) {
		out[n].what = ps->tcp.what;
		out[n++].outcome = ps->tcp.outcome;
	}
	*next_try = ps->retry;
	return n;
}

bool pathset_controls(const struct pathset *ps)
{
	return ps->controls;
}

void pathset_nats(const struct pathset *ps, struct nat_profile *self,
		  struct nat_profile *peer)
{
	*self = ps->self.nat;
	*peer = ps->peer.nat;
}

void pathset_ping(struct pathset *ps, uint32_t id, nsec_t now)
{
	struct out o = { .kind = OUT_USER_PING };

	(void)now;
	for (unsigned i = 0; i < PATHSET_USER_PINGS; i++) {
		struct user_ping *u = &ps->user[i];

		if (u->used || ps->out_count == PATHSET_OUT)
			continue;
		memset(u, 0, sizeof(*u));
		u->used = true;
		u->id = id;
		o.slot = i;
		pathset_out(ps, &o);
		return;
	}
}

bool pathset_ping_result(struct pathset *ps, uint32_t *id, nsec_t *rtt,
			 struct path_info *path)
{
	for (unsigned i = 0; i < PATHSET_USER_PINGS; i++) {
		struct user_ping *u = &ps->user[i];

		if (!u->used || !u->done)
			continue;
		u->used = false;
		*id = u->id;
		*rtt = u->rtt;
		*path = u->path;
		return true;
	}
	return false;
}
