/* SPDX-License-Identifier: MIT
 *
 * mapping.c - our main ports kept open at the host's routers (glue around portmap.h)
 *
 * One engine per family. Its router's socket is bound to the address that is to be
 * mapped, as PCP demands; proofs go through the main sockets. UPnP is done by a child,
 * one job after the other.
 */
#include "daemon/mapping.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/rand.h"
#include "base/udp.h"
#include "daemon/discovery.h"
#include "daemon/translator.h"
#include "daemon/upnp_child.h"
#include "traversal/pcp.h"
#include "tun/gateway.h"

#define CALM SEC(10) /* between two starts where nothing has changed for us */

enum {
	FAMILIES = 2, /* as the main ports: 0 is IPv4 */
	JOBS_MAX = 4,
	FAREWELL_MS = 2000,
};

struct family {
	struct mapping *all;
	struct portmap *pm;
	struct portmap_report report; /* newest */
	struct gateway gateway;
	struct ipaddr local;
	bool on;
	nsec_t started; /* when the engine last was */
	struct udp router, heard; /* heard: announcements by multicast */
	struct loop_watch router_watch, heard_watch;
	struct loop_timer timer;
	struct upnp_child child;
	struct portmap_job jobs[JOBS_MAX];
	unsigned job_count;
};

struct mapping {
	struct node *node;
	struct family f[FAMILIES];
};

static void run(struct family *f, nsec_t now);

static bool is_v6(const struct family *f)
{
	return f == &f->all->f[1];
}

/* ---- UPnP ---- */

static void start_job(struct family *f, nsec_t now)
{
	struct portmap_answer none = { .ok = false };
	struct portmap_job job;
	int err;

	while (f->job_count && !f->child.pid) {
		job = f->jobs[0];
		memmove(f->jobs, f->jobs + 1, --f->job_count * sizeof(job));
		err = upnp_child_start(&f->child, &f->all->node->loop, &job, now);
		if (!err)
			return;
		log_debug("adit-portmap: %s", strerror(-err));
		portmap_upnp_done(f->pm, job.kind, &none, now);
	}
}

static void on_upnp(struct upnp_child *c, const struct portmap_answer *a, nsec_t now)
{
	struct family *f = container_of(c, struct family, child);

	portmap_upnp_done(f->pm, c->kind, a, now);
	start_job(f, now);
	run(f, now);
}

static void add_job(struct family *f, const struct portmap_job *job)
{
	struct portmap_answer none = { .ok = false };

	if (f->job_count == JOBS_MAX)
		portmap_upnp_done(f->pm, job->kind, &none, time_now());
	else
		f->jobs[f->job_count++] = *job;
}

/* ---- the engine's turn ---- */

static void act(struct family *f, const struct portmap_action *a)
{
	struct node *n = f->all->node;
	struct udp_out o = { .to = a->to, .data = a->message, .n = a->n };
	unsigned sent;

	switch (a->kind) {
	case PORTMAP_TELL_ROUTER:
		if (ipaddr_class(&o.to.ip) == ADDR_CLASS_LINK_LOCAL)
			o.to.scope = f->gateway.index;
		if (f->router.fd < 0 || udp_send(&f->router, &o, 1, &sent) < 0)
			drop_count(&n->drops, DROP_UDP_SEND);
		return;
	case PORTMAP_TELL_SERVER:
		node_send(n, is_v6(f), &a->to, 0, a->message, a->n);
		return;
	case PORTMAP_RUN_UPNP:
		add_job(f, &a->job);
		return;
	}
}

static void tell(struct family *f, const struct portmap_report *r)
{
	char buf[ADDR_TEXT];

	if (r->using < 0)
		log_info("port mapping: none at the router");
	else
		log_info("port mapping: %s by %s, %s",
			 endpoint_text(&r->external, buf),
			 portmap_dialect_name((enum portmap_dialect)r->using),
			 portmap_state_text(r->state[r->using]));
}

static void run(struct family *f, nsec_t now)
{
	struct portmap_action a;
	bool changed;

	while (portmap_poll(f->pm, &a, now))
		act(f, &a);
	start_job(f, now);
	loop_timer_at(&f->timer, portmap_next_expiry(f->pm));
	f->report = portmap_report(f->pm, &changed);
	if (is_v6(f))
		translator_by_pcp(f->all->node,
				  f->report.translates ? &f->report.translator : NULL, now);
	if (!changed)
		return;
	tell(f, &f->report);
	discovery_local_changed(f->all->node, now);
}

static void on_timer(struct loop_timer *t, nsec_t now)
{
	run(container_of(t, struct family, timer), now);
}

/* receive() - how many of the datagrams were the router's */
static unsigned receive(struct family *f, struct udp *u, nsec_t now)
{
	uint8_t m[PCP_MAX + 1];
	struct udp_in in = { .data = m, .room = sizeof(m) };
	unsigned good = 0;

	for (int i = 0; i < UDP_BATCH_MAX && udp_recv(u, &in, 1) > 0; i++) {
		enum drop d = portmap_input(f->pm, m, in.n, &in.from, now);

		if (d == DROP_NONE)
			good++;
		else
			drop_count(&f->all->node->drops, d);
	}
	run(f, now);
	return good;
}

static void on_router(struct loop_watch *w, nsec_t now)
{
	struct family *f = container_of(w, struct family, router_watch);

	(void)receive(f, &f->router, now);
}

static void on_heard(struct loop_watch *w, nsec_t now)
{
	struct family *f = container_of(w, struct family, heard_watch);

	struct family *v6 = &f->all->f[1];

	if (!receive(f, &f->heard, now) || v6 == f)
		return;
	portmap_doubt(v6->pm, now); /* the same box, as a rule */
	run(v6, now);
}

/* ---- where we are ---- */

static void close_socket(struct udp *u, struct loop_watch *w)
{
	if (u->fd < 0)
		return;
	loop_watch_del(w);
	udp_close(u);
	u->fd = -1;
}

static int open_socket(struct family *f, struct udp *u, const struct udp_params *p,
		       struct loop_watch *w,
		       void (*ready)(struct loop_watch *, nsec_t))
{
	int err = udp_open(u, p);

	if (!err)
		err = loop_watch_add(&f->all->node->loop, w, u->fd, ready);
	if (err) {
		udp_close(u);
		u->fd = -1;
	}
	return err;
}

static void open_sockets(struct family *f)
{
	struct udp_params router = { .local.ip = f->local, .v6 = is_v6(f) };
	struct udp_params heard = { .local = { .ip = ipaddr_v4(0xe0000001),
					       .port = PCP_CLIENT_PORT },
				    .reuse_port = true };
	int err;

	close_socket(&f->router, &f->router_watch);
	err = open_socket(f, &f->router, &router, &f->router_watch, on_router);
	if (err)
		log_debug("port mapping: no socket: %s", strerror(-err));
	if (f->heard.fd < 0 && !is_v6(f) && /* others may have it: no harm */
	    open_socket(f, &f->heard, &heard, &f->heard_watch, on_heard) < 0)
		log_debug("port mapping: announcements are not heard");
}

/* choose_local() - the address that wants a mapping; zero: none does */
static struct ipaddr choose_local(const struct node *n, const struct gateway *g)
{
	bool v4 = ipaddr_is_v4(&g->ip);

	for (unsigned i = 0; i < n->host_count; i++) {
		const struct host_address *h = &n->hosts[i];
		bool global = ipaddr_class(&h->ip) == ADDR_CLASS_GLOBAL;

		if (h->index != g->index || ipaddr_is_v4(&h->ip) != v4 ||
		    h->temporary || h->deprecated || h->tunnel)
			continue;
		if (v4 ? !global && prefix_contains(&h->on_link, &g->ip) : global)
			return h->ip;
	}
	return (struct ipaddr){ { 0 } };
}

static void leave(struct family *f, nsec_t now)
{
	portmap_stop(f->pm);
	run(f, now);
	close_socket(&f->router, &f->router_watch);
	f->on = false;
}

static void look_again(struct family *f, nsec_t now)
{
	struct node *n = f->all->node;
	struct portmap_where w = { .allowed = { [PORTMAP_PCP] = true } };
	struct gateway g = { .index = 0 };
	bool none = !atomic_load(&n->ports[is_v6(f)].open) ||
		    gateway_find(is_v6(f), n->device.index, &g) < 0;

	w.gateway = g.ip;
	w.port = n->ports[is_v6(f)].udp[0].port;
	w.local = none ? (struct ipaddr){ { 0 } } : choose_local(n, &g);
	if (ipaddr_is_zero(&w.local)) {
		if (f->on)
			leave(f, now);
		return;
	}
	w.allowed[PORTMAP_NATPMP] = !is_v6(f);
	w.allowed[PORTMAP_UPNP] = true;
	rand_bytes(w.fresh, sizeof(w.fresh));
	if (f->on && ipaddr_eq(&f->gateway.ip, &g.ip) &&
	    ipaddr_eq(&f->local, &w.local) && nsec_since(f->started, now) < CALM)
		return;
	f->gateway = g;
	f->started = now;
	if (!f->on || f->router.fd < 0 || !ipaddr_eq(&f->local, &w.local)) {
		f->local = w.local;
		open_sockets(f);
	}
	f->on = true;
	portmap_start(f->pm, &w, now);
	run(f, now);
}

void mapping_network_changed(struct node *n, nsec_t now)
{
	for (int i = 0; n->mapping && i < FAMILIES; i++)
		look_again(&n->mapping->f[i], now);
}

void mapping_servers(struct node *n, nsec_t now)
{
	struct endpoint s[NATCHECK_SERVERS_MAX];
	unsigned count = 0;

	for (unsigned i = 0; i < n->netmap.relay_count; i++)
		for (unsigned k = 0; k < 2; k++) {
			struct endpoint e = n->netmap.relays[i].at[k];

			if (endpoint_is_zero(&e) || n->netmap.relays[i].node ||
			    count + 2 > ARRAY_SIZE(s))
				continue;
			s[count++] = e;
			e.port++;
			s[count++] = e;
		}
	for (int i = 0; n->mapping && i < FAMILIES; i++) {
		portmap_set_servers(n->mapping->f[i].pm, s, count, now);
		run(&n->mapping->f[i], now);
	}
}

enum drop mapping_stun(struct node *n, const uint8_t *m, size_t octets,
		       const struct pathset_source *src, nsec_t now)
{
	enum drop d;

	if (!n->mapping || src->socket >= FAMILIES)
		return DROP_STUN_UNEXPECTED;
	d = portmap_stun_input(n->mapping->f[src->socket].pm, m, octets,
			       &src->from, now);
	if (d == DROP_NONE)
		run(&n->mapping->f[src->socket], now);
	return d;
}

void mapping_candidates(const struct node *n, struct candidate_list *l)
{
	for (int i = 0; n->mapping && i < FAMILIES; i++) {
		const struct portmap_report *r = &n->mapping->f[i].report;
		struct candidate c = { .at = r->external,
				       .kind = CANDIDATE_MAPPED,
				       .attested = true };

		if (r->proved)
			candidate_add(l, &c);
	}
}

struct portmap_report mapping_report(const struct node *n, bool v6)
{
	return n->mapping ? n->mapping->f[v6].report :
			    (struct portmap_report){ .using = -1 };
}

/* ---- life ---- */

static int start_family(struct family *f, struct mapping *m)
{
	struct node *n = m->node;
	int err;

	f->all = m;
	f->router.fd = f->heard.fd = -1;
	f->pm = portmap_new(rand_u64());
	if (!f->pm)
		return -ENOMEM;
	err = upnp_child_init(&f->child, &n->loop, on_upnp);
	return err ? err : loop_timer_init(&n->loop, &f->timer, on_timer);
}

int mapping_start(struct node *n, nsec_t now)
{
	int err = 0;

	if (!n->conf.port_mapping)
		return 0;
	n->mapping = calloc(1, sizeof(*n->mapping));
	if (!n->mapping)
		return -ENOMEM;
	n->mapping->node = n;
	for (int i = 0; i < FAMILIES && !err; i++)
		err = start_family(&n->mapping->f[i], n->mapping);
	if (err)
		return err;
	mapping_servers(n, now);
	mapping_network_changed(n, now);
	return 0;
}

/* say_farewell() - the last job, if it is to undo a mapping, may run to its end */
static void say_farewell(struct family *f)
{
	struct portmap_action a;
	nsec_t now = time_now();

	portmap_stop(f->pm);
	upnp_child_wait(&f->child, 0);
	f->job_count = 0;
	while (portmap_poll(f->pm, &a, now))
		act(f, &a);
	start_job(f, now);
	upnp_child_wait(&f->child, FAREWELL_MS);
}

void mapping_stop(struct node *n)
{
	struct mapping *m = n->mapping;

	for (int i = 0; m && i < FAMILIES; i++) {
		struct family *f = &m->f[i];

		if (!f->pm)
			continue;
		say_farewell(f);
		close_socket(&f->router, &f->router_watch);
		close_socket(&f->heard, &f->heard_watch);
		upnp_child_free(&f->child);
		loop_timer_done(&f->timer);
		portmap_free(f->pm);
	}
	n->mapping = NULL;
	free(m);
}
