/* SPDX-License-Identifier: MIT
 *
 * stream_server.c - the listening side of stream.h (glue on libevent)
 */
#include <errno.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/stream.h"
#include "base/stream_accept.h"
#include "base/tls.h"

enum {
	BACKLOG = 512,
};

struct stream_server {
	struct loop *loop;
	struct tls *tls;
	struct evconnlistener *listener;
	struct stream_group group;
	unsigned connections_max;
	uint64_t refused;
	nsec_t handshake_timeout;
	struct stream_place place; /* the others hang on it */
	bool (*admit)(void *owner, const struct endpoint *from);
	uint16_t port;
};

struct endpoint stream_socket_name(int fd)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t n = sizeof(ss);
	struct endpoint e;

	if (getsockname(fd, (struct sockaddr *)&ss, &n) < 0 ||
	    !endpoint_from_sockaddr(&ss, &e))
		return (struct endpoint){ 0 };
	return e;
}

bool stream_server_take(struct stream_server *v, int fd,
			const struct endpoint *from)
{
	const struct stream_accept a = { v->tls, &v->place, &v->group,
					 v->handshake_timeout };

	return v->group.count < v->connections_max &&
	       stream_accept(v->loop, fd, from, &a);
}

static void on_accept(struct evconnlistener *l, evutil_socket_t fd,
		      struct sockaddr *from, int n, void *arg)
{
	struct stream_server *v = arg;
	struct sockaddr_storage ss = { 0 };
	struct endpoint e;

	(void)l;
	memcpy(&ss, from, (size_t)n);
	if (endpoint_from_sockaddr(&ss, &e) &&
	    (!v->admit || v->admit(v->place.events.owner, &e)) &&
	    stream_server_take(v, fd, &e))
		return;
	v->refused++;
	close(fd);
}

static bool start_listening(struct stream_server *v, struct endpoint e)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t n = sizeof(ss);

	n = endpoint_to_sockaddr(&e, false, &ss);
	v->listener = evconnlistener_new_bind(
		v->loop->base, on_accept, v,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE,
		BACKLOG, (struct sockaddr *)&ss, (int)n);
	if (!v->listener)
		return false;
	v->port = stream_socket_name(evconnlistener_get_fd(v->listener)).port;
	return true;
}

static void set_place(struct stream_place *p, const char *path, size_t max,
		      const struct stream_events *events)
{
	snprintf(p->path, sizeof(p->path), "%s", path);
	p->message_max = max ? max : STREAM_MESSAGE_MAX;
	p->events = *events;
}

bool stream_server_serve(struct stream_server *v, const char *path,
			 size_t message_max, const struct stream_events *events)
{
	struct stream_place *p = calloc(1, sizeof(*p));

	if (!p)
		return false;
	set_place(p, path, message_max, events);
	p->next = v->place.next;
	v->place.next = p;
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
	v->handshake_timeout = p->handshake_timeout;
	v->admit = p->admit;
	set_place(&v->place, p->path, p->message_max, &p->events);
	v->tls = tls_new_server(p->cert_path, p->key_path, why);
	if (v->tls && (p->deaf || start_listening(v, p->listen)))
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
	while (v->group.first)
		stream_free(v->group.first);
	if (v->listener)
		evconnlistener_free(v->listener);
	while (v->place.next) {
		struct stream_place *p = v->place.next;

		v->place.next = p->next;
		free(p);
	}
	tls_free(v->tls);
	free(v);
}

bool stream_server_reload(struct stream_server *v, const char *cert_path,
			  const char *key_path, char why[static 256])
{
	struct tls *fresh = tls_new_server(cert_path, key_path, why);

	if (!fresh)
		return false;
	tls_free(v->tls); /* connections that stand keep it for themselves */
	v->tls = fresh;
	return true;
}

uint16_t stream_server_port(const struct stream_server *v)
{
	return v->port;
}

void stream_server_stats(const struct stream_server *v, struct stream_server_stats *out)
{
	*out = (struct stream_server_stats){ v->refused, v->group.late, v->group.bad };
}

uint64_t stream_server_refused(const struct stream_server *v)
{
	return v->refused;
}
