/* SPDX-License-Identifier: MIT
 *
 * tlsservice.c - a relay's clients that come over TLS, beside its UDP ports (glue)
 *
 * In: a message's frames become trains and go to the relay's engine, under its lock.
 * Out: put() is called by whichever thread forwards; it only queues and rings. The
 * loop thread then moves frames from the queue to the stream, never more than the
 * stream can pass on soon. Locks: the service's first, then ours; none is held while
 * a stream is called.
 */
#include "relay/tlsservice.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/stream.h"
#include "base/time.h"
#include "relay/backlog.h"
#include "relay/bundle.h"
#include "relay/seen.h"

enum {
	STREAM_FULL = 32 << 10, /* octets in a stream's own buffer: enough */
	TRAINS = 64, /* handed over at once */
};

static const nsec_t tick_every = SEC(5), register_time = SEC(15);

struct client {
	struct tlsservice *service;
	struct stream *stream;
	struct relay_route route;
	struct backlog queue;
	bool rung; /* in the list of those to look at */
	bool used; /* the queue since the last tick */
	struct client *next_rung;
	nsec_t since;
};

struct tlsservice {
	struct loop *loop;
	struct relay_service *relay;
	struct loop_watch bell; /* its fd is an eventfd */
	struct loop_timer tick;
	pthread_mutex_t lock; /* over all below, and the clients' queues */
	struct client **clients; /* number - 1 */
	uint32_t room;
	struct client *rung;
	struct tlsservice_stats stats;
};

/* ---- out ---- */

static void ring(struct tlsservice *t, struct client *c)
{
	uint64_t one = 1;

	if (c->rung)
		return;
	c->rung = true;
	c->next_rung = t->rung;
	t->rung = c;
	if (!c->next_rung && write(t->bell.fd, &one, sizeof(one)) < 0)
		return; /* it rings already */
}

static void put(void *owner, uint32_t number, const uint8_t *data, size_t n,
		size_t segment)
{
	struct tlsservice *t = owner;
	struct client *c;

	pthread_mutex_lock(&t->lock);
	c = number <= t->room ? t->clients[number - 1] : NULL;
	for (size_t i = 0; c && i < n; i += segment)
		t->stats.dropped += backlog_put(
			&c->queue, data + i, n - i < segment ? n - i : segment);
	if (c)
		ring(t, c);
	pthread_mutex_unlock(&t->lock);
}

/* take() - a message of the queue, copied out of the lock; 0: empty */
static size_t take(struct client *c, uint8_t out[static BUNDLE_MESSAGE_MAX])
{
	const uint8_t *p = NULL;
	size_t n;

	pthread_mutex_lock(&c->service->lock);
	n = backlog_take(&c->queue, BUNDLE_MESSAGE_SEND, &p);
	if (n)
		memcpy(out, p, n);
	c->used = true;
	pthread_mutex_unlock(&c->service->lock);
	return n;
}

static void pump(struct client *c)
{
	uint8_t m[BUNDLE_MESSAGE_MAX];
	size_t n;

	while (stream_waiting(c->stream) < STREAM_FULL && (n = take(c, m)))
		(void)stream_send(c->stream, m, n);
}

static void on_drained(void *owner, struct stream *s)
{
	(void)s;
	pump(owner);
}

static struct client *next_rung(struct tlsservice *t)
{
	struct client *c;

	pthread_mutex_lock(&t->lock);
	c = t->rung;
	if (c) {
		t->rung = c->next_rung;
		c->rung = false;
	}
	pthread_mutex_unlock(&t->lock);
	return c;
}

static void on_bell(struct loop_watch *w, nsec_t now)
{
	struct tlsservice *t = container_of(w, struct tlsservice, bell);
	struct client *c;
	uint64_t count;

	(void)now;
	if (read(w->fd, &count, sizeof(count)) < 0)
		return;
	while ((c = next_rung(t)))
		pump(c);
}

/* ---- in ---- */

static void on_message(void *owner, struct stream *s, uint8_t *m, size_t n)
{
	struct client *c = owner;
	struct relay_in trains[TRAINS];
	struct bundle b;
	unsigned count;

	(void)s;
	bundle_init(&b, m, n);
	do {
		for (count = 0; count < TRAINS; count++) {
			struct relay_in *in = &trains[count];

			*in = (struct relay_in){ .from = c->route };
			if (!bundle_next(&b, &in->data, &in->n, &in->segment))
				break;
		}
		relay_service_input(c->service->relay, trains, count);
	} while (count == TRAINS);
	if (b.broken)
		relay_service_drop(c->service->relay, DROP_BAD_LENGTH);
}

/* ---- coming and going ---- */

static void leave_rung(struct tlsservice *t, const struct client *c)
{
	struct client **at = &t->rung;

	while (*at && *at != c)
		at = &(*at)->next_rung;
	if (*at)
		*at = c->next_rung;
}

static void forget(struct client *c)
{
	struct tlsservice *t = c->service;

	relay_service_closed(t->relay, &c->route);
	pthread_mutex_lock(&t->lock);
	t->clients[c->route.stream - 1] = NULL;
	if (c->rung)
		leave_rung(t, c);
	t->stats.streams--;
	pthread_mutex_unlock(&t->lock);
	backlog_done(&c->queue);
	free(c);
}

static void on_closed(void *owner, struct stream *s, const char *why)
{
	(void)s;
	(void)why;
	forget(owner);
}

/* add() - gives the client its number; under the lock; false: no memory */
static bool add(struct tlsservice *t, struct client *c)
{
	uint32_t i = 0;

	while (i < t->room && t->clients[i])
		i++;
	if (i == t->room) {
		uint32_t room = t->room ? 2 * t->room : 64;
		struct client **more =
			realloc(t->clients, room * sizeof(*more));

		if (!more)
			return false;
		memset(more + t->room, 0, (room - t->room) * sizeof(*more));
		t->clients = more;
		t->room = room;
	}
	t->clients[i] = c;
	c->route.stream = i + 1;
	t->stats.streams++;
	t->stats.opened++;
	return true;
}

static void on_opened(void *owner, struct stream *s)
{
	struct tlsservice *t = owner;
	struct client *c = calloc(1, sizeof(*c));
	const struct stream_events events = { c, NULL, on_message, on_closed,
					      on_drained };
	bool added = false;

	if (c) {
		c->service = t;
		c->stream = s;
		c->since = time_now();
		c->route.remote = stream_remote(s);
		c->route.socket = RELAY_SOCKET_STREAM;
		pthread_mutex_lock(&t->lock);
		added = add(t, c);
		pthread_mutex_unlock(&t->lock);
	}
	if (added) {
		stream_set_owner(s, &events);
		return;
	}
	free(c);
	stream_free(s);
}

/* ---- now and then ---- */

/* rest() - an unused queue gives its memory back */
static void rest(struct tlsservice *t, struct client *c)
{
	pthread_mutex_lock(&t->lock);
	if (!c->used && backlog_is_empty(&c->queue))
		backlog_done(&c->queue);
	c->used = false;
	pthread_mutex_unlock(&t->lock);
}

static void on_tick(struct loop_timer *timer, nsec_t now)
{
	struct tlsservice *t = container_of(timer, struct tlsservice, tick);

	for (uint32_t i = 0; i < t->room; i++) {
		struct client *c = t->clients[i];

		if (!c)
			continue;
		rest(t, c);
		if (nsec_since(c->since, now) < register_time ||
		    relay_service_knows(t->relay, &c->route))
			continue;
		t->stats.unregistered++;
		stream_finish(c->stream);
		forget(c);
	}
	loop_timer_at(timer, nsec_add(now, tick_every));
}

/* ---- set-up ---- */

struct tlsservice *tlsservice_new(struct loop *l, struct relay_service *relay)
{
	struct tlsservice *t = calloc(1, sizeof(*t));
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (t && fd >= 0 && !loop_watch_add(l, &t->bell, fd, on_bell)) {
		t->loop = l;
		t->relay = relay;
		pthread_mutex_init(&t->lock, NULL);
		if (!loop_timer_init(l, &t->tick, on_tick)) {
			loop_timer_at(&t->tick, nsec_add(time_now(), tick_every));
			relay_service_set_sink(
				relay, &(struct relay_service_sink){ t, put });
			return t;
		}
		loop_watch_del(&t->bell);
	}
	if (fd >= 0)
		close(fd);
	free(t);
	return NULL;
}

void tlsservice_free(struct tlsservice *t)
{
	if (!t)
		return;
	relay_service_set_sink(t->relay, NULL);
	for (uint32_t i = 0; i < t->room; i++)
		if (t->clients[i])
			forget(t->clients[i]);
	loop_watch_del(&t->bell);
	close(t->bell.fd);
	loop_timer_done(&t->tick);
	pthread_mutex_destroy(&t->lock);
	free(t->clients);
	free(t);
}

bool tlsservice_serve(struct tlsservice *t, struct stream_server *s)
{
	const struct stream_events events = { .owner = t, .opened = on_opened };

	return stream_server_serve(s, RELAY_PATH, BUNDLE_MESSAGE_MAX, &events) &&
	       seen_serve(s);
}

void tlsservice_stats(struct tlsservice *t, struct tlsservice_stats *out)
{
	pthread_mutex_lock(&t->lock);
	*out = t->stats;
	pthread_mutex_unlock(&t->lock);
}
