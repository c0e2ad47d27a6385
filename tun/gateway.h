/* SPDX-License-Identifier: MIT
 *
 * gateway.h - the router that this host sends the rest of the world's packets to
 */
#pragma once

#include <stdbool.h>

#include "base/addr.h"
#include "base/attr.h"

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
