/* SPDX-License-Identifier: MIT
 *
 * nameserver.h - the node's own name server: a socket, the hosts file, the resolver
 *
 * Glue. It listens on this node's overlay address and answers this machine alone: what
 * a node may know of its network is not for its peers to ask.
 */
#pragma once

#include "daemon/node.h"

struct json_t;
struct nameserver;

/* nameserver_update() - the netmap or our address changed; the address is on the
 * device already. Trouble is logged: the network works without names */
void nameserver_update(struct node *n);
/* nameserver_close() - the host's resolver and the hosts file as before */
void nameserver_close(struct node *n);

/* nameserver_status() - {"domain","server","by","advice"}, or null when off */
struct json_t *nameserver_status(const struct node *n);
