/* SPDX-License-Identifier: MIT
 *
 * direct.c - streams to peers: who listens, who dials, who is proved
 *
 * A line is one TCP connection. Dialled: connecting, then our hello is out, then proved
 * by the other's. Accepted: unproved until its hello, which is answered by ours.
 */
#include "daemon/direct.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/stream.h"
#include "crypto/box.h"
#include "daemon/discovery.h"
#include "daemon/peer.h"
#include "daemon/streams.h"
#include "relay/bundle.h"
#include "relay/limiter.h"

#define LOOK SEC(20) /* for what nobody uses */

struct line {
	struct trunk trunk;
	struct direct *direct;
	struct peer *peer; /* NULL: not proved yet */
	bool client; /* we are the TLS client */
	bool proved;
	bool dialling; /* its failure is the path set's */
	nsec_t deadline; /* unproved: closed then */
	nsec_t unused; /* proved: no data goes this way since */
};

struct direct {
	struct node *node;
	struct stream_server *server; /* NULL: we take none */
	struct stream_server *deaf; /* for sockets that come connected; NULL: none yet */
	uint16_t port; /* that we listen on; 0: none */
	uint16_t refused; /* that we could not listen on; said once */
	struct limiter *limiter;
	struct loop_timer timer;
	unsigned next; /* line: in turn, so that a number is not used again soon */
	struct line lines[DIRECT_MAX];
};

static bool is_used(const struct line *x)
{
	return x->trunk.stream != NULL;
}

static unsigned socket_of(const struct line *x)
{
	return x->client ? PATHSET_STREAM : PATHSET_STREAM + 1;
}

static struct line *free_line(struct direct *d)
{
	for (unsigned i = 0; i < DIRECT_MAX; i++) {
		struct line *x = &d->lines[d->next++ % DIRECT_MAX];

		if (is_used(x))
			continue;
		memset(x, 0, sizeof(*x));
		x->direct = d;
		x->trunk.node = d->node;
		x->trunk.port = WORKER_DIRECT_PORT + (unsigned)(x - d->lines);
		return x;
	}
	return NULL;
}

static void schedule(struct direct *d)
{
	nsec_t at = NSEC_NEVER;

	for (unsigned i = 0; i < DIRECT_MAX; i++) {
		const struct line *x = &d->lines[i];

		if (is_used(x))
			at = nsec_min(at, x->proved ?
						  nsec_add(time_now(), LOOK) :
						  x->deadline);
	}
	loop_timer_at(&d->timer, at);
}

/* forget() - the stream has gone, or goes; its peer's path set is told */
static void forget(struct line *x, const char *why)
{
	struct node *n = x->direct->node;
	struct peer *p = x->peer;
	bool proved = x->proved;
	nsec_t now = time_now();

	backlog_done(&x->trunk.queue);
	x->trunk.stream = NULL;
	x->trunk.open = x->proved = false;
	x->peer = NULL;
	if (!p || !p->paths)
		return;
	if (proved) {
		log_info("peer %s: TCP %s: %s", p->name,
			 x->client ? "to it" : "from it", why);
		pathset_stream_closed(p->paths, socket_of(x), now);
	} else if (x->dialling) {
		pathset_dial_failed(p->paths, why, now);
	}
	peer_run(n, p, now);
}

static void hang_up(struct line *x, const char *why)
{
	struct stream *s = x->trunk.stream;

	if (x->proved)
		stream_finish(s);
	else
		stream_free(s);
	forget(x, why);
}

static void on_closed(void *owner, struct stream *s, const char *why)
{
	struct line *x = owner;

	(void)s;
	if (!x->proved && !x->client)
		drop_count(&x->direct->node->drops, DROP_STREAM_UNPROVED);
	forget(x, why);
	schedule(x->direct);
}

/* ---- the proof ---- */

static bool is_overlay(const struct node *n, const struct ipaddr *ip)
{
	for (unsigned i = 0; i < 2; i++)
		if (n->netmap.overlay[i].bits &&
		    prefix_contains(&n->netmap.overlay[i], ip))
			return true;
	return false;
}

/* through_ourselves() - a connection that goes through the tunnel it is to carry */
static bool through_ourselves(const struct node *n, const struct stream *s)
{
	struct endpoint here = stream_local(s), there = stream_remote(s);

	return is_overlay(n, &here.ip) || is_overlay(n, &there.ip);
}

static bool send_hello(struct line *x, struct peer *p)
{
	struct node *n = x->direct->node;
	uint8_t binding[32], m[BOX_MAX];
	size_t octets;

	if (!stream_binding(x->trunk.stream, binding))
		return false;
	octets = pathset_stream_hello(p->paths, binding, n->epoch, m);
	return stream_send(x->trunk.stream, m, octets);
}

/* replace() - a peer has one stream of each kind: the older one goes */
static void replace(struct line *x)
{
	for (unsigned i = 0; i < DIRECT_MAX; i++) {
		struct line *o = &x->direct->lines[i];

		if (o != x && o->proved && o->peer == x->peer &&
		    o->client == x->client)
			hang_up(o, "a newer one takes its place");
	}
}

static void prove(struct line *x, struct peer *p)
{
	struct node *n = x->direct->node;
	nsec_t now = time_now();

	x->peer = p;
	replace(x);
	x->proved = x->trunk.open = true;
	x->trunk.from = stream_remote(x->trunk.stream);
	x->unused = now;
	stream_set_max(x->trunk.stream, BUNDLE_MESSAGE_MAX);
	log_info("peer %s: TCP %s %s is up", p->name, x->client ? "to" : "from",
		 stream_peer(x->trunk.stream));
	pathset_stream_opened(p->paths, socket_of(x), &x->trunk.from, now);
	peer_run(n, p, now);
	schedule(x->direct);
}

/* judge() - the first message from the other end */
static enum drop judge(struct line *x, uint8_t *m, size_t octets)
{
	struct node *n = x->direct->node;
	struct peer *p = x->peer;
	uint8_t binding[32];
	enum drop d;

	if (octets < BOX_OVERHEAD || !box_is(m, octets))
		return DROP_STREAM_UNPROVED;
	if (!x->client)
		p = peers_by_hint(n, m + 4);
	if (!p || !p->paths)
		return DROP_DISCO_UNKNOWN;
	if (!stream_binding(x->trunk.stream, binding))
		return DROP_STREAM_UNPROVED;
	d = pathset_stream_proof(p->paths, m, octets, binding);
	if (d != DROP_NONE)
		return d;
	if (!x->client && !send_hello(x, p))
		return DROP_STREAM_UNPROVED;
	prove(x, p);
	return DROP_NONE;
}

static void on_message(void *owner, struct stream *s, uint8_t *m, size_t octets)
{
	struct line *x = owner;
	struct direct *d = x->direct;
	enum drop why;

	if (x->proved) {
		streams_message(&x->trunk, s, m, octets);
		return;
	}
	why = judge(x, m, octets);
	if (why == DROP_NONE)
		return;
	drop_count(&d->node->drops, why);
	hang_up(x, "the other end does not prove to be the peer");
	schedule(d);
}

static void on_drained(void *owner, struct stream *s)
{
	struct line *x = owner;

	if (x->proved)
		streams_drained(&x->trunk, s);
}

/* ---- dialling ---- */

static void on_dialled(void *owner, struct stream *s)
{
	struct line *x = owner;
	struct direct *d = x->direct;

	x->deadline = nsec_add(time_now(), DIRECT_PATIENCE);
	if (through_ourselves(d->node, s))
		hang_up(x, "that address leads into the tunnel");
	else if (!send_hello(x, x->peer))
		hang_up(x, "the other end does not speak TLS 1.3");
	schedule(d);
}

static const struct stream_events line_events = {
	.opened = on_dialled,
	.message = on_message,
	.closed = on_closed,
	.drained = on_drained,
};

/* new_client() - a line in which we are the TLS client, but for its stream; NULL: no room */
static struct line *new_client(struct node *n, struct peer *p,
			       struct stream_events *e)
{
	struct line *x = free_line(n->direct);

	if (!x)
		return NULL;
	*e = line_events;
	e->owner = x;
	x->client = x->dialling = true;
	x->peer = p;
	x->deadline = nsec_add(time_now(), 2 * DIRECT_PATIENCE);
	return x;
}

void direct_dial(struct node *n, struct peer *p, const struct endpoint *to)
{
	struct stream_events e;
	struct line *x = new_client(n, p, &e);
	char text[ADDR_TEXT], url[ADDR_TEXT + 16];

	snprintf(url, sizeof(url), "https://%s", endpoint_text(to, text));
	if (x)
		x->trunk.stream = stream_connect(&n->loop, url, DIRECT_PATH,
						 DIRECT_PATIENCE, n->conf.mark,
						 &e);
	if (!x || !x->trunk.stream) {
		pathset_dial_failed(p->paths, "too many connections, or no memory",
				    time_now());
		return;
	}
	log_debug("peer %s: connecting to %s", p->name, text);
	schedule(n->direct);
}

/* ---- listening ---- */

static unsigned unproved(const struct direct *d)
{
	unsigned n = 0;

	for (unsigned i = 0; i < DIRECT_MAX; i++)
		n += is_used(&d->lines[i]) && !d->lines[i].proved &&
		     !d->lines[i].client;
	return n;
}

/* on_accepted() - of the server's events: a stranger has got through TLS and HTTP */
static void on_accepted(void *owner, struct stream *s)
{
	struct direct *d = owner;
	struct stream_events e = line_events;
	struct line *x = unproved(d) < DIRECT_UNPROVED ? free_line(d) : NULL;

	if (!x || through_ourselves(d->node, s)) {
		drop_count(&d->node->drops, DROP_STREAM_REFUSED);
		stream_free(s);
		return;
	}
	e.owner = x;
	x->trunk.stream = s;
	x->deadline = nsec_add(time_now(), DIRECT_PATIENCE);
	stream_set_owner(s, &e);
	schedule(d);
}

static bool admit(void *owner, const struct endpoint *from)
{
	struct direct *d = owner;

	if (!is_overlay(d->node, &from->ip) &&
	    limiter_pass(d->limiter, &from->ip, time_now()))
		return true;
	drop_count(&d->node->drops, DROP_STREAM_REFUSED);
	return false;
}

static bool is_public(const struct host_address *h)
{
	return !h->tunnel && !h->bridge_of_containers && !h->deprecated &&
	       ipaddr_class(&h->ip) == ADDR_CLASS_GLOBAL;
}

/* wanted_port() - to listen on; 0: not */
static uint16_t wanted_port(const struct node *n)
{
	if (n->conf.tcp_port != NODE_CONF_TCP_AUTO)
		return (uint16_t)n->conf.tcp_port;
	for (unsigned i = 0; i < n->host_count; i++)
		if (is_public(&n->hosts[i]))
			return n->ports[0].udp[0].port;
	return 0;
}

static struct stream_server *open_server(struct direct *d, uint16_t port,
					 bool v6, char why[static 256])
{ /* port 0: a deaf one */
	struct stream_server_params p = {
		.loop = &d->node->loop,
		.listen = { .port = port },
		.deaf = !port,
		.connections_max = DIRECT_MAX,
		.message_max = DIRECT_HELLO_MAX,
		.handshake_timeout = DIRECT_PATIENCE,
		.path = DIRECT_PATH,
		.admit = admit,
		.events = { .owner = d, .opened = on_accepted },
	};

	if (!v6 && !ipaddr_parse("0.0.0.0", &p.listen.ip))
		return NULL;
	return stream_server_new(&p, why);
}

/* close_server() - and what it has accepted */
static void close_server(struct direct *d)
{
	for (unsigned i = 0; i < DIRECT_MAX; i++)
		if (is_used(&d->lines[i]) && !d->lines[i].client)
			hang_up(&d->lines[i], "we do not listen any more");
	stream_server_free(d->server);
	d->server = NULL;
	d->port = 0;
}

void direct_listen(struct node *n)
{
	struct direct *d = n->direct;
	uint16_t port = wanted_port(n);
	char why[256];

	if (port == d->port || (port && port == d->refused))
		return;
	close_server(d);
	d->refused = 0;
	if (!port)
		return;
	d->server = open_server(d, port, true, why); /* IPv4 too */
	if (!d->server)
		d->server = open_server(d, port, false, why);
	if (!d->server) {
		d->refused = port;
		log_warn("%s; peers without UDP cannot reach us directly", why);
		return;
	}
	d->port = port;
	log_info("listening on TCP port %u for peers without UDP", port);
}

void direct_take(struct node *n, struct peer *p, int fd, const struct endpoint *to,
		 bool client)
{
	struct direct *d = n->direct;
	struct stream_events e;
	struct line *x = client ? new_client(n, p, &e) : NULL;
	nsec_t now = time_now();
	char why[256];
	bool ok = false;

	if (x)
		x->trunk.stream = stream_over(&n->loop, fd, to, DIRECT_PATH,
					      DIRECT_PATIENCE, &e);
	if (!client && !d->deaf)
		d->deaf = open_server(d, 0, true, why);
	if (!client && d->deaf)
		ok = stream_server_take(d->deaf, fd, to);
	if (ok || (x && x->trunk.stream)) {
		schedule(d);
		return;
	}
	close(fd);
	pathset_dial_failed(p->paths, "too many connections, or no memory", now);
	peer_run(n, p, now);
}

static void add(struct candidate_list *l, const struct ipaddr *ip, uint16_t port,
		bool attested)
{
	struct candidate c = { .at = { .ip = *ip, .port = port },
			       .kind = CANDIDATE_TCP, .attested = attested };

	candidate_add(l, &c);
}

void direct_candidates(const struct node *n, struct candidate_list *l)
{
	const struct direct *d = n->direct;
	bool forwarded = n->conf.tcp_port != NODE_CONF_TCP_AUTO;

	if (!d || !d->port)
		return;
	for (unsigned i = 0; i < n->host_count; i++) {
		const struct host_address *h = &n->hosts[i];

		if (is_public(h) ||
		    (forwarded && !h->tunnel && !h->bridge_of_containers &&
		     ipaddr_class(&h->ip) == ADDR_CLASS_PRIVATE))
			add(l, &h->ip, d->port, false);
	}
	for (unsigned i = 0; forwarded && i < l->count; i++)
		if (l->c[i].kind == CANDIDATE_REFLEXIVE ||
		    l->c[i].kind == CANDIDATE_TCP_REFLEXIVE)
			add(l, &l->c[i].at.ip, d->port, true);
}

/* ---- by number ---- */

static const struct line *line_at(const struct node *n, unsigned port)
{
	unsigned i = port - WORKER_DIRECT_PORT;

	if (!n->direct || port < WORKER_DIRECT_PORT || i >= DIRECT_MAX ||
	    !n->direct->lines[i].proved)
		return NULL;
	return &n->direct->lines[i];
}

unsigned direct_port(const struct node *n, const struct peer *p, unsigned socket)
{
	for (unsigned i = 0; n->direct && i < DIRECT_MAX; i++) {
		const struct line *x = &n->direct->lines[i];

		if (x->proved && x->peer == p && socket_of(x) == socket)
			return x->trunk.port;
	}
	return 0;
}

struct trunk *direct_trunk(struct node *n, unsigned port)
{
	return line_at(n, port) ?
		       &n->direct->lines[port - WORKER_DIRECT_PORT].trunk :
		       NULL;
}

struct peer *direct_peer(const struct node *n, unsigned port, unsigned *socket)
{
	const struct line *x = line_at(n, port);

	if (!x)
		return NULL;
	*socket = socket_of(x);
	return x->peer;
}

/* ---- coming and going ---- */

/* look() - is a proved stream of any use yet? */
static void look(struct line *x, nsec_t now)
{
	const struct peer *p = x->peer;

	if (p->active && p->use.best.kind != PATH_DIRECT)
		x->unused = now;
	if (nsec_since(x->unused, now) >= DIRECT_IDLE)
		hang_up(x, "nothing goes this way any more");
}

static void on_timer(struct loop_timer *t, nsec_t now)
{
	struct direct *d = container_of(t, struct direct, timer);

	for (unsigned i = 0; i < DIRECT_MAX; i++) {
		struct line *x = &d->lines[i];

		if (!is_used(x))
			continue;
		if (x->proved) {
			look(x, now);
		} else if (x->deadline <= now) {
			drop_count(&d->node->drops, DROP_STREAM_LATE);
			hang_up(x, "no answer in time");
		}
	}
	schedule(d);
}

void direct_forget(struct node *n, const struct peer *p)
{
	for (unsigned i = 0; n->direct && i < DIRECT_MAX; i++) {
		struct line *x = &n->direct->lines[i];

		if (!is_used(x) || x->peer != p)
			continue;
		x->peer = NULL; /* nobody is told */
		hang_up(x, "");
	}
}

int direct_start(struct node *n)
{
	struct direct *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->node = n;
	d->limiter = limiter_new(DIRECT_RATE, DIRECT_BURST, rand_u64());
	if (!d->limiter || loop_timer_init(&n->loop, &d->timer, on_timer)) {
		limiter_free(d->limiter);
		free(d);
		return -ENOMEM;
	}
	n->direct = d;
	return 0;
}

void direct_stop(struct node *n)
{
	struct direct *d = n->direct;

	if (!d)
		return;
	for (unsigned i = 0; i < DIRECT_MAX; i++)
		if (is_used(&d->lines[i]))
			hang_up(&d->lines[i], "we go down");
	close_server(d);
	stream_server_free(d->deaf);
	n->direct = NULL;
	loop_timer_done(&d->timer);
	limiter_free(d->limiter);
	free(d);
}
