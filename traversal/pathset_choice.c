/* SPDX-License-Identifier: MIT
 *
 * pathset_choice.c - which way data goes (traversal.md 6.7)
 *
 * From the relay to a direct path as soon as that answered two pings in a row. Between
 * direct paths only for a clear gain that lasts. The side with the smaller public
 * key chooses: its pings on the path in use carry a mark, and the other side follows
 * when that path is alive for it too. A spare uplink is for emergencies: a path by one is
 * dearer than any by the usual uplinks, which are taken again when they have settled.
 */
#include "traversal/pathset_inside.h"

#define LOOK	 SEC(1)
#define DWELL	 SEC(15)
#define GAIN_MIN MSEC(3)
#define KEEP_BEST SEC(5)
#define KEEP_SECOND SEC(10)
#define KEEP_IDLE SEC(20) /* where nobody has measured */
#define SPARE_COST MSEC(100) /* it may be slower than it looks, and paid by the octet */
#define LAST_HOPE SEC(60) /* without any relay, a dead path is used this long */

enum {
	LOOKS = 3,
};

bool pathset_direct(const struct pathset *ps)
{
	return ps->best >= 0 && ps->path[ps->best].state != PATH_DEAD &&
	       !pathset_is_stream(ps->path[ps->best].socket);
}

static nsec_t cost(const struct pathset *ps, const struct path *p)
{
	return path_cost(p) + (pathset_is_spare(ps, p) ? SPARE_COST : 0);
}

static int cheapest(const struct pathset *ps, int but)
{
	nsec_t least = NSEC_NEVER;
	int found = -1;

	for (int i = 0; i < PATHSET_PATHS_MAX; i++) {
		const struct path *p = &ps->path[i];

		if (!p->used || i == but || !path_fit(p) || cost(ps, p) >= least)
			continue;
		least = cost(ps, p);
		found = i;
	}
	return found;
}

/* reserve() - the cheapest path that does not use the uplinks of the best: for the day
 * when they die; -1: none */
static int reserve(const struct pathset *ps)
{
	nsec_t least = NSEC_NEVER;
	int found = -1;
	bool spare;

	if (ps->best < 0)
		return -1;
	spare = pathset_is_spare(ps, &ps->path[ps->best]);
	for (int i = 0; i < PATHSET_PATHS_MAX; i++) {
		const struct path *p = &ps->path[i];

		if (!p->used || pathset_is_stream(p->socket) || !path_fit(p) ||
		    pathset_is_spare(ps, p) == spare || cost(ps, p) >= least)
			continue;
		least = cost(ps, p);
		found = i;
	}
	return found;
}

static void move(struct pathset *ps, int to, nsec_t now)
{
	ps->best = to;
	ps->rival = -1;
	ps->rival_count = 0;
	ps->best_since = now;
	if (to >= 0 && ps->controls)
		path_check(&ps->path[to], now); /* carries the mark */
}

/* hopeless() - dead, and there is a relay or it has been dead for long */
static bool hopeless(const struct pathset *ps, const struct path *p, nsec_t now)
{
	if (p->state != PATH_DEAD)
		return false;
	return pathset_relay_best(ps) >= 0 ||
	       nsec_since(p->since, now) >= LAST_HOPE;
}

/* compare() - a look at the second path once in a while */
static void compare(struct pathset *ps, nsec_t now)
{
	const struct path *best = &ps->path[ps->best];
	int other = cheapest(ps, ps->best);
	nsec_t gain = nsec_max(GAIN_MIN, cost(ps, best) / 8);

	if (now < ps->look)
		return;
	ps->look = nsec_add(now, LOOK);
	if (other < 0 || pathset_is_stream(ps->path[other].socket) ||
	    !path_settled(&ps->path[other], now) ||
	    cost(ps, &ps->path[other]) + gain > cost(ps, best)) {
		ps->rival_count = 0;
		return;
	}
	ps->rival_count = other == ps->rival ? ps->rival_count + 1 : 1;
	ps->rival = other;
	if (ps->rival_count >= LOOKS)
		move(ps, other, now);
}

/* follow() - true if the controlling side's choice decides */
static bool follow(struct pathset *ps, nsec_t now)
{
	if (ps->controls || ps->followed < 0 ||
	    ps->path[ps->followed].state != PATH_ALIVE)
		return false;
	if (ps->best != ps->followed)
		move(ps, ps->followed, now);
	return true;
}

static void choose_best(struct pathset *ps, nsec_t now)
{
	struct path *best;
	int other;

	if (ps->best >= 0 && hopeless(ps, &ps->path[ps->best], now)) {
		ps->best = -1;
		pathset_restart(ps, now); /* direct again by itself */
	}
	if (follow(ps, now))
		return;
	other = cheapest(ps, ps->best);
	if (ps->best < 0) {
		if (other >= 0)
			move(ps, other, now);
		return;
	}
	best = &ps->path[ps->best];
	if (other >= 0 && (best->state != PATH_ALIVE ||
			   (pathset_is_stream(best->socket) &&
			    !pathset_is_stream(ps->path[other].socket))))
		move(ps, other, now); /* from a stream to UDP: at once */
	else if (best->state == PATH_ALIVE)
		compare(ps, now);
}

/* keep_idle() - how often an idle path wants a packet: by the shorter-lived mapping of both
 * ends'; of firewalls for IPv6 nobody knows */
static nsec_t keep_idle(const struct pathset *ps, const struct path *p)
{
	unsigned self = ps->self.nat.keep_s, peer = ps->peer.nat.keep_s;

	if (!ipaddr_is_v4(&p->to.ip))
		return KEEP_IDLE;
	return nsec_min(self ? SEC(self) : KEEP_IDLE, peer ? SEC(peer) : KEEP_IDLE);
}

/* keep() - how often each path is asked */
static void keep(struct pathset *ps, nsec_t now)
{
	bool active = pathset_active(ps, now);
	int second = cheapest(ps, ps->best), third = reserve(ps);

	for (int i = 0; i < PATHSET_PATHS_MAX; i++) {
		struct path *p = &ps->path[i];
		nsec_t interval = 0;

		if (!p->used)
			continue;
		if (i == ps->best)
			interval = active ? KEEP_BEST :
				   now < ps->used_until ? keep_idle(ps, p) : 0;
		else if (i == second && active)
			interval = KEEP_SECOND;
		else if (i == third)
			interval = keep_idle(ps, p);
		if (i == third && i == second)
			interval = keep_idle(ps, p); /* it may be paid by the octet */
		path_keep(p, interval, now);
	}
	if (ps->best < 0 || second < 0 || now >= ps->busy_until)
		ps->look = NSEC_NEVER;
	else if (ps->look == NSEC_NEVER || ps->look <= now)
		ps->look = nsec_add(now, LOOK);
}

static struct path_choice relay_choice(int relay)
{
	struct path_choice c = { .kind = PATH_NONE };

	if (relay < 0)
		return c;
	c.kind = PATH_RELAY;
	c.relay = (unsigned)relay;
	return c;
}

static void choose(struct pathset *ps, nsec_t now)
{
	struct pathset_use u = { .also = { .kind = PATH_NONE } };
	const struct path *best;

	choose_best(ps, now);
	keep(ps, now);
	ps->relay_used = pathset_relay_best(ps);
	if (ps->best < 0) {
		u.best = relay_choice(ps->relay_used);
		if (pathset_relay_doubted(ps, ps->relay_used))
			u.also = relay_choice(
				pathset_relay_second(ps, ps->relay_used));
		ps->use = u;
		return;
	}
	best = &ps->path[ps->best];
	u.best.kind = pathset_is_stream(best->socket) ? PATH_TCP : PATH_DIRECT;
	u.best.socket = best->socket;
	u.best.to = best->to;
	if (best->state != PATH_ALIVE)
		u.also = relay_choice(ps->relay_used);
	ps->use = u;
}

void pathset_choose(struct pathset *ps, nsec_t now)
{
	choose(ps, now);
	pathset_relays_carry(ps, now);
}
