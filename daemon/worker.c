/* SPDX-License-Identifier: MIT
 *
 * worker.c - a packet worker: its TUN queues, its sockets, run to completion
 */
#include "daemon/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/resident.h"
#include "daemon/sandbox.h"

enum { /* epoll data: ports by number, then these */
	TAG_TUN = 100, /* and the lane */
	TAG_STOP = TAG_TUN + LANES_MAX,
};

struct note *worker_note(struct worker *w, enum note_kind kind)
{
	struct note *n = ring_reserve(w->notes);

	if (!n) {
		drop_count(&w->drops, DROP_CONTROL_RING_FULL);
		return NULL;
	}
	n->kind = kind;
	return n;
}

void worker_note_done(struct worker *w)
{
	ring_publish(w->notes);
	w->noted = true;
}

void worker_wake(struct worker *w, struct fwd_peer *p, uint32_t bits)
{
	uint32_t before = atomic_fetch_or(&p->wake, bits);
	struct note *n;

	if (before)
		return; /* a note is on its way */
	n = ring_reserve(w->notes);
	if (!n) { /* the bits stay: the control thread looks for them */
		atomic_store(&w->missed, true);
		w->noted = true;
		return;
	}
	n->kind = NOTE_WAKE;
	n->slot = p->slot;
	n->number = p->number;
	worker_note_done(w);
}

void worker_ring(struct worker *w)
{
	uint64_t one = 1;

	if (!w->noted)
		return;
	w->noted = false;
	if (write(w->notes_fd, &one, sizeof(one)) < 0)
		return; /* EAGAIN: it rings already */
}

/* lose_device() - somebody removed it: without this, its error would spin us */
static void lose_device(struct worker *w)
{
	if (epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, w->device->fd[w->queue], NULL) < 0)
		return; /* another lane said so already */
	for (unsigned i = 1; i < w->lanes.count; i++)
		epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, w->device->fd[w->queue + i],
			  NULL);
	log_error("%s: the device was removed; make it again with adit down "
		  "and adit up", w->device->name);
}

/* tidy() - nothing in these outlives a turn */
static void tidy(struct worker *w)
{
	uint64_t count;

	if (read(w->stop_fd, &count, sizeof(count)) < 0 ||
	    !atomic_exchange(&w->untidy, false))
		return;
	resident_let_go(w->read_buffer, DEVICE_READ_MAX);
	resident_let_go(w->arena, WORKER_ARENA);
	resident_let_go(w->receive_buffers,
			(size_t)WORKER_TRAINS * UDP_TRAIN_MAX);
	resident_let_go(w->merge, OFFLOAD_MERGE_MAX * sizeof(*w->merge));
	resident_let_go(w->writes, OFFLOAD_MERGE_MAX * sizeof(*w->writes));
}

/* serve() - what one of our descriptors has; true: there may be more */
static bool serve(struct worker *w, const struct epoll_event *ev)
{
	uint32_t tag = ev->data.u32;

	if (tag < WORKER_PORTS_MAX)
		return inbound_turn(w, tag);
	if (tag < TAG_STOP && !(ev->events & EPOLLERR))
		return outbound_turn(w, tag - TAG_TUN);
	if (tag < TAG_STOP)
		lose_device(w);
	else
		tidy(w);
	return false;
}

/* one_turn() - flows that send little come first, and again behind each full turn */
static void one_turn(struct worker *w, const struct epoll_event *ev, int n)
{
	for (int i = 0; i < n; i++)
		if (ev[i].data.u32 == TAG_TUN)
			serve(w, &ev[i]);
	for (int i = 0; i < n; i++)
		if (ev[i].data.u32 != TAG_TUN && serve(w, &ev[i]) &&
		    w->lanes.count > 1)
			outbound_turn(w, 0);
}

static void *run(void *arg)
{
	struct worker *w = arg;
	struct epoll_event ev[16];

	if (sandbox_worker() < 0)
		log_warn("worker %u runs without a seccomp filter", w->number);
	while (!atomic_load_explicit(&w->stop, memory_order_acquire)) {
		int n;

		fwd_asleep(w->fwd, w->number);
		n = epoll_wait(w->epoll_fd, ev, ARRAY_SIZE(ev), -1);
		atomic_fetch_add_explicit(&w->turns, 1,
					  memory_order_relaxed);
		fwd_awake(w->fwd, w->number);
		w->now = time_now();
		one_turn(w, ev, n);
		worker_ring(w);
		atomic_fetch_add_explicit(&w->turns, 1,
					  memory_order_relaxed);
	}
	fwd_asleep(w->fwd, w->number);
	return NULL;
}

static int watch(struct worker *w, int fd, uint32_t tag)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = tag };

	return epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

int worker_watch_port(struct worker *w, unsigned port)
{
	return watch(w, worker_udp(w, port)->fd, port);
}

int worker_make_inbound(struct worker *w)
{
	w->aead = aead_thread_new();
	w->merger = offload_merger_new(w->device->tso, w->device->uso);
	w->merge = calloc(OFFLOAD_MERGE_MAX, sizeof(*w->merge));
	w->writes = calloc(OFFLOAD_MERGE_MAX, sizeof(*w->writes));
	return w->aead && w->merger && w->merge && w->writes ? 0 : -ENOMEM;
}

void worker_free_inbound(struct worker *w)
{
	aead_thread_free(w->aead);
	offload_merger_free(w->merger);
	free(w->merge);
	free(w->writes);
}

static bool make_buffers(struct worker *w)
{
	int err = worker_make_inbound(w);

	w->read_buffer = malloc(DEVICE_READ_MAX);
	w->arena = malloc(WORKER_ARENA);
	w->receive_buffers = malloc((size_t)WORKER_TRAINS * UDP_TRAIN_MAX);
	return !err && w->read_buffer && w->arena && w->receive_buffers;
}

static void free_buffers(struct worker *w)
{
	worker_free_inbound(w);
	free(w->read_buffer);
	free(w->arena);
	free(w->receive_buffers);
	if (w->epoll_fd >= 0)
		close(w->epoll_fd);
	if (w->stop_fd >= 0)
		close(w->stop_fd);
}

/* start_thread() - with all signals blocked: they are the control thread's */
static int start_thread(struct worker *w)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -err;
}

int worker_start(struct worker *w)
{
	int err;

	atomic_init(&w->stop, false);
	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	w->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!make_buffers(w) || w->epoll_fd < 0 || w->stop_fd < 0) {
		err = -ENOMEM;
		goto err_free;
	}
	err = watch(w, w->stop_fd, TAG_STOP);
	for (unsigned i = 0; !err && i < w->lanes.count; i++)
		err = watch(w, w->device->fd[w->queue + i], TAG_TUN + i);
	for (unsigned i = 0; !err && i < WORKER_PORTS_MAX; i++)
		if (atomic_load(&w->ports[i].open) &&
		    (i < 2 || w->number == 0))
			err = worker_watch_port(w, i);
	if (!err)
		err = start_thread(w);
	if (!err)
		return 0;

err_free:
	free_buffers(w);
	return err;
}

void worker_tidy(struct worker *w)
{
	uint64_t one = 1;

	atomic_store(&w->untidy, true);
	if (write(w->stop_fd, &one, sizeof(one)) < 0)
		atomic_store(&w->untidy, false);
}

void worker_stop(struct worker *w)
{
	uint64_t one = 1;

	atomic_store_explicit(&w->stop, true, memory_order_release);
	if (write(w->stop_fd, &one, sizeof(one)) < 0)
		return;
	pthread_join(w->thread, NULL);
	free_buffers(w);
}
