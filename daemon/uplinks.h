/* SPDX-License-Identifier: MIT
 *
 * uplinks.h - sockets bound to the uplinks that the host does not use as a rule
 *
 * Theory: the main ports send by whatever route the host prefers, the usual uplink. Every
 * other interface with a default route is a spare uplink: it gets a port of each family that
 * it leads out for, bound to it, in a slot from PATHSET_UPLINKS on. Candidates seen there are
 * marked spare; what path sets make of them: traversal/pathset_spare.c. An uplink keeps its
 * slots for as long as it exists, also when it becomes the usual one: paths in use live on.
 */
#pragma once

#include "daemon/node.h"
#include "tun/gateway.h"

enum {
	UPLINKS_HELD = PATHSET_UPLINK_SOCKETS / 2, /* spare uplinks; each takes two slots */
};

/* A spare uplink and its two slots, PATHSET_UPLINKS + 2 * its place and the next. */
struct uplink_hold {
	unsigned index; /* interface; 0: free */
	char name[16];
	bool v4, v6; /* sockets of that family stand */
	struct ipaddr ip; /* one of its addresses, for status */
};

struct uplinks {
	struct uplink_hold held[UPLINKS_HELD];
	unsigned usual; /* interface of the usual uplink; 0: none */
};

/**
 * uplinks_assign() - PURE: who holds which place from now on
 * @now: Interface indices of what exists, the usual one first; none is 0
 * @held: Interface indices of the places, 0: free; changed
 *
 * Who is gone gives up its place; who comes takes a free one, but for the usual uplink, which
 * needs none; whoever has one keeps it.
 */
void uplinks_assign(const unsigned *now, unsigned count, unsigned held[static UPLINKS_HELD]);

must_check int uplinks_start(struct node *n); /* 0 or -ENOMEM */
void uplinks_stop(struct node *n);

/* uplinks_look() - after the host's addresses were read anew: open and give up ports.
 * Return: something changed: another usual uplink, a spare one more or less */
bool uplinks_look(struct node *n);

/* uplinks_mask() - slots with a socket, bit 0: PATHSET_UPLINKS */
unsigned uplinks_mask(const struct node *n);
/* uplinks_is_slot() - does this port belong to a spare uplink? */
bool uplinks_is_slot(unsigned port);
/* uplinks_slot_v6() - is it one for IPv6? */
bool uplinks_slot_v6(unsigned port);
/* uplinks_port() - the port number by which a spare uplink is reached at its own address;
 * 0: not the address of a spare one */
uint16_t uplinks_port(const struct node *n, const struct host_address *h);
/* uplinks_get() - one that is held, for status; NULL: that place is free */
const struct uplink_hold *uplinks_get(const struct node *n, unsigned place);
/* uplinks_is_usual() - is this interface the one that the main ports send by? */
bool uplinks_is_usual(const struct node *n, unsigned index);
