/* SPDX-License-Identifier: MIT
 *
 * notes.h - what the workers tell the control thread, taken up
 */
#pragma once

#include "daemon/node.h"

/* notes_ready() - take up all that lies in the rings */
void notes_ready(struct node *n, nsec_t now);

/**
 * notes_message() - One datagram that is not tunnel data: STUN, discovery, handshake
 * @m:   octets, untrusted, may be changed
 * @src: Where it came from; a relayed one has no relay header any more
 */
void notes_message(struct node *n, uint8_t *m, size_t octets,
		   const struct pathset_source *src, nsec_t now);
