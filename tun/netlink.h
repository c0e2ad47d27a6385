/* SPDX-License-Identifier: MIT
 *
 * netlink.h - rtnetlink in our own words: links, addresses, routes
 *
 * Theory: one socket asks (dumps, changes with an acknowledgement), another one may
 * listen to groups. What the kernel says is decoded into struct netlink_item, so that
 * nobody else needs to know the wire format. rtnetlink(7), RFC 3549.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/attr.h"

enum {
	NETLINK_NAME = 16,	 /* IFNAMSIZ */
	NETLINK_PROTOCOL = 0xad, /* of the routes that we make */
	NETLINK_TABLE_MAIN = 254,
};

enum netlink_what {
	NETLINK_ITEM_LINK,
	NETLINK_ITEM_ADDRESS,
	NETLINK_ITEM_ROUTE,
	NETLINK_ITEM_NEIGHBOUR, /* dumps only */
	NETLINK_ITEM_OPTION, /* listening only: of a router advertisement */
};

struct netlink_link {
	char name[NETLINK_NAME];
	char kind[NETLINK_NAME]; /* "tun", "bridge", ...; empty for hardware */
	uint32_t flags;		 /* IFF_* */
	uint32_t mtu;		 /* octets */
	uint32_t master; /* interface index of its bridge or bond, or 0 */
	uint16_t type;	 /* ARPHRD_* */
};

struct netlink_address {
	struct ipaddr ip;      /* our end */
	struct prefix on_link; /* its subnet, or the other end */
	bool unready; /* its duplicate address detection runs or failed */
	bool temporary, deprecated; /* IPv6 */
};

struct netlink_route {
	struct prefix to;
	struct ipaddr gateway; /* all zero: none */
	uint32_t table, metric;
	uint8_t protocol; /* RTPROT_* */
	bool unicast; /* neither local, broadcast, multicast nor a refusal */
};

/* Type, length and the rest (RFC 4861 section 4.6) as a router on the link sent them:
 * untrusted; valid during the call */
struct netlink_option {
	const uint8_t *at;
	size_t octets;
};

/* Who on the link has an address; those that have not answered are left out. */
struct netlink_neighbour {
	struct ipaddr ip;
	uint8_t hardware[6]; /* of an Ethernet; all zero: of another kind */
};

struct netlink_item {
	enum netlink_what what;
	bool removed;
	unsigned index; /* interface; 0: none */
	union {
		struct netlink_link link;
		struct netlink_address address;
		struct netlink_route route;
		struct netlink_neighbour neighbour;
		struct netlink_option option;
	};
};

struct netlink;

typedef void netlink_fn(const struct netlink_item *item, void *arg);

/**
 * netlink_open() - One rtnetlink socket
 * @listen: Subscribe to links, addresses and routes; the socket does not block then
 * Return: NULL and *err (negative errno) on failure; netlink_close() takes it back
 */
struct netlink *netlink_open(bool listen, int *err);
void netlink_close(struct netlink *nl); /* takes NULL */
int netlink_fd(const struct netlink *nl);

/**
 * netlink_dump() - All links, addresses, routes or neighbours of this network namespace
 *
 * What changes during the dump may be missing or there twice. fn must not use nl.
 * Cost: linear in what the host has.
 * Return: 0 or negative errno
 */
must_check int netlink_dump(struct netlink *nl, enum netlink_what what,
			    netlink_fn *fn, void *arg);

/**
 * netlink_listen() - Decode one datagram of events
 * Return: 1 if there may be more, 0: none there, or negative errno; -ENOBUFS: events
 *         were lost, dump again
 */
must_check int netlink_listen(struct netlink *nl, netlink_fn *fn, void *arg);

/* Changes; each waits for the kernel's answer: 0 or its negative errno. */
must_check int netlink_link_set(struct netlink *nl, unsigned index,
				uint32_t mtu, bool up);
/* subnet gives only the length; IPv6 without duplicate address detection */
must_check int netlink_address_add(struct netlink *nl, unsigned index,
				   const struct ipaddr *ip,
				   const struct prefix *subnet);
must_check int netlink_address_del(struct netlink *nl, unsigned index,
				   const struct ipaddr *ip,
				   const struct prefix *subnet);
/* a route of ours (NETLINK_PROTOCOL, main table) straight through the interface */
must_check int netlink_route_add(struct netlink *nl, unsigned index,
				 const struct prefix *to);
must_check int netlink_route_del(struct netlink *nl, unsigned index,
				 const struct prefix *to);
/* the same in another table */
must_check int netlink_route_add_to(struct netlink *nl, unsigned index,
				    const struct prefix *to, uint32_t table);
must_check int netlink_route_del_from(struct netlink *nl, unsigned index,
				      const struct prefix *to, uint32_t table);

/* A rule of ours (NETLINK_PROTOCOL): which packets look into which table. */
struct netlink_rule {
	bool v6;
	uint32_t priority, table;
	uint32_t not_mark;  /* packets without this mark; 0: all packets */
	int longer_than;    /* only routes with a longer prefix; -1: all routes */
};

/* netlink_rule_add() - -EEXIST: it is there; netlink_rule_del() - -ENOENT: it is not */
must_check int netlink_rule_add(struct netlink *nl, const struct netlink_rule *r);
must_check int netlink_rule_del(struct netlink *nl, const struct netlink_rule *r);
