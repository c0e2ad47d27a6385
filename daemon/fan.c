/* SPDX-License-Identifier: MIT
 *
 * fan.c - throw-away sockets on the control thread's loop
 */
#include "daemon/fan.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/discovery.h"
#include "daemon/ikeport.h"
#include "daemon/notes.h"
#include "daemon/peer.h"
#include "traversal/budget.h"
#include "traversal/stun.h"

enum {
	FILLER = 72, /* octets: a request is no shorter than its answer */
	READS = 8, /* datagrams of one socket in one turn */
};

struct fan_socket {
	struct loop_watch watch;
	struct udp udp;
	struct fan *fan;
	bool open;
	bool main; /* stands for the main IPv4 socket: what answers comes in there */
	struct stun_txid txid; /* of the last request */
};

struct fan {
	struct node *node;
	struct peer *owner; /* of the sockets; NULL: nobody */
	struct fan_socket sockets[FAN_MAX];
	struct fan_socket samples[ALLOCATOR_SAMPLES + 1];
	struct rate grants;
	uint8_t train[UDP_TRAIN_MAX];
};

struct fan *fan_new(struct node *n)
{
	struct fan *f = calloc(1, sizeof(*f));

	if (f)
		f->node = n;
	return f;
}

static void close_one(struct fan_socket *s)
{
	s->main = false;
	if (!s->open)
		return;
	loop_watch_del(&s->watch);
	udp_close(&s->udp);
	s->open = false;
}

static void close_fan(struct fan *f)
{
	for (unsigned i = 0; i < FAN_MAX; i++)
		close_one(&f->sockets[i]);
	f->owner = NULL;
}

void fan_samples_close(struct fan *f)
{
	for (unsigned i = 0; i <= ALLOCATOR_SAMPLES; i++)
		close_one(&f->samples[i]);
}

void fan_free(struct fan *f)
{
	if (!f)
		return;
	close_fan(f);
	fan_samples_close(f);
	free(f);
}

void fan_forget(struct fan *f, const struct peer *p)
{
	if (f && f->owner == p)
		close_fan(f);
}

/* ---- what comes in ---- */

static bool is_sample(const struct fan_socket *s)
{
	return s >= s->fan->samples && s <= s->fan->samples + ALLOCATOR_SAMPLES;
}

/* take_stun() - the answer to fan_stun(), or to a sample of the classification */
static enum drop take_stun(struct fan_socket *s, uint8_t *m, size_t octets,
			   const struct pathset_source *src, nsec_t now)
{
	struct fan *f = s->fan;
	struct stun_message got;
	struct peer *p = f->owner;
	enum drop d;

	if (is_sample(s))
		return discovery_stun(f->node, m, octets,
				      &(struct pathset_source){ .from = src->from },
				      now);
	d = stun_parse(m, octets, &got);
	if (d != DROP_NONE)
		return d;
	if (!p || got.class != STUN_SUCCESS || endpoint_is_zero(&got.mapped) ||
	    memcmp(got.txid.b, s->txid.b, STUN_TXID_OCTETS) != 0)
		return DROP_STUN_UNEXPECTED;
	pathset_fan_mapped(p->paths, src->socket, &got.mapped, now);
	peer_run(f->node, p, now);
	return DROP_NONE;
}

static void take(struct fan_socket *s, uint8_t *m, size_t octets,
		 const struct endpoint *from, nsec_t now)
{
	struct node *n = s->fan->node;
	struct pathset_source src = { .fan = true, .from = *from };
	enum drop d = DROP_UNKNOWN_TYPE;

	src.socket = is_sample(s) ? 0 : (unsigned)(s - s->fan->sockets);
	if (octets >= 4 && stun_is(m, octets))
		d = take_stun(s, m, octets, &src, now);
	else if (!is_sample(s) && box_is(m, octets)) {
		notes_message(n, m, octets, &src, now);
		d = DROP_NONE;
	}
	if (d != DROP_NONE)
		drop_count(&n->drops, d);
}

/* on_ready() - one train at a time: taking it may close or adopt the socket */
static void on_ready(struct loop_watch *w, nsec_t now)
{
	struct fan_socket *s = container_of(w, struct fan_socket, watch);
	struct udp_in in = { .data = s->fan->train, .room = UDP_TRAIN_MAX };

	for (unsigned i = 0; s->open && i < READS; i++) {
		if (udp_recv(&s->udp, &in, 1) != 1)
			break;
		for (size_t at = 0; at < in.n && s->open; at += in.segment) {
			size_t left = in.n - at;

			take(s, in.data + at,
			     left < in.segment ? left : in.segment, &in.from,
			     now);
		}
	}
	node_schedule(s->fan->node);
}

static bool open_one(struct fan *f, struct fan_socket *s)
{
	struct udp_params p = { .gro = true, .mark = f->node->conf.mark,
				.nat64 = nat64_here() };

	s->fan = f;
	if (udp_open(&s->udp, &p) < 0)
		return false;
	if (loop_watch_add(&f->node->loop, &s->watch, s->udp.fd, on_ready) < 0) {
		udp_close(&s->udp);
		return false;
	}
	s->open = true;
	return true;
}

/* ---- what goes out ---- */

static void send_one(struct fan *f, struct fan_socket *s, const struct endpoint *to,
		     uint8_t ttl, const void *m, size_t octets)
{
	struct udp_out o = { .to = *to, .data = m, .n = octets, .ttl = ttl };
	unsigned sent;

	if (s->main)
		node_send(f->node, 0, to, ttl, m, octets);
	else if (!s->open || udp_send(&s->udp, &o, 1, &sent) < 0)
		drop_count(&f->node->drops, DROP_UDP_SEND);
}

void fan_sample(struct fan *f, unsigned sample, const struct endpoint *to,
		const void *m, size_t octets)
{
	struct fan_socket *s = &f->samples[sample];

	if (!s->open && !open_one(f, s))
		return;
	natcheck_set_sample(f->node->check[0], sample, s->udp.port);
	send_one(f, s, to, 0, m, octets);
}

/* grant() - one peer at a time, and not too often */
static bool grant(struct fan *f, struct peer *p, nsec_t now)
{
	if (f->node->conf.port_scan == 0 || (f->owner && f->owner != p))
		return false;
	return rate_take(&f->grants, FAN_GRANTS, SEC(3600), now);
}

void fan_want(struct fan *f, struct peer *p, unsigned count, nsec_t now)
{
	unsigned made = 0;

	fan_forget(f, p);
	if (count == 0)
		return;
	if (count > FAN_MAX)
		count = FAN_MAX;
	if (!grant(f, p, now))
		made = 0;
	else if (count == 1 && ikeport_in_use(f->node)) /* any other is a hard one */
		f->sockets[made++].main = true;
	else
		while (made < count && open_one(f, &f->sockets[made]))
			made++;
	if (made)
		f->owner = p;
	log_debug("peer %s: %u of %u throw-away sockets", p->name, made, count);
	pathset_fan_ready(p->paths, made, now);
}

void fan_send(struct fan *f, const struct peer *p, unsigned socket,
	      const struct endpoint *to, uint8_t ttl, const void *m, size_t octets)
{
	if (f->owner == p && socket < FAN_MAX)
		send_one(f, &f->sockets[socket], to, ttl, m, octets);
}

/* server_of() - an IPv4 STUN server that answered the last check */
static bool server_of(struct node *n, struct endpoint *out)
{
	const struct natcheck_report *r = natcheck_last(n->check[0]);

	for (unsigned i = 0; i < r->server_count; i++)
		if (r->servers[i].rtt && ipaddr_is_v4(&r->servers[i].server.ip)) {
			*out = r->servers[i].server;
			return true;
		}
	return false;
}

/* main_mapped() - what the last check saw */
static void main_mapped(struct fan *f, const struct peer *p, unsigned socket, nsec_t now)
{
	const struct natcheck_report *r = natcheck_last(f->node->check[0]);

	if (r->reflexive.port)
		pathset_fan_mapped(p->paths, socket, &r->reflexive, now);
}

void fan_stun(struct fan *f, const struct peer *p, unsigned socket, nsec_t now)
{
	struct stun_message m = { .class = STUN_REQUEST, .filler = FILLER };
	uint8_t buf[STUN_MAX];
	struct endpoint to;

	if (f->owner == p && socket < FAN_MAX && f->sockets[socket].main) {
		main_mapped(f, p, socket, now);
		return;
	}
	if (f->owner != p || socket >= FAN_MAX || !server_of(f->node, &to))
		return;
	rand_bytes(m.txid.b, sizeof(m.txid.b));
	f->sockets[socket].txid = m.txid;
	send_one(f, &f->sockets[socket], &to, 0, buf, stun_write(&m, buf));
}

/* ---- adoption ---- */

static bool uses(const struct path_choice *c, unsigned slot)
{
	return c->kind == PATH_DIRECT && c->socket == slot;
}

/* free_slot() - a port for an adopted socket: closed, or no peer's path; 0: none */
static unsigned free_slot(const struct node *n)
{
	for (unsigned slot = PATHSET_ADOPTED; slot < WORKER_PORTS_MAX; slot++) {
		bool used = false;

		for (unsigned i = 0; i < n->peer_count && !used; i++)
			used = uses(&n->peers[i]->use.best, slot) ||
			       uses(&n->peers[i]->use.also, slot);
		if (!used)
			return slot;
	}
	return 0;
}

void fan_adopt(struct fan *f, struct peer *p, unsigned socket, nsec_t now)
{
	struct node *n = f->node;
	struct fan_socket *s = &f->sockets[socket < FAN_MAX ? socket : 0];
	unsigned slot = free_slot(n);

	if (f->owner != p || !s->open || !slot) {
		pathset_fan_adopted(p->paths, -1, now);
		return;
	}
	loop_watch_del(&s->watch);
	s->open = false;
	if (!discovery_adopt_port(n, slot, &s->udp, now)) {
		udp_close(&s->udp);
		slot = 0;
	}
	log_debug("peer %s: throw-away socket %u kept as port slot %u", p->name,
		  socket, slot);
	pathset_fan_adopted(p->paths, slot ? (int)slot : -1, now);
}
