/* SPDX-License-Identifier: MIT
 *
 * discovery.h - our own side of path discovery: candidates, NAT, ports, epochs
 */
#pragma once

#include "daemon/node.h"

must_check int discovery_start(struct node *n, nsec_t now); /* 0 or -ENOMEM */
void discovery_stop(struct node *n);

/* discovery_run() - poll the NAT checks, take up their reports, turn the epoch */
void discovery_run(struct node *n, nsec_t now);
nsec_t discovery_next_expiry(const struct node *n);

/* discovery_servers() - the netmap's relays changed: they are our STUN servers */
void discovery_servers(struct node *n, nsec_t now);
/* discovery_stun_servers() - at most NATCHECK_SERVERS_MAX, two ports of each; their number */
unsigned discovery_stun_servers(const struct node *n, struct endpoint *out, bool v6);
/* discovery_relay_back() - one answers by UDP again: what could not be measured now can */
void discovery_relay_back(struct node *n, nsec_t now);
/* discovery_refresh() - ask for our reflexive address again, unless it is fresh */
void discovery_refresh(struct node *n, nsec_t now);
/* discovery_fresh_port() - one more local port, for a punch from untouched tuples */
void discovery_fresh_port(struct node *n, nsec_t now);
/* discovery_adopt_port() - a throw-away socket becomes the port in this slot, whose own
 * is closed; false: it stays the caller's */
must_check bool discovery_adopt_port(struct node *n, unsigned slot, struct udp *udp,
				     nsec_t now);
/* discovery_local_changed() - collect our candidates; publish them if they differ */
void discovery_local_changed(struct node *n, nsec_t now);
/* discovery_network_changed() - links or addresses of the host changed */
void discovery_network_changed(struct node *n, nsec_t now);
/* discovery_renew_ipv4() - IPv4 goes another way from now on (base/nat64.h): its ports are
 * opened anew and all that was learnt with them is asked again */
void discovery_renew_ipv4(struct node *n, nsec_t now);
/* discovery_tell() - a new peer's path set learns our side */
void discovery_tell(struct node *n, struct peer *p, nsec_t now);

enum drop discovery_stun(struct node *n, const uint8_t *m, size_t octets,
			 const struct pathset_source *src, nsec_t now);
