/* SPDX-License-Identifier: MIT
 *
 * loop.c - the control thread's event loop, on libevent
 */
#include "base/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <string.h>

int loop_init(struct loop *l)
{
	struct event_config *cfg = event_config_new();

	if (!cfg)
		return -ENOMEM;
	/* OpenSSL writes with write(2): a peer that is gone is an error, no signal. */
	signal(SIGPIPE, SIG_IGN);
	event_config_set_flag(cfg, EVENT_BASE_FLAG_PRECISE_TIMER);
	l->base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	return l->base ? 0 : -ENOMEM;
}

void loop_done(struct loop *l)
{
	if (l->base)
		event_base_free(l->base);
	l->base = NULL;
}

void loop_run(struct loop *l)
{
	event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

void loop_turn(struct loop *l)
{
	event_base_loop(l->base, EVLOOP_ONCE);
}

void loop_stop(struct loop *l)
{
	event_base_loopbreak(l->base);
}

static void drop_event(struct event **ev)
{
	if (*ev)
		event_free(*ev);
	*ev = NULL;
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct loop_watch *w = arg;

	(void)fd;
	(void)what;
	w->ready(w, time_now());
}

int loop_watch_add(struct loop *l, struct loop_watch *w, int fd,
		   void (*ready)(struct loop_watch *, nsec_t))
{
	w->fd = fd;
	w->ready = ready;
	w->ev = event_new(l->base, fd, EV_READ | EV_PERSIST, on_ready, w);
	return w->ev && event_add(w->ev, NULL) == 0 ? 0 : -ENOMEM;
}

void loop_watch_del(struct loop_watch *w)
{
	drop_event(&w->ev);
}

static void on_expired(evutil_socket_t fd, short what, void *arg)
{
	struct loop_timer *t = arg;

	(void)fd;
	(void)what;
	t->expired(t, time_now());
}

int loop_timer_init(struct loop *l, struct loop_timer *t,
		    void (*expired)(struct loop_timer *, nsec_t))
{
	t->expired = expired;
	t->ev = event_new(l->base, -1, 0, on_expired, t);
	return t->ev ? 0 : -ENOMEM;
}

void loop_timer_at(struct loop_timer *t, nsec_t when)
{
	nsec_t now, wait;
	struct timeval tv;

	if (when == NSEC_NEVER) {
		event_del(t->ev);
		return;
	}
	now = time_now();
	wait = when > now ? when - now + 999 : 0;
	tv.tv_sec = (time_t)(wait / SEC(1));
	tv.tv_usec = (suseconds_t)(wait % SEC(1) / USEC(1));
	event_add(t->ev, &tv);
}

void loop_timer_done(struct loop_timer *t)
{
	drop_event(&t->ev);
}

static void on_raised(evutil_socket_t signo, short what, void *arg)
{
	struct loop_signal *s = arg;

	(void)signo;
	(void)what;
	s->raised(s, time_now());
}

int loop_signal_add(struct loop *l, struct loop_signal *s, int signo,
		    void (*raised)(struct loop_signal *, nsec_t))
{
	s->raised = raised;
	s->loop = l;
	s->ev = evsignal_new(l->base, signo, on_raised, s);
	return s->ev && event_add(s->ev, NULL) == 0 ? 0 : -ENOMEM;
}

void loop_signal_del(struct loop_signal *s)
{
	drop_event(&s->ev);
}
