/* SPDX-License-Identifier: MIT
 *
 * inbound.c - a datagram's way from a socket to the TUN device
 *
 * 1. udp_recv() gives trains; demux by first octets: relay header off, data or not
 * 2. what is not data goes to the control thread
 * 3. the receiver index finds session and peer; session_open() opens runs side by side
 * 4. ip_parse() and two tries: may this peer use this source, and send there?
 * 5. acl_inbound(): does the access policy let it in?
 * 6. offload_merge() joins packets of a flow, device_write() hands them over
 */
#include "daemon/worker.h"

#include <errno.h>
#include <string.h>

#include "daemon/acl.h"
#include "daemon/inside.h"
#include "tun/ecn.h"
#include "tun/ip.h"

#define HEARD_GAP MSEC(50) /* between notes about one peer's other endpoints */

enum {
	BACKLOG_ASKED = 32 * 1024, /* octets of a turn: ask what is left */
};

/* Data messages of one session, waiting to be opened. */
struct pending {
	struct session *session;
	struct fwd_peer *peer;
	struct session_in in[AEAD_JOBS_MAX];
	unsigned count;
	const struct udp_in *train; /* of the newest */
	unsigned port;
	bool relayed;
	bool elsewhere; /* not from the best path's endpoint */
	const uint8_t *owned; /* a source that was looked up and is the peer's */
	bool owned_v6;
	const uint8_t *served; /* a destination that was looked up and is taken */
	bool served_v6;
	uint64_t octets, packets; /* delivered, not accounted yet */
	struct aqm *queue; /* that they waited in; NULL: none of ours */
};

static void flush_merge(struct worker *w)
{
	unsigned n = offload_merge(w->merger, w->merge, w->merge_count,
				   w->writes);

	w->merge_count = 0;
	for (unsigned i = 0; i < n; i++) {
		const struct offload_write *o = &w->writes[i];
		unsigned lane = lanes_choose(&w->lanes, o->iov[1].iov_base,
					     o->iov[1].iov_len, w->now);

		if (device_write(w->device, w->queue + lane, o->iov, o->iovs) < 0)
			drop_count_n(&w->drops, DROP_TUN_WRITE, o->packets);
	}
}

static bool same_address(const uint8_t *a, bool a_v6, const uint8_t *b, bool b_v6)
{
	return a && a_v6 == b_v6 && !memcmp(a, b, a_v6 ? 16 : 4);
}

/* owns_source() - cryptokey routing: the source must be this peer's. Packets of a train
 * mostly have one source: it is looked up once. */
static bool owns_source(struct worker *w, struct pending *b,
			const struct ip_header *ip)
{
	struct trie *t;
	uint32_t slot;

	if (same_address(b->owned, b->owned_v6, ip->source, ip->v6))
		return true;
	t = atomic_load_explicit(&w->fwd->routes, memory_order_acquire);
	slot = ip->v6 ? trie_find6(t, ip->source) : trie_find4(t, ip->source);
	if (slot != b->peer->slot)
		return false;
	b->owned = ip->source;
	b->owned_v6 = ip->v6;
	return true;
}

/* takes_destination() - looked up once a train, as the source */
static bool takes_destination(struct worker *w, struct pending *b,
			      const struct ip_header *ip)
{
	const struct trie *t =
		atomic_load_explicit(&w->fwd->inside, memory_order_acquire);
	uint8_t who = atomic_load_explicit(&b->peer->is, memory_order_relaxed);

	if (same_address(b->served, b->served_v6, ip->destination, ip->v6))
		return true;
	if (!inside_takes(t, who, ip->destination, ip->v6))
		return false;
	b->served = ip->destination;
	b->served_v6 = ip->v6;
	return true;
}

static enum drop check_access(struct worker *w, const struct fwd_peer *p,
			      const uint8_t *inner, size_t n)
{
	const struct acl *a =
		atomic_load_explicit(&w->fwd->acl, memory_order_acquire);

	return a ? acl_inbound(a, &w->fwd->flows, &w->memo, p->slot, inner, n,
			       w->now) : DROP_NONE;
}

/* shorten() - is this packet the one to be taken from a standing queue? A mark on it
 * will do where its ends know marks */
static bool shorten(struct worker *w, const struct pending *b, uint8_t *inner, size_t n)
{
	return b->queue && b->queue->standing && n >= AQM_LARGE &&
	       aqm_wants(b->queue, w->now) && !ecn_decapsulate(inner, ECN_CE);
}

static enum drop deliver(struct worker *w, struct pending *b,
			 const struct session_in *in)
{
	uint8_t *inner = in->data + sizeof(struct message_data);
	struct ip_header ip;
	enum drop d;

	if (!ip_parse(inner, in->inner, &ip))
		return DROP_INNER_MALFORMED;
	if (!owns_source(w, b, &ip))
		return DROP_INNER_SOURCE;
	if (!takes_destination(w, b, &ip))
		return DROP_INNER_DESTINATION;
	d = check_access(w, b->peer, inner, ip.length);
	if (d != DROP_NONE)
		return d;
	if (!ecn_decapsulate(inner, b->train->tos))
		return DROP_INNER_ECN;
	if (shorten(w, b, inner, ip.length))
		return DROP_QUEUE_STANDS;
	if (w->merge_count == OFFLOAD_MERGE_MAX)
		flush_merge(w);
	w->merge[w->merge_count++] =
		(struct offload_packet){ .data = inner, .n = ip.length };
	b->octets += ip.length;
	b->packets++;
	return DROP_NONE;
}

/* account() - once a run: workers share these counters */
static void account(struct pending *b)
{
	if (!b->packets)
		return;
	atomic_fetch_add_explicit(&b->peer->rx_octets, b->octets,
				  memory_order_relaxed);
	atomic_fetch_add_explicit(&b->peer->rx_packets, b->packets,
				  memory_order_relaxed);
}

/* note_elsewhere() - tell the control thread, at most once in HEARD_GAP */
static void note_elsewhere(struct worker *w, const struct pending *b)
{
	nsec_t before = atomic_load_explicit(&b->peer->heard_noted,
					     memory_order_relaxed);
	struct note *n;

	if (before && nsec_since(before, w->now) < HEARD_GAP)
		return;
	n = worker_note(w, NOTE_HEARD);
	if (!n)
		return;
	atomic_store_explicit(&b->peer->heard_noted, w->now,
			      memory_order_relaxed);
	n->slot = b->peer->slot;
	n->number = b->peer->number;
	n->port = (uint8_t)b->port;
	n->from = b->train->from;
	n->relayed = b->relayed;
	worker_note_done(w);
}

static void note_heard(struct worker *w, struct pending *b, bool data)
{
	struct fwd_peer *p = b->peer;

	atomic_store_explicit(&p->last_rx, w->now, memory_order_relaxed);
	if (!b->elsewhere)
		atomic_store_explicit(&p->heard_best, w->now,
				      memory_order_relaxed);
	if (data && !atomic_load_explicit(&p->active, memory_order_relaxed)) {
		atomic_store_explicit(&p->active, true, memory_order_relaxed);
		worker_wake(w, p, FWD_WAKE_ACTIVE);
	}
	if (b->elsewhere)
		note_elsewhere(w, b);
}

static void open_pending(struct worker *w, struct pending *b)
{
	unsigned wake = 0, n = b->count;
	bool data = false;

	if (!n)
		return;
	b->count = 0;
	b->owned = b->served = NULL;
	b->owned_v6 = b->served_v6 = false;
	b->octets = b->packets = 0;
	if (session_open(b->session, w->aead, b->in, n, w->now, &wake)) {
		for (unsigned i = 0; i < n; i++)
			data |= b->in[i].verdict == DROP_NONE && b->in[i].inner;
		note_heard(w, b, data);
	}
	if (wake)
		worker_wake(w, b->peer, wake);
	for (unsigned i = 0; i < n; i++) {
		enum drop d = b->in[i].verdict;

		if (d == DROP_NONE && b->in[i].inner)
			d = deliver(w, b, &b->in[i]);
		if (d != DROP_NONE)
			drop_count(&w->drops, d);
	}
	account(b);
}

/* is_elsewhere() - did it come from another endpoint than the best path's? */
static bool is_elsewhere(const struct fwd_peer *p, const struct endpoint *from,
			 unsigned port)
{
	const struct egress_pair *e =
		atomic_load_explicit(&p->egress, memory_order_acquire);

	return !e || !e->best.usable || e->best.port != port ||
	       !endpoint_eq(&e->best.to, from);
}

/* is_crowded() - the rest of the control ring is for relays' frames, which only a member
 * can have sent, and for the packet path's own notes: a flood by strangers takes the rest */
static bool is_crowded(struct worker *w, const uint8_t *m, size_t n)
{
	return !relay_is(m, n) && ring_room(w->notes) <= WORKER_RING_KEPT;
}

static void to_control(struct worker *w, const struct udp_in *in,
		       const uint8_t *m, size_t n, unsigned port)
{
	struct note *note;

	if (n > WORKER_NOTE_DATA) {
		drop_count(&w->drops, DROP_BAD_LENGTH);
		return;
	}
	if (is_crowded(w, m, n)) {
		drop_count(&w->drops, DROP_CONTROL_RING_FULL);
		return;
	}
	note = worker_note(w, NOTE_DATAGRAM);
	if (!note)
		return;
	note->port = (uint8_t)port;
	note->from = in->from;
	note->to = in->to;
	note->index = in->index;
	note->n = (uint16_t)n;
	memcpy(note->data, m, n);
	worker_note_done(w);
}

static void take_data(struct worker *w, struct pending *b,
		      const struct udp_in *in, uint8_t *m, size_t n,
		      bool relayed, unsigned port)
{
	const struct message_data *head = (const struct message_data *)m;
	struct fwd_peer *peer;
	struct session *s;

	if (n < MESSAGE_DATA_MIN) {
		drop_count(&w->drops, DROP_TOO_SHORT);
		return;
	}
	s = fwd_session_by_index(w->fwd, le32_get(head->receiver), &peer);
	if (!s) {
		drop_count(&w->drops, DROP_UNKNOWN_INDEX);
		return;
	}
	if (b->count && (b->session != s || b->train != in ||
			 b->count == AEAD_JOBS_MAX))
		open_pending(w, b);
	if (!b->count) {
		b->session = s;
		b->peer = peer;
		b->train = in;
		b->port = port;
		b->relayed = relayed;
		b->elsewhere = is_elsewhere(peer, &in->from, port);
	}
	b->in[b->count++] = (struct session_in){ .data = m, .n = n };
}

static bool is_data(const uint8_t *m, size_t n)
{
	return n >= 4 && m[0] == MESSAGE_DATA && !m[1] && !m[2] && !m[3];
}

static void demux(struct worker *w, struct pending *b, const struct udp_in *in,
		  uint8_t *m, size_t n, unsigned port)
{
	size_t header = 0;
	bool relayed = relay_is_data(m, n, &header);

	if (!relayed)
		header = 0;
	if (is_data(m + header, n - header))
		take_data(w, b, in, m + header, n - header, relayed, port);
	else
		to_control(w, in, m, n, port);
}

static void take_train(struct worker *w, struct pending *b,
		       const struct udp_in *in, unsigned port)
{
	if (in->truncated) {
		drop_count(&w->drops, DROP_TRUNCATED);
		return;
	}
	if (!in->n) /* an empty datagram is one, too */
		drop_count(&w->drops, DROP_TOO_SHORT);
	for (size_t at = 0; at < in->n; at += in->segment) {
		size_t left = in->n - at;

		demux(w, b, in, in->data + at,
		      left < in->segment ? left : in->segment, port);
	}
}

void inbound_trains(struct worker *w, const struct udp_in *in, unsigned count,
		    unsigned port)
{
	struct pending b;

	b.count = 0;
	b.queue = port < WORKER_PORTS_MAX ? &w->rx[port] : NULL;
	for (unsigned i = 0; i < count; i++)
		take_train(w, &b, &in[i], port);
	open_pending(w, &b);
	if (w->merge_count)
		flush_merge(w);
}

/* count_lost() - what found no room in the socket's queue, as the kernel tells */
static void count_lost(struct worker *w, const struct udp *u, unsigned port)
{
	uint32_t before = w->lost_seen[port];

	if (u->lost == before)
		return;
	/* a socket that was renewed counts from 0 */
	drop_count_n(&w->drops, DROP_UDP_OVERFLOW,
		     u->lost > before ? u->lost - before : u->lost);
	w->lost_seen[port] = u->lost;
}

/* watch_queue() - does a turn that took these leave too long a queue behind? */
static void watch_queue(struct aqm *a, const struct udp *u, const struct udp_in *in,
			int n)
{
	size_t octets = 0;

	for (int i = 0; i < n; i++)
		octets += in[i].n;
	aqm_end(a, octets, octets >= BACKLOG_ASKED &&
			   udp_backlog(u) >= aqm_allows(a));
}

bool inbound_turn(struct worker *w, unsigned port)
{
	struct udp *u = worker_udp(w, port);
	struct udp_in in[WORKER_TRAINS];
	int n;

	for (unsigned i = 0; i < WORKER_TRAINS; i++) {
		in[i].data = w->receive_buffers + (size_t)i * UDP_TRAIN_MAX;
		in[i].room = UDP_TRAIN_MAX;
	}
	aqm_begin(&w->rx[port], w->now);
	n = udp_recv(u, in, WORKER_TRAINS);
	count_lost(w, u, port);
	watch_queue(&w->rx[port], u, in, n);
	if (n > 0)
		inbound_trains(w, in, (unsigned)n, port);
	else if (n < 0)
		drop_count(&w->drops, DROP_UDP_RECEIVE);
	return n == WORKER_TRAINS;
}
