/* SPDX-License-Identifier: MIT
 *
 * ikeport.h - the local port that many hard NATs leave as it is
 *
 * Theory: IKE was once spoken from UDP port 500 to 500 alone, so routers that otherwise
 * give each destination another port let packets from there keep theirs: pfSense and
 * OPNsense by a rule of their own, others for "IPsec pass-through". From there such a NAT
 * is an easy one. Behind a hard NAT a socket at port 500 asks STUN; if its mapping does not
 * depend on the destination, the node's main socket moves there until the network
 * changes. A host that speaks IKE itself has the port, and nothing is tried.
 */
#pragma once

#include "daemon/node.h"

must_check int ikeport_start(struct node *n); /* 0 or -ENOMEM */
void ikeport_stop(struct node *n);

/* ikeport_consider() - our NAT is known, perhaps anew */
void ikeport_consider(struct node *n, nsec_t now);
/* ikeport_network_changed() - what was found holds no longer; back to the port of our own */
void ikeport_network_changed(struct node *n, nsec_t now);

/* ikeport_in_use() - the local port of the main IPv4 socket if it moved, else 0 */
uint16_t ikeport_in_use(const struct node *n);
