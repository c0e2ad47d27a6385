/* SPDX-License-Identifier: MIT
 *
 * pathset_tcp.c - streams to the peer: when to dial, whereto, and when to stop
 *
 * Theory: traversal.md 6.6, code T. Where one side gets no UDP through, or punching has
 * failed for good, a peer that listens on TCP is dialled by the other side; a proved
 * stream is a path, pinged and judged like those of UDP, and left as soon as one of
 * UDP answers: rounds and pings over UDP go on meanwhile. Where nobody listens, both
 * may connect at once (pathset_cross.c). Nobody is dialled but at an address at which
 * our own servers saw the peer, or next to us, and so many times an hour.
 */
#include "traversal/pathset_inside.h"

#include <stdio.h>
#include <string.h>

#define HOUR	   SEC(3600)
#define COURTESY   SEC(2) /* both listen: the smaller key dials first */
#define LOOK_AGAIN SEC(60) /* for UDP, while data goes by TCP */

enum {
	DIALS_HOUR = 30, /* of one peer */
	STUCK = 2, /* waits of punching after which UDP counts as blocked between us */
};

static const nsec_t waits[] = { SEC(1), SEC(5), SEC(30), SEC(120), SEC(600) };

bool pathset_is_stream(unsigned socket)
{
	return socket >= PATHSET_STREAM &&
	       socket < PATHSET_STREAM + PATHSET_STREAMS;
}

bool pathset_streamed(const struct pathset *ps, unsigned socket)
{
	return pathset_is_stream(socket) && ps->tcp.open[socket - PATHSET_STREAM];
}

static bool any_open(const struct pathset *ps)
{
	return pathset_streamed(ps, PATHSET_STREAM) ||
	       pathset_streamed(ps, PATHSET_STREAM + 1);
}

/* any_alive() - TCP notices late that a NAT forgot a connection, pings soon */
static bool any_alive(const struct pathset *ps)
{
	for (int i = 0; i < PATHSET_PATHS_MAX; i++)
		if (ps->path[i].used && ps->path[i].state != PATH_DEAD &&
		    pathset_streamed(ps, ps->path[i].socket))
			return true;
	return false;
}

/* wanted() - would a stream help now? */
static bool wanted(const struct pathset *ps, nsec_t now)
{
	if (!pathset_active(ps, now) || pathset_direct(ps) || any_alive(ps))
		return false;
	return ps->self.nat.no_udp || ps->peer.nat.no_udp ||
	       ps->retry_step >= STUCK;
}

/* dialable() - a peer's candidate that we may connect to */
static bool dialable(const struct pathset *ps, const struct candidate *c)
{
	return c->kind == CANDIDATE_TCP &&
	       candidate_tcp_allowed(&c->at, ps->overlay, ps->overlay_count) &&
	       (pathset_attested(ps, &c->at.ip) ||
		(ipaddr_class(&c->at.ip) != ADDR_CLASS_GLOBAL &&
		 pathset_on_link(ps, &c->at)));
}

/* target() - the next one in turn; false: there is none */
static bool target(struct pathset *ps, struct endpoint *out)
{
	const struct candidate_list *l = &ps->peer.list;

	for (unsigned i = 0; i < l->count; i++) {
		const struct candidate *c = &l->c[ps->tcp.turn++ % l->count];

		if (!dialable(ps, c))
			continue;
		*out = c->at;
		return true;
	}
	return false;
}

static bool listens(const struct candidate_list *l)
{
	for (unsigned i = 0; i < l->count; i++)
		if (l->c[i].kind == CANDIDATE_TCP)
			return true;
	return false;
}

void pathset_tcp_say(struct pathset *ps, const char *outcome)
{
	snprintf(ps->tcp.outcome, sizeof(ps->tcp.outcome), "%s", outcome);
}

static void dial(struct pathset *ps, const struct endpoint *to, nsec_t now)
{
	char text[ADDR_TEXT];

	ps->tcp.to = *to;
	ps->tcp.dialling = ps->tcp.want_dial = true;
	ps->tcp.due = nsec_add(now, SEC(60)); /* if the caller forgets us */
	snprintf(ps->tcp.what, sizeof(ps->tcp.what), "TCP to %s",
		 endpoint_text(to, text));
	pathset_tcp_say(ps, "connecting");
}

static void wait_more(struct pathset *ps, nsec_t now)
{
	unsigned last = sizeof(waits) / sizeof(waits[0]) - 1;

	ps->tcp.due = nsec_add(now, waits[ps->tcp.tries < last ? ps->tcp.tries :
								 last]);
	ps->tcp.tries++;
}

static void try_one(struct pathset *ps, nsec_t now)
{
	struct endpoint to;

	if (target(ps, &to)) {
		if (rate_take(&ps->tcp.dials, DIALS_HOUR, HOUR, now))
			dial(ps, &to, now);
		else
			wait_more(ps, now);
		return;
	}
	wait_more(ps, now);
	if (listens(&ps->self.list)) {
		snprintf(ps->tcp.what, sizeof(ps->tcp.what), "TCP");
		pathset_tcp_say(ps, "we listen; the peer has not connected yet");
	} else if (!pathset_cross_begin(ps, now) && ps->controls) {
		snprintf(ps->tcp.what, sizeof(ps->tcp.what), "TCP");
		pathset_tcp_say(ps, "nobody listens on TCP at an address that "
				    "our servers have seen");
	}
}

/* first() - when a stream is first wanted */
static nsec_t first(const struct pathset *ps, nsec_t now)
{
	bool both = listens(&ps->self.list) && listens(&ps->peer.list);

	if (any_open(ps)) /* a dead one, which a new one replaces */
		return nsec_add(now, waits[0]);
	return both && !ps->controls ? nsec_add(now, COURTESY) : now;
}

/* look_for_udp() - data goes by TCP: is there a way over UDP by now? */
static void look_for_udp(struct pathset *ps, nsec_t now)
{
	bool by_tcp = ps->use.best.kind == PATH_TCP && pathset_active(ps, now);

	if (!by_tcp) {
		ps->tcp.look = NSEC_NEVER;
	} else if (ps->tcp.look == NSEC_NEVER) {
		ps->tcp.look = nsec_add(now, LOOK_AGAIN);
	} else if (ps->tcp.look <= now) {
		ps->tcp.look = nsec_add(now, LOOK_AGAIN);
		pathset_probe_r0(ps, now);
	}
}

void pathset_tick_tcp(struct pathset *ps, nsec_t now)
{
	look_for_udp(ps, now);
	if (!wanted(ps, now)) {
		ps->tcp.due = NSEC_NEVER;
		return;
	}
	if (ps->tcp.dialling && ps->tcp.due > now)
		return;
	if (ps->tcp.due == NSEC_NEVER)
		ps->tcp.due = first(ps, now);
	if (ps->tcp.due > now || ps->tcp.cross.step != CROSS_REST)
		return;
	ps->tcp.dialling = false;
	if (!ps->peer.known || !ps->self.known)
		ps->tcp.due = nsec_add(now, SEC(1));
	else
		try_one(ps, now);
}

nsec_t pathset_next_tcp(const struct pathset *ps)
{
	nsec_t due = ps->tcp.cross.step == CROSS_REST ? ps->tcp.due : NSEC_NEVER;

	return nsec_min(due, ps->tcp.look);
}

void pathset_tcp_reset(struct pathset *ps)
{
	ps->tcp.tries = 0;
	if (!ps->tcp.dialling)
		ps->tcp.due = NSEC_NEVER;
}

bool pathset_tcp_told(struct pathset *ps, struct pathset_action *out)
{
	struct tcp *t = &ps->tcp;

	if (t->want_dial) {
		t->want_dial = false;
		out->kind = PATHSET_DIAL;
		out->to = t->to;
	} else if (t->want_ask) {
		t->want_ask = false;
		out->kind = PATHSET_CROSS_ASK;
	} else if (t->want_cross) {
		t->want_cross = false;
		out->kind = PATHSET_CROSS;
		out->to = t->cross.peer;
	} else {
		return false;
	}
	return true;
}

/* ---- what the caller tells ---- */

size_t pathset_stream_hello(struct pathset *ps, const uint8_t binding[static 32],
			    uint64_t epoch, uint8_t *out)
{
	struct disco_message m = { .type = DISCO_STREAM };
	uint8_t plain[DISCO_MAX];

	memcpy(m.binding, binding, sizeof(m.binding));
	return box_seal(&ps->box, epoch, plain, disco_write(&m, plain), out);
}

enum drop pathset_stream_proof(struct pathset *ps, uint8_t *m, size_t n,
			       const uint8_t binding[static 32])
{
	struct disco_message msg;
	const uint8_t *plain;
	size_t plain_n;
	enum drop d = box_open(&ps->box, m, n, &plain, &plain_n);

	if (d == DROP_NONE)
		d = disco_read(plain, plain_n, &msg);
	if (d != DROP_NONE)
		return d;
	return msg.type == DISCO_STREAM &&
			       !memcmp(msg.binding, binding, DISCO_BINDING) ?
		       DROP_NONE :
		       DROP_DISCO_STALE;
}

static void forget_paths(struct pathset *ps, unsigned socket, nsec_t now)
{
	for (int i = 0; i < PATHSET_PATHS_MAX; i++)
		if (ps->path[i].used && ps->path[i].socket == socket)
			pathset_forget(ps, i, now);
}

void pathset_stream_opened(struct pathset *ps, unsigned socket,
			   const struct endpoint *to, nsec_t now)
{
	char text[ADDR_TEXT];
	struct path *p;

	if (!pathset_is_stream(socket))
		return;
	forget_paths(ps, socket, now);
	ps->tcp.open[socket - PATHSET_STREAM] = true;
	ps->tcp.dialling = ps->tcp.want_dial = false;
	ps->tcp.tries = 0;
	pathset_cross_stop(ps);
	snprintf(ps->tcp.what, sizeof(ps->tcp.what), "TCP %s %s",
		 socket == PATHSET_STREAM ? "to" : "from",
		 endpoint_text(to, text));
	pathset_tcp_say(ps, "connected");
	p = pathset_path(ps, socket, to, CANDIDATE_TCP, now);
	if (p)
		path_probe(p, &path_plan_r0, now, now);
}

void pathset_stream_closed(struct pathset *ps, unsigned socket, nsec_t now)
{
	if (!pathset_streamed(ps, socket))
		return;
	ps->tcp.open[socket - PATHSET_STREAM] = false;
	forget_paths(ps, socket, now);
	pathset_tcp_say(ps, "connected once, closed now");
	if (!any_alive(ps))
		wait_more(ps, now);
}

void pathset_dial_failed(struct pathset *ps, const char *why, nsec_t now)
{
	pathset_tcp_say(ps, why);
	pathset_cross_stop(ps);
	ps->tcp.dialling = ps->tcp.want_dial = false;
	if (!any_alive(ps))
		wait_more(ps, now);
}
