/* SPDX-License-Identifier: MIT
 *
 * gateway.c - the router that this host sends the rest of the world's packets to
 */
#include "tun/gateway.h"

#include <errno.h>
#include <string.h>

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

struct enquiry {
	const struct gateway *of;
	uint8_t hardware[6];
	bool found;
};

static void meet(const struct netlink_item *item, void *arg)
{
	static const uint8_t none[6];
	struct enquiry *e = arg;

	if (item->what != NETLINK_ITEM_NEIGHBOUR || item->index != e->of->index ||
	    !ipaddr_eq(&item->neighbour.ip, &e->of->ip) ||
	    !memcmp(item->neighbour.hardware, none, sizeof(none)))
		return;
	memcpy(e->hardware, item->neighbour.hardware, sizeof(e->hardware));
	e->found = true;
}

int gateway_hardware(const struct gateway *g, uint8_t out[static 6])
{
	struct enquiry e = { .of = g };
	struct netlink *nl;
	int err;

	nl = netlink_open(false, &err);
	if (!nl)
		return err;
	err = netlink_dump(nl, NETLINK_ITEM_NEIGHBOUR, meet, &e);
	netlink_close(nl);
	if (err)
		return err;
	if (!e.found)
		return -ENOENT;
	memcpy(out, e.hardware, sizeof(e.hardware));
	return 0;
}

/* ---- all of them ---- */

struct lineup {
	unsigned except, count;
	struct uplink out[UPLINKS_MAX];
	uint32_t metric[UPLINKS_MAX]; /* the lesser of both families' */
};

/* rise() - towards the front, until one is as good */
static void rise(struct lineup *l, unsigned i)
{
	for (; i > 0 && l->metric[i] < l->metric[i - 1]; i--) {
		struct uplink u = l->out[i];
		uint32_t m = l->metric[i];

		l->out[i] = l->out[i - 1];
		l->metric[i] = l->metric[i - 1];
		l->out[i - 1] = u;
		l->metric[i - 1] = m;
	}
}

static void line_up(const struct netlink_item *item, void *arg)
{
	const struct netlink_route *r = &item->route;
	struct lineup *l = arg;
	unsigned i = 0;

	if (item->what != NETLINK_ITEM_ROUTE || !r->unicast ||
	    r->table != NETLINK_TABLE_MAIN || prefix_family_bits(&r->to) ||
	    item->index == 0 || item->index == l->except)
		return;
	while (i < l->count && l->out[i].index != item->index)
		i++;
	if (i == UPLINKS_MAX)
		return;
	if (i == l->count) {
		l->out[l->count++] = (struct uplink){ .index = item->index };
		l->metric[i] = UINT32_MAX;
	}
	if (ipaddr_is_v4(&r->to.ip))
		l->out[i].v4 = true;
	else
		l->out[i].v6 = true;
	if (r->metric < l->metric[i])
		l->metric[i] = r->metric;
	rise(l, i);
}

int gateway_uplinks(unsigned except, struct uplink out[static UPLINKS_MAX])
{
	struct lineup l = { .except = except };
	struct netlink *nl;
	int err;

	nl = netlink_open(false, &err);
	if (!nl)
		return err;
	err = netlink_dump(nl, NETLINK_ITEM_ROUTE, line_up, &l);
	netlink_close(nl);
	if (err)
		return err;
	memcpy(out, l.out, sizeof(l.out));
	return (int)l.count;
}
