/* SPDX-License-Identifier: MIT
 *
 * gateway.c - the router that this host sends the rest of the world's packets to
 */
#include "tun/gateway.h"

#include <errno.h>

#include "tun/netlink.h"

struct search {
	bool v6;
	unsigned except;
	uint32_t metric; /* of the best */
	struct gateway best; /* index 0: none yet */
};

static void look_at(const struct netlink_item *item, void *arg)
{
	const struct netlink_route *r = &item->route;
	struct search *s = arg;

	if (item->what != NETLINK_ITEM_ROUTE || !r->unicast ||
	    r->table != NETLINK_TABLE_MAIN || prefix_family_bits(&r->to) ||
	    ipaddr_is_zero(&r->gateway) || item->index == s->except ||
	    ipaddr_is_v4(&r->gateway) == s->v6)
		return;
	if (s->best.index && s->metric <= r->metric)
		return;
	s->best = (struct gateway){ .ip = r->gateway, .index = item->index };
	s->metric = r->metric;
}

int gateway_find(bool v6, unsigned except, struct gateway *out)
{
	struct search s = { .v6 = v6, .except = except };
	struct netlink *nl;
	int err;

	nl = netlink_open(false, &err);
	if (!nl)
		return err;
	err = netlink_dump(nl, NETLINK_ITEM_ROUTE, look_at, &s);
	netlink_close(nl);
	if (err)
		return err;
	if (!s.best.index)
		return -ENOENT;
	*out = s.best;
	return 0;
}
