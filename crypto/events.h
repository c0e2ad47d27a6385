/* SPDX-License-Identifier: MIT
 *
 * events.h - what a tunnel has to say, in order, until its owner polls
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/tunnel.h"

enum {
	EVENTS_MAX = 32, /* half of it is more than any one call queues */
};

struct event {
	enum tunnel_event_kind kind;
	struct session *session;
};

struct events { /* all zero: empty */
	struct event ring[EVENTS_MAX];
	unsigned head, count;
	uint8_t message[TUNNEL_MESSAGE_MAX]; /* of the one queued TUNNEL_SEND */
	size_t message_n; /* 0: none is queued */
};

/* events_room() - may input queue more? no if a message waits or the owner does
 * not poll */
bool events_room(const struct events *e);
void events_add(struct events *e, enum tunnel_event_kind kind,
		struct session *s);
/* events_add_message() - TUNNEL_SEND; only one may wait; n <=
 * TUNNEL_MESSAGE_MAX */
void events_add_message(struct events *e, const void *m, size_t n);
/* events_take() - the oldest; there is one */
void events_take(struct events *e, struct tunnel_event *out);
