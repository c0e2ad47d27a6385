/* SPDX-License-Identifier: MIT
 *
 * queue.h - ENGINE: trains that the socket would not take, a fair queue per receiver
 *
 * Theory: used only while the socket's buffer is full. Deficit round robin as in
 * RFC 8290: each receiver sends about QUEUE_QUANTUM octets in its turn; one that had
 * nothing waiting for a while goes first, once. Each receiver's queue is kept short by
 * CoDel (relay/codel.h): a queue that stands loses one datagram at its head now and
 * then, or has it marked if its sender knows ECN. A receiver holds at most
 * QUEUE_OCTETS; its own oldest train makes room for its newest. When all slots are
 * taken the longest queue gives one up. Slots are made at start; pages never touched
 * cost nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"
#include "relay/server.h"

enum {
	QUEUE_SLOTS = 256,
	QUEUE_OCTETS = 256 * 1024, /* of one receiver */
	QUEUE_QUANTUM = 16 * 1024,
};

struct queue;

struct queue *queue_new(unsigned receivers); /* NULL: no memory */
void queue_free(struct queue *q); /* takes NULL */

/**
 * queue_put() - Copy a train to the end of its receiver's queue
 * A datagram that continues the train before it joins that train. Answers (no
 * receiver) share one queue.
 * Return: datagrams dropped for it
 */
unsigned queue_put(struct queue *q, const struct relay_out *o, nsec_t now);

struct queue_judged { /* by CoDel, datagrams */
	unsigned dropped, marked;
};

/**
 * queue_peek() - The next train to send
 * @out:    Valid until the next call that changes the queue
 * @judged: Counted up
 * Return: false: empty
 */
bool queue_peek(struct queue *q, nsec_t now, struct relay_out *out,
		struct queue_judged *judged);
/* queue_pop() - the peeked train was sent or is given up */
void queue_pop(struct queue *q, nsec_t now);
bool queue_is_empty(const struct queue *q);
