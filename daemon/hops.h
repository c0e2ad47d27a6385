/* SPDX-License-Identifier: MIT
 *
 * hops.h - the routers between us and a server, asked once in a network (glue around ladder.h)
 */
#pragma once

#include "daemon/node.h"
#include "traversal/ladder.h"

must_check int hops_start(struct node *n); /* 0 or -ENOMEM */
void hops_stop(struct node *n);

/* hops_look() - ask anew, by requests to this STUN server; nothing while one is under
 * way, or once it is known */
void hops_look(struct node *n, const struct endpoint *server, nsec_t now);
/* hops_forget() - we are in another network */
void hops_forget(struct node *n);
/* hops_result() - zeroes until the first is complete */
struct ladder_result hops_result(const struct node *n);
