/* SPDX-License-Identifier: MIT
 *
 * netconf_host.c - the host's own addresses and routes, as candidates and conflicts
 *
 * Theory: each question opens a socket, dumps and answers: they are asked seldom, and
 * what the kernel says now is never out of date.
 */
#include <errno.h>
#include <net/if_arp.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tun/netconf.h"
#include "tun/netlink.h"

enum {
	LINKS_MAX = 65536, /* a host with more has no use for the rest here */
};

struct known {
	unsigned index;
	struct netlink_link link;
};

struct survey {
	struct known *links;
	unsigned count, room;
	unsigned except;
	struct host_address *out;
	unsigned found, max;
	int err;
};

static bool starts_with_any(const char *name, const char *const *prefixes)
{
	for (; *prefixes; prefixes++)
		if (!strncmp(name, *prefixes, strlen(*prefixes)))
			return true;
	return false;
}

static bool equals_any(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (!strcmp(name, *names))
			return true;
	return false;
}

static bool is_tunnel(const struct netlink_link *l)
{
	static const char *const kinds[] = {
		"tun",	  "wireguard", "ipip",	    "ip6tnl", "sit",	 "gre",
		"gretap", "ip6gre",    "ip6gretap", "erspan", "vti",	 "vti6",
		"xfrm",	  "ipvti",     "amt",	    "gtp",    "bareudp", NULL
	};
	static const char *const names[] = { "tailscale", "zt", "wt",  "nebula",
					     "utun",	  "wg", "tun", NULL };
	static const char *const modems[] = { "wwan", "rmnet", NULL };

	if (equals_any(l->kind, kinds) || starts_with_any(l->name, names))
		return true;
	/* mobile modems in raw IP mode look like tunnels, but are the way out */
	return l->type == ARPHRD_NONE && !starts_with_any(l->name, modems) &&
	       !equals_any(l->kind, modems);
}

/* container_name() - docker's own networks are br- and 12 hexadecimal digits; a plain
 * br-lan is a router's LAN */
static bool container_name(const char *name)
{
	static const char *const names[] = { "docker", "virbr",	 "lxc",
					     "cni",    "podman", NULL };

	if (starts_with_any(name, names))
		return true;
	return !strncmp(name, "br-", 3) &&
	       strspn(name + 3, "0123456789abcdef") == 12 && strlen(name) == 15;
}

/* of_containers() - a bridge without a port to the outside */
static bool of_containers(const struct survey *s, const struct known *k)
{
	static const char *const inner[] = { "veth", "tun", NULL };

	if (strcmp(k->link.kind, "bridge") != 0)
		return false;
	if (container_name(k->link.name))
		return true;
	for (unsigned i = 0; i < s->count; i++)
		if (s->links[i].link.master == k->index &&
		    !equals_any(s->links[i].link.kind, inner))
			return false;
	return true;
}

static bool grow(struct survey *s)
{
	unsigned room = s->room ? s->room * 2 : 32;
	struct known *links = NULL;

	if (s->count < s->room)
		return true;
	if (room <= LINKS_MAX)
		links = realloc(s->links, room * sizeof(*links));
	if (!links) {
		s->err = -ENOMEM;
		return false;
	}
	s->links = links;
	s->room = room;
	return true;
}

static void see_link(const struct netlink_item *it, void *arg)
{
	struct survey *s = arg;

	if (it->what == NETLINK_ITEM_LINK && grow(s))
		s->links[s->count++] =
			(struct known){ .index = it->index, .link = it->link };
}

static const struct known *link_find(const struct survey *s, unsigned index)
{
	for (unsigned i = 0; i < s->count; i++)
		if (s->links[i].index == index)
			return &s->links[i];
	return NULL;
}

static bool usable(const struct netlink_address *a)
{
	enum addr_class c = ipaddr_class(&a->ip);

	return !a->unready && c != ADDR_CLASS_LOOPBACK &&
	       c != ADDR_CLASS_LINK_LOCAL && c != ADDR_CLASS_UNSPECIFIED &&
	       c != ADDR_CLASS_MULTICAST;
}

static void see_address(const struct netlink_item *it, void *arg)
{
	struct survey *s = arg;
	const struct netlink_address *a = &it->address;
	const struct known *k;
	struct host_address *h;

	if (it->what != NETLINK_ITEM_ADDRESS || it->index == s->except ||
	    s->found == s->max || !usable(a))
		return;
	k = link_find(s, it->index);
	if (!k || !(k->link.flags & IFF_UP) || (k->link.flags & IFF_LOOPBACK))
		return;
	h = &s->out[s->found++];
	memset(h, 0, sizeof(*h)); /* callers compare it whole */
	h->ip = a->ip;
	h->on_link.ip = a->on_link.ip;
	h->on_link.bits = a->on_link.bits;
	h->index = it->index;
	memcpy(h->name, k->link.name, sizeof(h->name));
	h->temporary = a->temporary;
	h->deprecated = a->deprecated;
	h->tunnel = is_tunnel(&k->link);
	h->bridge_of_containers = of_containers(s, k);
}

int netconf_host_addresses(unsigned except, struct host_address *out,
			   unsigned max)
{
	struct survey s = { .except = except, .out = out, .max = max };
	struct netlink *nl = netlink_open(false, &s.err);

	if (!nl)
		return s.err;
	s.err = 0;
	int err = netlink_dump(nl, NETLINK_ITEM_LINK, see_link, &s);

	if (!err)
		err = s.err;
	if (!err)
		err = netlink_dump(nl, NETLINK_ITEM_ADDRESS, see_address, &s);
	netlink_close(nl);
	free(s.links);
	return err ? err : (int)s.found;
}

static bool has_neighbours(const struct survey *s, const struct known *k)
{
	const uint32_t want = IFF_UP | IFF_MULTICAST;
	const uint32_t not = IFF_LOOPBACK | IFF_POINTOPOINT | IFF_NOARP;

	return (k->link.flags & want) == want && !(k->link.flags & not) &&
	       !k->link.master && !is_tunnel(&k->link) && !of_containers(s, k);
}

int netconf_host_links(unsigned except, unsigned *out, unsigned max)
{
	struct survey s = { .except = except };
	struct netlink *nl = netlink_open(false, &s.err);
	unsigned found = 0;
	int err;

	if (!nl)
		return s.err;
	s.err = 0;
	err = netlink_dump(nl, NETLINK_ITEM_LINK, see_link, &s);
	netlink_close(nl);
	for (unsigned i = 0; i < s.count && found < max; i++)
		if (s.links[i].index != except &&
		    has_neighbours(&s, &s.links[i]))
			out[found++] = s.links[i].index;
	free(s.links);
	if (!err)
		err = s.err;
	return err ? err : (int)found;
}

/* ---- conflicts ---- */

struct clash {
	const struct prefix *wanted;
	unsigned except;
	bool found;
	struct prefix with;
	unsigned index;
};

/* is_default() - also the halves that VPNs put over a default route, and 2000::/3 */
static bool is_default(const struct prefix *p)
{
	return prefix_family_bits(p) <= (prefix_is_v4(p) ? 1u : 3u);
}

static void see_route(const struct netlink_item *it, void *arg)
{
	struct clash *c = arg;
	const struct netlink_route *r = &it->route;

	if (c->found || it->what != NETLINK_ITEM_ROUTE || !r->unicast ||
	    !it->index || it->index == c->except || is_default(&r->to))
		return;
	if (!prefix_overlaps(&r->to, c->wanted))
		return;
	c->found = true;
	c->with = r->to;
	c->index = it->index;
}

bool netconf_route_conflict(const struct prefix *p, unsigned except,
			    char why[static 256])
{
	struct clash c = { .wanted = p, .except = except };
	char wanted[ADDR_TEXT], with[ADDR_TEXT], name[IF_NAMESIZE] = "?";
	int err;
	struct netlink *nl = netlink_open(false, &err);

	if (!nl)
		return false;
	err = netlink_dump(nl, NETLINK_ITEM_ROUTE, see_route, &c);
	netlink_close(nl);
	if (err || !c.found)
		return false;
	if (!if_indextoname(c.index, name))
		snprintf(name, sizeof(name), "#%u", c.index);
	snprintf(
		why, 256,
		"%s overlaps %s, which this host reaches through %s; choose another "
		"prefix or remove that route",
		prefix_text(p, wanted), prefix_text(&c.with, with), name);
	return true;
}
