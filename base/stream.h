/* SPDX-License-Identifier: MIT
 *
 * stream.h - WebSocket messages over TLS over TCP, client and server side
 *
 * Glue on libevent's bufferevents and OpenSSL; framing by base/websocket.h. TLS hides
 * and passes firewalls; trust comes from the Noise channel inside (coord) or from the
 * pinned key (relay), so certificates are not checked against authorities. Whole binary
 * messages in, whole binary messages out; each side bounds what it accepts.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/attr.h"
#include "base/loop.h"
#include "base/time.h"

enum {
	STREAM_MESSAGE_MAX = 1 << 20, /* octets of one message, either way */
};

struct proxy;
struct stream;

struct stream_events {
	void *owner;
	void (*opened)(void *owner, struct stream *s);
	void (*message)(void *owner, struct stream *s, uint8_t *m, size_t n);
	/* closed() - for good; why is one clause ("connection refused"). The stream is
	 * freed after the call. Not called by stream_free(). */
	void (*closed)(void *owner, struct stream *s, const char *why);
	/* drained() - the kernel has taken all that was sent; may be NULL */
	void (*drained)(void *owner, struct stream *s);
};

/**
 * stream_connect() - Client side: resolve, connect, TLS, WebSocket upgrade
 * @url:     https://HOST[:PORT] (443 by default)
 * @path:    Request path, "/adit/coord"
 * @timeout: For everything up to opened()
 * @mark:    SO_MARK, 0: none
 * Return: NULL: bad URL or no memory
 */
struct stream *stream_connect(struct loop *l, const char *url, const char *path,
			      nsec_t timeout, uint32_t mark,
			      const struct stream_events *h);

/* stream_connect_by() - the same through an HTTP proxy; NULL or one that does not serve
 * the URL's host: directly. The proxy is copied */
struct stream *stream_connect_by(struct loop *l, const struct proxy *proxy,
				 const char *url, const char *path,
				 nsec_t timeout, uint32_t mark,
				 const struct stream_events *h);

/**
 * stream_over() - Client side on a connected socket, which is the stream's from here on
 * @to: For logs, and for the Host line
 * Return: NULL: no memory; fd is still open
 */
struct stream *stream_over(struct loop *l, int fd, const struct endpoint *to,
			   const char *path, nsec_t timeout,
			   const struct stream_events *h);

/* stream_waiting() - octets sent that the kernel has not taken yet */
size_t stream_waiting(const struct stream *s);
/* stream_send() - queue one binary message; false: closed or more than 4 MiB wait */
bool stream_send(struct stream *s, const void *m, size_t n);
void stream_set_owner(struct stream *s, const struct stream_events *h);
/* stream_peer() - "192.0.2.1:1234", for logs */
const char *stream_peer(const struct stream *s);
/* stream_remote() - the other end's endpoint; zero before it is known */
struct endpoint stream_remote(const struct stream *s);
/* stream_local() - our end's address in use; zero if not known */
struct endpoint stream_local(const struct stream *s);
/* stream_binding() - 32 octets that the two ends of this TLS connection share and nobody
 * else can know (tls-exporter, RFC 9266); false: not TLS 1.3, or not up yet */
must_check bool stream_binding(const struct stream *s, uint8_t out[static 32]);
/* stream_set_max() - octets of a message that is accepted from now on */
void stream_set_max(struct stream *s, size_t octets);
void stream_free(struct stream *s); /* takes NULL; at once; inside a callback too */
/* stream_finish() - no callback comes any more; what was sent still leaves (2 s), then
 * the stream frees itself: the caller forgets it */
void stream_finish(struct stream *s); /* takes NULL */

/* Server side. */
struct stream_server;

struct stream_server_params {
	struct loop *loop;
	struct endpoint listen; /* port 0: any */
	bool deaf; /* listen nowhere: streams come by stream_server_take() */
	/* PEM; made self-signed if missing; NULL: one that lives as long as we */
	const char *cert_path, *key_path;
	unsigned connections_max;
	size_t message_max; /* octets of a message that is accepted; 0: the limit above */
	nsec_t handshake_timeout; /* from accept to opened */
	const char *path; /* request path to accept; others get 404 */
	struct stream_events events; /* of new streams: accepted by opened() */
	/* admit() - false: close this connection before a word; may be NULL */
	bool (*admit)(void *owner, const struct endpoint *from);
};

struct stream_server *stream_server_new(const struct stream_server_params *p,
					char why[static 256]);
/* stream_server_serve() - accept another request path too: its own events and limit;
 * before the loop turns. false: no memory */
must_check bool stream_server_serve(struct stream_server *s, const char *path,
				    size_t message_max,
				    const struct stream_events *events);
/* stream_server_take() - server side on a connected socket, as if it had been accepted;
 * false: too many, or no memory; fd is still open */
must_check bool stream_server_take(struct stream_server *s, int fd,
				   const struct endpoint *from);
/* stream_server_free() - frees every stream that it accepted; takes NULL */
void stream_server_free(struct stream_server *s);
/* stream_server_reload() - read both PEM files anew, for connections from now on; false:
 * why is a sentence, and the ones before stay in use */
must_check bool stream_server_reload(struct stream_server *s, const char *cert_path,
				     const char *key_path, char why[static 256]);
uint16_t stream_server_port(const struct stream_server *s);
/* stream_server_refused() - connections turned away for being too many */
uint64_t stream_server_refused(const struct stream_server *s);

struct stream_server_stats { /* connections that came to nothing */
	uint64_t crowded; /* too many, or not admitted: closed at once */
	uint64_t late; /* asked nothing within the handshake's time */
	uint64_t bad; /* no TLS, gone before they asked, or asked what is not served */
};
void stream_server_stats(const struct stream_server *s, struct stream_server_stats *out);
