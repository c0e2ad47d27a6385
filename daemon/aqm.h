/* SPDX-License-Identifier: MIT
 *
 * aqm.h - when a standing queue in a worker's socket should be made shorter
 *
 * Theory: PURE. A TCP stream fills whatever queue stands before the slowest part of its
 * way, which here is a worker: megabytes in the socket's queue, which make nothing faster
 * and everything else wait. How long they wait is what counts, so what may stand there is
 * what the worker takes in AQM_WAIT. A queue that comes and goes absorbs bursts and is
 * left alone; one that is longer for half of two windows running stands.
 * Then one packet a window is marked (ECN) or dropped, and one more for each window that
 * it goes on, so that many streams are heard as well as one (RFC 7567; the growth is
 * that of CoDel, RFC 8289 s4). The packet taken is a large one, and so, by their share,
 * one of the streams that fill the queue: small ones pass.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/time.h"

/* A window is many round trips of what such a queue is the bottleneck of. */
#define AQM_WINDOW MSEC(10)

/* Shorter, and batches are smaller and throughput less; longer, and a ping waits. */
#define AQM_WAIT (MSEC(3) / 2)

enum {
	AQM_LEAST = 256 * 1024, /* octets that may wait behind however slow a worker */
	AQM_LARGE = 512, /* octets of a packet that may be taken, at least */
	AQM_SHED_MAX = 16, /* packets of one window */
};

struct aqm {
	nsec_t window; /* its beginning */
	nsec_t turn; /* the last turn; 0: none */
	bool waiting; /* it left a queue behind */
	nsec_t waited; /* time of this window with a queue */
	unsigned standing; /* windows running with a standing queue */
	unsigned shed; /* packets taken in this window */
	size_t octets; /* that turns took in this window */
	size_t rate; /* octets a window, smoothed */
};

/* aqm_begin(), aqm_end() - around a turn, which took so many octets; backlog: it left more
 * behind than aqm_allows() */
void aqm_begin(struct aqm *a, nsec_t now);
void aqm_end(struct aqm *a, size_t octets, bool backlog);

/* aqm_allows() - octets that may wait at the rate of the last windows */
size_t aqm_allows(const struct aqm *a);

/* aqm_wants() - mark or drop the next large packet? Once true, the caller does */
bool aqm_wants(struct aqm *a, nsec_t now);
