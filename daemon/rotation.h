/* SPDX-License-Identifier: MIT
 *
 * rotation.h - a new tunnel key in the running node, from time to time or when asked
 *
 * The server passes the new key on; peers then give up the old tunnel and shake hands
 * anew at the same addresses, so what runs through the tunnel pauses and goes on. A stock
 * WireGuard peer has our key in its configuration: a node with one keeps its key.
 */
#pragma once

#include "daemon/node.h"

enum {
	ROTATION_WHY = 512, /* octets of a refusal */
};

/* rotation_left_s() - seconds until a key made then is to be replaced; days 0: never,
 * UINT64_MAX. A key of the future (the clock was wrong) counts as made now. */
uint64_t rotation_left_s(uint64_t made_s, unsigned days, uint64_t now_s);

/* rotation_forbidden() - why this node keeps its key; NULL: it may have a new one */
const char *rotation_forbidden(const struct node *n);

/* rotation_now() - a new key, on disk before it is used; 0 or a negative errno and why */
must_check int rotation_now(struct node *n, char why[static ROTATION_WHY]);

/* rotation_start() - by itself, as RotateKey says; while the node is up */
must_check int rotation_start(struct node *n);
void rotation_stop(struct node *n);
