/* SPDX-License-Identifier: MIT
 *
 * streams.h - tunnel packets in streams, where UDP does not get through
 *
 * A trunk is a stream of ours to a relay or to a peer, with a port number as sockets
 * have them. Those to relays are opened and closed here, as relay/client.h wants; those
 * to peers in direct.h. Both are fed here.
 * Outbound: parcels of the workers, and frames of the control thread, which go first.
 * Inbound: trains, through the packet path of a worker that has no thread
 * (struct node: stream_worker); what is not tunnel data becomes notes, as from others.
 * All on the control thread.
 */
#pragma once

#include "daemon/node.h"

must_check int streams_init(struct node *n); /* 0 or -ENOMEM; when workers run */
void streams_done(struct node *n); /* all streams are closed by then */

/* streams_keep() - open or close the stream of a relay as its engine wants */
void streams_keep(struct node *n, unsigned slot, nsec_t now);
void streams_close(struct relay_slot *s);
nsec_t streams_next_expiry(const struct node *n);

/* streams_send() - one frame to the stream with this port, in front of what waits */
void streams_send(struct node *n, unsigned port, const void *frame, size_t octets);
/* streams_message(), streams_drained() - what a trunk's stream tells; owner: the trunk */
void streams_message(void *owner, struct stream *s, uint8_t *m, size_t octets);
void streams_drained(void *owner, struct stream *s);
/* streams_collect() - take up the workers' parcels */
void streams_collect(struct node *n);
