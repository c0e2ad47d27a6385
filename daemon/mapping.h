/* SPDX-License-Identifier: MIT
 *
 * mapping.h - our main ports kept open at the host's routers (glue around portmap.h)
 */
#pragma once

#include "daemon/node.h"
#include "traversal/portmap.h"

must_check int mapping_start(struct node *n, nsec_t now); /* 0 or -ENOMEM */
/* mapping_stop() - gives the mappings back; may wait for a UPnP router, up to 2 s */
void mapping_stop(struct node *n);

/* mapping_network_changed() - routes, links or addresses of the host changed */
void mapping_network_changed(struct node *n, nsec_t now);
/* mapping_servers() - the netmap's relays changed: they prove mappings */
void mapping_servers(struct node *n, nsec_t now);

/* mapping_stun() - a STUN message that nobody else expected; from outside */
must_check enum drop mapping_stun(struct node *n, const uint8_t *m, size_t octets,
				  const struct pathset_source *src, nsec_t now);

/* mapping_candidates() - add what was proved to the list */
void mapping_candidates(const struct node *n, struct candidate_list *l);
/* mapping_report() - of IPv4 or IPv6; zeroes if there is none */
struct portmap_report mapping_report(const struct node *n, bool v6);
