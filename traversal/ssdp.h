/* SPDX-License-Identifier: MIT
 *
 * ssdp.h - finding a UPnP gateway: the search and its answers (UPnP Device Architecture
 * 1.1 s1.3)
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

enum {
	SSDP_PORT = 1900,
	SSDP_SEARCH_MAX = 256, /* octets of a search */
	SSDP_ANSWER_MAX = 1500, /* longer answers are refused */
	SSDP_LOCATION_MAX = 128, /* octets of a URL with NUL */
};

/* ssdp_write() - an M-SEARCH for a gateway of IGD version 1 or 2, to a host or group;
 * returns its octets */
size_t ssdp_write(const struct endpoint *to, unsigned version,
		  char out[static SSDP_SEARCH_MAX]);

/**
 * ssdp_parse() - Where the gateway's description is
 * @m: n octets, untrusted
 * @gateway: The URL must be http on this very address, given as a number, and on a port:
 *           the router is not to send us elsewhere (security.md V-55). An IPv6 gateway
 *           is known by its link-local address, and names any of its own: the caller
 *           connects to the gateway, whatever the URL says
 * @location: SSDP_LOCATION_MAX of room
 * Return: false if it is no such answer
 */
must_check bool ssdp_parse(const uint8_t *m, size_t n, const struct ipaddr *gateway,
			   char *location);
