/* SPDX-License-Identifier: MIT
 *
 * loop.h - the control thread's event loop
 *
 * A thin face of libevent: only loop.c, dial.c, stream.c and stream_server.c do. Watches and
 * timers are embedded in their owner and found back with container_of().
 * Time is read once per wake-up; callbacks get it as `now`.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/time.h"

struct event;
struct event_base;

struct loop {
	struct event_base *base; /* for stream.c and servers built on libevent */
};

struct loop_watch {
	struct event *ev;
	void (*ready)(struct loop_watch *w, nsec_t now);
	int fd;
};

struct loop_timer {
	struct event *ev;
	void (*expired)(struct loop_timer *t, nsec_t now);
};

struct loop_signal {
	struct event *ev;
	void (*raised)(struct loop_signal *s, nsec_t now);
	struct loop *loop; /* that it was added to */
};

must_check int loop_init(struct loop *l); /* 0 or -ENOMEM */
void loop_done(struct loop *l); /* safe on zeroed memory */
/* loop_run() - until loop_stop() */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);
/* loop_turn() - wait for the next events and take them; for tests */
void loop_turn(struct loop *l);

/* loop_watch_add() - call ready whenever fd is readable; 0 or -ENOMEM */
must_check int loop_watch_add(struct loop *l, struct loop_watch *w, int fd,
			      void (*ready)(struct loop_watch *, nsec_t));
void loop_watch_del(struct loop_watch *w);

/* loop_timer_init() - a timer that is not armed; 0 or -ENOMEM */
must_check int loop_timer_init(struct loop *l, struct loop_timer *t,
			       void (*expired)(struct loop_timer *, nsec_t));
/* loop_timer_at() - arm for a moment of time_now(); NSEC_NEVER disarms */
void loop_timer_at(struct loop_timer *t, nsec_t when);
void loop_timer_done(struct loop_timer *t);

must_check int loop_signal_add(struct loop *l, struct loop_signal *s, int signo,
			       void (*raised)(struct loop_signal *, nsec_t));
void loop_signal_del(struct loop_signal *s);
