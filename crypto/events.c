/* SPDX-License-Identifier: MIT
 *
 * events.c - what a tunnel has to say, in order, until its owner polls
 */
#include "crypto/events.h"

#include <assert.h>
#include <string.h>

bool events_room(const struct events *e)
{
	return !e->message_n && e->count <= EVENTS_MAX / 2;
}

void events_add(struct events *e, enum tunnel_event_kind kind,
		struct session *s)
{
	assert(e->count < EVENTS_MAX);
	e->ring[(e->head + e->count++) % EVENTS_MAX] =
		(struct event){ kind, s };
}

void events_add_message(struct events *e, const void *m, size_t n)
{
	assert(!e->message_n && n <= sizeof(e->message));
	memcpy(e->message, m, n);
	e->message_n = n;
	events_add(e, TUNNEL_SEND, NULL);
}

void events_take(struct events *e, struct tunnel_event *out)
{
	const struct event first = e->ring[e->head];

	e->head = (e->head + 1) % EVENTS_MAX;
	e->count--;
	out->kind = first.kind;
	out->session = first.session;
	if (first.kind != TUNNEL_SEND)
		return;
	memcpy(out->message, e->message, e->message_n);
	out->n = e->message_n;
	e->message_n = 0;
}
