/* SPDX-License-Identifier: MIT
 *
 * pathset.c - all paths to one peer: its life and what it is told
 */
#include "traversal/pathset_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACTIVE_FOR SEC(120) /* traversal.md 6.5 */
#define USED_FOR   SEC(600)
#define STUN_AGE   SEC(25)
#define STUN_GAP   SEC(5)
#define STALE      SEC(10) /* an idle path of this age is doubted before use */

struct pathset *pathset_new(const struct pathset_params *p)
{
	struct pathset *ps = calloc(1, sizeof(*ps));

	if (!ps)
		return NULL;
	if (!box_init(&ps->box, p->self_private, &p->self, &p->peer,
		      p->box_counter)) {
		free(ps);
		return NULL;
	}
	ps->prng.state = p->seed;
	ps->instance = p->box_counter;
	ps->controls = memcmp(p->self.b, p->peer.b, KEY_OCTETS) < 0;
	ps->overlay = p->overlay;
	ps->overlay_count = p->overlay_count;
	ps->shared = p->budget;
	ps->best = ps->followed = ps->rival = ps->relay_used = -1;
	ps->want_fan = -1;
	ps->cand_due = ps->retry = ps->look = NSEC_NEVER;
	ps->tcp.due = ps->tcp.look = NSEC_NEVER;
	ps->spare.due = ps->spare.pings = NSEC_NEVER;
	for (unsigned i = 0; i < PATHSET_RELAYS_MAX; i++)
		ps->relay[i].due = NSEC_NEVER;
	return ps;
}

void pathset_free(struct pathset *ps)
{
	if (!ps)
		return;
	box_wipe(&ps->box);
	free(ps);
}

bool pathset_active(const struct pathset *ps, nsec_t now)
{
	return now < ps->active_until || now < ps->engaged_until;
}

void pathset_out(struct pathset *ps, const struct out *o)
{
	unsigned i = (ps->out_head + ps->out_count) % PATHSET_OUT;

	if (ps->out_count == PATHSET_OUT)
		return;
	ps->out[i] = *o;
	ps->out_count++;
}

/* pathset_send_cand() - through every usable relay; if there is none, directly */
void pathset_send_cand(struct pathset *ps, unsigned flags)
{
	struct out o = { .kind = OUT_CAND, .flags = flags };
	bool sent = false;

	for (unsigned i = 0; i < PATHSET_RELAYS_MAX; i++) {
		if (!ps->relay[i].usable)
			continue;
		o.via = (struct pathset_source){ .relayed = true, .relay = i };
		pathset_out(ps, &o);
		sent = true;
	}
	if (sent || ps->best < 0)
		return;
	o.via = (struct pathset_source){ .socket = ps->path[ps->best].socket,
					 .from = ps->path[ps->best].to };
	pathset_out(ps, &o);
}

int pathset_socket(const struct pathset *ps, bool v6, bool newest)
{
	int found = -1;

	for (unsigned i = 0; i < ps->socket_count && i < PATHSET_UPLINKS; i++) {
		if (ps->v6[i] != v6)
			continue;
		found = (int)i;
		if (!newest)
			break;
	}
	return found;
}

struct path *pathset_find(struct pathset *ps, unsigned socket,
			  const struct endpoint *to)
{
	for (unsigned i = 0; i < PATHSET_PATHS_MAX; i++) {
		struct path *p = &ps->path[i];

		if (p->used && p->socket == socket && endpoint_eq(&p->to, to))
			return p;
	}
	return NULL;
}

/* spare() - a free slot, else the path that has been dead for longest */
static struct path *spare(struct pathset *ps)
{
	struct path *oldest = NULL;

	for (int i = 0; i < PATHSET_PATHS_MAX; i++) {
		struct path *p = &ps->path[i];

		if (!p->used)
			return p;
		if (i == ps->best || path_busy(p))
			continue;
		if (!oldest || p->since < oldest->since)
			oldest = p;
	}
	return oldest;
}

struct path *pathset_path(struct pathset *ps, unsigned socket,
			  const struct endpoint *to, enum candidate_kind kind,
			  nsec_t now)
{
	struct path *p = pathset_find(ps, socket, to);
	char text[ADDR_TEXT];
	int i;

	if (p)
		return p;
	if (!pathset_is_stream(socket) &&
	    !candidate_allowed(to, ps->overlay, ps->overlay_count))
		return NULL;
	p = spare(ps);
	if (!p)
		return NULL;
	i = (int)(p - ps->path);
	if (ps->followed == i)
		ps->followed = -1;
	if (ps->rival == i)
		ps->rival = -1;
	path_init(p, socket, to, kind, now);
	snprintf(p->what, sizeof(p->what), "R%u ping %s %s",
		 ps->punch.step == PUNCH_REST ? 0 : ps->punch.round,
		 candidate_kind_name(kind), endpoint_text(to, text));
	return p;
}

static void probe_at(struct pathset *ps, const struct candidate *c, nsec_t now)
{
	int socket = pathset_socket(ps, !ipaddr_is_v4(&c->at.ip), false);
	struct path *p;

	if (socket < 0)
		return;
	p = pathset_path(ps, (unsigned)socket, &c->at, c->kind, now);
	if (p && p->state == PATH_DEAD)
		path_probe(p, &path_plan_r0, now, now);
}

static void probe_one(struct pathset *ps, const struct candidate *c, nsec_t now)
{
	if (pathset_direct_safe(ps, c))
		probe_at(ps, c, now);
}

void pathset_probe_r0(struct pathset *ps, nsec_t now)
{
	struct candidate last = { ps->remembered, CANDIDATE_REFLEXIVE, false };

	if (ps->remembered.port != 0)
		probe_one(ps, &last, now);
	for (unsigned i = 0; i < ps->peer.list.count; i++)
		probe_one(ps, &ps->peer.list.c[i], now);
}

void pathset_restart(struct pathset *ps, nsec_t now)
{
	ps->round = 0;
	ps->retry_step = 0;
	ps->scanned = false;
	ps->retry = now;
}

void pathset_kick(struct pathset *ps, nsec_t now)
{
	pathset_restart(ps, now);
	pathset_tcp_reset(ps);
	if (!pathset_active(ps, now))
		return;
	ps->cand_tries = 0;
	ps->cand_due = now;
	pathset_probe_r0(ps, now);
}

void pathset_ask_stun(struct pathset *ps, nsec_t now)
{
	if (ps->stun_asked && nsec_since(ps->stun_asked, now) < STUN_GAP)
		return;
	ps->stun_asked = now;
	ps->want_stun = true;
}

void pathset_set_local(struct pathset *ps, const struct candidate_list *l,
		       const struct nat_profile *nat, uint32_t generation, nsec_t now)
{
	bool changed = !ps->self.known || ps->self.generation != generation;

	if (!candidate_list_same(&ps->self.list, l))
		pathset_spare_reset(ps, now);
	ps->self.list = *l;
	ps->self.nat = *nat;
	ps->self.generation = generation;
	ps->self.known = true;
	ps->self_set = now;
	if (!changed)
		return;
	ps->acked_any = false;
	ps->cand_tries = 0;
	if (pathset_active(ps, now))
		ps->cand_due = now;
	if (ps->punch.step == PUNCH_FRESHEN)
		punch_self_fresh(&ps->punch, now);
	else if (ps->retry != NSEC_NEVER && now >= ps->peer_leads)
		pathset_restart(ps, now); /* once the peer has it */
}

void pathset_set_remote(struct pathset *ps, const struct candidate_list *l,
			uint32_t generation, nsec_t now)
{
	if (memcmp(&ps->netmap, l, sizeof(*l)) != 0)
		pathset_tcp_reset(ps); /* our servers saw it elsewhere */
	ps->netmap = *l;
	if (ps->peer_told && generation <= ps->peer.generation)
		return;
	ps->peer.list = *l;
	ps->peer.generation = generation;
	ps->peer.known = true;
	ps->peer_told = false;
	if (pathset_active(ps, now))
		pathset_probe_r0(ps, now);
}

void pathset_remember(struct pathset *ps, const struct endpoint *e, nsec_t now)
{
	struct candidate last = { *e, CANDIDATE_REFLEXIVE, false };

	ps->remembered = *e;
	if (pathset_active(ps, now))
		probe_at(ps, &last, now);
}

void pathset_forget(struct pathset *ps, int i, nsec_t now)
{
	ps->path[i].used = false;
	if (ps->followed == i)
		ps->followed = -1;
	if (ps->rival == i)
		ps->rival = -1;
	if (ps->best != i)
		return;
	ps->best = -1;
	pathset_restart(ps, now);
}

void pathset_set_sockets(struct pathset *ps, const bool *v6, unsigned n, nsec_t now)
{
	if (n > PATHSET_SOCKETS_MAX)
		n = PATHSET_SOCKETS_MAX;
	for (int i = 0; i < PATHSET_PATHS_MAX; i++) {
		const struct path *p = &ps->path[i];

		if (!p->used || pathset_is_stream(p->socket))
			continue;
		if (p->socket >= n || v6[p->socket] == ipaddr_is_v4(&p->to.ip))
			pathset_forget(ps, i, now);
	}
	memcpy(ps->v6, v6, n * sizeof(*v6));
	ps->socket_count = n;
	if (pathset_active(ps, now))
		pathset_probe_r0(ps, now);
}

void pathset_set_uplinks(struct pathset *ps, unsigned mask, nsec_t now)
{
	if (mask == ps->uplinks)
		return;
	ps->uplinks = mask;
	for (int i = 0; i < PATHSET_PATHS_MAX; i++) {
		const struct path *p = &ps->path[i];

		if (p->used && pathset_is_uplink(p->socket) &&
		    !(mask & 1u << (p->socket - PATHSET_UPLINKS)))
			pathset_forget(ps, i, now);
	}
	pathset_spare_reset(ps, now);
}

void pathset_set_relay(struct pathset *ps, unsigned relay, bool usable, nsec_t rtt,
		       nsec_t now)
{
	struct relay_slot *r;

	if (relay >= PATHSET_RELAYS_MAX)
		return;
	r = &ps->relay[relay];
	r->hint = rtt;
	if (r->usable == usable)
		return;
	r->usable = usable;
	r->srtt = 0;
	r->txid = 0;
	r->asked = false;
	r->unanswered = 0;
	r->pongs = 0;
	r->due = usable ? now : NSEC_NEVER;
	if (!usable || !pathset_active(ps, now))
		return;
	ps->cand_tries = 0;
	ps->cand_due = now;
	if (ps->retry != NSEC_NEVER) {
		ps->retry_step = 0;
		ps->retry = now;
	}
}

/* wake() - from idle to active: the old path is doubted, everything is tried */
static void wake(struct pathset *ps, nsec_t now)
{
	for (unsigned i = 0; i < PATHSET_RELAYS_MAX; i++)
		if (ps->relay[i].usable)
			ps->relay[i].due = now;
	if (!ps->self_set || nsec_since(ps->self_set, now) > STUN_AGE)
		pathset_ask_stun(ps, now);
	if (ps->best >= 0 && nsec_since(ps->path[ps->best].heard, now) > STALE)
		path_doubt(&ps->path[ps->best], now);
	pathset_kick(ps, now);
}

void pathset_traffic(struct pathset *ps, nsec_t now)
{
	bool was = now < ps->active_until;

	ps->active_until = nsec_add(now, ACTIVE_FOR);
	ps->used_until = nsec_add(now, USED_FOR);
	pathset_busy(ps, now);
	if (!was)
		wake(ps, now);
}

/* is_left() - data of the peer's comes another way, and this path is quiet */
static bool is_left(const struct path *p, nsec_t now)
{
	return p->state == PATH_ALIVE &&
	       nsec_since(p->heard, now) >= nsec_max(2 * p->srtt + MSEC(50), MSEC(250));
}

void pathset_heard(struct pathset *ps, unsigned socket, const struct endpoint *from,
		   nsec_t at)
{
	struct path *p = pathset_find(ps, socket, from);
	struct path *best = ps->best < 0 ? NULL : &ps->path[ps->best];

	if (!p)
		return;
	path_heard(p, at);
	if (best && p != best && path_fit(p) && is_left(best, at) &&
	    pathset_is_spare(ps, p) != pathset_is_spare(ps, best))
		path_doubt(best, at);
}

void pathset_silent(struct pathset *ps, nsec_t since, nsec_t now)
{
	struct path *p;
	nsec_t quiet;

	if (ps->best < 0)
		return;
	p = &ps->path[ps->best];
	quiet = nsec_max(2 * p->srtt + MSEC(50), MSEC(250));
	if (nsec_since(since, now) < quiet || nsec_since(p->heard, now) < quiet)
		return;
	if (p->pinged <= since || nsec_since(p->pinged, now) >= SEC(1))
		path_check(p, now);
}

void pathset_heard_relay(struct pathset *ps, nsec_t now)
{
	struct path *p = ps->best < 0 ? NULL : &ps->path[ps->best];

	if (p && is_left(p, now))
		path_doubt(p, now);
}

void pathset_network_changed(struct pathset *ps, nsec_t now)
{
	for (unsigned i = 0; i < PATHSET_PATHS_MAX; i++)
		if (ps->path[i].used && ps->path[i].validated &&
		    !pathset_is_uplink(ps->path[i].socket))
			path_doubt(&ps->path[i], now);
	pathset_spare_reset(ps, now);
	punch_stop(&ps->punch);
	pathset_scan_stop(ps, now);
	pathset_ask_stun(ps, now);
	pathset_kick(ps, now);
}

void pathset_hint(const struct pathset *ps, uint64_t epoch,
		  uint8_t out[static BOX_HINT_OCTETS])
{
	box_hint(&ps->box, epoch, out);
}
