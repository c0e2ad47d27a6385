/* SPDX-License-Identifier: MIT
 *
 * candidates.h - at which endpoints we may be reached, and what stands before them
 *
 * From the host's addresses, routers' mappings, STUN, relays and streams; the glue between what
 * measures and what is told.
 */
#pragma once

#include "daemon/node.h"

/* candidates_gather() - adds to out, which is empty; n->nat, n->filtering and n->no_udp become
 * what is known now */
void candidates_gather(struct node *n, struct candidate_list *out);
