/* SPDX-License-Identifier: MIT
 *
 * cross.h - TCP simultaneous open: sockets for traversal/pathset_cross.c
 *
 * One attempt holds a fresh local IPv4 port: from there a server is asked how it looks
 * from outside (relay/seen.h), and from there the peer is connected to, again for a
 * moment where the other NAT resets what comes too early. The connected socket goes to
 * daemon/direct.h, which proves the peer; the smaller key is the TLS client. At most
 * CROSS_MAX attempts at once, all peers together; never through a proxy.
 */
#pragma once

#include "daemon/node.h"

#define CROSS_ASK_TIME	   SEC(5) /* for the server's answer */
#define CROSS_CONNECT_TIME SEC(4) /* until it is given up */
#define CROSS_LIFE	   SEC(25) /* of an attempt that nobody goes on with */

enum {
	CROSS_MAX = 4,
};

must_check int cross_start(struct node *n); /* 0 or -ENOMEM */
void cross_stop(struct node *n);

/* cross_seen() - the coordination server sees us there, by TCP */
void cross_seen(struct node *n, const struct endpoint *at, nsec_t now);
/* cross_candidates() - that address, while no UDP gets through */
void cross_candidates(const struct node *n, struct candidate_list *l);

void cross_ask(struct node *n, struct peer *p); /* PATHSET_CROSS_ASK */
void cross_connect(struct node *n, struct peer *p, const struct endpoint *to);
void cross_forget(struct node *n, const struct peer *p); /* the peer is going */
