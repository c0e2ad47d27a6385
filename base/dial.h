/* SPDX-License-Identifier: MIT
 *
 * dial.h - one TCP connection to a named host, through an HTTP proxy where one is set
 *
 * Glue on sockets and libevent. Resolves, tries one address after the other, and asks
 * the proxy, which resolves the host itself. IPv4 addresses that no route leads to are
 * tried through the network's NAT64 (RFC 8305 section 7.1). The answer comes once, from
 * the loop.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/attr.h"
#include "base/loop.h"
#include "base/proxy.h"

struct dial;

struct dial_params {
	struct loop *loop;
	const char *host; /* name or address without brackets; copied */
	uint16_t port;
	uint32_t mark; /* SO_MARK, 0: none */
	uint16_t local_port; /* connect from there, beside other sockets; 0: from any */
	bool only_v4; /* the host's IPv6 addresses are passed over */
	const struct proxy *proxy; /* NULL: none; copied */
	void *owner;
	/* done() - fd is connected and belongs to the owner, or is -1 and why is a
	 * clause. The dial is gone. */
	void (*done)(void *owner, int fd, const struct endpoint *to,
		     const char *why);
};

struct dial *dial_start(const struct dial_params *p); /* NULL: no memory */
void dial_cancel(struct dial *d); /* takes NULL; done() will not come */
