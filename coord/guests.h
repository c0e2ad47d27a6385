/* SPDX-License-Identifier: MIT
 *
 * guests.h - stock WireGuard machines in the network, each served by one node
 *
 * Theory: a guest (a phone, a router) speaks WireGuard and nothing of ours. It is a member
 * with name, addresses and tags like any other, so names and policy know it; no machine key
 * stands for it, so nobody can log in as it. One node, its gateway, has it as a WireGuard
 * peer and forwards; the others reach its addresses through the gateway's tunnel. What a
 * guest may send is judged by the node that receives it, what may be sent to a guest by its
 * gateway.
 */
#pragma once

#include "base/attr.h"
#include "coord/members.h"

enum {
	GUESTS_OF_ONE_MAX = 64, /* of one gateway */
};

/* guests_load() - after the members; 0 or -EIO */
must_check int guests_load(struct members *m);

/**
 * guests_add() - A new member behind a gateway, told to all
 * @row: name, tunnel and tags; the rest is filled in
 * Return: NULL and *out, or a sentence
 */
must_check const char *guests_add(struct members *m, struct member *gateway,
				  struct registry_node *row, uint64_t now_s,
				  struct member **out);

/* guests_leave() - before a gateway is removed: its guests are; 0 or -EIO */
must_check int guests_leave(struct members *m, const struct member *gateway);

/* guests_endpoint() - where the gateway can be reached from outside, as it published;
 * NULL: it has not said so */
const struct endpoint *guests_endpoint(const struct member *gateway);
