/* SPDX-License-Identifier: MIT
 *
 * tlsservice.h - a relay's clients that come over TLS, beside its UDP ports
 *
 * Glue: streams of a stream server on a loop thread, bridged to the engine of a
 * running relay service, so that a client over TLS and one over UDP are clients of
 * one relay. Each client has a bounded queue that drops the oldest; the kernel gets
 * little at a time. A stream whose client has not registered in time is closed.
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "base/loop.h"
#include "relay/service.h"

struct stream_server;
struct tlsservice;

/* tlsservice_new() - on the loop's thread; relay lives longer; NULL: no memory */
struct tlsservice *tlsservice_new(struct loop *l, struct relay_service *relay);
/* tlsservice_free() - when the stream servers are gone already; takes NULL */
void tlsservice_free(struct tlsservice *t);

/* tlsservice_serve() - take the streams of this server that ask for RELAY_PATH */
must_check bool tlsservice_serve(struct tlsservice *t, struct stream_server *s);

struct tlsservice_stats {
	uint64_t streams, opened, dropped; /* dropped: frames, queue full */
	uint64_t unregistered; /* closed: their client did not register in time */
};
void tlsservice_stats(struct tlsservice *t, struct tlsservice_stats *out);
