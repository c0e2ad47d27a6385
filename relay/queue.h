/* SPDX-License-Identifier: MIT
 *
 * queue.h - trains that the socket would not take, a bounded queue per receiver
 *
 * Theory: used only while the socket's buffer is full. A receiver holds at most
 * QUEUE_OCTETS; its own oldest train makes room for its newest. When all slots are
 * taken the longest queue gives one up. Receivers are served in turn, a train each.
 * Slots are made at start; pages never touched cost nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "relay/server.h"

enum {
	QUEUE_SLOTS = 256,
	QUEUE_OCTETS = 256 * 1024, /* of one receiver */
};

struct queue;

struct queue *queue_new(unsigned receivers); /* NULL: no memory */
void queue_free(struct queue *q); /* takes NULL */

/* queue_put() - copy a train; returns trains dropped for it. Control answers (no
 * receiver) share one queue */
unsigned queue_put(struct queue *q, const struct relay_out *o);
/* queue_peek() - the next train to send; false: empty */
bool queue_peek(const struct queue *q, struct relay_out *out);
void queue_pop(struct queue *q); /* the peeked train was sent or is given up */
bool queue_is_empty(const struct queue *q);
