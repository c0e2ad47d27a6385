/* SPDX-License-Identifier: MIT
 *
 * upnp.h - a UPnP Internet Gateway Device, version 1 or 2, asked through miniupnpc: for a
 * mapping of IPv4, or a pinhole in its firewall for IPv6 (WANIPv6FirewallControl:1)
 *
 * Every call waits for the gateway and parses HTTP and XML of its making: for the
 * helper process alone (daemon/portmap_main.c), which has nothing to lose. Not part of
 * the traversal library.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

struct upnp;

/* upnp_open() - read the description at a URL and pick the service of that family; NULL:
 * none there */
struct upnp *upnp_open(const char *location, bool v6);
void upnp_close(struct upnp *u); /* takes NULL */

struct upnp_mapping {
	struct endpoint internal; /* ours */
	struct endpoint external; /* port: suggested, then given; ip: as the router says */
	uint32_t lifetime_s; /* wanted, then given; 0: for good */
	uint16_t others[3]; /* ports to try if the suggested one is somebody else's */
};

/**
 * upnp_map() - Make or renew a UDP mapping, of nobody else's port
 *
 * A router that knows only mappings for good (errors 725 and 402) gives one; one that
 * refuses to renew its own has it deleted first. For IPv6 a pinhole: address and port
 * stay as they are, and the router knows one that it has already by both.
 *
 * Return: 0, or the UPnP error, or a negative number: the gateway made no sense
 */
int upnp_map(struct upnp *u, struct upnp_mapping *m);

/* upnp_unmap() - if it is ours; external port: 1024 and above */
int upnp_unmap(struct upnp *u, const struct upnp_mapping *m);
