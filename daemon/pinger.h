/* SPDX-License-Identifier: MIT
 *
 * pinger.h - `adit ping`: pings over a peer's current path, and which path it was
 */
#pragma once

#include "daemon/node.h"

/* pinger_start() - count pings, a second apart (0.2 s when until_direct, which ends at
 * the first direct reply); answers the client when done */
void pinger_start(struct node *n, struct peer *p, unsigned client, unsigned count,
		  bool until_direct);
/* pinger_collect() - take up finished pings of a peer's path set */
void pinger_collect(struct node *n, struct peer *p, nsec_t now);
/* pinger_forget() - the peer goes; pinger_forget_client() - the client went */
void pinger_forget(struct node *n, struct peer *p);
void pinger_forget_client(struct node *n, unsigned client);
