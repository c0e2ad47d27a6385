/* SPDX-License-Identifier: MIT
 *
 * hostsum.c - has the host's network changed, apart from our interface?
 *
 * Theory: the kernel also announces what merely goes on (a lifetime that is renewed),
 * so an event is only the reason to look: a sum over hashes of addresses, links and
 * default routes tells whether anything is another one. FNV-1a, 64 bits.
 */
#include "tun/hostsum.h"

#include <net/if.h>

static uint64_t mix(uint64_t sum, const void *data, size_t octets)
{
	const uint8_t *b = data;

	for (size_t i = 0; i < octets; i++)
		sum = (sum ^ b[i]) * 0x100000001b3u; /* FNV-1a, 64 bits */
	return sum;
}

bool hostsum_concerns(const struct netlink_item *it)
{
	switch (it->what) {
	case NETLINK_ITEM_LINK:
	case NETLINK_ITEM_ADDRESS:
		return true;
	case NETLINK_ITEM_ROUTE:
		return prefix_family_bits(&it->route.to) == 0 &&
		       it->route.unicast;
	case NETLINK_ITEM_NEIGHBOUR:
	case NETLINK_ITEM_OPTION:
		break;
	}
	return false;
}

static uint64_t item_sum(const struct netlink_item *it)
{
	uint32_t flags = 0;
	uint64_t sum = mix(0xcbf29ce484222325u, &it->index, sizeof(it->index));

	switch (it->what) {
	case NETLINK_ITEM_LINK:
		flags = it->link.flags & (IFF_UP | IFF_RUNNING);
		return mix(sum, &flags, sizeof(flags));
	case NETLINK_ITEM_ADDRESS:
		flags = it->address.unready | it->address.deprecated << 1;
		sum = mix(sum, &flags, sizeof(flags));
		return mix(sum, &it->address.ip, sizeof(it->address.ip));
	case NETLINK_ITEM_ROUTE:
		sum = mix(sum, &it->route.metric, sizeof(it->route.metric));
		sum = mix(sum, &it->route.table, sizeof(it->route.table));
		return mix(sum, &it->route.gateway, sizeof(it->route.gateway));
	case NETLINK_ITEM_NEIGHBOUR:
	case NETLINK_ITEM_OPTION:
		break;
	}
	return sum;
}

static void add(const struct netlink_item *it, void *arg)
{
	struct hostsum *h = arg;

	if (it->index != h->except && hostsum_concerns(it))
		h->sum += item_sum(it); /* in any order */
}

bool hostsum_look(struct hostsum *h, struct netlink *nl)
{
	uint64_t before = h->sum;
	int err;

	h->sum = 0;
	err = netlink_dump(nl, NETLINK_ITEM_LINK, add, h);
	if (!err)
		err = netlink_dump(nl, NETLINK_ITEM_ADDRESS, add, h);
	if (!err)
		err = netlink_dump(nl, NETLINK_ITEM_ROUTE, add, h);
	return err || h->sum != before;
}
