/* SPDX-License-Identifier: MIT
 *
 * relays.h - our registrations at the relays of the netmap
 *
 * A node registers with every relay of its netmap (at most NETMAP_RELAYS_MAX) and stays
 * so: whichever relay a pair has the least sum of round trips to is warm at both ends.
 * Some are nodes that relay for others: these carry, but neither are our STUN servers
 * nor tell us which address we have. A relay keeps its slot while the list changes.
 */
#pragma once

#include "daemon/node.h"

/* relays_update() - the netmap's relays changed: open and close registrations */
void relays_update(struct node *n, nsec_t now);
void relays_set_token(struct node *n, const uint8_t *token, size_t octets, nsec_t now);
/* relays_abandon() - every registration ends without a word, and so does the token: we are
 * not, or not the only one, who may have it */
void relays_abandon(struct node *n, nsec_t now);
void relays_run(struct node *n, nsec_t now); /* poll all, notice changes */
void relays_close(struct node *n);
nsec_t relays_next_expiry(const struct node *n);

/* relays_input() - a frame that begins with the relay's magic and is no tunnel data */
void relays_input(struct node *n, uint8_t *m, size_t octets, unsigned port,
		  const struct endpoint *from, nsec_t now);

/* relays_header() - as relay_client_header() for a slot, for data that will follow or a
 * handshake: the relay counts as busy; 0: not registered */
size_t relays_header(struct node *n, unsigned slot, const struct key_public *peer,
		     uint8_t out[static RELAY_HEADER_MAX], struct endpoint *to,
		     nsec_t now);
/* relays_port() - the port that this relay is reached by: a main one, or its stream */
unsigned relays_port(const struct node *n, unsigned slot);
/* relays_send() - a discovery message; the relay may stay idle */
void relays_send(struct node *n, unsigned slot, const struct key_public *peer,
		 const uint8_t *m, size_t octets, nsec_t now);

/* relays_traffic() - data moves over the relay in this slot */
void relays_traffic(struct node *n, unsigned slot, nsec_t now);

/* relays_tell() - tell a peer's path set which relays can carry its messages */
void relays_tell(struct node *n, struct peer *p, nsec_t now);
/* relays_rtts() - our round trips, for the coordination server */
void relays_rtts(const struct node *n, struct coord_client_rtts *out);
void relays_network_changed(struct node *n, nsec_t now);
/* relays_slot_by_from() - which slot has this endpoint; -1: none */
int relays_slot_by_from(const struct node *n, const struct endpoint *from);
