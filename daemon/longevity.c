/* SPDX-License-Identifier: MIT
 *
 * longevity.c - how long our NAT keeps idle mappings, measured beside everything else
 *
 * A socket for each length of silence and one that asks; closed when the run is over.
 */
#include "daemon/longevity.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/rand.h"
#include "daemon/discovery.h"
#include "daemon/whereabouts.h"

#define SETTLE SEC(1) /* behind the classification, which may have spoilt some port */
#define AGAIN  SEC(6 * 3600)

enum {
	SOCKETS = LIFETIME_PROBES + 1,
	ASKER = LIFETIME_PROBES,
	READS = 4, /* of one socket in one turn */
};

struct socket {
	struct longevity *longevity;
	struct udp udp;
	struct loop_watch watch;
	bool open;
};

struct longevity {
	struct node *node;
	struct lifetime lifetime;
	struct socket socket[SOCKETS];
	struct endpoint server;
	struct loop_timer timer;
	struct lifetime_result result;
	nsec_t begun; /* the last run; 0: none here */
	bool waiting; /* for SETTLE to pass */
};

static void close_all(struct longevity *v)
{
	for (unsigned i = 0; i < SOCKETS; i++) {
		struct socket *s = &v->socket[i];

		if (!s->open)
			continue;
		loop_watch_del(&s->watch);
		udp_close(&s->udp);
		s->open = false;
	}
}

static void run(struct longevity *v, nsec_t now);

static void on_ready(struct loop_watch *w, nsec_t now)
{
	struct socket *s = container_of(w, struct socket, watch);
	struct longevity *v = s->longevity;
	unsigned probe = (unsigned)(s - v->socket);
	uint8_t m[STUN_MAX];
	struct udp_in in = { .data = m, .room = sizeof(m) };

	for (unsigned i = 0; i < READS && udp_recv(&s->udp, &in, 1) == 1; i++) {
		enum drop d = DROP_STUN_UNEXPECTED;

		if (probe != ASKER && !in.truncated && endpoint_eq(&in.from, &v->server))
			d = lifetime_input(&v->lifetime, probe, m, in.n, now);
		if (d != DROP_NONE)
			drop_count(&v->node->drops, d);
	}
	run(v, now);
}

static bool open_socket(struct longevity *v, struct socket *s)
{
	struct udp_params p = { .mark = v->node->conf.mark };

	if (s->open)
		return true;
	s->longevity = v;
	if (udp_open(&s->udp, &p) < 0)
		return false;
	if (loop_watch_add(&v->node->loop, &s->watch, s->udp.fd, on_ready) < 0) {
		udp_close(&s->udp);
		return false;
	}
	s->open = true;
	return true;
}

static void send_one(struct longevity *v, const struct lifetime_send *m)
{
	struct socket *s = &v->socket[m->asker ? (unsigned)ASKER : m->probe];
	struct udp_out o = { .to = v->server, .data = m->message, .n = m->n };
	unsigned sent;

	if (!open_socket(v, s) || udp_send(&s->udp, &o, 1, &sent) < 0)
		drop_count(&v->node->drops, DROP_UDP_SEND);
}

/* take_up() - tell peers what follows, as soon as it is known */
static void take_up(struct longevity *v, nsec_t now)
{
	struct lifetime_result r = lifetime_result(&v->lifetime);
	unsigned before = lifetime_keepalive(&v->result);

	/* while it runs, only a silence that was not survived says where it ends */
	if (lifetime_running(&v->lifetime) && !r.died_s)
		return;
	v->result = r;
	if (lifetime_keepalive(&r) != before)
		discovery_local_changed(v->node, now);
}

static void run(struct longevity *v, nsec_t now)
{
	struct lifetime_send out;

	if (!lifetime_running(&v->lifetime))
		return;
	while (lifetime_poll(&v->lifetime, &out, now))
		send_one(v, &out);
	loop_timer_at(&v->timer, lifetime_next(&v->lifetime));
	take_up(v, now);
	if (lifetime_running(&v->lifetime))
		return;
	close_all(v);
	log_debug("idle mappings: alive after %u s, dead after %u s", v->result.lived_s,
		  v->result.died_s);
	whereabouts_learn_idle(v->node, &v->result);
}

static void on_timer(struct loop_timer *t, nsec_t now)
{
	struct longevity *v = container_of(t, struct longevity, timer);

	if (v->waiting) {
		v->waiting = false;
		lifetime_start(&v->lifetime, rand_u64(), now);
	}
	run(v, now);
}

/* ---- what the node tells ---- */

void longevity_look(struct node *n, nsec_t now)
{
	struct endpoint s[NATCHECK_SERVERS_MAX];
	struct longevity *v = n->longevity;

	if (!v || v->waiting || lifetime_running(&v->lifetime) || !n->nat.known ||
	    (n->nat.levels == 0 && n->nat.filter_independent) ||
	    (v->begun && nsec_since(v->begun, now) < AGAIN) || nat64_here() ||
	    !discovery_stun_servers(n, s, false))
		return;
	if (!v->begun && whereabouts_idle(n, &v->result)) {
		v->begun = now; /* as far as the next run is concerned */
		discovery_local_changed(n, now);
		return;
	}
	v->server = s[0];
	v->begun = now;
	v->waiting = true;
	loop_timer_at(&v->timer, nsec_add(now, SETTLE));
}

void longevity_forget(struct node *n)
{
	struct longevity *v = n->longevity;

	if (!v)
		return;
	lifetime_stop(&v->lifetime);
	close_all(v);
	loop_timer_at(&v->timer, NSEC_NEVER);
	v->waiting = false;
	v->begun = 0;
	v->result = (struct lifetime_result){ 0 };
}

struct lifetime_result longevity_result(const struct node *n)
{
	return n->longevity ? n->longevity->result : (struct lifetime_result){ 0 };
}

int longevity_start(struct node *n)
{
	struct longevity *v = calloc(1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	v->node = n;
	if (loop_timer_init(&n->loop, &v->timer, on_timer)) {
		free(v);
		return -ENOMEM;
	}
	n->longevity = v;
	return 0;
}

void longevity_stop(struct node *n)
{
	struct longevity *v = n->longevity;

	if (!v)
		return;
	n->longevity = NULL;
	close_all(v);
	loop_timer_done(&v->timer);
	free(v);
}
