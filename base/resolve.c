/* SPDX-License-Identifier: MIT
 *
 * resolve.c - names to addresses without blocking the loop
 *
 * Question and thread share one heap block with two references; whoever lets go last
 * frees it, so a question can be dropped while its thread still waits for DNS.
 */
#include "base/resolve.h"

#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

struct resolve {
	struct loop_watch done;
	_Atomic int references;
	_Atomic bool ready; /* what the thread has written may be read */
	int fd;
	char name[RESOLVE_NAME];
	struct ipaddr a[RESOLVE_MAX];
	unsigned n;
	int error; /* of getaddrinfo */
	void (*answered)(void *, const struct ipaddr *, unsigned, const char *);
	void *owner;
};

static void release(struct resolve *r)
{
	if (atomic_fetch_sub(&r->references, 1) > 1)
		return;
	close(r->fd);
	free(r);
}

static int look_up(const char *name, struct ipaddr *out, unsigned *n)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
				  .ai_socktype = SOCK_STREAM };
	struct addrinfo *list;
	int err = getaddrinfo(name, NULL, &hints, &list);

	*n = 0;
	if (err)
		return err;
	for (struct addrinfo *i = list; i && *n < RESOLVE_MAX; i = i->ai_next) {
		struct sockaddr_storage ss = { 0 };
		struct endpoint e;

		memcpy(&ss, i->ai_addr, i->ai_addrlen);
		if (endpoint_from_sockaddr(&ss, &e))
			out[(*n)++] = e.ip;
	}
	freeaddrinfo(list);
	return 0;
}

static void *run(void *arg)
{
	struct resolve *r = arg;

	r->error = look_up(r->name, r->a, &r->n);
	atomic_store_explicit(&r->ready, true, memory_order_release);
	eventfd_write(r->fd, 1);
	release(r);
	return NULL;
}

static void on_done(struct loop_watch *w, nsec_t now)
{
	struct resolve *r = container_of(w, struct resolve, done);
	const char *why;

	(void)now;
	if (!atomic_load_explicit(&r->ready, memory_order_acquire))
		return; /* not yet: the descriptor stays readable */
	why = r->error ? gai_strerror(r->error) : "no address";
	loop_watch_del(&r->done);
	r->answered(r->owner, r->a, r->n, r->n ? NULL : why);
	release(r);
}

static bool start_thread(struct resolve *r)
{
	pthread_attr_t attr;
	pthread_t t;
	int err;

	if (pthread_attr_init(&attr))
		return false;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	atomic_store(&r->references, 2);
	err = pthread_create(&t, &attr, run, r);
	pthread_attr_destroy(&attr);
	return !err;
}

struct resolve *resolve_start(struct loop *l, const char *name,
			      void (*answered)(void *, const struct ipaddr *,
					       unsigned, const char *),
			      void *owner)
{
	struct resolve *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	snprintf(r->name, sizeof(r->name), "%s", name);
	r->answered = answered;
	r->owner = owner;
	r->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->fd >= 0 && !loop_watch_add(l, &r->done, r->fd, on_done) &&
	    start_thread(r))
		return r;
	loop_watch_del(&r->done);
	if (r->fd >= 0)
		close(r->fd);
	free(r);
	return NULL;
}

void resolve_cancel(struct resolve *r)
{
	if (!r)
		return;
	loop_watch_del(&r->done);
	release(r);
}

unsigned resolve_wait(const char *name, struct ipaddr out[static RESOLVE_MAX])
{
	unsigned n;

	return look_up(name, out, &n) ? 0 : n;
}
