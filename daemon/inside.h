/* SPDX-License-Identifier: MIT
 *
 * inside.h - the inner destinations that this node takes packets for
 *
 * Theory: a host that forwards would hand what a member sends it to whatever network it
 * is attached to, and takes packets for each address that it has. So a member may send
 * to our overlay addresses, to the stock machines that we serve, and into subnets that an
 * administrator has approved for us; with or without an access policy, which stands
 * behind this. Compiled into a trie that workers read.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/trie.h"
#include "coord/netmap.h"

/* What a peer may be to us. */
enum inside_peer {
	INSIDE_MEMBER, /* another node */
	INSIDE_GUEST, /* a stock machine that we serve: to all of the overlay, through us */
	INSIDE_CONFIGURED, /* by hand: anywhere, as with any WireGuard */
};

/* inside_new() - as the map has it; NULL: no memory */
must_check struct trie *inside_new(const struct netmap *m);

/**
 * inside_takes() - May such a peer send there?
 * @t: NULL: there is no map, and every destination is taken
 * @destination: 4 or 16 octets
 */
bool inside_takes(const struct trie *t, enum inside_peer who,
		  const uint8_t *destination, bool v6);
