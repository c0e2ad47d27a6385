/* SPDX-License-Identifier: MIT
 *
 * stream.c - WebSocket messages over TLS over TCP
 *
 * A client goes through DIALLING (base/dial.h), UPGRADING (TLS, then the HTTP upgrade)
 * and OPEN; an accepted stream begins at UPGRADING. One
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
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/dial.h"
#include "base/http.h"
#include "base/rand.h"
#include "base/stream_accept.h"
#include "base/tls.h"
#include "base/upgrade.h"
#include "base/url.h"
#include "base/websocket.h"

enum {
	QUEUE_MAX = 4 << 20, /* octets that may wait to be sent */
	USER_TIMEOUT_MS = 10000,
	UNSENT_MAX = 32 << 10, /* octets in the kernel behind the congestion window */
	PATH_ROOM = 64,
};

static const nsec_t ping_every = SEC(15), finish_timeout = SEC(2);

enum phase {
	PHASE_DIALLING,
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
	uint8_t nonce[UPGRADE_NONCE];
	struct dial *dial; /* while DIALLING */

	/* accepted */
	const struct stream_place *places; /* NULL: a client's stream */
	struct stream_group *group;
	struct stream *next, **link; /* in the group */
};

static void destroy(struct stream *s)
{
	dial_cancel(s->dial);
	if (s->bev)
		bufferevent_free(s->bev);
	loop_timer_done(&s->timer);
	websocket_done(&s->ws);
	tls_free(s->tls);
	if (s->group) {
		s->group->count--;
		*s->link = s->next;
		if (s->next)
			s->next->link = s->link;
	}
	free(s);
}

static void join_group(struct stream *s)
{
	s->group->count++;
	s->next = s->group->first;
	s->link = &s->group->first;
	if (s->next)
		s->next->link = &s->next;
	s->group->first = s;
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

bool stream_binding(const struct stream *s, uint8_t out[static 32])
{
	return s->bev && tls_binding(bufferevent_openssl_get_ssl(s->bev), out);
}

void stream_set_max(struct stream *s, size_t octets)
{
	s->ws.max = octets;
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
	int one = 1, ms = USER_TIMEOUT_MS, unsent = UNSENT_MAX;

	/* What the kernel has taken cannot be dropped any more when the connection
	 * stalls: it takes little beyond what is on its way. */
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
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

size_t stream_waiting(const struct stream *s)
{
	return s->bev ? evbuffer_get_length(bufferevent_get_output(s->bev)) : 0;
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
	return s->bev ? stream_socket_name(bufferevent_getfd(s->bev)) :
			(struct endpoint){ 0 };
}

static void opened(struct stream *s)
{
	s->phase = PHASE_OPEN;
	s->heard = time_now();
	loop_timer_at(&s->timer, nsec_add(s->heard, ping_every));
	if (s->events.opened)
		s->events.opened(s->events.owner, s);
}

static void take_event(struct stream *s, enum websocket_event e, uint8_t *data,
		       size_t n)
{
	static const char *const ends[] = {
		[WEBSOCKET_CLOSE] = "closed by the other side",
		[WEBSOCKET_PROTOCOL_ERROR] = "the other side broke the "
					     "WebSocket rules",
		[WEBSOCKET_TOO_BIG] = "the other side sent too big a message",
	};
	size_t waiting = evbuffer_get_length(bufferevent_get_output(s->bev));

	if (e == WEBSOCKET_MESSAGE && s->events.message)
		s->events.message(s->events.owner, s, data, n);
	else if (e == WEBSOCKET_PING && waiting < QUEUE_MAX)
		write_frame(s, WEBSOCKET_OP_PONG, data, n);
	else if (e < ARRAY_SIZE(ends) && ends[e])
		end(s, ends[e]);
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

static void write_request(struct stream *s)
{
	char request[UPGRADE_ROOM];
	size_t n = upgrade_request(s->host, s->port, s->path, s->nonce, request);

	evbuffer_add(bufferevent_get_output(s->bev), request, n);
}

static void judge_response(struct stream *s, const struct http_head *h)
{
	const char *why = upgrade_judge_response(h, s->nonce);

	if (why)
		end(s, why);
	else
		opened(s);
}

static void refuse_request(struct stream *s, const char *status)
{
	s->group->bad++;
	evbuffer_add_printf(bufferevent_get_output(s->bev),
			    "HTTP/1.1 %s\r\nContent-Length: 0\r\n"
			    "Connection: close\r\n\r\n", status);
	s->phase = PHASE_FINISHING;
	loop_timer_at(&s->timer, nsec_add(time_now(), finish_timeout));
}

static void judge_request(struct stream *s, const struct http_head *h)
{
	char response[UPGRADE_ROOM];
	const struct stream_place *p = s->places;
	const char *refusal = upgrade_judge_request(h, p->path, response);

	while (refusal && p->next) {
		p = p->next;
		refusal = upgrade_judge_request(h, p->path, response);
	}
	if (refusal) {
		refuse_request(s, refusal);
		return;
	}
	s->events = p->events;
	s->ws.max = p->message_max;
	evbuffer_add(bufferevent_get_output(s->bev), response, strlen(response));
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
	if (used < 0 && s->group) {
		refuse_request(s, "400 Bad Request");
		return;
	}
	if (used < 0) {
		end(s, "the answer is not HTTP");
		return;
	}
	evbuffer_drain(in, (size_t)used);
	if (s->group)
		judge_request(s, &h);
	else
		judge_response(s, &h);
}

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
	if (s->phase != PHASE_OPEN || s->dead || !s->events.drained)
		return;
	enter(s);
	s->events.drained(s->events.owner, s);
	leave(s);
}

/* reason_of() - why the connection ended */
static const char *reason_of(const struct stream *s, short what, int err)
{
	const char *tls = tls_failure(bufferevent_get_openssl_error(s->bev));

	if (tls && s->phase == PHASE_UPGRADING)
		return tls;
	if (what & BEV_EVENT_EOF || !err || s->phase == PHASE_OPEN)
		return err == ETIMEDOUT ? "the connection died" :
					  "closed by the other side";
	return strerror(err);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct stream *s = arg;
	int err = EVUTIL_SOCKET_ERROR();

	(void)bev;
	if (s->dead)
		return;
	enter(s);
	if (s->group && s->phase == PHASE_UPGRADING && !(what & BEV_EVENT_CONNECTED))
		s->group->bad++;
	if (what & BEV_EVENT_CONNECTED) {
		if (!s->group)
			write_request(s);
	} else {
		end(s, reason_of(s, what, err));
	}
	leave(s);
}

static void on_timer(struct loop_timer *t, nsec_t now)
{
	struct stream *s = container_of(t, struct stream, timer);

	if (s->dead)
		return;
	enter(s);
	if (s->group && s->phase == PHASE_UPGRADING)
		s->group->late++;
	if (s->phase != PHASE_OPEN) {
		end(s, "no answer in time");
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
		s->group ? BUFFEREVENT_SSL_ACCEPTING :
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
	if (!loop_timer_init(l, &s->timer, on_timer))
		return s;
	free(s);
	return NULL;
}

/* ---- client ---- */

static void on_dialled(void *owner, int fd, const struct endpoint *to,
		       const char *why)
{
	struct stream *s = owner;
	struct ipaddr literal;

	s->dial = NULL;
	enter(s);
	if (fd < 0) {
		end(s, why);
		leave(s);
		return;
	}
	set_remote(s, *to);
	if (!start_tls(s, s->tls, fd,
		       ipaddr_parse(s->host, &literal) ? NULL : s->host)) {
		if (!s->bev)
			close(fd);
		end(s, "no memory");
	}
	leave(s);
}

static bool begin(struct stream *s, const struct proxy *proxy)
{
	struct dial_params p = { .loop = s->loop, .host = s->host,
				 .port = s->port, .mark = s->mark,
				 .proxy = proxy, .owner = s,
				 .done = on_dialled };

	s->tls = tls_new_client();
	if (s->tls)
		s->dial = dial_start(&p);
	return s->dial != NULL;
}

struct stream *stream_connect(struct loop *l, const char *url, const char *path,
			      nsec_t timeout, uint32_t mark,
			      const struct stream_events *h)
{
	return stream_connect_by(l, NULL, url, path, timeout, mark, h);
}

struct stream *stream_connect_by(struct loop *l, const struct proxy *proxy,
				 const char *url, const char *path,
				 nsec_t timeout, uint32_t mark,
				 const struct stream_events *h)
{
	struct stream *s = new_stream(l, h);

	if (!s)
		return NULL;
	s->mark = mark;
	websocket_init(&s->ws, false, STREAM_MESSAGE_MAX);
	snprintf(s->path, sizeof(s->path), "%s", path);
	rand_bytes(s->nonce, sizeof(s->nonce));
	loop_timer_at(&s->timer, nsec_add(time_now(), timeout));
	if (!url_parse(url, s->host, &s->port) || !begin(s, proxy)) {
		destroy(s);
		return NULL;
	}
	return s;
}

struct stream *stream_over(struct loop *l, int fd, const struct endpoint *to,
			   const char *path, nsec_t timeout,
			   const struct stream_events *h)
{
	struct stream *s = new_stream(l, h);

	if (!s)
		return NULL;
	websocket_init(&s->ws, false, STREAM_MESSAGE_MAX);
	snprintf(s->path, sizeof(s->path), "%s", path);
	(void)ipaddr_text(&to->ip, s->host);
	s->port = to->port;
	rand_bytes(s->nonce, sizeof(s->nonce));
	set_remote(s, *to);
	loop_timer_at(&s->timer, nsec_add(time_now(), timeout));
	s->tls = tls_new_client();
	if (s->tls && start_tls(s, s->tls, fd, NULL))
		return s;
	destroy(s);
	return NULL;
}

bool stream_accept(struct loop *l, int fd, const struct endpoint *from,
		   const struct stream_accept *a)
{
	const struct stream_events none = { 0 };
	struct stream *s = new_stream(l, &none);

	if (!s)
		return false;
	s->group = a->group;
	join_group(s);
	s->places = a->places;
	websocket_init(&s->ws, true, a->places->message_max);
	set_remote(s, *from);
	loop_timer_at(&s->timer, nsec_add(time_now(), a->timeout));
	if (start_tls(s, a->tls, fd, NULL))
		return true;
	stream_free(s);
	return false;
}
