/* SPDX-License-Identifier: MIT
 *
 * pathset_spare.c - a second direct path, by another uplink of either side
 *
 * Theory: a host with two ways out (two providers, a LAN and a modem) sends by the one that
 * its routes prefer, the usual uplink. A socket bound to each of the others makes a path of
 * its own, with a mapping of its own in another NAT. While data goes direct, one path by a
 * spare uplink is kept beside it; while data goes by a spare one, the usual one is sought.
 * So when an uplink dies, data moves to a path that has been proved already.
 *
 * A try opens both NATs first and pings later, both ends by the same clock: each begins
 * when it learns of the other's new candidates, half a round trip apart, and repeats by the
 * same gaps. Openers end on the way, pings go once both NATs must be open (invariant 1).
 */
#include "traversal/pathset_inside.h"

#include "traversal/strategy.h"

#define OPEN_AHEAD MSEC(1500) /* openers before pings: more than a CAND takes */

/* From one try to the next; nothing is given up while there is traffic. */
static const nsec_t gaps[] = { SEC(2), SEC(4), SEC(8), SEC(30), SEC(120) };

enum {
	GAPS = sizeof(gaps) / sizeof(gaps[0]),
};

bool pathset_is_uplink(unsigned socket)
{
	return socket >= PATHSET_UPLINKS &&
	       socket < PATHSET_UPLINKS + PATHSET_UPLINK_SOCKETS;
}

/* is_theirs() - does the peer have this address by a spare uplink alone? */
static bool is_theirs(const struct pathset *ps, const struct endpoint *at)
{
	bool spare = false;

	for (unsigned i = 0; i < ps->peer.list.count; i++) {
		const struct candidate *c = &ps->peer.list.c[i];

		if (endpoint_eq(&c->at, at))
			return c->spare;
		if (!ipaddr_eq(&c->at.ip, &at->ip))
			continue;
		if (!c->spare)
			return false;
		spare = true;
	}
	return spare;
}

bool pathset_is_spare(const struct pathset *ps, const struct path *p)
{
	if (pathset_is_stream(p->socket))
		return false;
	return pathset_is_uplink(p->socket) || is_theirs(ps, &p->to);
}

/* is_wanted() - is there a second uplink at all, and a direct path to stand by for? */
static bool is_wanted(const struct pathset *ps, nsec_t now)
{
	bool any = ps->uplinks != 0;

	for (unsigned i = 0; i < ps->peer.list.count; i++)
		any |= ps->peer.list.c[i].spare;
	return any && pathset_direct(ps) && pathset_active(ps, now);
}

/* has_other() - does a path live that does not use the uplinks of the best? */
static bool has_other(const struct pathset *ps)
{
	bool spare = pathset_is_spare(ps, &ps->path[ps->best]);

	for (unsigned i = 0; i < PATHSET_PATHS_MAX; i++) {
		const struct path *p = &ps->path[i];

		if (p->used && !pathset_is_stream(p->socket) && path_fit(p) &&
		    pathset_is_spare(ps, p) != spare)
			return true;
	}
	return false;
}

/* open_path() - ping at once where no NAT can be spoilt, else an opener first */
static void open_path(struct pathset *ps, unsigned socket, const struct candidate *c,
		      nsec_t now)
{
	bool safe = pathset_direct_safe(ps, c);
	struct out o = { .kind = OUT_OPENER };
	struct path *p;

	if (candidate_is_tcp(c->kind) ||
	    (!safe && (ipaddr_class(&c->at.ip) != ADDR_CLASS_GLOBAL ||
		       !ipaddr_is_v4(&c->at.ip))))
		return;
	p = pathset_path(ps, socket, &c->at, c->kind, now);
	if (!p || p->state != PATH_DEAD)
		return;
	path_probe(p, &path_plan_r0, safe ? now : NSEC_NEVER, now);
	if (safe)
		return;
	o.slot = (unsigned)(p - ps->path);
	o.ttl = punch_ttl(ps->self.nat.public_hop, 1);
	pathset_out(ps, &o);
}

/* open_by() - from one of our sockets to the peer's candidates of that sort */
static void open_by(struct pathset *ps, unsigned socket, bool spare, nsec_t now)
{
	for (unsigned i = 0; i < ps->peer.list.count; i++) {
		const struct candidate *c = &ps->peer.list.c[i];

		if (c->spare == spare && ipaddr_is_v4(&c->at.ip) != ps->v6[socket])
			open_path(ps, socket, c, now);
	}
}

static void open_main(struct pathset *ps, bool spare, nsec_t now)
{
	for (unsigned v6 = 0; v6 < 2; v6++) {
		int socket = pathset_socket(ps, v6, false);

		if (socket >= 0)
			open_by(ps, (unsigned)socket, spare, now);
	}
}

/* open_other() - by one spare uplink of either side; or, when data goes by such a one, by
 * the usual ones */
static void open_other(struct pathset *ps, nsec_t now)
{
	if (pathset_is_spare(ps, &ps->path[ps->best])) {
		open_main(ps, false, now);
		return;
	}
	open_main(ps, true, now);
	for (unsigned i = 0; i < PATHSET_UPLINK_SOCKETS; i++)
		if (ps->uplinks & 1u << i && PATHSET_UPLINKS + i < ps->socket_count)
			open_by(ps, PATHSET_UPLINKS + i, false, now);
}

/* start_pings() - of the paths that an opener was sent for */
static void start_pings(struct pathset *ps, nsec_t now)
{
	for (unsigned i = 0; i < PATHSET_PATHS_MAX; i++) {
		struct path *p = &ps->path[i];

		if (p->used && p->state == PATH_PROBING && p->plan == &path_plan_r0 &&
		    p->plan_step == 0 && p->due == NSEC_NEVER)
			path_probe(p, &path_plan_r0, now, now);
	}
}

void pathset_spare_reset(struct pathset *ps, nsec_t now)
{
	ps->spare = (struct spare){ .due = nsec_add(now, gaps[0]), .pings = NSEC_NEVER };
}

void pathset_tick_spare(struct pathset *ps, nsec_t now)
{
	struct spare *s = &ps->spare;

	if (!is_wanted(ps, now) || has_other(ps)) {
		*s = (struct spare){ .due = NSEC_NEVER, .pings = NSEC_NEVER };
		return;
	}
	if (s->due == NSEC_NEVER)
		pathset_spare_reset(ps, now);
	if (s->pings <= now) {
		s->pings = NSEC_NEVER;
		start_pings(ps, now);
	}
	if (s->due > now)
		return;
	open_other(ps, now);
	s->pings = nsec_add(now, OPEN_AHEAD);
	s->tries += s->tries + 1 < GAPS;
	s->due = nsec_add(now, gaps[s->tries]);
}

nsec_t pathset_next_spare(const struct pathset *ps)
{
	return nsec_min(ps->spare.due, ps->spare.pings);
}
