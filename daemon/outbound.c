/* SPDX-License-Identifier: MIT
 *
 * outbound.c - a packet's way from the TUN device to a peer
 *
 * 1. device_read() gives one packet or one TSO/USO super-packet of a flow
 * 2. ip_parse() finds its destination, the trie its peer
 * 3. flows_outbound() notes what we begin, so that answers pass the access rules
 *    offload_split() cuts it into the arena, room left for headers and tags
 * 4. session_seal() seals runs of the same session side by side
 * 5. udp_send() sends each run as one train, behind a relay header if need be
 * A peer without a session gets its packets staged with the control thread.
 */
#include "daemon/worker.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "daemon/parcel.h"
#include "tun/ip.h"

enum {
	TRAINS_MAX = 64, /* of one system call */
};

/* One TUN read, cut and waiting to be sealed and sent. */
struct run {
	struct fwd_peer *peer;
	struct session *session;
	const struct egress_pair *egress;
	uint8_t *out; /* first train octet */
	size_t stride; /* octets of each datagram but the last */
	size_t last; /* octets of the last datagram, after sealing */
	size_t length; /* octets of each inner packet but the last */
	size_t inner; /* octets of inner packets together */
	unsigned count;
	uint8_t tos;
	bool lost; /* not sealed: not sent */
};

struct turn {
	struct run runs[WORKER_RUNS];
	unsigned count;
	struct session_out jobs[AEAD_JOBS_MAX];
	struct {
		struct run *run;
		unsigned segment;
	} origin[AEAD_JOBS_MAX];
	unsigned job_count;
	size_t used; /* octets of the arena */
};

static struct fwd_peer *find_peer(struct worker *w, const struct ip_header *ip)
{
	struct trie *t =
		atomic_load_explicit(&w->fwd->routes, memory_order_acquire);
	uint32_t slot = ip->v6 ? trie_find6(t, ip->destination) :
				 trie_find4(t, ip->destination);
	struct fwd_slot *s;

	if (slot == TRIE_NONE)
		return NULL;
	s = fwd_slot_at(w->fwd, slot);
	return s ? atomic_load_explicit(&s->peer, memory_order_acquire) : NULL;
}

/* is_underlay() - did one of our own sockets send it? A route behind a peer may hold a
 * candidate of that very peer: its datagrams must not go into its tunnel. */
static bool is_underlay(struct worker *w, const uint8_t *p, const struct ip_header *ip)
{
	size_t head = ip->v6 ? 40 : (p[0] & 15u) * 4u;
	uint16_t port;

	if (ip->protocol != IPPROTO_UDP || ip->length < head + 8)
		return false;
	port = (uint16_t)(p[head] << 8 | p[head + 1]);
	for (unsigned i = 0; i < WORKER_PORTS_MAX; i++)
		if (atomic_load_explicit(&w->ports[i].open, memory_order_acquire) &&
		    w->ports[i].udp[0].port == port)
			return true;
	return false;
}

static void note_traffic(struct worker *w, struct fwd_peer *p)
{
	atomic_store_explicit(&p->last_tx, w->now, memory_order_relaxed);
	if (atomic_load_explicit(&p->active, memory_order_relaxed))
		return;
	atomic_store_explicit(&p->active, true, memory_order_relaxed);
	worker_wake(w, p, FWD_WAKE_ACTIVE);
}

/* stage() - hand a read's packets to the control thread, which waits for a session */
static void stage(struct worker *w, const struct turn *t, struct fwd_peer *p,
		  size_t n)
{
	/* behind the runs of this turn, which are not sealed yet */
	struct offload_layout layout = { .out = w->arena + t->used,
					 .room = WORKER_ARENA - t->used };
	struct offload_cut cut;
	enum drop d;

	d = offload_plan(w->read_buffer, n, 1, w->mtu, &layout, &cut);
	if (d == DROP_NONE)
		d = offload_split(w->read_buffer, n, &layout, &cut);
	if (d != DROP_NONE) {
		drop_count(&w->drops, d);
		return;
	}
	for (unsigned i = 0; i < cut.count; i++) {
		size_t length = i + 1 < cut.count ? cut.length : cut.last_length;
		struct note *note = NULL;

		if (length <= WORKER_NOTE_DATA)
			note = worker_note(w, NOTE_STAGE);
		if (!note) {
			drop_count(&w->drops, DROP_NO_SESSION);
			continue;
		}
		note->slot = p->slot;
		note->number = p->number;
		note->n = (uint16_t)length;
		memcpy(note->data, layout.out + i * cut.stride, length);
		worker_note_done(w);
	}
}

/* cut() - a read into the arena as the next run */
static void cut(struct worker *w, struct turn *t, struct fwd_peer *p,
		struct session *s, const struct egress_pair *e,
		const struct ip_header *ip, size_t n)
{
	struct run *r = &t->runs[t->count];
	struct offload_layout layout = {
		.out = w->arena + t->used,
		.room = WORKER_ARENA - t->used,
		.headroom = e->best.header_n + sizeof(struct message_data),
		.tailroom = AEAD_TAG_OCTETS,
	};
	struct offload_cut c;
	enum drop d = offload_plan(w->read_buffer, n, MESSAGE_PADDING, w->mtu,
				   &layout, &c);

	if (d == DROP_NONE)
		d = offload_split(w->read_buffer, n, &layout, &c);
	if (d != DROP_NONE) {
		drop_count(&w->drops, d);
		return;
	}
	*r = (struct run){ .peer = p, .session = s, .egress = e,
			   .out = layout.out, .stride = c.stride,
			   .count = c.count, .last = c.last_length,
			   .length = c.length, .tos = ip->tos & 3 };
	r->inner = (c.count - 1) * c.length + c.last_length;
	t->used += (c.count - 1) * c.stride + layout.headroom +
		   c.last_length + MESSAGE_PADDING + AEAD_TAG_OCTETS;
	t->count++;
}

static void take_read(struct worker *w, struct turn *t, size_t n)
{
	const size_t vnet = DEVICE_VNET_OCTETS;
	const struct egress_pair *e;
	struct ip_header ip;
	struct fwd_peer *p;
	struct session *s;

	if (n < vnet || !ip_parse(w->read_buffer + vnet, n - vnet, &ip)) {
		drop_count(&w->drops, DROP_INNER_MALFORMED);
		return;
	}
	p = find_peer(w, &ip);
	if (!p) {
		drop_count(&w->drops, DROP_NO_ROUTE);
		return;
	}
	if (is_underlay(w, w->read_buffer + vnet, &ip)) {
		drop_count(&w->drops, DROP_UNDERLAY_LOOP);
		return;
	}
	note_traffic(w, p);
	flows_outbound(&w->fwd->flows, w->read_buffer + vnet, ip.length, w->now);
	lanes_sent(&w->lanes, w->read_buffer + vnet, n - vnet, w->now);
	s = atomic_load_explicit(&p->send, memory_order_acquire);
	e = atomic_load_explicit(&p->egress, memory_order_acquire);
	if (s && e && e->best.usable)
		cut(w, t, p, s, e, &ip, n);
	else
		stage(w, t, p, n);
}

/* seal_jobs() - all pending jobs are of one session; note each run's last length */
static void seal_jobs(struct worker *w, struct turn *t)
{
	unsigned n = t->job_count, wake = 0;
	struct run *first;
	enum drop d;

	if (!n)
		return;
	t->job_count = 0;
	first = t->origin[0].run;
	d = session_seal(first->session, w->aead, t->jobs, n, w->mtu, w->now,
			 &wake);
	if (wake)
		worker_wake(w, first->peer, wake);
	for (unsigned i = 0; i < n; i++) {
		struct run *r = t->origin[i].run;

		if (d != DROP_NONE) {
			drop_count(&w->drops, d);
			r->lost = true;
		} else if (t->origin[i].segment == r->count - 1) {
			r->last = r->egress->best.header_n + t->jobs[i].n;
		}
	}
}

static void seal(struct worker *w, struct turn *t)
{
	struct session *session = NULL;

	for (unsigned i = 0; i < t->count; i++) {
		struct run *r = &t->runs[i];
		size_t header = r->egress->best.header_n;

		if (r->session != session)
			seal_jobs(w, t);
		session = r->session;
		for (unsigned k = 0; k < r->count; k++) {
			if (t->job_count == AEAD_JOBS_MAX)
				seal_jobs(w, t);
			t->origin[t->job_count].run = r;
			t->origin[t->job_count].segment = k;
			t->jobs[t->job_count++] = (struct session_out){
				.data = r->out + k * r->stride + header,
				.inner = k + 1 < r->count ? r->length : r->last,
			};
		}
	}
	seal_jobs(w, t);
}

static void write_headers(const struct run *r)
{
	const struct egress *e = &r->egress->best;

	if (!e->header_n)
		return;
	for (unsigned k = 0; k < r->count; k++)
		memcpy(r->out + k * r->stride, e->header, e->header_n);
}

/* Trains of one turn on their way to one port. */
struct departure {
	struct udp_out trains[TRAINS_MAX];
	unsigned count;
	unsigned port;
	unsigned segments; /* of the last train */
	const struct run *last; /* the run it is made of */
};

/* can_join() - may run b follow run a within one train? */
static bool can_join(const struct run *a, const struct run *b,
		     const struct udp_out *train, unsigned segments)
{
	size_t segment = train->segment ? train->segment : train->n;

	return a->egress == b->egress && a->tos == b->tos && a->count == 1 &&
	       b->count == 1 && train->n == segments * segment &&
	       b->last <= segment && segments < UDP_SEGMENTS_MAX &&
	       train->n + b->last <= UDP_TRAIN_SEND;
}

/* send_trains() - trains of one port, in order */
static void send_trains(struct worker *w, unsigned port,
			const struct udp_out *trains, unsigned count)
{
	uint64_t lost;

	if (port >= WORKER_STREAM_PORT) {
		parcel_send(w, port, trains, count);
		return;
	}
	lost = udp_send_all(worker_udp(w, port), trains, count);
	if (lost)
		drop_count_n(&w->drops, DROP_UDP_SEND, lost);
}

/* send_also() - double a run onto the second path while the first is suspect */
static void send_also(struct worker *w, const struct run *r)
{
	const struct egress *e = &r->egress->also;
	size_t skip = r->egress->best.header_n;
	uint8_t copy[2048];

	for (unsigned k = 0; k < r->count; k++) {
		const uint8_t *message = r->out + k * r->stride + skip;
		size_t n = (k + 1 < r->count ? r->stride : r->last) - skip;
		struct udp_out o = { .to = e->to, .data = copy,
				     .n = e->header_n + n, .tos = r->tos };

		if (o.n > sizeof(copy) ||
		    atomic_fetch_sub(&r->peer->also_budget, 1) <= 0)
			return;
		memcpy(copy, e->header, e->header_n);
		memcpy(copy + e->header_n, message, n);
		send_trains(w, e->port, &o, 1);
	}
}

static void account(const struct run *r)
{
	atomic_fetch_add_explicit(&r->peer->tx_octets, r->inner,
				  memory_order_relaxed);
	atomic_fetch_add_explicit(&r->peer->tx_packets, r->count,
				  memory_order_relaxed);
}

/* compact() - move run b's only datagram right behind the train, so they are one */
static void compact(struct udp_out *train, const struct run *b)
{
	uint8_t *end = (uint8_t *)(uintptr_t)train->data + train->n;

	if (!train->segment)
		train->segment = train->n;
	memmove(end, b->out, b->last);
	train->n += b->last;
}

static void depart(struct worker *w, struct departure *d)
{
	if (d->count)
		send_trains(w, d->port, d->trains, d->count);
	d->count = 0;
}

/* add_trains() - a run as trains that the kernel takes: 64 datagrams, 65,000 octets */
static void add_trains(struct worker *w, struct departure *d, const struct run *r)
{
	unsigned most = (unsigned)(UDP_TRAIN_SEND / r->stride);

	if (most > UDP_SEGMENTS_MAX)
		most = UDP_SEGMENTS_MAX;
	for (unsigned k = 0; k < r->count; k += most) {
		unsigned left = r->count - k;
		unsigned n = left < most ? left : most;
		size_t last = left <= most ? r->last : r->stride;

		if (d->count == TRAINS_MAX)
			depart(w, d);
		d->trains[d->count++] = (struct udp_out){
			.to = r->egress->best.to,
			.data = r->out + k * r->stride,
			.n = (n - 1) * r->stride + last,
			.segment = n > 1 ? r->stride : 0,
			.tos = r->tos,
		};
		d->segments = n;
	}
	d->last = r;
}

static void send_run(struct worker *w, struct departure *d, const struct run *r)
{
	struct udp_out *train;

	write_headers(r);
	account(r);
	if (r->egress->also.usable)
		send_also(w, r);
	if (d->count && r->egress->best.port != d->port)
		depart(w, d);
	d->port = r->egress->best.port;
	train = d->count ? &d->trains[d->count - 1] : NULL;
	if (!train || !can_join(d->last, r, train, d->segments)) {
		add_trains(w, d, r);
		return;
	}
	compact(train, r);
	d->segments++;
}

static void send_all(struct worker *w, struct turn *t)
{
	struct departure d;

	d.count = 0;
	for (unsigned i = 0; i < t->count; i++)
		if (!t->runs[i].lost)
			send_run(w, &d, &t->runs[i]);
	depart(w, &d);
}

bool outbound_turn(struct worker *w, unsigned lane)
{
	struct turn t;
	int n = 0;

	t.count = t.job_count = 0;
	t.used = 0;
	for (unsigned reads = 0; reads < WORKER_RUNS; reads++) {
		if (WORKER_ARENA - t.used < 96 * 1024)
			break;
		n = device_read(w->device, w->queue + lane, w->read_buffer,
				DEVICE_READ_MAX);
		if (n <= 0)
			break;
		take_read(w, &t, (size_t)n);
	}
	seal(w, &t);
	send_all(w, &t);
	return n > 0;
}
