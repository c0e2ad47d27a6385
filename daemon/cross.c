/* SPDX-License-Identifier: MIT
 *
 * cross.c - TCP simultaneous open: sockets for traversal/pathset_cross.c
 *
 * Several sockets of ours share one port: `holder` keeps it, one asks the server, one
 * connects. All set SO_REUSEADDR and none listens, so the kernel lets them.
 */
#include "daemon/cross.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/dial.h"
#include "base/log.h"
#include "base/stream.h"
#include "base/url.h"
#include "daemon/direct.h"
#include "daemon/discovery.h"
#include "daemon/peer.h"
#include "relay/seen.h"

#define AGAIN MSEC(40) /* after a reset; then twice as long each time */

enum {
	CONNECTS_MAX = 7, /* of one attempt: 40, 80, ... 1280 ms apart */
};

struct attempt {
	struct cross *cross;
	struct peer *peer; /* NULL: free */
	int holder; /* bound to the port; -1: none */
	uint16_t port;
	struct dial *dial; /* to the server */
	struct stream *stream;
	bool answered;
	struct dial *connecting; /* to the peer */
	unsigned connects;
	struct loop_timer timer;
	struct endpoint to; /* zero: not connecting yet */
	nsec_t end; /* of whatever is under way */
};

struct cross {
	struct node *node;
	struct endpoint seen; /* zero: nobody said */
	struct attempt attempts[CROSS_MAX];
};

/* ---- an attempt ---- */

static void drop_question(struct attempt *a)
{
	dial_cancel(a->dial);
	a->dial = NULL;
	stream_free(a->stream);
	a->stream = NULL;
}

static void release(struct attempt *a)
{
	drop_question(a);
	dial_cancel(a->connecting);
	a->connecting = NULL;
	if (a->holder >= 0)
		close(a->holder);
	a->holder = -1;
	a->peer = NULL;
	loop_timer_at(&a->timer, NSEC_NEVER);
}

static struct attempt *attempt_of(struct node *n, const struct peer *p)
{
	for (unsigned i = 0; n->cross && i < CROSS_MAX; i++)
		if (n->cross->attempts[i].peer == p)
			return &n->cross->attempts[i];
	return NULL;
}

static void fail(struct attempt *a, const char *why)
{
	struct node *n = a->cross->node;
	struct peer *p = a->peer;
	nsec_t now = time_now();

	release(a);
	log_debug("peer %s: simultaneous open: %s", p->name, why);
	pathset_dial_failed(p->paths, why, now);
	peer_run(n, p, now);
}

/* ---- how does our port look? ---- */

static void answer(struct attempt *a, const struct endpoint *at)
{
	struct node *n = a->cross->node;
	struct peer *p = a->peer;
	nsec_t now = time_now();

	a->answered = true;
	a->end = nsec_add(now, CROSS_LIFE);
	loop_timer_at(&a->timer, a->end);
	pathset_cross_seen(p->paths, at, now);
	if (!at->port)
		release(a);
	peer_run(n, p, now);
}

static void no_answer(struct attempt *a)
{
	const struct endpoint none = { .port = 0 };

	if (!a->answered)
		answer(a, &none);
}

static void on_message(void *owner, struct stream *s, uint8_t *m, size_t octets)
{
	struct attempt *a = owner;
	struct endpoint at;

	(void)s;
	if (!a->answered && seen_read(m, octets, &at) && ipaddr_is_v4(&at.ip))
		answer(a, &at);
}

static void on_closed(void *owner, struct stream *s, const char *why)
{
	struct attempt *a = owner;

	(void)s;
	(void)why;
	a->stream = NULL;
	no_answer(a);
}

static void on_dialled(void *owner, int fd, const struct endpoint *to,
		       const char *why)
{
	struct attempt *a = owner;
	const struct stream_events e = { .owner = a, .message = on_message,
					 .closed = on_closed };

	(void)why;
	a->dial = NULL;
	if (fd >= 0)
		a->stream = stream_over(&a->cross->node->loop, fd, to, SEEN_PATH,
					CROSS_ASK_TIME, &e);
	if (a->stream) {
		stream_set_max(a->stream, SEEN_MESSAGE_MAX);
		return;
	}
	if (fd >= 0)
		close(fd);
	no_answer(a);
}

/* hold_port() - a fresh one; -1: none to be had */
static int hold_port(void)
{
	struct endpoint e = { .ip = ipaddr_v4(0) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	struct sockaddr_storage ss;
	socklen_t size = endpoint_to_sockaddr(&e, false, &ss);

	if (fd < 0)
		return -1;
	if (!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) &&
	    !bind(fd, (struct sockaddr *)&ss, size))
		return fd;
	close(fd);
	return -1;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t size = sizeof(ss);
	struct endpoint e;

	if (getsockname(fd, (struct sockaddr *)&ss, &size) < 0 ||
	    !endpoint_from_sockaddr(&ss, &e))
		return 0;
	return e.port;
}

/* ask_server() - a relay that we are registered at, over TLS and with no proxy between */
static bool ask_server(struct attempt *a)
{
	struct node *n = a->cross->node;
	char host[URL_HOST];
	struct dial_params p = { .loop = &n->loop, .host = host,
				 .mark = n->conf.mark, .local_port = a->port,
				 .only_v4 = true, .owner = a,
				 .done = on_dialled };

	for (unsigned i = 0; i < NETMAP_RELAYS_MAX && !a->dial; i++) {
		const struct relay_slot *s = &n->relays[i];

		if (s->status.registered && s->info.url[0] &&
		    url_parse(s->info.url, host, &p.port) &&
		    !proxy_serves(&n->proxy, host))
			a->dial = dial_start(&p);
	}
	return a->dial != NULL;
}

void cross_ask(struct node *n, struct peer *p)
{
	struct attempt *a = attempt_of(n, p);
	const struct endpoint none = { .port = 0 };

	if (a)
		release(a);
	else
		a = attempt_of(n, NULL);
	if (!a) {
		pathset_cross_seen(p->paths, &none, time_now());
		return;
	}
	a->peer = p;
	a->answered = false;
	a->to = none;
	a->holder = hold_port();
	a->connects = 0;
	a->port = a->holder < 0 ? 0 : port_of(a->holder);
	a->end = nsec_add(time_now(), CROSS_ASK_TIME);
	loop_timer_at(&a->timer, a->end);
	if (a->port && ask_server(a))
		return;
	release(a);
	pathset_cross_seen(p->paths, &none, time_now());
}

/* ---- connecting ---- */

/* on_connected() - or not: what came too early at the other NAT was reset perhaps, and
 * its host connects by now */
static void on_connected(void *owner, int fd, const struct endpoint *to,
			 const char *why)
{
	struct attempt *a = owner;
	struct node *n = a->cross->node;
	struct peer *p = a->peer;
	nsec_t now = time_now();

	a->connecting = NULL;
	if (fd >= 0) {
		release(a);
		direct_take(n, p, fd, to, pathset_controls(p->paths));
	} else if (now >= a->end || a->connects == CONNECTS_MAX) {
		fail(a, why);
	} else {
		loop_timer_at(&a->timer,
			      nsec_add(now, AGAIN << (a->connects - 1)));
	}
}

static void connect_once(struct attempt *a)
{
	struct node *n = a->cross->node;
	char host[ADDR_TEXT];
	struct dial_params p = { .loop = &n->loop, .host = host,
				 .port = a->to.port, .mark = n->conf.mark,
				 .local_port = a->port, .owner = a,
				 .done = on_connected };

	(void)ipaddr_text(&a->to.ip, host);
	a->connects++;
	a->connecting = dial_start(&p);
	if (a->connecting)
		loop_timer_at(&a->timer, a->end);
	else
		fail(a, "out of memory");
}

void cross_connect(struct node *n, struct peer *p, const struct endpoint *to)
{
	struct attempt *a = attempt_of(n, p);

	if (!a || a->holder < 0 || !ipaddr_is_v4(&to->ip)) {
		pathset_dial_failed(p->paths, "the port has gone", time_now());
		return;
	}
	drop_question(a);
	a->to = *to;
	a->end = nsec_add(time_now(), CROSS_CONNECT_TIME);
	/* from the loop, since a failure runs the path set that called us */
	loop_timer_at(&a->timer, time_now());
}

static void on_timer(struct loop_timer *t, nsec_t now)
{
	struct attempt *a = container_of(t, struct attempt, timer);

	if (!a->peer)
		return;
	if (a->to.port && !a->connecting && now < a->end)
		connect_once(a);
	else if (a->to.port)
		fail(a, "no answer");
	else if (!a->answered)
		no_answer(a);
	else
		release(a); /* the path set has given it up long ago */
}

/* ---- what the servers see of us ---- */

void cross_seen(struct node *n, const struct endpoint *at, nsec_t now)
{
	char host[URL_HOST];
	uint16_t port;

	if (!n->cross)
		return;
	n->cross->seen = (struct endpoint){ 0 };
	if (ipaddr_class(&at->ip) == ADDR_CLASS_GLOBAL &&
	    url_parse(n->state.coord.url, host, &port) &&
	    !proxy_serves(&n->proxy, host)) /* else it is the proxy's */
		n->cross->seen = *at;
	discovery_local_changed(n, now);
}

void cross_candidates(const struct node *n, struct candidate_list *l)
{
	/* The port of that connection means nothing to anybody; ours stays the same. */
	struct candidate c = { .kind = CANDIDATE_TCP_REFLEXIVE, .attested = true };

	if (!n->cross || !n->no_udp || !n->cross->seen.port)
		return;
	c.at = n->cross->seen;
	c.at.port = n->ports[0].udp[0].port;
	candidate_add(l, &c);
}

/* ---- coming and going ---- */

void cross_forget(struct node *n, const struct peer *p)
{
	struct attempt *a = attempt_of(n, p);

	if (a)
		release(a);
}

int cross_start(struct node *n)
{
	struct cross *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->node = n;
	for (unsigned i = 0; i < CROSS_MAX; i++) {
		struct attempt *a = &c->attempts[i];

		a->cross = c;
		a->holder = -1;
		if (loop_timer_init(&n->loop, &a->timer, on_timer)) {
			while (i--)
				loop_timer_done(&c->attempts[i].timer);
			free(c);
			return -ENOMEM;
		}
	}
	n->cross = c;
	return 0;
}

void cross_stop(struct node *n)
{
	struct cross *c = n->cross;

	if (!c)
		return;
	for (unsigned i = 0; i < CROSS_MAX; i++) {
		release(&c->attempts[i]);
		loop_timer_done(&c->attempts[i].timer);
	}
	n->cross = NULL;
	free(c);
}
