/* SPDX-License-Identifier: MIT
 *
 * pathset_relays.c - which relay carries what has no direct path
 *
 * Theory: a relay is judged end to end, by pings through it to the peer and back, so
 * that a dead, one-way or black-holing one is told from a slow one, whatever it says
 * itself. While data moves through a relay, pings go through it BUSY_PINGS apart; the
 * first that is late puts it in doubt, and data goes through the second one as well;
 * after the third it is left. The choice is sticky: another relay must be better by
 * an eighth and by GAIN, and have answered several pings in a row; it is compared by
 * round trips measured here, or by those of both ends until there are some, and by what
 * relays of its kind cost beside.
 */
#include "traversal/pathset_inside.h"

#define IDLE_PINGS  SEC(5) /* between pings; nothing moves */
#define SPARE_PINGS SEC(1) /* data moves, but not here; or it is not trusted yet */
#define BUSY_PINGS  MSEC(100) /* data moves here */
#define BUSY_TIME   MSEC(2500) /* since pathset_traffic(), which comes each second */
#define IDLE_LATE   SEC(1)
#define BUSY_LATE   MSEC(60) /* and twice the round trip */
#define GAIN	    MSEC(5)
#define UNKNOWN	    SEC(1) /* cost of a relay that nobody has measured */
#define SILENT	    SEC(10) /* cost of silence */

enum {
	LEFT_AFTER = 3, /* unanswered pings */
	HOPELESS = 10, /* unanswered pings: the peer is away, there is no hurry */
	PONGS_TRUSTED = 4, /* in a row, before it is moved to */
	PONGS_MOST = 8,
};

static const nsec_t bias[] = { /* traversal.md 6.7 */
	[PATHSET_RELAY_PEER] = MSEC(15),
	[PATHSET_RELAY_UDP] = MSEC(25),
	[PATHSET_RELAY_TLS] = MSEC(60),
};

void pathset_set_relay_kind(struct pathset *ps, unsigned relay,
			    enum pathset_relay_kind kind)
{
	if (relay < PATHSET_RELAYS_MAX)
		ps->relay[relay].kind = kind;
}

void pathset_busy(struct pathset *ps, nsec_t now)
{
	bool was = now < ps->busy_until;

	ps->busy_until = nsec_add(now, BUSY_TIME);
	if (was || ps->best >= 0)
		return;
	for (unsigned i = 0; i < PATHSET_RELAYS_MAX; i++)
		if (ps->relay[i].usable && !ps->relay[i].asked)
			ps->relay[i].due = nsec_min(ps->relay[i].due, now);
}

/* carries() - do the peer's data go through this relay now? */
static bool carries(const struct pathset *ps, unsigned relay, nsec_t now)
{
	const struct pathset_use *u = &ps->use;

	if (now >= ps->busy_until)
		return false;
	return (u->best.kind == PATH_RELAY && u->best.relay == relay) ||
	       (u->also.kind == PATH_RELAY && u->also.relay == relay);
}

static nsec_t interval(const struct pathset *ps, unsigned relay, nsec_t now)
{
	bool hurry = now < ps->busy_until || ps->relay[relay].pongs < PONGS_TRUSTED;

	if (carries(ps, relay, now))
		return BUSY_PINGS;
	return hurry && ps->best < 0 ? SPARE_PINGS : IDLE_PINGS;
}

/* lateness() - how long a ping through it may take */
static nsec_t lateness(const struct pathset *ps, unsigned relay, nsec_t now)
{
	const struct relay_slot *r = &ps->relay[relay];

	if (!r->srtt || r->unanswered >= HOPELESS || !carries(ps, relay, now))
		return IDLE_LATE;
	return nsec_min(nsec_max(BUSY_LATE + 2 * r->srtt, BUSY_PINGS), IDLE_LATE);
}

void pathset_relays_carry(struct pathset *ps, nsec_t now)
{
	for (unsigned i = 0; i < PATHSET_RELAYS_MAX; i++) {
		struct relay_slot *r = &ps->relay[i];

		if (r->usable && carries(ps, i, now))
			r->due = nsec_min(r->due, nsec_add(now, r->asked ?
				lateness(ps, i, now) : BUSY_PINGS));
	}
}

static void ping(struct pathset *ps, unsigned relay, nsec_t now)
{
	struct out o = { .kind = OUT_RELAY_PING };

	ps->relay[relay].due = nsec_add(now, lateness(ps, relay, now));
	ps->relay[relay].asked = true;
	o.via.relayed = true;
	o.via.relay = relay;
	pathset_out(ps, &o);
}

void pathset_relay_along(struct pathset *ps, unsigned relay, nsec_t now)
{
	struct relay_slot *r;

	if (relay >= PATHSET_RELAYS_MAX)
		return;
	r = &ps->relay[relay];
	if (r->usable && r->sent && !r->asked &&
	    nsec_since(r->sent, now) >= interval(ps, relay, now) / 2)
		r->due = nsec_min(r->due, now);
}

void pathset_tick_relays(struct pathset *ps, nsec_t now)
{
	for (unsigned i = 0; i < PATHSET_RELAYS_MAX; i++) {
		struct relay_slot *r = &ps->relay[i];

		if (!r->usable || r->due > now)
			continue;
		if (r->txid) {
			r->unanswered++;
			r->pongs = 0;
		}
		r->txid = 0;
		r->asked = false;
		r->due = NSEC_NEVER;
		if (pathset_active(ps, now))
			ping(ps, i, now);
	}
}

enum drop pathset_relayed_pong(struct pathset *ps, unsigned relay, uint64_t txid,
			       nsec_t now)
{
	struct relay_slot *r;
	nsec_t rtt;

	if (relay >= PATHSET_RELAYS_MAX)
		return DROP_DISCO_STALE;
	r = &ps->relay[relay];
	if (r->txid == 0 || r->txid != txid)
		return DROP_DISCO_STALE;
	rtt = nsec_max(nsec_since(r->sent, now), 1);
	r->srtt = r->srtt ? (7 * r->srtt + rtt) / 8 : rtt;
	r->txid = 0;
	r->asked = false;
	r->unanswered = 0;
	if (r->pongs < PONGS_MOST)
		r->pongs++;
	r->due = nsec_add(r->sent, interval(ps, relay, now));
	return DROP_NONE;
}

static nsec_t cost(const struct relay_slot *r)
{
	nsec_t c = bias[r->kind] +
		   (r->srtt ? r->srtt : r->hint ? r->hint : UNKNOWN);

	return r->unanswered >= LEFT_AFTER ? c + SILENT : c;
}

static int cheapest(const struct pathset *ps, int but)
{
	nsec_t least = NSEC_NEVER;
	int best = -1;

	for (int i = 0; i < PATHSET_RELAYS_MAX; i++) {
		const struct relay_slot *r = &ps->relay[i];

		if (!r->usable || i == but || cost(r) >= least)
			continue;
		least = cost(r);
		best = i;
	}
	return best;
}

int pathset_relay_best(const struct pathset *ps)
{
	int now = ps->relay_used, other = cheapest(ps, now);
	const struct relay_slot *r, *o;

	if (now < 0 || !ps->relay[now].usable)
		return cheapest(ps, -1);
	if (other < 0)
		return now;
	r = &ps->relay[now];
	o = &ps->relay[other];
	if (r->unanswered >= LEFT_AFTER)
		return cost(o) < cost(r) ? other : now;
	if (o->pongs < PONGS_TRUSTED || !r->srtt)
		return now;
	return cost(o) + nsec_max(GAIN, cost(r) / 8) < cost(r) ? other : now;
}

bool pathset_relay_doubted(const struct pathset *ps, int relay)
{
	return relay >= 0 && ps->relay[relay].unanswered;
}

int pathset_relay_second(const struct pathset *ps, int best)
{
	return cheapest(ps, best);
}
