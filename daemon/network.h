/* SPDX-License-Identifier: MIT
 *
 * network.h - the coordination server's part: enrolment, the netmap, its peers
 */
#pragma once

#include "daemon/node.h"

/* network_start() - connect, if we are enrolled or have an invite */
void network_start(struct node *n);
void network_stop(struct node *n);

/* network_join() - use an invite; why: refused at once, one sentence */
must_check int network_join(struct node *n, const char *invite,
			    const char *hostname, char why[static 512]);
/* network_leave() - sign off; done(ok) is called later */
void network_leave(struct node *n, void (*done)(struct node *n, bool ok));

/* network_save() - netmap.json; waits for the disk */
void network_save(struct node *n);
/* network_apply() - peers, relays, routes and addresses as the netmap has them */
void network_apply(struct node *n, nsec_t now);
/* network_stock_peers() - the [Peer] sections of the configuration */
void network_stock_peers(struct node *n, nsec_t now);
