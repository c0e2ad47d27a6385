/* SPDX-License-Identifier: MIT
 *
 * wire.h - ENGINE: one direction of a link: rate and queue, delay, jitter, loss, and more
 *
 * Packets go in with the time of their arrival and come out when they are due. In the order
 * of effects: loss; the queue of a link of that rate, whose tail drops; delay and jitter,
 * which keep the order; reorder, which lets a packet overtake those in flight;
 * duplication. All chance comes from one seed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rand.h"
#include "base/time.h"

enum {
	WIRE_SLOTS = 16384, /* packets in flight; more are dropped as by a full queue */
	WIRE_PACKET = 65536, /* octets */
};

struct wire_setup {
	nsec_t delay, jitter; /* jitter: uniform, on top of the delay */
	double loss, duplicate, reorder; /* percent */
	double rate; /* Mbit/s; 0: without limit */
	nsec_t queue; /* the longest wait for the link */
};

struct wire {
	struct wire_setup setup;
	struct prng prng;
	nsec_t free_at, last_due;
	uint64_t order;
	unsigned count;
	uint64_t lost, full; /* dropped so far */
	struct wire_slot {
		nsec_t due;
		uint64_t order; /* of equal times the first */
		size_t n;
		uint8_t *m;
	} heap[WIRE_SLOTS];
};

void wire_init(struct wire *w, const struct wire_setup *s, uint64_t seed);
void wire_done(struct wire *w);
/* wire_send() - n octets enter; they are copied, or dropped */
void wire_send(struct wire *w, const void *m, size_t n, nsec_t now);
/* wire_next() - when the next packet is due; NSEC_NEVER: none is in flight */
nsec_t wire_next(const struct wire *w);
/* wire_take() - a packet that is due into m, which has WIRE_PACKET octets; 0: none */
size_t wire_take(struct wire *w, void *m, nsec_t now);
