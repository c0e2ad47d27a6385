/* SPDX-License-Identifier: MIT
 *
 * detour.c - all traffic of this host but our own through our interface
 */
#include "tun/detour.h"

#include <errno.h>
#include <net/if.h>

#include "tun/netlink.h"

enum {
	TABLE = 0xad00, /* and a hash of the name */
	PRIORITY = 31000, /* below the host's own rules, above the main table's 32766 */
	HALVES_V4 = 1, /* 0.0.0.0/1 and 128.0.0.0/1 */
	HALVES_V6 = 3, /* 2000::/3 */
};

/* FNV-1a, folded to an octet */
static uint32_t number_of(const char *name)
{
	uint32_t h = 2166136261u;

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 16777619u;
	return (h ^ h >> 8 ^ h >> 16 ^ h >> 24) & 0xff;
}

/* rules_of() - in the order of their priority */
static void rules_of(const char *name, uint32_t mark, bool v6,
		     struct netlink_rule out[static 2])
{
	uint32_t number = number_of(name);

	out[0] = (struct netlink_rule){
		.v6 = v6,
		.priority = PRIORITY + 2 * number,
		.table = NETLINK_TABLE_MAIN,
		.longer_than = v6 ? HALVES_V6 : HALVES_V4,
	};
	out[1] = (struct netlink_rule){
		.v6 = v6,
		.priority = PRIORITY + 2 * number + 1,
		.table = TABLE + number,
		.not_mark = mark,
		.longer_than = -1,
	};
}

static int begin_family(struct netlink *nl, unsigned index, const char *name,
			uint32_t mark, bool v6)
{
	struct prefix all = prefix_default(!v6);
	struct netlink_rule rules[2];
	int err;

	rules_of(name, mark, v6, rules);
	err = netlink_route_add_to(nl, index, &all, rules[1].table);
	for (unsigned i = 0; i < 2 && (!err || err == -EEXIST); i++)
		err = netlink_rule_add(nl, &rules[i]);
	return err == -EEXIST ? 0 : err;
}

/* no_ipv6() - on this host, or on this interface */
static bool no_ipv6(int err)
{
	return err == -EACCES || err == -EAFNOSUPPORT || err == -EOPNOTSUPP ||
	       err == -ENODEV || err == -EINVAL;
}

int detour_begin(unsigned index, const char *name, uint32_t mark)
{
	int err, v6;
	struct netlink *nl = netlink_open(false, &err);

	if (!nl)
		return err;
	err = begin_family(nl, index, name, mark, false);
	v6 = err ? err : begin_family(nl, index, name, mark, true);
	netlink_close(nl);
	if (!err && no_ipv6(v6))
		v6 = 0;
	return v6;
}

static int end_family(struct netlink *nl, const char *name, uint32_t mark, bool v6)
{
	struct netlink_rule rules[2];
	int err = 0;

	rules_of(name, mark, v6, rules);
	for (unsigned i = 2; i-- > 0;) {
		int e = netlink_rule_del(nl, &rules[i]);

		if (e && e != -ENOENT && !(v6 && no_ipv6(e)))
			err = e;
	}
	return err;
}

static int end_routes(struct netlink *nl, const char *name)
{
	unsigned index = if_nametoindex(name);
	int err = 0;

	for (unsigned v4 = 0; index && v4 < 2; v4++) {
		struct prefix all = prefix_default(v4);

		err = netlink_route_del_from(nl, index, &all,
					     TABLE + number_of(name));
	}
	return err == -ESRCH || err == -ENODEV || err == -EAFNOSUPPORT ? 0 : err;
}

int detour_end(const char *name, uint32_t mark)
{
	int err, routes;
	struct netlink *nl = netlink_open(false, &err);

	if (!nl)
		return err;
	err = end_family(nl, name, mark, false);
	if (!err)
		err = end_family(nl, name, mark, true);
	routes = end_routes(nl, name);
	netlink_close(nl);
	return err ? err : routes;
}
