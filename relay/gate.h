/* SPDX-License-Identifier: MIT
 *
 * gate.h - many readers that never meet, and now and then one writer
 *
 * Theory: every reader has a lock of its own, on a cache line of its own, which nobody
 * else wants; a writer takes them all. A waiting writer is seen by readers before they
 * take theirs, so that it comes through a busy relay at once.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/attr.h"

struct gate_reader {
	_Alignas(64) pthread_mutex_t lock;
};

struct gate {
	pthread_mutex_t turn; /* of the writers */
	_Atomic bool wanted; /* by a writer */
	struct gate_reader *readers;
	unsigned count;
};

must_check int gate_init(struct gate *g, unsigned readers); /* 0 or -ENOMEM */
void gate_done(struct gate *g); /* safe on zeroed memory */

/* gate_enter(), gate_leave() - as reader i; one thread at a time is reader i. Cost: an
 * uncontended lock */
void gate_enter(struct gate *g, unsigned i);
void gate_leave(struct gate *g, unsigned i);
/* gate_close(), gate_open() - as writer; no reader is inside in between, so the caller
 * must not be one */
void gate_close(struct gate *g);
void gate_open(struct gate *g);
