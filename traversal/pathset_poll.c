/* SPDX-License-Identifier: MIT
 *
 * pathset_poll.c - time passes; messages and decisions come out
 */
#include "traversal/pathset_inside.h"

#include <string.h>

#define USER_PATIENCE  SEC(3)

enum {
	CAND_TRIES = 6,
};

/* Gaps between CANDs until one is acknowledged. */
static const nsec_t cand_gaps[CAND_TRIES] = { MSEC(250), MSEC(500), SEC(1),
					      SEC(2),	 SEC(4),    SEC(8) };

static void tick_cand(struct pathset *ps, nsec_t now)
{
	if (ps->cand_due > now)
		return;
	ps->cand_due = NSEC_NEVER;
	if (!pathset_active(ps, now) || !ps->self.known)
		return;
	pathset_send_cand(ps, 0);
	if (ps->cand_tries < CAND_TRIES)
		ps->cand_due = nsec_add(now, cand_gaps[ps->cand_tries++]);
}

static void tick_users(struct pathset *ps, nsec_t now)
{
	for (unsigned i = 0; i < PATHSET_USER_PINGS; i++) {
		struct user_ping *u = &ps->user[i];

		if (!u->used || u->done || u->sent == 0 ||
		    now < nsec_add(u->sent, USER_PATIENCE))
			continue;
		u->done = true;
		u->rtt = NSEC_NEVER;
	}
}

static void tick(struct pathset *ps, nsec_t now)
{
	for (unsigned i = 0; i < PATHSET_PATHS_MAX; i++)
		if (ps->path[i].used)
			path_expire(&ps->path[i], now);
	pathset_tick_relays(ps, now);
	tick_cand(ps, now);
	tick_users(ps, now);
	pathset_choose(ps, now);
	pathset_tick_punch(ps, now);
	pathset_tick_scan(ps, now);
	pathset_tick_cross(ps, now);
	pathset_tick_tcp(ps, now);
	pathset_tick_spare(ps, now);
}

static bool choice_eq(const struct path_choice *a, const struct path_choice *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case PATH_NONE:
		return true;
	case PATH_RELAY:
		return a->relay == b->relay;
	case PATH_DIRECT:
	case PATH_TCP:
		return a->socket == b->socket && endpoint_eq(&a->to, &b->to);
	}
	return false;
}

/* tell() - decisions that wait to be told; true: one is told */
static bool tell(struct pathset *ps, struct pathset_action *out)
{
	if (!choice_eq(&ps->use.best, &ps->told.best) ||
	    !choice_eq(&ps->use.also, &ps->told.also)) {
		ps->told = ps->use;
		out->kind = PATHSET_USE;
		out->use = ps->use;
	} else if (ps->want_adopt) {
		ps->want_adopt = false;
		out->kind = PATHSET_ADOPT_FAN;
		out->socket = ps->scan.fan;
	} else if (ps->want_fan >= 0) {
		out->kind = PATHSET_WANT_FAN;
		out->count = (unsigned)ps->want_fan;
		ps->want_fan = -1;
	} else if (ps->want_handshake) {
		ps->want_handshake = false;
		out->kind = PATHSET_REHANDSHAKE;
	} else if (ps->want_stun) {
		ps->want_stun = false;
		out->kind = PATHSET_WANT_STUN;
	} else if (ps->want_sockets) {
		ps->want_sockets = false;
		out->kind = PATHSET_WANT_SOCKETS;
	} else {
		return pathset_tcp_told(ps, out);
	}
	return true;
}

static void seal(struct pathset *ps, const struct disco_message *m,
		 const struct pathset_source *via, uint8_t ttl, uint64_t epoch,
		 struct pathset_action *out)
{
	uint8_t plain[DISCO_MAX];
	size_t n = disco_write(m, plain);

	out->kind = via->relayed ? PATHSET_SEND_RELAY : PATHSET_SEND_DIRECT;
	out->relay = via->relay;
	out->socket = via->socket;
	out->to = via->from;
	out->from = via->local;
	out->index = via->index;
	out->ttl = ttl;
	out->n = box_seal(&ps->box, epoch, plain, n, out->message);
}

static uint64_t new_txid(struct pathset *ps)
{
	return prng_u64(&ps->prng) | 1u;
}

bool pathset_attested(const struct pathset *ps, const struct ipaddr *ip)
{
	for (unsigned i = 0; i < ps->netmap.count; i++)
		if (ps->netmap.c[i].attested &&
		    ipaddr_eq(&ps->netmap.c[i].at.ip, ip))
			return true;
	return false;
}

/* proven() - did it answer, and not long ago? */
static bool proven(const struct path *p, nsec_t now)
{
	return p->state == PATH_ALIVE || pathset_is_stream(p->socket) ||
	       (p->validated && nsec_since(p->ponged, now) < BUDGET_WINDOW);
}

bool pathset_affordable(struct pathset *ps, const struct ipaddr *ip,
			const struct path *p, nsec_t now)
{
	if (p && proven(p, now))
		return true;
	if (pathset_attested(ps, ip))
		return budget_take(&ps->budget, ip, BUDGET_ATTESTED, now);
	if (budget_take(&ps->budget, ip, BUDGET_UNPROVEN, now) &&
	    (!ps->shared || budget_node_take(ps->shared, ip, now)))
		return true;
	if (ps->shared)
		ps->shared->refused++;
	return false;
}

static void seal_ping(struct pathset *ps, const struct path *p, unsigned slot,
		      uint64_t txid, uint8_t ttl, uint64_t epoch,
		      struct pathset_action *out)
{
	struct pathset_source via = { .socket = p->socket, .from = p->to };
	struct disco_message m = { .type = DISCO_PING, .txid = txid };

	m.generation = ps->self.generation;
	if (p->ping_back)
		m.flags |= DISCO_PING_BACK;
	if (ps->controls && (int)slot == ps->best)
		m.flags |= DISCO_PING_CHOSEN;
	seal(ps, &m, &via, ttl, epoch, out);
}

/* ping_due() - the first path whose ping is due; true: it is in out */
static bool ping_due(struct pathset *ps, struct pathset_action *out, uint64_t epoch,
		     nsec_t now)
{
	for (unsigned i = 0; i < PATHSET_PATHS_MAX; i++) {
		struct path *p = &ps->path[i];
		uint64_t txid;

		if (!p->used || p->due > now)
			continue;
		if (!pathset_affordable(ps, &p->to.ip, p, now)) {
			path_pinged(p, 0, now);
			continue;
		}
		txid = new_txid(ps);
		seal_ping(ps, p, i, txid, 0, epoch, out);
		path_pinged(p, txid, now);
		return true;
	}
	return false;
}

static bool send_opener(struct pathset *ps, const struct out *o,
			struct pathset_action *out, uint64_t epoch, nsec_t now)
{
	struct path *p = &ps->path[o->slot];
	uint64_t txid;

	if (!p->used || p->state != PATH_PROBING ||
	    !pathset_affordable(ps, &p->to.ip, p, now))
		return false;
	txid = new_txid(ps);
	seal_ping(ps, p, o->slot, txid, o->ttl, epoch, out);
	path_flown(p, txid, now);
	return true;
}

static void send_cand(struct pathset *ps, const struct out *o,
		      struct pathset_action *out, uint64_t epoch)
{
	struct disco_message m = { .type = DISCO_CAND, .flags = o->flags };

	/* in each of them, for the network may swap or lose one */
	if (ps->punch.step == PUNCH_FRESHEN && ps->punch.round > 1)
		m.flags |= DISCO_CAND_FRESH;
	m.instance = ps->instance;
	m.generation = ps->self.generation;
	m.ack = ps->peer_told ? ps->peer.generation : 0;
	m.nat = ps->self.nat;
	m.candidates = ps->self.list;
	seal(ps, &m, &o->via, 0, epoch, out);
}

static bool send_relay_ping(struct pathset *ps, const struct out *o,
			    struct pathset_action *out, uint64_t epoch, nsec_t now)
{
	struct relay_slot *r = &ps->relay[o->via.relay];
	struct disco_message m = { .type = DISCO_PING };

	if (!r->usable)
		return false;
	r->txid = m.txid = new_txid(ps);
	r->sent = now;
	m.generation = ps->self.generation;
	seal(ps, &m, &o->via, 0, epoch, out);
	return true;
}

static bool send_user_ping(struct pathset *ps, const struct out *o,
			   struct pathset_action *out, uint64_t epoch, nsec_t now)
{
	struct user_ping *u = &ps->user[o->slot];
	struct disco_message m = { .type = DISCO_PING };
	struct pathset_source via = { .relayed = false };

	if (!u->used || u->done)
		return false;
	u->sent = now;
	u->txid = m.txid = new_txid(ps);
	pathset_current(ps, &u->path);
	switch (ps->use.best.kind) {
	case PATH_NONE:
		return false;
	case PATH_RELAY:
		via.relayed = true;
		via.relay = ps->use.best.relay;
		break;
	case PATH_DIRECT:
	case PATH_TCP:
		via.socket = ps->use.best.socket;
		via.from = ps->use.best.to;
		break;
	}
	m.generation = ps->self.generation;
	seal(ps, &m, &via, 0, epoch, out);
	return true;
}

/* seal_fan() - a ping from a throw-away socket: an opener, or a probe */
static void seal_fan(struct pathset *ps, unsigned fan, const struct endpoint *to,
		     uint8_t ttl, uint64_t epoch, struct pathset_action *out)
{
	struct pathset_source via = { .socket = fan, .from = *to };
	struct disco_message m = { .type = DISCO_PING };

	m.txid = new_txid(ps);
	m.generation = ps->self.generation;
	seal(ps, &m, &via, ttl, epoch, out);
	out->kind = PATHSET_SEND_FAN;
}

/* send_fan() - something of R3 leaves from a throw-away socket; false: it is over */
static bool send_fan(struct pathset *ps, const struct out *o,
		     struct pathset_action *out, uint64_t epoch)
{
	if (ps->scan.step == SCAN_REST)
		return false;
	if (o->kind == OUT_FAN_STUN) {
		out->kind = PATHSET_FAN_STUN;
		out->socket = o->slot;
		return true;
	}
	seal_fan(ps, o->slot, &o->via.from, o->ttl, epoch, out);
	return true;
}

/* send_out() - one waiting message; false: it came to nothing */
static bool send_out(struct pathset *ps, const struct out *o,
		     struct pathset_action *out, uint64_t epoch, nsec_t now)
{
	struct disco_message m = { .plan = o->plan, .round = o->round };

	switch (o->kind) {
	case OUT_PONG:
		m.type = DISCO_PONG;
		m.txid = o->txid;
		m.generation = ps->self.generation;
		if (!o->via.relayed)
			m.observed = o->via.from;
		break;
	case OUT_GO:
		m.type = DISCO_GO;
		break;
	case OUT_OPENED:
		m.type = DISCO_OPENED;
		break;
	case OUT_CAND:
		send_cand(ps, o, out, epoch);
		return true;
	case OUT_OPENER:
		return send_opener(ps, o, out, epoch, now);
	case OUT_RELAY_PING:
		return send_relay_ping(ps, o, out, epoch, now);
	case OUT_USER_PING:
		return send_user_ping(ps, o, out, epoch, now);
	case OUT_SCAN:
		m.type = DISCO_SCAN;
		m.at = ps->scan.at;
		m.sockets = ps->scan.fans;
		m.how = ps->scan.how;
		break;
	case OUT_WIN:
		m.type = DISCO_WIN;
		m.window = ps->scan.window;
		break;
	case OUT_STOP:
		m.type = DISCO_STOP;
		break;
	case OUT_CROSS:
		m.type = DISCO_CROSS;
		m.at = o->at;
		m.step = o->round;
		break;
	case OUT_FAN_STUN:
	case OUT_FAN_OPENER:
		return send_fan(ps, o, out, epoch);
	}
	seal(ps, &m, &o->via, 0, epoch, out);
	return true;
}

void pathset_poll(struct pathset *ps, struct pathset_action *out, uint64_t epoch,
		  nsec_t now)
{
	struct endpoint to;
	unsigned fan;

	tick(ps, now);
	out->kind = PATHSET_IDLE;
	out->n = 0;
	while (ps->out_count > 0) {
		struct out o = ps->out[ps->out_head];

		ps->out_head = (ps->out_head + 1) % PATHSET_OUT;
		ps->out_count--;
		if (send_out(ps, &o, out, epoch, now))
			return;
	}
	if (tell(ps, out))
		return;
	if (pathset_scan_probe(ps, &fan, &to, now)) {
		seal_fan(ps, fan, &to, 0, epoch, out);
		return;
	}
	(void)ping_due(ps, out, epoch, now);
}

static nsec_t next_of_users(const struct pathset *ps)
{
	nsec_t t = NSEC_NEVER;

	for (unsigned i = 0; i < PATHSET_USER_PINGS; i++) {
		const struct user_ping *u = &ps->user[i];

		if (u->used && !u->done && u->sent)
			t = nsec_min(t, nsec_add(u->sent, USER_PATIENCE));
	}
	return t;
}

nsec_t pathset_next_expiry(const struct pathset *ps)
{
	nsec_t t = nsec_min(pathset_next_punch(ps), ps->cand_due);

	t = nsec_min(nsec_min(t, ps->look), next_of_users(ps));
	t = nsec_min(t, pathset_next_scan(ps));
	t = nsec_min(t, pathset_next_tcp(ps));
	t = nsec_min(t, pathset_next_cross(ps));
	t = nsec_min(t, pathset_next_spare(ps));
	for (unsigned i = 0; i < PATHSET_RELAYS_MAX; i++)
		if (ps->relay[i].usable)
			t = nsec_min(t, ps->relay[i].due);
	for (unsigned i = 0; i < PATHSET_PATHS_MAX; i++)
		if (ps->path[i].used)
			t = nsec_min(t, path_next(&ps->path[i]));
	return ps->out_count > 0 ? 0 : t;
}
