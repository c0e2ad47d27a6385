/* SPDX-License-Identifier: MIT
 *
 * activity.h - what the packet path tells the timers of a tunnel
 *
 * Theory: workers only leave stamps, relaxed atomics shared by all sessions of
 * one peer; the control thread derives the timers of WireGuard paper s6.5 from
 * them. `unanswered` and `owed` are armed timers: set when idle, cleared by
 * what stops them. A worker wakes the control thread only for a timer that is
 * not yet watched; while the control thread watches one, it looks again when
 * that runs out, so a busy tunnel costs it one look in ten seconds.
 *
 * Shared by the tunnel and its sessions; freed with the last of them.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "base/time.h"

enum activity_timer {
	ACTIVITY_UNANSWERED = 1, /* we sent data and heard nothing since */
	ACTIVITY_OWED = 2, /* we received data and sent nothing since */
};

struct activity {
	_Atomic nsec_t sent; /* last authenticated message sent; 0: none */
	_Atomic nsec_t received; /* last authenticated message received */
	_Atomic nsec_t unanswered; /* first data sent since received; 0: none */
	_Atomic nsec_t owed; /* first data received since sent; 0: none */
	_Atomic bool owed_more; /* more data received while owed stood */
	_Atomic bool rekey; /* a session asked for a new handshake */
	_Atomic unsigned watched; /* set of enum activity_timer */
	_Atomic unsigned holders;
};

struct activity *activity_new(void); /* NULL: no memory; one holder */
struct activity *activity_share(struct activity *a);
void activity_release(struct activity *a); /* takes NULL */

/* activity_sent() - any thread; true: wake the control thread */
bool activity_sent(struct activity *a, bool data, nsec_t now);
/* activity_received() - any thread, authenticated only; true: wake the control
 * thread */
bool activity_received(struct activity *a, bool data, nsec_t now);

/* activity_watch() - control thread: when the timer was armed, and watch it
 * from now on; 0: it is not, and a worker will wake us when it is */
nsec_t activity_watch(struct activity *a, enum activity_timer timer);
/* activity_forget() - control thread: all timers stopped */
void activity_forget(struct activity *a);
