/* SPDX-License-Identifier: MIT
 *
 * names.h - the names of the network: what the DNS is told, and the hosts file
 *
 * Theory: a node is a label under one domain, and its addresses are reverse names
 * under the overlay's. Inside these zones we know everything: what is not there does
 * not exist, and the answer says so at once, with the SOA, so that nobody asks outside.
 * Outside of them we know nothing and refuse: a resolver then asks its other servers.
 * Pure; the socket is nameserver.c's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/attr.h"
#include "coord/netmap.h"

enum {
	NAMES_DOMAIN = 128, /* octets of a domain, with NUL */
	NAMES_TTL_S = 20, /* a node may be renamed */
	NAMES_DENIAL_S = 5, /* a node may join at any time */
	NAMES_ZONE = 80, /* octets of a reverse zone's name, with NUL */
};

struct names_host {
	char name[NETMAP_NAME];
	struct ipaddr v4, v6;
};

struct names {
	char domain[NAMES_DOMAIN]; /* lower case, no dot at either end */
	struct names_host *hosts; /* sorted by name; heap */
	unsigned count;
	char self[NETMAP_NAME]; /* our own name: the zone's server */
	struct prefix overlay[2];
	uint32_t serial;
};

/* names_init() - an empty zone; domain is valid */
void names_init(struct names *z, const char *domain);
void names_done(struct names *z); /* safe on zeroed memory */

/* names_update() - the hosts of a netmap; 0, or -ENOMEM: as before */
must_check int names_update(struct names *z, const struct netmap *m);

/* names_find() - by label, in any case; NULL: none */
const struct names_host *names_find(const struct names *z, const char *label, size_t n);

/**
 * names_answer() - Answer a DNS query
 * @m:    n octets, untrusted
 * @room: Octets at out, at least DNS_EDNS_MAX
 * Return: octets of the answer; 0: none is due
 */
must_check size_t names_answer(const struct names *z, const void *m, size_t n, void *out,
			       size_t room);

/* names_reverse_zone() - "90.100.in-addr.arpa" of an overlay prefix; "" for none */
void names_reverse_zone(const struct prefix *p, char out[static NAMES_ZONE]);

/**
 * names_hosts() - The hosts file that the NSS module reads
 *
 * First line "# adit 1 DOMAIN", then per address "ADDRESS NAME.DOMAIN NAME".
 * Return: heap text of *n octets, the caller frees; NULL: no memory
 */
must_check char *names_hosts(const struct names *z, size_t *n);
