/* SPDX-License-Identifier: MIT
 *
 * stream_accept.h - what stream_server.c and stream.c know of each other
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "base/attr.h"
#include "base/loop.h"
#include "base/stream.h"

struct tls;

struct stream_group { /* the streams that a server has accepted */
	struct stream *first;
	unsigned count;
	uint64_t late, bad; /* that came to nothing, see stream_server_stats */
};

struct stream_place { /* a request path, and whose its streams are */
	struct stream_place *next;
	char path[64];
	size_t message_max;
	struct stream_events events;
};

struct stream_accept {
	struct tls *tls; /* lives longer than the stream, as places and group do */
	const struct stream_place *places;
	struct stream_group *group;
	nsec_t timeout; /* until opened() */
};

/* stream_socket_name() - getsockname(2); zero if it fails */
struct endpoint stream_socket_name(int fd);

/* stream_accept() - a stream on an accepted socket; false: no memory, fd still open */
must_check bool stream_accept(struct loop *l, int fd, const struct endpoint *from,
			      const struct stream_accept *a);
