/* SPDX-License-Identifier: MIT
 *
 * notes.c - what the workers tell the control thread, taken up
 *
 * Demultiplexing by first octets (docs/protocols.md): relay frame, STUN, discovery,
 * then WireGuard's types. Whatever is none of them is dropped and counted.
 */
#include "daemon/notes.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "crypto/box.h"
#include "daemon/direct.h"
#include "daemon/discovery.h"
#include "daemon/peer.h"
#include "daemon/relays.h"
#include "daemon/streams.h"

enum {
	TURN_NOTES = 256, /* of one ring, before timers and other events have their turn */
};

static bool is_stream(const struct pathset_source *src)
{
	return !src->relayed && src->socket >= PATHSET_STREAM;
}

static struct path_choice reply_choice(const struct pathset_source *src)
{
	if (src->relayed)
		return (struct path_choice){ .kind = PATH_RELAY,
					     .relay = src->relay };
	return (struct path_choice){ .kind = is_stream(src) ? PATH_TCP :
							      PATH_DIRECT,
				     .socket = src->socket,
				     .to = src->from };
}

static enum drop take_initiation(struct node *n, uint8_t *m, size_t octets,
				 const struct pathset_source *src, nsec_t now)
{
	struct initiation i;
	struct peer *p;
	enum drop d = initiation_open(&n->identity, m, octets, &i);

	if (d != DROP_NONE)
		return d;
	p = peers_by_key(n, &i.sender);
	if (!p) {
		secret_wipe(&i, sizeof(i));
		return DROP_UNKNOWN_PEER;
	}
	d = tunnel_input_initiation(p->tunnel, &i, now);
	if (d != DROP_NONE)
		return d;
	if (!src->relayed && !is_stream(src))
		peer_roam(n, p, &src->from, now);
	p->reply = reply_choice(src);
	peer_run(n, p, now);
	p->reply.kind = PATH_NONE;
	return DROP_NONE;
}

static enum drop take_response(struct node *n, uint8_t *m, size_t octets,
			       size_t receiver_at,
			       const struct pathset_source *src, nsec_t now)
{
	le32 receiver;
	struct peer *p;
	enum drop d;

	memcpy(&receiver, m + receiver_at, sizeof(receiver));
	p = peers_by_slot(n, index_slot(le32_get(receiver)));
	if (!p)
		return DROP_HANDSHAKE_STATE;
	d = tunnel_input_response(p->tunnel, m, octets, now);
	if (d != DROP_NONE)
		return d;
	if (!src->relayed && !is_stream(src) && m[0] != MESSAGE_COOKIE)
		peer_roam(n, p, &src->from, now);
	peer_run(n, p, now);
	return DROP_NONE;
}

/* pass_vouched() - a relay or a stream's proof stands for the sender: no cookie, which
 * could not come back anyway, and no share in the load that strangers make */
static enum drop pass_vouched(struct node *n, const uint8_t *m, size_t octets,
			      const struct pathset_source *src, nsec_t now)
{
	struct gate_result r;

	gate_check(n->gate, m, octets, &src->from, false, now, &r);
	if (r.verdict != DROP_NONE)
		return r.verdict;
	if (!gate_work_left(&n->vouched, now))
		return DROP_UNDER_LOAD;
	gate_work_take(&n->vouched, now);
	return DROP_NONE;
}

/* pass_gate() - mac1, cookie, rate; answers with a cookie reply where due */
static enum drop pass_gate(struct node *n, const uint8_t *m, size_t octets,
			   const struct pathset_source *src, nsec_t now)
{
	struct gate_result r;

	if (src->relayed || is_stream(src))
		return pass_vouched(n, m, octets, src, now);
	gate_check(n->gate, m, octets, &src->from,
		   !gate_work_left(&n->strangers, now), now, &r);
	if (r.verdict == DROP_NONE)
		gate_work_take(&n->strangers, now);
	if (r.reply_n)
		node_send(n, src->socket, &src->from, 0, r.reply, r.reply_n);
	return r.verdict;
}

static enum drop take_handshake(struct node *n, uint8_t *m, size_t octets,
				const struct pathset_source *src, nsec_t now)
{
	enum drop d;

	switch (m[0]) {
	case MESSAGE_INITIATION:
	case MESSAGE_AES_INITIATION:
		d = pass_gate(n, m, octets, src, now);
		return d == DROP_NONE ? take_initiation(n, m, octets, src, now) :
					d;
	case MESSAGE_RESPONSE:
	case MESSAGE_AES_RESPONSE:
		if (octets != sizeof(struct message_response))
			return DROP_BAD_LENGTH;
		d = pass_gate(n, m, octets, src, now);
		return d == DROP_NONE ?
			       take_response(n, m, octets, 8, src, now) :
			       d;
	case MESSAGE_COOKIE:
		if (octets != sizeof(struct message_cookie))
			return DROP_BAD_LENGTH;
		return take_response(n, m, octets, 4, src, now);
	}
	return DROP_UNKNOWN_TYPE;
}

static enum drop take_discovery(struct node *n, uint8_t *m, size_t octets,
				const struct pathset_source *src, nsec_t now)
{
	struct peer *p;
	enum drop d;

	if (octets < BOX_OVERHEAD)
		return DROP_TOO_SHORT;
	p = peers_by_hint(n, m + 4);
	if (!p)
		return DROP_DISCO_UNKNOWN;
	d = pathset_input(p->paths, src, m, octets, n->epoch, now);
	if (d == DROP_NONE)
		peer_hurry(n, p, now);
	peer_run(n, p, now);
	return d;
}

void notes_message(struct node *n, uint8_t *m, size_t octets,
		   const struct pathset_source *src, nsec_t now)
{
	enum drop d;

	if (octets < 4)
		d = DROP_TOO_SHORT;
	else if (!src->relayed && !is_stream(src) && stun_is(m, octets))
		d = discovery_stun(n, m, octets, src, now);
	else if (box_is(m, octets))
		d = take_discovery(n, m, octets, src, now);
	else if (!m[1] && !m[2] && !m[3])
		d = take_handshake(n, m, octets, src, now);
	else
		d = DROP_UNKNOWN_TYPE;
	if (d != DROP_NONE)
		drop_count(&n->drops, d);
}

/* take_streamed() - from a stream to a peer: only that peer discovers paths there */
static enum drop take_streamed(struct node *n, struct note *note, nsec_t now)
{
	struct pathset_source src = { .from = note->from };
	struct peer *p = direct_peer(n, note->port, &src.socket);

	if (!p || relay_is(note->data, note->n))
		return DROP_UNKNOWN_TYPE;
	if (note->n >= BOX_OVERHEAD && box_is(note->data, note->n) &&
	    peers_by_hint(n, note->data + 4) != p)
		return DROP_DISCO_STALE;
	notes_message(n, note->data, note->n, &src, now);
	return DROP_NONE;
}

/* came_to() - an address of ours that an answer may leave from; not a group's */
static void came_to(const struct note *note, struct pathset_source *src)
{
	switch (ipaddr_class(&note->to)) {
	case ADDR_CLASS_UNSPECIFIED:
	case ADDR_CLASS_LOOPBACK:
	case ADDR_CLASS_MULTICAST:
	case ADDR_CLASS_BROADCAST:
	case ADDR_CLASS_TRANSLATION:
		return;
	case ADDR_CLASS_LINK_LOCAL:
	case ADDR_CLASS_PRIVATE:
	case ADDR_CLASS_SHARED:
	case ADDR_CLASS_GLOBAL:
		src->local = note->to;
		src->index = note->index;
	}
}

static void take_datagram(struct node *n, struct note *note, nsec_t now)
{
	struct pathset_source src = { .socket = note->port,
				      .from = note->from };
	enum drop d;

	if (note->port >= WORKER_DIRECT_PORT) {
		d = take_streamed(n, note, now);
		if (d != DROP_NONE)
			drop_count(&n->drops, d);
		return;
	}
	came_to(note, &src);
	if (note->port >= WORKER_STREAM_PORT && !relay_is(note->data, note->n))
		drop_count(&n->drops, DROP_UNKNOWN_TYPE);
	else if (relay_is(note->data, note->n))
		relays_input(n, note->data, note->n, note->port, &note->from,
			     now);
	else
		notes_message(n, note->data, note->n, &src, now);
}

static void take_wake(struct node *n, struct peer *p, nsec_t now)
{
	uint32_t bits = atomic_exchange(&p->fwd->wake, 0);

	if (bits & FWD_WAKE_ACTIVE)
		peer_activate(n, p, now);
	peer_run(n, p, now);
}

static void take_heard(struct node *n, struct peer *p, const struct note *note,
		       nsec_t now)
{
	unsigned socket = note->port;

	if (note->relayed) {
		if (p->paths) {
			peer_note_best(p, now);
			pathset_heard_relay(p->paths, now);
			peer_run(n, p, now);
		}
		return;
	}
	if (note->port >= WORKER_DIRECT_PORT &&
	    direct_peer(n, note->port, &socket) != p)
		return;
	if (!p->paths) {
		peer_roam(n, p, &note->from, now);
		return;
	}
	pathset_heard(p->paths, socket, &note->from, now);
	peer_run(n, p, now);
}

static void take_note(struct node *n, struct note *note, nsec_t now)
{
	struct peer *p;

	if (note->kind == NOTE_DATAGRAM) {
		take_datagram(n, note, now);
		return;
	}
	p = peers_by_slot(n, note->slot);
	if (!p || p->fwd->number != note->number)
		return; /* removed while the note lay here */
	if (note->kind == NOTE_STAGE)
		peer_stage(n, p, note->data, note->n, now);
	else if (note->kind == NOTE_WAKE)
		take_wake(n, p, now);
	else
		take_heard(n, p, note, now);
}

/* take_missed() - wake bits that found the ring full */
static void take_missed(struct node *n, nsec_t now)
{
	for (unsigned i = 0; i < n->peer_count; i++)
		if (atomic_load(&n->peers[i]->fwd->wake))
			take_wake(n, n->peers[i], now);
}

/* take_ring() - what a worker said, at most a ring's worth: under a flood the other
 * watches and timers get their turn, too. Return: there is more */
static bool take_ring(struct node *n, struct ring *r, nsec_t now)
{
	struct note *note;

	for (unsigned i = 0; i < TURN_NOTES; i++) {
		note = ring_peek(r);
		if (!note)
			return false;
		take_note(n, note, now);
		ring_release(r);
	}
	return true;
}

void notes_ready(struct node *n, nsec_t now)
{
	const uint64_t one = 1;
	bool more = false;
	uint64_t count;

	if (read(n->notes_fd, &count, sizeof(count)) < 0)
		return;
	streams_collect(n);
	for (unsigned i = 0; i < n->worker_count; i++) {
		more |= take_ring(n, &n->rings[i], now);
		if (atomic_exchange(&n->workers[i].missed, false))
			take_missed(n, now);
	}
	more |= take_ring(n, &n->stream_notes, now);
	if (atomic_exchange(&n->stream_worker.missed, false))
		take_missed(n, now);
	if (more && write(n->notes_fd, &one, sizeof(one)) < 0)
		log_error("notes: cannot ring: %s", strerror(errno));
	node_schedule(n);
}
