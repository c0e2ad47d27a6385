/* SPDX-License-Identifier: MIT
 *
 * seen.h - CODEC and glue: which TCP endpoint a connection comes from
 *
 * What STUN does for UDP: who connects at the path SEEN_PATH of a server (WebSocket in
 * TLS, as for everything) is told in one message of SEEN_OCTETS from where, address 16,
 * port 2, and the connection ends. A simultaneous open needs it, since it depends on
 * how a NAT shows one local port. Nothing is kept, nothing is asked.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/attr.h"

#define SEEN_PATH "/adit/seen"

enum {
	SEEN_OCTETS = 18,
	SEEN_MESSAGE_MAX = 64, /* that either side takes; more is to be ignored */
};

struct stream_server;

/* seen_serve() - answer there, beside what the server serves; false: no memory */
must_check bool seen_serve(struct stream_server *s);

void seen_write(const struct endpoint *e, uint8_t out[static SEEN_OCTETS]);
/* seen_read() - untrusted; false: too short; *out untouched */
must_check bool seen_read(const uint8_t *m, size_t n, struct endpoint *out);
