/* SPDX-License-Identifier: MIT
 *
 * world.c - the simulated internet and the callers' side of the engine
 */
#include "tests/sim/world.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define DATA_GAP MSEC(50)
#define EPOCH	 7

enum {
	MAIN_PORT = 23456,
	POLLS_MAX = 400, /* actions in one instant; more is a loop */
	TTL_DEFAULT = 64,
};

static const struct endpoint *server(void)
{
	static struct endpoint e;

	e = (struct endpoint){ ipaddr_v4(0xC6336401), 3478, 0 };
	return &e;
}

/* leave() - out of the node's NAT: *from becomes what others see */
static void leave(struct world *w, struct world_node *n, struct endpoint *from,
		  const struct endpoint *to)
{
	struct natbox_packet p = { .from = *from, .to = *to };
	enum natbox_verdict v = natbox_out(&n->nat, &p, w->now);

	assert(v != NATBOX_FULL); /* the table is too small for this scenario */
	*from = p.from;
}

/* STUN as the nodes would do it: what does this socket look like from outside? */
static void add_reflexive(struct world *w, struct world_node *n, unsigned socket,
			  struct candidate_list *l)
{
	struct candidate c = { .kind = CANDIDATE_REFLEXIVE, .attested = true };

	c.at.ip = n->inside;
	c.at.port = n->port[socket];
	leave(w, n, &c.at, server());
	if (!n->nat.present)
		c.kind = CANDIDATE_PUBLIC;
	assert(candidate_add(l, &c));
}

static unsigned socket_count(const struct world_node *n)
{
	return n->adopted ? PATHSET_ADOPTED + n->adopted : n->sockets;
}

static void tell_local(struct world *w, struct world_node *n)
{
	struct world_node *other = &w->node[n == w->node];
	struct candidate_list l = { .count = 0 };
	struct candidate lan = { .kind = CANDIDATE_LAN };
	bool v6[PATHSET_SOCKETS_MAX] = { false };

	lan.at.ip = n->inside;
	lan.at.port = n->port[0];
	if (n->nat.present)
		assert(candidate_add(&l, &lan));
	for (unsigned i = w->no_stun ? 0 : n->sockets; i-- > 0;)
		add_reflexive(w, n, i, &l);
	n->generation++;
	pathset_set_sockets(n->ps, v6, socket_count(n), w->now);
	pathset_set_local(n->ps, &l, &n->profile, n->generation, w->now);
	if (w->attest)
		pathset_set_remote(other->ps, &l, 0, w->now);
}

static void fresh_socket(struct world *w, struct world_node *n)
{
	n->want_sockets++;
	if (n->deaf_to_wants)
		return;
	if (n->sockets < PATHSET_UPLINKS)
		n->sockets++;
	n->port[n->sockets - 1] = (uint16_t)(20000 + prng_below(&w->prng, 12000));
	tell_local(w, n);
}

/* classify() - what natcheck would find: fresh sockets ask a server, in order */
static struct allocator classify(struct world *w, struct world_node *n)
{
	struct allocator_sample s[ALLOCATOR_SAMPLES];

	for (unsigned i = 0; i < ALLOCATOR_SAMPLES; i++) {
		s[i].local = (uint16_t)(40000 + i);
		s[i].mapped.ip = n->inside;
		s[i].mapped.port = s[i].local;
		leave(w, n, &s[i].mapped, server());
	}
	return allocator_infer(s, ALLOCATOR_SAMPLES);
}

static void open_fan(struct world *w, struct world_node *n, unsigned count)
{
	assert(count <= WORLD_FAN);
	memset(n->fan_port, 0, sizeof(n->fan_port));
	n->fan_life++;
	for (unsigned i = 0; i < count; i++)
		n->fan_port[i] = (uint16_t)(32768 + prng_below(&w->prng, 28000));
	if (count)
		pathset_fan_ready(n->ps, count, w->now);
}

static void adopt_fan(struct world *w, struct world_node *n, unsigned fan)
{
	bool v6[PATHSET_SOCKETS_MAX] = { false };
	unsigned slot = PATHSET_ADOPTED + n->adopted;

	assert(slot < PATHSET_SOCKETS_MAX && n->fan_port[fan]);
	n->port[slot] = n->fan_port[fan];
	n->fan_port[fan] = 0;
	n->adopted++;
	pathset_set_sockets(n->ps, v6, socket_count(n), w->now);
	pathset_fan_adopted(n->ps, (int)slot, w->now);
}

static struct nat_profile profile_of(const struct world_setup *s, unsigned i)
{
	struct nat_profile p = { .known = s->known };

	if (!s->known)
		return p;
	p.mapping_varies = !s->open[i] && s->mapping[i] != NAT_KIND_INDEPENDENT;
	p.filter_independent = s->open[i] ||
			       s->filtering[i] == NAT_KIND_INDEPENDENT;
	p.opener_needed = s->accepts[i] && !p.filter_independent;
	return p;
}

/* make_engine() - keys by index; a later life has a greater counter */
static struct pathset *make_engine(unsigned i, uint64_t counter, uint64_t seed)
{
	struct key_private k[2];
	struct key_public pub[2];
	struct pathset_params p = { .self_private = &k[i] };

	memset(k, 1, sizeof(k));
	k[1].b[5] = 2;
	key_public_of(&k[0], &pub[0]);
	key_public_of(&k[1], &pub[1]);
	p.self = pub[i];
	p.peer = pub[!i];
	p.box_counter = counter;
	p.seed = seed;
	return pathset_new(&p);
}

static void make_node(struct world *w, const struct world_setup *s, unsigned i)
{
	struct world_node *n = &w->node[i];
	struct ipaddr external = ipaddr_v4(i ? 0xCB007102 : 0xC0000201);
	struct natbox_rules rules = { .accepts = s->accepts[i], .external = external,
				      .ports = s->ports[i], .foreign = s->foreign };

	n->ps = make_engine(i, 1, s->seed * 2 + i);
	assert(n->ps);
	n->inside = s->open[i] ? external : ipaddr_v4(0x0A000002 + i * 0x010000);
	natbox_init(&n->nat, s->mapping[i], s->filtering[i], &rules, s->seed ^ i);
	n->nat.present = !s->open[i];
	n->port[0] = (uint16_t)(MAIN_PORT + i);
	n->sockets = 1;
	n->deaf_to_wants = s->deaf;
	n->nat.counted = w->now;
	n->profile = profile_of(s, i);
	if (n->profile.mapping_varies)
		n->profile.allocator = classify(w, n);
}

struct world *world_new(const struct world_setup *s)
{
	struct world *w = calloc(1, sizeof(*w));

	assert(w);
	w->event = calloc(WORLD_EVENTS, sizeof(*w->event));
	assert(w->event);
	w->now = SEC(1000);
	w->prng.state = s->seed;
	w->hops = s->hops;
	w->direct = s->direct;
	w->relay = s->relay;
	w->data_due = NSEC_NEVER;
	w->lazy = s->lazy;
	w->attest = s->attest;
	make_node(w, s, 0);
	make_node(w, s, 1);
	return w;
}

void world_free(struct world *w)
{
	pathset_free(w->node[0].ps);
	pathset_free(w->node[1].ps);
	free(w->event);
	free(w);
}

static struct world_event *add_event(struct world *w, nsec_t at, unsigned to,
				     const void *m, size_t n)
{
	struct world_event *e;

	assert(w->events < WORLD_EVENTS && n <= WORLD_MESSAGE);
	e = &w->event[w->events++];
	memset(e, 0, offsetof(struct world_event, m));
	e->at = at;
	e->order = w->order++;
	e->to = to;
	e->n = n;
	memcpy(e->m, m, n);
	return e;
}

/* is_peer() - may any packet at all go there? Only to what the other node is */
static bool is_peer(const struct world *w, unsigned from, const struct endpoint *to)
{
	const struct world_node *peer = &w->node[!from];

	return natbox_owns(&peer->nat, &to->ip) ||
	       ipaddr_eq(&to->ip, &peer->inside);
}

static void send_from(struct world *w, unsigned from, uint16_t port,
		      const struct endpoint *to, unsigned ttl, bool data,
		      const void *m, size_t n)
{
	struct world_node *a = &w->node[from], *b = &w->node[!from];
	struct endpoint src = { a->inside, port, 0 };
	struct world_event *e;
	nsec_t at;

	assert(port);
	a->sent_direct++;
	if (!is_peer(w, from, to))
		a->forbidden++;
	if (ttl == 0)
		ttl = TTL_DEFAULT;
	if (a->nat.present && ttl < 2)
		return;
	ttl -= a->nat.present;
	leave(w, a, &src, to);
	if (w->block[from] || ttl <= w->hops || !natbox_owns(&b->nat, &to->ip))
		return;
	at = link_pass(&w->direct, &w->prng, w->now);
	if (at == NSEC_NEVER)
		return;
	e = add_event(w, at, !from, m, n);
	e->data = data;
	e->from = src;
	e->dest = *to;
	e->dies = b->nat.present && ttl - w->hops == 1;
}

static void send_direct(struct world *w, unsigned from, unsigned socket,
			const struct endpoint *to, unsigned ttl, bool data,
			const void *m, size_t n)
{
	send_from(w, from, w->node[from].port[socket], to, ttl, data, m, n);
}

/* send_fan() - from a throw-away socket; a probe (normal TTL) has its pace */
static void send_fan(struct world *w, unsigned from, const struct pathset_action *a)
{
	struct world_node *n = &w->node[from];

	n->fan_sent++;
	if (a->ttl == 0) {
		assert(nsec_since(n->probed, w->now) >= MSEC(10));
		n->probed = w->now;
		n->probes++;
	}
	send_from(w, from, n->fan_port[a->socket], &a->to, a->ttl, false,
		  a->message, a->n);
}

/* ask_stun() - there and back, over a path like the relay's */
static void ask_stun(struct world *w, unsigned from, unsigned fan)
{
	struct world_node *n = &w->node[from];
	struct endpoint src = { n->inside, n->fan_port[fan], 0 };
	nsec_t at = link_pass(&w->relay, &w->prng, w->now);
	struct world_event *e;

	leave(w, n, &src, server());
	if (at == NSEC_NEVER)
		return;
	e = add_event(w, at, from, "", 0);
	e->stun = true;
	e->from = src;
	e->fan = fan;
	e->fan_life = n->fan_life;
}

static void send_relay(struct world *w, unsigned from, bool data, const void *m,
		       size_t n)
{
	nsec_t at = link_pass(&w->relay, &w->prng, w->now);
	struct world_event *e;

	if (at == NSEC_NEVER)
		return;
	e = add_event(w, at, !from, m, n);
	e->data = data;
	e->relayed = true;
}

static void note_use(struct world *w, struct world_node *n,
		     const struct pathset_use *u)
{
	n->uses++;
	if (u->best.kind == PATH_DIRECT && !n->direct_at)
		n->direct_at = w->now;
	if (n->direct_at && !n->relay_at &&
	    (u->best.kind == PATH_RELAY || u->also.kind == PATH_RELAY))
		n->relay_at = w->now;
	n->use = *u;
}

/* act() - what the daemon would do; false: idle */
static bool act(struct world *w, unsigned i)
{
	struct world_node *n = &w->node[i];
	struct pathset_action a;

	pathset_poll(n->ps, &a, EPOCH, w->now);
	switch (a.kind) {
	case PATHSET_IDLE:
		assert(pathset_next_expiry(n->ps) > w->now);
		return false;
	case PATHSET_SEND_DIRECT:
		send_direct(w, i, a.socket, &a.to, a.ttl, false, a.message, a.n);
		return true;
	case PATHSET_SEND_RELAY:
		send_relay(w, i, false, a.message, a.n);
		return true;
	case PATHSET_USE:
		note_use(w, n, &a.use);
		return true;
	case PATHSET_WANT_STUN:
		tell_local(w, n);
		return true;
	case PATHSET_WANT_SOCKETS:
		fresh_socket(w, n);
		return true;
	case PATHSET_REHANDSHAKE:
		n->rehandshakes++;
		return true;
	case PATHSET_WANT_FAN:
		open_fan(w, n, a.count);
		return true;
	case PATHSET_SEND_FAN:
		send_fan(w, i, &a);
		return true;
	case PATHSET_FAN_STUN:
		ask_stun(w, i, a.socket);
		return true;
	case PATHSET_ADOPT_FAN:
		adopt_fan(w, n, a.socket);
		return true;
	case PATHSET_DIAL:
	case PATHSET_CROSS_ASK:
	case PATHSET_CROSS: /* there is no TCP here: tests/unit does that */
		pathset_dial_failed(n->ps, "no TCP", w->now);
		return true;
	}
	return false;
}

static void poll_all(struct world *w)
{
	for (unsigned i = 0; i < 2; i++)
		for (unsigned k = 0; act(w, i); k++)
			assert(k < POLLS_MAX);
}

static int socket_of(const struct world_node *n, const struct endpoint *at)
{
	for (unsigned i = 0; i < PATHSET_SOCKETS_MAX; i++)
		if (ipaddr_eq(&n->inside, &at->ip) && n->port[i] == at->port)
			return (int)i;
	return -1;
}

static int fan_of(const struct world_node *n, const struct endpoint *at)
{
	for (unsigned i = 0; i < WORLD_FAN; i++)
		if (ipaddr_eq(&n->inside, &at->ip) && n->fan_port[i] == at->port)
			return (int)i;
	return -1;
}

static void got_data(struct world *w, struct world_node *n,
		     const struct pathset_source *src)
{
	n->data_in++;
	if (n->lazy) {
		n->lazy = false;
		n->data = true;
	}
	n->data_seen = w->now;
	pathset_traffic(n->ps, w->now);
	if (!src->relayed)
		pathset_heard(n->ps, src->socket, &src->from, w->now);
}

static void deliver(struct world *w, struct world_event *e)
{
	struct world_node *n = &w->node[e->to];
	struct pathset_source src = { .relayed = e->relayed, .from = e->from };
	struct natbox_packet p = { .from = e->from, .to = e->dest };
	int socket;

	if (e->stun) {
		if (e->fan_life == n->fan_life && n->fan_port[e->fan])
			pathset_fan_mapped(n->ps, e->fan, &e->from, w->now);
		return;
	}
	if (!e->relayed) {
		if (natbox_in(&n->nat, &p, w->now) != NATBOX_PASS || e->dies)
			return;
		socket = socket_of(n, &p.to);
		src.fan = socket < 0;
		if (src.fan)
			socket = fan_of(n, &p.to);
		if (socket < 0)
			return;
		src.socket = (unsigned)socket;
	}
	if (e->data)
		got_data(w, n, &src);
	else
		(void)!pathset_input(n->ps, &src, e->m, e->n, EPOCH, w->now);
}

static void send_data(struct world *w, unsigned i)
{
	struct world_node *n = &w->node[i];
	const struct path_choice *c[2] = { &n->use.best, &n->use.also };

	n->data_out++;
	pathset_traffic(n->ps, w->now);
	if (nsec_since(n->data_seen, w->now) > MSEC(200))
		pathset_silent(n->ps, n->data_seen, w->now);
	for (unsigned k = 0; k < 2; k++) {
		if (c[k]->kind == PATH_DIRECT)
			send_direct(w, i, c[k]->socket, &c[k]->to, 0, true, "", 1);
		if (c[k]->kind == PATH_RELAY)
			send_relay(w, i, true, "", 1);
	}
}

static void tick_data(struct world *w)
{
	if (w->data_due > w->now)
		return;
	w->data_due = w->now + DATA_GAP;
	for (unsigned i = 0; i < 2; i++)
		if (w->node[i].data)
			send_data(w, i);
}

static int first_event(const struct world *w)
{
	int first = -1;

	for (unsigned i = 0; i < w->events; i++) {
		const struct world_event *a = &w->event[i];
		const struct world_event *b;

		if (first < 0) {
			first = (int)i;
			continue;
		}
		b = &w->event[first];
		if (a->at < b->at ||
		    (a->at == b->at && a->order < b->order))
			first = (int)i;
	}
	return first;
}

/* step() - to the next instant at which something happens, at most until */
static void step(struct world *w, nsec_t until)
{
	int i = first_event(w);
	nsec_t t = nsec_min(until, w->data_due);

	if (i >= 0)
		t = nsec_min(t, w->event[i].at);
	for (int k = 0; k < 2; k++)
		t = nsec_min(t, pathset_next_expiry(w->node[k].ps));
	w->now = nsec_max(w->now, t);
	if (i >= 0 && w->event[i].at <= w->now) {
		struct world_event e = w->event[i];

		w->event[i] = w->event[--w->events];
		deliver(w, &e);
	}
	tick_data(w);
	poll_all(w);
}

void world_run(struct world *w, nsec_t until)
{
	while (w->now < until)
		step(w, until);
}

bool world_direct(const struct world *w)
{
	return w->node[0].use.best.kind == PATH_DIRECT &&
	       w->node[1].use.best.kind == PATH_DIRECT;
}

bool world_run_direct(struct world *w, nsec_t until)
{
	while (w->now < until && !world_direct(w))
		step(w, until);
	return world_direct(w);
}

void world_relay(struct world *w, bool usable)
{
	w->relay.down = !usable;
	for (unsigned i = 0; i < 2; i++)
		pathset_set_relay(w->node[i].ps, 0, usable, 0, w->now);
	poll_all(w);
}

static void start_node(struct world *w, struct world_node *n)
{
	tell_local(w, n);
	pathset_set_relay(n->ps, 0, true, 0, w->now);
	n->data = true;
	n->data_seen = w->now;
}

void world_restart(struct world *w, unsigned i)
{
	struct world_node *n = &w->node[i];

	pathset_free(n->ps);
	n->ps = make_engine(i, w->now, prng_u64(&w->prng));
	assert(n->ps);
	n->generation = 0;
	n->sockets = 1;
	n->adopted = 0;
	open_fan(w, n, 0);
	memset(&n->use, 0, sizeof(n->use));
	start_node(w, n);
	poll_all(w);
}

void world_stun(struct world *w)
{
	w->no_stun = false;
	for (unsigned i = 0; i < 2; i++)
		tell_local(w, &w->node[i]);
	poll_all(w);
}

void world_start(struct world *w)
{
	start_node(w, &w->node[0]);
	start_node(w, &w->node[1]);
	if (w->lazy) {
		w->node[1].data = false;
		w->node[1].lazy = true;
	}
	poll_all(w);
	w->data_due = w->now;
	tick_data(w);
	poll_all(w);
}
