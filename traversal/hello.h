/* SPDX-License-Identifier: MIT
 *
 * hello.h - peers of one LAN find each other without a server: when to call
 *
 * Theory: what the netmap says of a peer's addresses grows old, and with every server
 * down nobody corrects it. So while a peer is wanted and no direct path is known, a
 * PING sealed for it alone goes to a multicast group of the link, from the main socket
 * (pathset_hello()). Whoever knows the pair's hint opens it, and pings the source back:
 * from then on both are a pair of ordinary paths. Others learn that somebody calls, not
 * who calls whom: the hint changes with the epoch. IPv4 and IPv6 alike; the group's
 * scope is the link, and only a source on the link of its arrival is believed.
 *
 * This file is the pace: eight calls in the first minute, then one in 60 s; a new address
 * of ours begins anew.
 */
#pragma once

#include <stdbool.h>

#include "base/addr.h"
#include "base/time.h"

enum {
	HELLO_PORT = 21759, /* UDP; below the ports that hosts give away */
	HELLO_OCTETS_MAX = 128, /* of one hello */
	HELLO_BURST = 32, /* hellos of a node, all its peers together, in */
};
#define HELLO_WINDOW SEC(1)

struct hello { /* of one peer; zeroed: none was sent */
	nsec_t due; /* 0: at once */
	unsigned sent;
};

/* hello_group() - 239.255.173.23 (RFC 2365 section 6.1) or ff12::ad17 (RFC 4291 section
 * 2.7, not permanently assigned) */
struct ipaddr hello_group(bool v6);

/* hello_again() - the ground moved, or the peer has been reached: begin anew */
void hello_again(struct hello *h);
bool hello_due(const struct hello *h, nsec_t now);
/* hello_sent() - one left, or there was no room for it: set the next one */
void hello_sent(struct hello *h, nsec_t now);

/**
 * hello_believed() - May a hello from there be opened at all?
 * @from: Its source
 * @on_link: IPv4: the networks of the interface that it came in on; IPv6 needs none
 * Link-local IPv6 and IPv4 of one of these networks; everything else was routed or lies.
 */
bool hello_believed(const struct endpoint *from, const struct prefix *on_link,
		    unsigned count);
