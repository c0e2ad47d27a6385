/* SPDX-License-Identifier: MIT
 *
 * gateway.h - the router that this host sends the rest of the world's packets to
 */
#pragma once

#include <stdbool.h>

#include "base/addr.h"
#include "base/attr.h"

enum {
	UPLINKS_MAX = 4, /* known of one host; more are left out */
};

/* An interface by which a default route leads out. */
struct uplink {
	unsigned index; /* interface */
	bool v4, v6; /* families that it leads out for */
};

struct gateway {
	struct ipaddr ip; /* IPv6: usually link-local, of its interface alone */
	unsigned index; /* interface */
};

/**
 * gateway_find() - Of the default route with the least metric in the main table
 * @v6: Family
 * @except: Interface to leave out (our own), 0: none
 * Cost: a dump of the routes.
 * Return: 0, -ENOENT or a negative errno of netlink
 */
must_check int gateway_find(bool v6, unsigned except, struct gateway *out);

/**
 * gateway_hardware() - The Ethernet address of a gateway, by which its network is known again
 * Cost: a dump of the neighbours.
 * Return: 0; -ENOENT: nobody has asked it lately, or it has none; or a negative errno of netlink
 */
must_check int gateway_hardware(const struct gateway *g, uint8_t out[static 6]);

/**
 * gateway_uplinks() - All interfaces with a default route in the main table
 * @except: Interface to leave out (our own), 0: none
 * @out: UPLINKS_MAX of room; first the one whose route has the least metric in either
 *       family, by which the host sends unless told otherwise
 * Cost: a dump of the routes.
 * Return: their number or a negative errno of netlink; routes without a gateway (point to
 *         point) count too
 */
must_check int gateway_uplinks(unsigned except, struct uplink out[static UPLINKS_MAX]);
