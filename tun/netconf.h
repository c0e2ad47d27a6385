/* SPDX-License-Identifier: MIT
 *
 * netconf.h - the host's network as we want it: made, watched, undone
 *
 * Theory: the caller states what it wants of one interface (addresses, routes, MTU,
 * up); netconf applies the differences through netlink, remembers what it made, makes
 * it again when somebody removes it (networkd after a resume), and removes just that on
 * exit. One netlink socket for changes, one for events. tun/netlink.c is the only file
 * that includes libmnl.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/attr.h"
#include "base/nat64.h"

enum {
	NETCONF_ADDRESSES_MAX = 8,
	NETCONF_ROUTES_MAX = 131072,
};

struct netconf_want {
	unsigned mtu; /* octets */
	struct prefix addresses[NETCONF_ADDRESSES_MAX]; /* host bits kept in .ip of: */
	struct ipaddr address_ips[NETCONF_ADDRESSES_MAX]; /* the address itself */
	unsigned address_count;
	const struct prefix *routes; /* through the interface; borrowed until return */
	unsigned route_count;
};

struct netconf;

/* netconf_new() - for interface `index`; NULL and *err (negative errno) on failure */
struct netconf *netconf_new(unsigned index, int *err);

/**
 * netconf_apply() - Make it so: differences only
 * @why: On failure: what was refused and what to do
 * Return: 0 or the first negative errno; the rest is still tried
 */
must_check int netconf_apply(struct netconf *nc, const struct netconf_want *want,
			     char why[static 256]);

/* netconf_free() - undo everything that we made, close; takes NULL */
void netconf_free(struct netconf *nc);

/* What happened on the host, as far as we care. */
enum netconf_event {
	NETCONF_NOTHING = 0,
	NETCONF_NETWORK_CHANGED = 1, /* address, link or default route of another
				      * interface: look for new candidates */
	NETCONF_REPAIRED = 2, /* something of ours had been removed and was made again */
};

int netconf_fd(const struct netconf *nc); /* readable: call netconf_ready() */
/* netconf_ready() - read events, repair; returns a set of enum netconf_event bits */
unsigned netconf_ready(struct netconf *nc);

/* netconf_advertised() - the translator that a router has advertised (RFC 8781), once for
 * each time; lifetime_s 0: it takes it back. After netconf_ready(). */
bool netconf_advertised(struct netconf *nc, struct nat64 *out, unsigned *lifetime_s);

/* The host's own addresses that might be candidates. */
struct host_address {
	struct ipaddr ip;
	struct prefix on_link; /* its subnet */
	unsigned index; /* interface */
	char name[16]; /* interface */
	bool temporary, deprecated; /* IPv6 */
	bool tunnel, bridge_of_containers; /* kind of its interface: exclude by default */
};

/**
 * netconf_host_addresses() - All usable addresses of interfaces that are up
 * @except: Interface index to leave out (our own), 0: none
 * Return: count, at most max; or negative errno. Loopback, link-local IPv6 without
 *         use, tentative and failed addresses are left out.
 */
must_check int netconf_host_addresses(unsigned except, struct host_address *out,
				      unsigned max);

/* netconf_host_links() - interfaces that are up, with neighbours that hear multicast:
 * neither loopback, tunnels, networks of containers nor ports of a bridge or bond; at
 * most max, but not `except`. Return: count or negative errno */
must_check int netconf_host_links(unsigned except, unsigned *out, unsigned max);

/* netconf_route_conflict() - does the host already route part of this prefix, other
 * than by a default route or interface `except`? Then a text for the user in why. */
bool netconf_route_conflict(const struct prefix *p, unsigned except,
			    char why[static 256]);
