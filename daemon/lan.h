/* SPDX-License-Identifier: MIT
 *
 * lan.h - peers of one LAN find each other without a server (glue around hello.h)
 */
#pragma once

#include "daemon/node.h"

/* lan_start() - 0 or -ENOMEM; a host without multicast goes without */
must_check int lan_start(struct node *n, nsec_t now);
void lan_stop(struct node *n);

/* lan_network_changed() - links or addresses of the host changed: call everybody anew */
void lan_network_changed(struct node *n, nsec_t now);

/* lan_look() - a peer with traffic: call it if no direct path to it is known; ten times a
 * second */
void lan_look(struct node *n, struct peer *p, nsec_t now);
