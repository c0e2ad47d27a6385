/* SPDX-License-Identifier: MIT
 *
 * host.h - the node's hold on its machine: device, ports, workers, addresses
 */
#pragma once

#include "daemon/node.h"

/* host_open() - TUN device, main ports, workers; why: what failed, what to do */
must_check int host_open(struct node *n, char why[static 512]);
void host_close(struct node *n); /* workers stop, everything is undone */

/* host_renew_ipv4() - the main IPv4 sockets anew, by the translator that the process has
 * entered or by none (base/nat64.h), at the port that ikeport.h found or our own; false: not all of them */
must_check bool host_renew_ipv4(struct node *n);
/* host_configure() - our addresses and the peers' routes on the device */
void host_configure(struct node *n);
