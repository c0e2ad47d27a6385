/* SPDX-License-Identifier: MIT
 *
 * dial.c - one TCP connection to a named host, through an HTTP proxy where one is set
 *
 * Resolve, connect (one address after the other), and with a proxy: CONNECT, its
 * answer's head read to the octet, so that what follows belongs to the tunnel.
 */
#include "base/dial.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/nat64.h"
#include "base/resolve.h"

enum {
	WHY_ROOM = 512,
	HOST_ROOM = 256,
	ADDRESSES_MAX = 2 * RESOLVE_MAX, /* each IPv4 one perhaps once more by NAT64 */
};

static const nsec_t address_timeout = SEC(4), proxy_timeout = SEC(8);

struct dial {
	struct dial_params p;
	char host[HOST_ROOM];
	struct proxy proxy; /* secret; host "": none */
	struct loop_timer timer;
	struct resolve *resolve;
	struct ipaddr addresses[ADDRESSES_MAX];
	unsigned address_count, address_next;
	unsigned no_route; /* a bit for each IPv4 address that nothing leads to */
	bool translated; /* those have been added once more by NAT64 */
	struct endpoint to;
	int fd; /* -1: none */
	struct event *event; /* on fd */
	ssize_t peeked; /* octets of the proxy's answer so far */
	char why[WHY_ROOM]; /* the first failure counts until a later one */
};

static void drop_socket(struct dial *d)
{
	if (d->event)
		event_free(d->event);
	d->event = NULL;
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
}

void dial_cancel(struct dial *d)
{
	if (!d)
		return;
	resolve_cancel(d->resolve);
	drop_socket(d);
	loop_timer_done(&d->timer);
	explicit_bzero(&d->proxy, sizeof(d->proxy));
	free(d);
}

/* finish() - d is gone; fd goes to the owner, -1: failed */
static void finish(struct dial *d, int fd)
{
	struct dial_params p = d->p;
	struct endpoint to = d->to;
	char why[WHY_ROOM];

	memcpy(why, d->why, sizeof(why));
	if (fd >= 0) {
		event_free(d->event);
		d->event = NULL;
		d->fd = -1;
	}
	dial_cancel(d);
	p.done(p.owner, fd, &to, fd >= 0 ? NULL : why);
}

static void try_next(struct dial *d);

static bool by_proxy(const struct dial *d)
{
	return d->proxy.host[0];
}

static void explain(struct dial *d, const char *why)
{
	if (by_proxy(d))
		snprintf(d->why, sizeof(d->why), "the proxy %.200s:%u: %s",
			 d->proxy.host, d->proxy.port, why);
	else
		snprintf(d->why, sizeof(d->why), "%s", why);
}

/* failed() - this address is no good: the next one */
static void failed(struct dial *d, const char *why)
{
	explain(d, why);
	try_next(d);
}

/* ---- the proxy's answer ---- */

static void judge(struct dial *d, const struct http_head *h, size_t used)
{
	uint8_t head[HTTP_HEAD_MAX];
	const char *why = proxy_judge(h);
	int one = 1;

	setsockopt(d->fd, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof(one));
	if (recv(d->fd, head, used, 0) != (ssize_t)used)
		why = "it closed the connection";
	if (!why) {
		finish(d, d->fd);
		return;
	}
	explain(d, why);
	finish(d, -1); /* its other addresses would say the same */
}

/* wait_for_more() - half a head: wake up when there is more than n octets */
static void wait_for_more(struct dial *d, ssize_t n)
{
	int low = (int)n + 1;

	setsockopt(d->fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof(low));
}

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
	struct dial *d = arg;
	uint8_t head[HTTP_HEAD_MAX];
	struct http_head h;
	ssize_t n;
	int used;

	if (what & EV_TIMEOUT) {
		failed(d, "it took the connection but does not answer");
		return;
	}
	n = recv(fd, head, sizeof(head), MSG_PEEK);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= d->peeked) { /* readable, but nothing more: the end */
		failed(d, "it closed the connection without an answer");
		return;
	}
	d->peeked = n;
	used = http_head_parse(head, (size_t)n, &h);
	if (used > 0)
		judge(d, &h, (size_t)used);
	else if (used < 0)
		failed(d, "it does not answer in HTTP: is it an HTTP proxy?");
	else
		wait_for_more(d, n);
}

static void ask_proxy(struct dial *d)
{
	struct timeval tv = { .tv_sec = (time_t)(proxy_timeout / SEC(1)) };
	char request[PROXY_REQUEST];
	size_t n = proxy_request(&d->proxy, d->host, d->p.port, request);
	ssize_t sent = send(d->fd, request, n, MSG_NOSIGNAL);

	explicit_bzero(request, sizeof(request));
	d->peeked = 0;
	d->event = event_new(d->p.loop->base, d->fd, EV_READ | EV_PERSIST,
			     on_answer, d);
	if (sent != (ssize_t)n || !d->event || event_add(d->event, &tv) < 0)
		failed(d, "it closed the connection");
}

/* ---- connecting ---- */

static void on_connected(evutil_socket_t fd, short what, void *arg)
{
	struct dial *d = arg;
	socklen_t n = sizeof(int);
	int err = ETIMEDOUT;

	if (!(what & EV_TIMEOUT))
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &n);
	if (err) {
		failed(d, err == ETIMEDOUT ? "no answer in time" : strerror(err));
		return;
	}
	if (!by_proxy(d)) {
		finish(d, (int)fd);
		return;
	}
	event_free(d->event);
	d->event = NULL;
	ask_proxy(d);
}

/* bind_port() - sockets that all say so may share a local port, if none listens */
static int bind_port(const struct dial *d)
{
	struct endpoint e = { .port = d->p.local_port };
	struct sockaddr_storage ss;
	socklen_t n;
	int one = 1;

	if (ipaddr_is_v4(&d->to.ip))
		e.ip = ipaddr_v4(0);
	n = endpoint_to_sockaddr(&e, false, &ss);
	if (setsockopt(d->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(d->fd, (struct sockaddr *)&ss, n) < 0)
		return -errno;
	return 0;
}

static int connect_to(struct dial *d)
{
	struct sockaddr_storage ss;
	socklen_t n = endpoint_to_sockaddr(&d->to, false, &ss);
	struct timeval tv = { .tv_sec = (time_t)(address_timeout / SEC(1)) };
	bool last = d->address_next == d->address_count && !by_proxy(d);
	int err = 0;

	d->fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (d->fd < 0)
		return -errno;
	if (d->p.mark && setsockopt(d->fd, SOL_SOCKET, SO_MARK, &d->p.mark,
				    sizeof(d->p.mark)) < 0)
		return -errno;
	if (d->p.local_port)
		err = bind_port(d);
	if (err)
		return err;
	if (connect(d->fd, (struct sockaddr *)&ss, n) < 0 && errno != EINPROGRESS)
		return -errno;
	d->event = event_new(d->p.loop->base, d->fd, EV_WRITE, on_connected, d);
	if (!d->event)
		return -ENOMEM;
	/* The last address may take all the time that the caller has. */
	return event_add(d->event, last ? NULL : &tv) < 0 ? -ENOMEM : 0;
}

/* ---- IPv4 where the network has IPv6 alone ---- */

static void translate(struct dial *d, const struct nat64 *t)
{
	unsigned count = d->address_count;

	for (unsigned i = 0; t && i < count; i++)
		if ((d->no_route >> i & 1) && d->address_count < ADDRESSES_MAX)
			d->addresses[d->address_count++] =
				nat64_embed(t, &d->addresses[i]);
}

static void on_translator(void *owner, const struct ipaddr *a, unsigned n,
			  const char *why)
{
	struct dial *d = owner;
	struct nat64 t;

	(void)why;
	d->resolve = NULL;
	translate(d, nat64_find(a, n, &t) ? &t : NULL);
	try_next(d);
}

/* wait_for_translator() - nothing leads to some: is there one? false: no need to wait */
static bool wait_for_translator(struct dial *d)
{
	if (!d->no_route || d->translated || d->p.only_v4)
		return false;
	d->translated = true;
	if (nat64_here()) {
		translate(d, nat64_here());
		return false;
	}
	d->resolve = resolve_start(d->p.loop, NAT64_NAME, on_translator, d);
	return d->resolve != NULL;
}

/* The next address; when there is none, the reason why the one before it failed. */
static void try_next(struct dial *d)
{
	drop_socket(d);
	while (d->address_next < d->address_count) {
		int err;

		d->to = (struct endpoint){
			.ip = d->addresses[d->address_next++],
			.port = by_proxy(d) ? d->proxy.port : d->p.port,
		};
		err = connect_to(d);
		if (!err)
			return;
		snprintf(d->why, sizeof(d->why), "%s", strerror(-err));
		if (err == -ENETUNREACH && ipaddr_is_v4(&d->to.ip))
			d->no_route |= 1U << (d->address_next - 1);
		drop_socket(d);
	}
	if (wait_for_translator(d))
		return;
	if (d->address_next < d->address_count)
		try_next(d);
	else
		finish(d, -1);
}

static void on_resolved(void *owner, const struct ipaddr *a, unsigned n,
			const char *why)
{
	struct dial *d = owner;

	d->resolve = NULL;
	for (unsigned i = 0; i < n; i++)
		if (!d->p.only_v4 || ipaddr_is_v4(&a[i]))
			d->addresses[d->address_count++] = a[i];
	snprintf(d->why, sizeof(d->why), "the name %.255s does not resolve: %.100s",
		 by_proxy(d) ? d->proxy.host : d->host,
		 why ? why : "it has no IPv4 address");
	try_next(d);
}

/* A literal address: from the loop too, so that done() never comes in dial_start(). */
static void on_timer(struct loop_timer *t, nsec_t now)
{
	(void)now;
	try_next(container_of(t, struct dial, timer));
}

static bool begin(struct dial *d)
{
	const char *name = by_proxy(d) ? d->proxy.host : d->host;

	snprintf(d->why, sizeof(d->why), "it has no IPv4 address");
	if (ipaddr_parse(name, &d->addresses[0])) {
		d->address_count = !d->p.only_v4 || ipaddr_is_v4(&d->addresses[0]);
		loop_timer_at(&d->timer, time_now());
		return true;
	}
	d->resolve = resolve_start(d->p.loop, name, on_resolved, d);
	return d->resolve != NULL;
}

struct dial *dial_start(const struct dial_params *p)
{
	struct dial *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->p = *p;
	d->fd = -1;
	snprintf(d->host, sizeof(d->host), "%s", p->host);
	d->p.host = d->host;
	if (p->proxy && proxy_serves(p->proxy, d->host))
		d->proxy = *p->proxy;
	d->p.proxy = NULL;
	if (loop_timer_init(p->loop, &d->timer, on_timer)) {
		free(d);
		return NULL;
	}
	if (begin(d))
		return d;
	dial_cancel(d);
	return NULL;
}
