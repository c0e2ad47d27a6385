/* SPDX-License-Identifier: MIT
 *
 * exitnode.h - all traffic through one peer that this machine has chosen
 *
 * Theory: a node that serves 0.0.0.0/0 and ::/0, approved, is an exit node; it counts for
 * those who name it. They send there whatever neither the overlay, nor an attached network
 * nor a route of the host takes (tun/detour.h); our own sockets carry a mark and stay
 * outside. The choice holds when the exit node is away or loses its approval: packets are
 * then dropped rather than sent in the open, and status says so. The chosen node is known
 * by its id, which is never given to another.
 */
#pragma once

#include "daemon/node.h"

struct json_t;

enum {
	EXITNODE_WHY = 256,
};

/* exitnode_set_mark() - before sockets are opened: all get the mark, where we may */
void exitnode_set_mark(struct node *n);

/* exitnode_choose() - a member's name, or "off"; false: why is a sentence */
must_check bool exitnode_choose(struct node *n, const char *name,
				char why[static EXITNODE_WHY]);

/* exitnode_is() - is it the chosen one? */
bool exitnode_is(const struct node *n, const struct netmap_node *peer);

/* exitnode_update() - make the host's rules as the choice says; cheap when they are */
void exitnode_update(struct node *n);
/* exitnode_close() - the rules go; before the interface does */
void exitnode_close(struct node *n);

/* exitnode_status() - {offered, approved, uses: name or null, works: bool} */
struct json_t *exitnode_status(const struct node *n);
/* exitnode_advice() - why the chosen one does not work, or NULL */
const char *exitnode_advice(const struct node *n);
