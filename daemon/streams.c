/* SPDX-License-Identifier: MIT
 *
 * streams.c - tunnel packets in streams, where UDP does not get through
 */
#include "daemon/streams.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/rand.h"
#include "base/stream.h"
#include "base/wire.h"
#include "daemon/direct.h"
#include "daemon/parcel.h"
#include "daemon/relays.h"
#include "relay/bundle.h"

enum {
	STREAM_FULL = 32 << 10, /* octets in a stream's own buffer: enough */
	TRAINS = 16, /* taken in at once */
};

static const nsec_t open_time = SEC(15), wait_first = MSEC(500),
		    wait_last = SEC(20);

static struct relay_slot *slot_of(struct trunk *x)
{
	return container_of(x, struct relay_slot, tls.trunk);
}

/* trunk_of() - NULL: no stream has this port number */
static struct trunk *trunk_of(struct node *n, unsigned port)
{
	unsigned slot = port - WORKER_STREAM_PORT;

	if (port >= WORKER_DIRECT_PORT)
		return direct_trunk(n, port);
	return slot < NETMAP_RELAYS_MAX ? &n->relays[slot].tls.trunk : NULL;
}

/* ---- out ---- */

static void pump(struct trunk *x)
{
	const uint8_t *m;
	size_t n;

	while (stream_waiting(x->stream) < STREAM_FULL &&
	       (n = backlog_take(&x->queue, BUNDLE_MESSAGE_SEND, &m)))
		(void)stream_send(x->stream, m, n);
	if (backlog_is_empty(&x->queue))
		backlog_done(&x->queue);
}

void streams_drained(void *owner, struct stream *s)
{
	(void)s;
	pump(owner);
}

void streams_send(struct node *n, unsigned port, const void *frame, size_t octets)
{
	struct trunk *x = trunk_of(n, port);
	uint8_t m[BUNDLE_LENGTH + WORKER_NOTE_DATA + 256];
	be16 length = be16_of((uint16_t)octets);

	if (!x || !x->open || octets > sizeof(m) - sizeof(length)) {
		drop_count(&n->drops, DROP_NO_PATH);
		return;
	}
	memcpy(m, &length, sizeof(length));
	memcpy(m + sizeof(length), frame, octets);
	if (stream_waiting(x->stream) > 2 * STREAM_FULL ||
	    !stream_send(x->stream, m, sizeof(length) + octets))
		drop_count(&n->drops, DROP_RELAY_QUEUE_FULL);
}

/* queue_parcel() - the stream is busy: frame by frame, the oldest go first */
static void queue_parcel(struct node *n, struct trunk *x, uint8_t *p,
			 size_t octets)
{
	struct bundle b;
	uint8_t *train;
	size_t all, segment;

	bundle_init(&b, p, octets);
	while (bundle_next(&b, &train, &all, &segment))
		for (size_t i = 0; i < all; i += segment)
			drop_count_n(&n->drops, DROP_RELAY_QUEUE_FULL,
				     backlog_put(&x->queue, train + i,
						 all - i < segment ? all - i :
								     segment));
	pump(x);
}

static void send_parcel(struct node *n, struct parcel *p)
{
	struct trunk *x = trunk_of(n, p->port);

	if (!x || !x->open)
		drop_count(&n->drops, DROP_NO_PATH);
	else if (!backlog_is_empty(&x->queue) ||
		 stream_waiting(x->stream) >= STREAM_FULL)
		queue_parcel(n, x, p->data, p->n);
	else if (!stream_send(x->stream, p->data, p->n))
		drop_count(&n->drops, DROP_NO_PATH);
}

void streams_collect(struct node *n)
{
	struct parcel *p;

	for (unsigned i = 0; n->up && i < n->worker_count; i++)
		while ((p = ring_peek(&n->parcels[i]))) {
			send_parcel(n, p);
			ring_release(&n->parcels[i]);
		}
}

/* ---- in ---- */

void streams_message(void *owner, struct stream *s, uint8_t *m, size_t octets)
{
	struct trunk *x = owner;
	struct node *n = x->node;
	unsigned count;
	struct udp_in in[TRAINS];
	struct bundle b;

	(void)s;
	n->stream_worker.now = time_now();
	bundle_init(&b, m, octets);
	do {
		for (count = 0; count < TRAINS; count++) {
			in[count] = (struct udp_in){ .from = x->from };
			if (!bundle_next(&b, &in[count].data, &in[count].n,
					 &in[count].segment))
				break;
		}
		inbound_trains(&n->stream_worker, in, count, x->port);
	} while (count == TRAINS);
	if (b.broken)
		drop_count(&n->drops, DROP_BAD_LENGTH);
	worker_ring(&n->stream_worker);
}

/* ---- coming and going ---- */

static void on_opened(void *owner, struct stream *s)
{
	struct trunk *x = owner;

	x->open = true;
	slot_of(x)->tls.wait = 0;
	log_info("relay %s: UDP does not get through; TLS to %s does",
		 slot_of(x)->info.name, stream_peer(s));
	relay_client_set_stream(slot_of(x)->client, true, time_now());
	relays_run(x->node, time_now());
}

static void on_closed(void *owner, struct stream *s, const char *why)
{
	struct trunk *x = owner;
	struct relay_stream *t = &slot_of(x)->tls;
	struct node *n = x->node;
	nsec_t now = time_now();

	(void)s;
	if (x->open || strcmp(t->why, why))
		log_warn("relay %s over TLS: %s", slot_of(x)->info.name, why);
	snprintf(t->why, sizeof(t->why), "%s", why);
	x->stream = NULL;
	x->open = false;
	backlog_done(&x->queue);
	t->wait = nsec_min(t->wait ? 2 * t->wait : wait_first, wait_last);
	t->again = nsec_add(now, t->wait + rand_u64() % (t->wait / 4));
	relay_client_set_stream(slot_of(x)->client, false, now);
	relays_run(n, now);
}

static void open_stream(struct node *n, struct relay_slot *s)
{
	struct trunk *x = &s->tls.trunk;
	const struct stream_events events = { x, on_opened, streams_message,
					      on_closed, streams_drained };

	x->node = n;
	x->port = WORKER_STREAM_PORT + (unsigned)(s - n->relays);
	s->tls.again = 0;
	x->stream = stream_connect_by(&n->loop, &n->proxy, s->info.url,
					  RELAY_PATH, open_time, n->conf.mark,
					  &events);
	if (!x->stream)
		s->tls.again = nsec_add(time_now(), wait_last);
}

void streams_close(struct relay_slot *s)
{
	struct trunk *x = &s->tls.trunk;

	if (x->open)
		stream_finish(x->stream);
	else
		stream_free(x->stream);
	x->stream = NULL;
	x->open = false;
	backlog_done(&x->queue);
}

static bool wanted(const struct relay_slot *s)
{
	return s->client && s->info.url[0] && relay_client_wants_stream(s->client);
}

void streams_keep(struct node *n, unsigned slot, nsec_t now)
{
	struct relay_slot *s = &n->relays[slot];

	if (wanted(s) && !s->tls.trunk.stream && s->tls.again <= now)
		open_stream(n, s);
	if (wanted(s) || !s->tls.trunk.stream)
		return;
	streams_close(s);
	relay_client_set_stream(s->client, false, now);
}

nsec_t streams_next_expiry(const struct node *n)
{
	nsec_t at = NSEC_NEVER;

	for (unsigned i = 0; i < NETMAP_RELAYS_MAX; i++)
		if (wanted(&n->relays[i]) && !n->relays[i].tls.trunk.stream)
			at = nsec_min(at, n->relays[i].tls.again);
	return at;
}

/* ---- the worker without a thread ---- */

int streams_init(struct node *n)
{
	struct worker *w = &n->stream_worker;
	int err = ring_init(&n->stream_notes, sizeof(struct note),
			    WORKER_RING_SLOTS);

	*w = (struct worker){ .fwd = &n->fwd, .device = &n->device,
			      .ports = n->ports, .mtu = n->conf.mtu,
			      .notes = &n->stream_notes,
			      .notes_fd = n->notes_fd,
			      .lanes = { .count = LANES_MAX, .blind = true } };
	return err ? err : worker_make_inbound(w);
}

void streams_done(struct node *n)
{
	worker_free_inbound(&n->stream_worker);
	ring_done(&n->stream_notes);
	n->stream_worker = (struct worker){ 0 };
}
