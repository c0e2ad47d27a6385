/* SPDX-License-Identifier: MIT
 *
 * stream.c - WebSocket messages over TLS over TCP, client and server side
 *
 * A client goes through RESOLVING, CONNECTING (one address after the other), UPGRADING
 * (TLS, then the HTTP upgrade) and OPEN; an accepted stream begins at UPGRADING. One
 * timer serves the phase: its deadline until OPEN, then the ping. Callbacks may free
 * the stream they are in: `busy` counts the frames below, the last one frees.
 * Spec: RFC 6455 section 4 (upgrade), 5 (frames), 7 (closing).
 */
#include "base/stream.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/http.h"
#include "base/rand.h"
#include "base/resolve.h"
#include "base/tls.h"
#include "base/url.h"
#include "base/websocket.h"

enum {
	QUEUE_MAX = 4 << 20, /* octets that may wait to be sent */
	USER_TIMEOUT_MS = 10000,
	KEY_TEXT_ROOM = BASE64_ROOM(16),
	PATH_ROOM = 64,
};

static const nsec_t ping_every = SEC(15), address_timeout = SEC(4),
		    finish_timeout = SEC(2);

enum phase {
	PHASE_RESOLVING,
	PHASE_CONNECTING,
	PHASE_UPGRADING,
	PHASE_OPEN,
	PHASE_FINISHING, /* nobody listens any more */
};

struct stream {
	struct loop *loop;
	struct stream_events events;
	enum phase phase;
	struct bufferevent *bev;
	struct websocket ws;
	struct loop_timer timer;
	bool early_phase; /* inside stream_connect() */
	char early[64]; /* why stream_connect() failed, told by the timer */
	nsec_t heard; /* last octet from the other side */
	unsigned busy;
	bool dead;
	struct endpoint remote;
	char remote_text[ADDR_TEXT];

	/* client */
	struct tls *tls; /* owned */
	char host[URL_HOST], path[PATH_ROOM];
	uint16_t port;
	uint32_t mark;
	char key[KEY_TEXT_ROOM]; /* Sec-WebSocket-Key */
	struct resolve *resolve;
	struct ipaddr addresses[RESOLVE_MAX];
	unsigned address_count, address_next;
	int fd; /* while connecting, else -1 */
	struct event *connecting;

	struct stream_server *server; /* of an accepted stream, counted there */
	struct stream *next, **link; /* in the server's list */
};

struct stream_server {
	struct loop *loop;
	struct tls *tls;
	struct evconnlistener *listener;
	unsigned connections, connections_max;
	size_t message_max;
	uint64_t refused;
	nsec_t handshake_timeout;
	char path[PATH_ROOM];
	struct stream_events events;
	uint16_t port;
	struct stream *streams;
};

static void destroy(struct stream *s)
{
	resolve_cancel(s->resolve);
	if (s->connecting)
		event_free(s->connecting);
	if (s->fd >= 0)
		close(s->fd);
	if (s->bev)
		bufferevent_free(s->bev);
	loop_timer_done(&s->timer);
	websocket_done(&s->ws);
	tls_free(s->tls);
	if (s->server)
		s->server->connections--;
	if (s->link)
		*s->link = s->next;
	if (s->next)
		s->next->link = s->link;
	free(s);
}

static void enter(struct stream *s)
{
	s->busy++;
}

static void leave(struct stream *s)
{
	if (--s->busy == 0 && s->dead)
		destroy(s);
}

/* Tell the owner and end; safe at any depth. */
static void end(struct stream *s, const char *why)
{
	if (s->dead)
		return;
	s->dead = true;
	enter(s);
	if (s->phase != PHASE_FINISHING && s->events.closed)
		s->events.closed(s->events.owner, s, why);
	leave(s);
}

void stream_free(struct stream *s)
{
	if (!s)
		return;
	s->dead = true;
	s->events = (struct stream_events){ 0 };
	if (!s->busy)
		destroy(s);
}

static void tune(int fd)
{
	int one = 1, ms = USER_TIMEOUT_MS;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

static bool write_frame(struct stream *s, enum websocket_opcode op, const void *m,
			size_t n)
{
	uint8_t header[WEBSOCKET_HEADER_MAX], mask[4];
	struct evbuffer *out = bufferevent_get_output(s->bev);
	bool masked = !s->ws.from_client;
	struct evbuffer_iovec v;
	size_t h;

	if (masked)
		rand_bytes(mask, sizeof(mask));
	h = websocket_header(op, n, masked ? mask : NULL, header);
	if (evbuffer_reserve_space(out, (ev_ssize_t)(h + n), &v, 1) != 1)
		return false;
	memcpy(v.iov_base, header, h);
	if (n)
		memcpy((uint8_t *)v.iov_base + h, m, n);
	if (masked)
		websocket_mask(mask, 0, (uint8_t *)v.iov_base + h, n);
	v.iov_len = h + n;
	return evbuffer_commit_space(out, &v, 1) == 0;
}

bool stream_send(struct stream *s, const void *m, size_t n)
{
	if (s->dead || s->phase != PHASE_OPEN || n > STREAM_MESSAGE_MAX ||
	    evbuffer_get_length(bufferevent_get_output(s->bev)) + n > QUEUE_MAX)
		return false;
	return write_frame(s, WEBSOCKET_OP_BINARY, m, n);
}

static void write_close(struct stream *s, uint16_t code)
{
	uint8_t m[2] = { (uint8_t)(code >> 8), (uint8_t)code };

	write_frame(s, WEBSOCKET_OP_CLOSE, m, sizeof(m));
}

void stream_finish(struct stream *s)
{
	if (!s)
		return;
	if (s->phase != PHASE_OPEN || s->dead) {
		stream_free(s);
		return;
	}
	write_close(s, 1000);
	s->phase = PHASE_FINISHING;
	s->events = (struct stream_events){ 0 };
	loop_timer_at(&s->timer, nsec_add(time_now(), finish_timeout));
}

void stream_set_owner(struct stream *s, const struct stream_events *h)
{
	s->events = *h;
}

const char *stream_peer(const struct stream *s)
{
	return s->remote_text;
}

struct endpoint stream_remote(const struct stream *s)
{
	return s->remote;
}

struct endpoint stream_local(const struct stream *s)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t n = sizeof(ss);
	struct endpoint e = { 0 };

	if (!s->bev || getsockname(bufferevent_getfd(s->bev),
				   (struct sockaddr *)&ss, &n) < 0 ||
	    !endpoint_from_sockaddr(&ss, &e))
		return (struct endpoint){ 0 };
	return e;
}

static void opened(struct stream *s)
{
	s->phase = PHASE_OPEN;
	s->heard = time_now();
	loop_timer_at(&s->timer, nsec_add(s->heard, ping_every));
	if (s->events.opened)
		s->events.opened(s->events.owner, s);
}

/* ---- frames ---- */

static void take_event(struct stream *s, enum websocket_event e, uint8_t *data,
		       size_t n)
{
	switch (e) {
	case WEBSOCKET_MESSAGE:
		if (s->events.message)
			s->events.message(s->events.owner, s, data, n);
		return;
	case WEBSOCKET_PING:
		if (evbuffer_get_length(bufferevent_get_output(s->bev)) <
		    QUEUE_MAX)
			write_frame(s, WEBSOCKET_OP_PONG, data, n);
		return;
	case WEBSOCKET_CLOSE:
		end(s, "closed by the other side");
		return;
	case WEBSOCKET_PROTOCOL_ERROR:
		end(s, "the other side broke the WebSocket rules");
		return;
	case WEBSOCKET_TOO_BIG:
		end(s, "the other side sent a message that is too big");
		return;
	case WEBSOCKET_PONG:
	case WEBSOCKET_NEED_MORE:
		return;
	}
}

static void read_frames(struct stream *s)
{
	struct evbuffer *in = bufferevent_get_input(s->bev);
	enum websocket_event e = WEBSOCKET_NEED_MORE;
	struct evbuffer_iovec v;
	uint8_t *data = NULL;
	size_t used, n = 0;

	while (!s->dead && evbuffer_peek(in, -1, NULL, &v, 1) > 0) {
		e = websocket_read(&s->ws, v.iov_base, v.iov_len, &used, &data,
				   &n);
		evbuffer_drain(in, used);
		take_event(s, e, data, n);
	}
}

/* ---- upgrade, RFC 6455 s4 ---- */

static void write_request(struct stream *s)
{
	bool v6 = strchr(s->host, ':') != NULL;
	uint8_t nonce[16];

	rand_bytes(nonce, sizeof(nonce));
	base64_write(nonce, sizeof(nonce), s->key);
	evbuffer_add_printf(bufferevent_get_output(s->bev),
			    "GET %s HTTP/1.1\r\nHost: %s%s%s:%u\r\n"
			    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
			    "Sec-WebSocket-Key: %s\r\n"
			    "Sec-WebSocket-Version: 13\r\n\r\n",
			    s->path, v6 ? "[" : "", s->host, v6 ? "]" : "",
			    s->port, s->key);
}

static void judge_response(struct stream *s, const struct http_head *h)
{
	char expected[TLS_ACCEPT_TEXT], why[80];
	struct slice accept = http_field(h, "Sec-WebSocket-Accept");

	if (!h->response || h->status != 101) {
		snprintf(why, sizeof(why), "HTTP status %u instead of a WebSocket",
			 h->status);
		end(s, why);
		return;
	}
	if (!tls_websocket_accept(s->key, strlen(s->key), expected) ||
	    !accept.p || !http_is(accept, expected) ||
	    !http_field_lists(h, "Upgrade", "websocket"))
		end(s, "the answer is not that of a WebSocket server");
	else
		opened(s);
}

static void refuse_request(struct stream *s, const char *status)
{
	evbuffer_add_printf(bufferevent_get_output(s->bev),
			    "HTTP/1.1 %s\r\nContent-Length: 0\r\n"
			    "Connection: close\r\n\r\n", status);
	s->phase = PHASE_FINISHING;
	loop_timer_at(&s->timer, nsec_add(time_now(), finish_timeout));
}

static bool is_upgrade(const struct http_head *h)
{
	struct slice version = http_field(h, "Sec-WebSocket-Version");
	struct slice key = http_field(h, "Sec-WebSocket-Key");

	return http_is(h->method, "GET") && key.p && key.n == 24 && version.p &&
	       http_is(version, "13") &&
	       http_field_lists(h, "Upgrade", "websocket") &&
	       http_field_lists(h, "Connection", "upgrade");
}

static void judge_request(struct stream *s, const struct http_head *h)
{
	struct slice key = http_field(h, "Sec-WebSocket-Key");
	char accept[TLS_ACCEPT_TEXT];

	if (h->response || !http_is(h->target, s->server->path)) {
		refuse_request(s, "404 Not Found");
		return;
	}
	if (!is_upgrade(h) || !tls_websocket_accept(key.p, key.n, accept)) {
		refuse_request(s, "426 Upgrade Required\r\nUpgrade: websocket");
		return;
	}
	evbuffer_add_printf(bufferevent_get_output(s->bev),
			    "HTTP/1.1 101 Switching Protocols\r\n"
			    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
			    "Sec-WebSocket-Accept: %s\r\n\r\n", accept);
	opened(s);
}

static void read_head(struct stream *s)
{
	struct evbuffer *in = bufferevent_get_input(s->bev);
	size_t n = evbuffer_get_length(in);
	uint8_t head[HTTP_HEAD_MAX];
	struct http_head h;
	int used;

	if (n > sizeof(head))
		n = sizeof(head);
	evbuffer_copyout(in, head, n);
	used = http_head_parse(head, n, &h);
	if (used == 0)
		return;
	if (used < 0 && s->server) {
		refuse_request(s, "400 Bad Request");
		return;
	}
	if (used < 0) {
		end(s, "the answer is not HTTP");
		return;
	}
	evbuffer_drain(in, (size_t)used);
	if (s->server)
		judge_request(s, &h);
	else
		judge_response(s, &h);
}

/* ---- bufferevent ---- */

static void on_read(struct bufferevent *bev, void *arg)
{
	struct stream *s = arg;

	(void)bev;
	if (s->dead)
		return;
	enter(s);
	s->heard = time_now();
	if (s->phase == PHASE_UPGRADING)
		read_head(s);
	if (s->phase == PHASE_OPEN && !s->dead)
		read_frames(s);
	if (s->phase == PHASE_FINISHING)
		evbuffer_drain(bufferevent_get_input(s->bev), SIZE_MAX);
	leave(s);
}

static void on_written(struct bufferevent *bev, void *arg)
{
	struct stream *s = arg;

	/* Half-close and wait for the other side: closing with unread input would
	 * reset the connection and take back what has been sent. */
	if (s->phase == PHASE_FINISHING && !s->dead)
		shutdown(bufferevent_getfd(bev), SHUT_WR);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct stream *s = arg;
	int err = EVUTIL_SOCKET_ERROR();

	(void)bev;
	if (s->dead)
		return;
	enter(s);
	if (what & BEV_EVENT_CONNECTED) {
		if (!s->server)
			write_request(s);
	} else if (what & BEV_EVENT_EOF || !err || s->phase == PHASE_OPEN) {
		end(s, err == ETIMEDOUT ? "the connection died" :
					  "closed by the other side");
	} else {
		end(s, strerror(err));
	}
	leave(s);
}

static void on_timer(struct loop_timer *t, nsec_t now)
{
	struct stream *s = container_of(t, struct stream, timer);

	if (s->dead)
		return;
	enter(s);
	if (s->phase != PHASE_OPEN) {
		end(s, s->early[0] ? s->early : "no answer in time");
	} else if (nsec_since(s->heard, now) > ping_every + ping_every / 2) {
		end(s, "no sign of life from the other side");
	} else {
		write_frame(s, WEBSOCKET_OP_PING, NULL, 0);
		loop_timer_at(&s->timer, nsec_add(now, ping_every / 2));
	}
	leave(s);
}

static bool start_tls(struct stream *s, struct tls *tls, int fd, const char *name)
{
	struct ssl_st *ssl = tls_session(tls, name);

	tune(fd);
	s->phase = PHASE_UPGRADING;
	if (!ssl)
		return false;
	s->bev = bufferevent_openssl_socket_new(
		s->loop->base, fd, ssl,
		s->server ? BUFFEREVENT_SSL_ACCEPTING :
			    BUFFEREVENT_SSL_CONNECTING,
		BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	if (!s->bev)
		return false;
	bufferevent_openssl_set_allow_dirty_shutdown(s->bev, 1);
	bufferevent_setcb(s->bev, on_read, on_written, on_event, s);
	bufferevent_setwatermark(s->bev, EV_READ, 0, STREAM_MESSAGE_MAX);
	bufferevent_enable(s->bev, EV_READ | EV_WRITE);
	return true;
}

static void set_remote(struct stream *s, struct endpoint e)
{
	s->remote = e;
	endpoint_text(&e, s->remote_text);
}

static struct stream *new_stream(struct loop *l, const struct stream_events *h)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->loop = l;
	s->events = *h;
	s->fd = -1;
	if (!loop_timer_init(l, &s->timer, on_timer))
		return s;
	free(s);
	return NULL;
}

/* ---- client ---- */

static void try_next(struct stream *s, const char *why);

static void on_connected(evutil_socket_t fd, short what, void *arg)
{
	struct stream *s = arg;
	struct ipaddr literal;
	socklen_t n = sizeof(int);
	int err = ETIMEDOUT;

	if (!(what & EV_TIMEOUT))
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &n);
	event_free(s->connecting);
	s->connecting = NULL;
	s->fd = -1;
	enter(s);
	if (err) {
		close(fd);
		try_next(s, strerror(err));
	} else if (!start_tls(s, s->tls, fd,
			      ipaddr_parse(s->host, &literal) ? NULL :
								s->host)) {
		end(s, "no memory");
	}
	leave(s);
}

static int connect_to(struct stream *s, const struct endpoint *e)
{
	struct sockaddr_storage ss;
	socklen_t n = endpoint_to_sockaddr(e, false, &ss);
	struct timeval tv = { .tv_sec = (time_t)(address_timeout / SEC(1)) };

	s->fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		return -errno;
	if (s->mark && setsockopt(s->fd, SOL_SOCKET, SO_MARK, &s->mark,
				  sizeof(s->mark)) < 0)
		return -errno;
	if (connect(s->fd, (struct sockaddr *)&ss, n) < 0 && errno != EINPROGRESS)
		return -errno;
	s->connecting = event_new(s->loop->base, s->fd, EV_WRITE, on_connected, s);
	if (!s->connecting)
		return -ENOMEM;
	/* The last address may take all the time that is left. */
	event_add(s->connecting,
		  s->address_next < s->address_count ? &tv : NULL);
	return 0;
}

/* The next address; why the one before it failed. */
static void try_next(struct stream *s, const char *why)
{
	struct endpoint e = { .port = s->port };
	int err;

	s->phase = PHASE_CONNECTING;
	while (s->address_next < s->address_count) {
		e.ip = s->addresses[s->address_next++];
		set_remote(s, e);
		err = connect_to(s, &e);
		if (!err)
			return;
		why = strerror(-err);
		if (s->fd >= 0)
			close(s->fd);
		s->fd = -1;
	}
	if (!s->early_phase) {
		end(s, why);
		return;
	}
	snprintf(s->early, sizeof(s->early), "%s", why);
	loop_timer_at(&s->timer, time_now());
}

static void on_resolved(void *owner, const struct ipaddr *a, unsigned n,
			const char *why)
{
	struct stream *s = owner;
	char text[320];

	s->resolve = NULL;
	memcpy(s->addresses, a, n * sizeof(*a));
	s->address_count = n;
	snprintf(text, sizeof(text), "the name %s does not resolve: %s", s->host,
		 why ? why : "");
	enter(s);
	try_next(s, text);
	leave(s);
}

static bool begin(struct stream *s)
{
	s->tls = tls_new_client();
	if (!s->tls)
		return false;
	if (!ipaddr_parse(s->host, &s->addresses[0])) {
		s->resolve = resolve_start(s->loop, s->host, on_resolved, s);
		return s->resolve != NULL;
	}
	s->address_count = 1;
	/* A failure is told from the loop, not from inside stream_connect(). */
	s->early_phase = true;
	try_next(s, "no address");
	s->early_phase = false;
	return true;
}

struct stream *stream_connect(struct loop *l, const char *url, const char *path,
			      nsec_t timeout, uint32_t mark,
			      const struct stream_events *h)
{
	struct stream *s = new_stream(l, h);

	if (!s)
		return NULL;
	s->mark = mark;
	websocket_init(&s->ws, false, STREAM_MESSAGE_MAX);
	snprintf(s->path, sizeof(s->path), "%s", path);
	loop_timer_at(&s->timer, nsec_add(time_now(), timeout));
	if (!url_parse(url, s->host, &s->port) || !begin(s)) {
		destroy(s);
		return NULL;
	}
	return s;
}

/* ---- server ---- */

static void on_accept(struct evconnlistener *l, evutil_socket_t fd,
		      struct sockaddr *from, int n, void *arg)
{
	struct stream_server *v = arg;
	struct sockaddr_storage ss = { 0 };
	struct endpoint e;
	struct stream *s;

	(void)l;
	memcpy(&ss, from, (size_t)n);
	if (v->connections >= v->connections_max ||
	    !endpoint_from_sockaddr(&ss, &e) ||
	    !(s = new_stream(v->loop, &v->events))) {
		v->refused++;
		close(fd);
		return;
	}
	s->server = v;
	v->connections++;
	s->next = v->streams;
	s->link = &v->streams;
	if (s->next)
		s->next->link = &s->next;
	v->streams = s;
	websocket_init(&s->ws, true, v->message_max);
	set_remote(s, e);
	loop_timer_at(&s->timer, nsec_add(time_now(), v->handshake_timeout));
	if (start_tls(s, v->tls, fd, NULL))
		return;
	close(fd);
	stream_free(s);
}

static bool start_listening(struct stream_server *v, struct endpoint e)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t n = sizeof(ss);

	n = endpoint_to_sockaddr(&e, false, &ss);
	v->listener = evconnlistener_new_bind(
		v->loop->base, on_accept, v,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE,
		512, (struct sockaddr *)&ss, (int)n);
	if (!v->listener)
		return false;
	n = sizeof(ss);
	if (getsockname(evconnlistener_get_fd(v->listener),
			(struct sockaddr *)&ss, &n) == 0 &&
	    endpoint_from_sockaddr(&ss, &e))
		v->port = e.port;
	return true;
}

struct stream_server *stream_server_new(const struct stream_server_params *p,
					char why[static 256])
{
	struct stream_server *v = calloc(1, sizeof(*v));
	char text[ADDR_TEXT];

	snprintf(why, 256, "out of memory");
	if (!v)
		return NULL;
	v->loop = p->loop;
	v->connections_max = p->connections_max;
	v->message_max = p->message_max ? p->message_max : STREAM_MESSAGE_MAX;
	v->handshake_timeout = p->handshake_timeout;
	v->events = p->events;
	snprintf(v->path, sizeof(v->path), "%s", p->path);
	v->tls = tls_new_server(p->cert_path, p->key_path, why);
	if (v->tls && start_listening(v, p->listen))
		return v;
	if (v->tls)
		snprintf(why, 256, "cannot listen on %s: %s",
			 endpoint_text(&p->listen, text), strerror(errno));
	stream_server_free(v);
	return NULL;
}

void stream_server_free(struct stream_server *v)
{
	if (!v)
		return;
	while (v->streams)
		stream_free(v->streams);
	if (v->listener)
		evconnlistener_free(v->listener);
	tls_free(v->tls);
	free(v);
}

uint16_t stream_server_port(const struct stream_server *v)
{
	return v->port;
}

uint64_t stream_server_refused(const struct stream_server *v)
{
	return v->refused;
}
