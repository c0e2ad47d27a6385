/* SPDX-License-Identifier: MIT
 *
 * scrape.c - GET /metrics over HTTP/1.1 on a local port or unix socket (glue)
 *
 * A page is written into the socket's buffer at once; who does not take it is cut off.
 */
#include "base/scrape.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/http.h"

enum {
	BUFFER_OCTETS = 2 * SCRAPE_PAGE_MAX,
	HEAD_ROOM = 256, /* of an answer */
};

struct caller {
	struct loop_watch watch;
	struct scrape *scrape;
	uint64_t number; /* grows */
	size_t n;
	uint8_t head[HTTP_HEAD_MAX];
};

struct scrape {
	struct scrape_params p;
	struct loop_watch watch;
	char unix_path[SCRAPE_AT]; /* "": TCP */
	uint64_t next;
	struct caller *callers[SCRAPE_CONNECTIONS_MAX];
	char page[SCRAPE_PAGE_MAX];
};

bool scrape_valid(const char *text)
{
	struct endpoint e;

	if (text[0] == '/')
		return text[1] && strlen(text) < 108; /* unix(7) */
	return endpoint_parse(text, &e) && e.port;
}

static void close_caller(struct caller *c)
{
	struct scrape *s = c->scrape;

	for (unsigned i = 0; i < SCRAPE_CONNECTIONS_MAX; i++)
		if (s->callers[i] == c)
			s->callers[i] = NULL;
	loop_watch_del(&c->watch);
	close(c->watch.fd);
	free(c);
}

static void send_answer(int fd, const char *status, const char *body, size_t n)
{
	char head[HEAD_ROOM];
	int head_n = snprintf(head, sizeof(head),
			      "HTTP/1.1 %s\r\nContent-Type: %s\r\n"
			      "Content-Length: %zu\r\nConnection: close\r\n\r\n",
			      status, METRICS_TYPE, n);
	struct iovec iov[2] = { { head, (size_t)head_n }, { (char *)body, n } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };

	(void)!sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void answer(struct caller *c, const struct http_head *h)
{
	struct scrape *s = c->scrape;
	struct metrics m;

	if (!http_is(h->method, "GET")) {
		send_answer(c->watch.fd, "405 Method Not Allowed", "", 0);
		return;
	}
	if (!http_is(h->target, "/metrics") && !http_is(h->target, "/")) {
		send_answer(c->watch.fd, "404 Not Found", "", 0);
		return;
	}
	metrics_init(&m, s->page, sizeof(s->page));
	s->p.fill(s->p.owner, &m);
	send_answer(c->watch.fd, "200 OK", s->page, m.n);
}

static void on_readable(struct loop_watch *w, nsec_t now)
{
	struct caller *c = container_of(w, struct caller, watch);
	struct http_head head;
	ssize_t got = recv(w->fd, c->head + c->n, sizeof(c->head) - c->n,
			   MSG_DONTWAIT);
	int used;

	(void)now;
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		close_caller(c);
		return;
	}
	c->n += (size_t)got;
	used = http_head_parse(c->head, c->n, &head);
	if (used == 0 && c->n < sizeof(c->head))
		return;
	if (used > 0 && !head.response)
		answer(c, &head);
	else
		send_answer(w->fd, "400 Bad Request", "", 0);
	shutdown(w->fd, SHUT_WR);
	close_caller(c);
}

/* place() - a free one, or that of the oldest, who is cut off */
static unsigned place(struct scrape *s)
{
	unsigned oldest = 0;

	for (unsigned i = 0; i < SCRAPE_CONNECTIONS_MAX; i++) {
		if (!s->callers[i])
			return i;
		if (s->callers[i]->number < s->callers[oldest]->number)
			oldest = i;
	}
	close_caller(s->callers[oldest]);
	return oldest;
}

static void on_connect(struct loop_watch *w, nsec_t now)
{
	struct scrape *s = container_of(w, struct scrape, watch);
	int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int octets = BUFFER_OCTETS;
	struct caller *c;
	unsigned at;

	(void)now;
	if (fd < 0)
		return;
	at = place(s);
	c = calloc(1, sizeof(*c));
	if (!c || loop_watch_add(s->p.loop, &c->watch, fd, on_readable)) {
		free(c);
		close(fd);
		return;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &octets, sizeof(octets));
	c->scrape = s;
	c->number = s->next++;
	s->callers[at] = c;
}

static int bind_unix(const char *path, int fd)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int err;

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	unlink(path);
	err = bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ? -errno : 0;
	if (!err && chmod(path, 0660) < 0)
		err = -errno;
	return err;
}

static int bind_tcp(const char *text, int fd)
{
	struct sockaddr_storage ss;
	struct endpoint e;
	int one = 1;
	socklen_t n;

	if (!endpoint_parse(text, &e))
		return -EINVAL;
	n = endpoint_to_sockaddr(&e, false, &ss);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	return bind(fd, (struct sockaddr *)&ss, n) < 0 ? -errno : 0;
}

static int listen_at(const char *at)
{
	bool local = at[0] == '/', v6 = at[0] == '[';
	int family = local ? AF_UNIX : v6 ? AF_INET6 : AF_INET;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err;

	if (fd < 0)
		return -errno;
	err = local ? bind_unix(at, fd) : bind_tcp(at, fd);
	if (!err && listen(fd, SCRAPE_CONNECTIONS_MAX) < 0)
		err = -errno;
	if (!err)
		return fd;
	close(fd);
	return err;
}

struct scrape *scrape_new(const struct scrape_params *p, char why[static 256])
{
	struct scrape *s = calloc(1, sizeof(*s));
	int fd;

	snprintf(why, 256, "out of memory");
	if (!s)
		return NULL;
	fd = scrape_valid(p->at) ? listen_at(p->at) : -EINVAL;
	if (fd < 0) {
		snprintf(why, 256, "cannot offer metrics at %.100s: %s; choose "
			 "another place", p->at, strerror(-fd));
		free(s);
		return NULL;
	}
	s->p = *p;
	snprintf(s->unix_path, sizeof(s->unix_path), "%s",
		 p->at[0] == '/' ? p->at : "");
	s->watch.fd = fd;
	if (!loop_watch_add(p->loop, &s->watch, fd, on_connect))
		return s;
	scrape_free(s);
	return NULL;
}

void scrape_free(struct scrape *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < SCRAPE_CONNECTIONS_MAX; i++)
		if (s->callers[i])
			close_caller(s->callers[i]);
	loop_watch_del(&s->watch);
	close(s->watch.fd);
	if (s->unix_path[0])
		unlink(s->unix_path);
	free(s);
}
