/* SPDX-License-Identifier: MIT
 *
 * router.h - this machine as the router of the subnets that it offers
 *
 * Glue: runs nft. In a table of our own: packets from the overlay to an offered subnet
 * leave with this machine's address there, so that hosts behind it need no route back;
 * and hosts behind it reach nodes only in answer. For an exit node the same with all that
 * is public: what is near this machine (private, link-local) stays out of reach unless an
 * approved subnet holds it, this machine's own addresses there included. The table goes when the offer ends, and
 * by a guard when this process does.
 */
#pragma once

#include "daemon/node.h"

struct router;

/* router_update() - the offer, the approvals or the overlay changed */
void router_update(struct node *n);
void router_close(struct node *n); /* takes a node without one */

/* router_advice() - what keeps this machine from forwarding, or NULL */
const char *router_advice(const struct node *n);
