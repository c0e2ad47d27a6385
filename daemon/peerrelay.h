/* SPDX-License-Identifier: MIT
 *
 * peerrelay.h - may and can this node relay for others? then it does, and offers it
 *
 * Theory: it may, if its user lets it (adit set relay), and if left to itself (auto) only
 * on mains power, on a link that is not a mobile network's, and while its day's allowance
 * lasts. It can, if a packet of a stranger arrives at the port of its own relay
 * (daemon/carrier.h): proved by a STUN server that answers from a port never spoken to,
 * every few minutes. Only then the coordination server is told, which lists it to those
 * that may know of this node. That nobody comes in spite of it is a proof, too: then
 * the offer is taken back for half an hour.
 */
#pragma once

#include <jansson.h>

#include "daemon/node.h"

must_check int peerrelay_start(struct node *n); /* 0 or -ENOMEM */
void peerrelay_stop(struct node *n);

/* peerrelay_update() - settings, netmap, NAT or the host's network have changed; safe
 * while the node is down */
void peerrelay_update(struct node *n, nsec_t now);

/* peerrelay_retry() - links or settings are others: forget what did not work */
void peerrelay_retry(struct node *n, nsec_t now);

/* peerrelay_setting() - "on", "off", "auto" to what is kept; false: none of these */
must_check bool peerrelay_setting(const char *text, enum state_relay *out);

/* peerrelay_status() - {setting, state, why, at, clients, octets, today, daily, rate,
 * drops} */
json_t *peerrelay_status(struct node *n);
/* peerrelay_octets() - carried for others since the node is up; clients: now */
uint64_t peerrelay_octets(struct node *n, uint64_t *clients);
