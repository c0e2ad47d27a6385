/* SPDX-License-Identifier: MIT
 *
 * ip.h - the inner packet's header: version, length, source, destination
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct ip_header {
	bool v6;
	uint8_t protocol; /* IPv4 protocol or IPv6 next header, not walked */
	uint8_t tos; /* DSCP and ECN */
	size_t length; /* octets of the whole packet as its header says */
	const uint8_t *source, *destination; /* 4 or 16 octets inside the packet */
};

/**
 * ip_parse() - Look at an inner packet
 * @p: n octets, untrusted; may be longer than the packet (padding)
 * Return: false if it is no IPv4 or IPv6 packet that lies whole within n octets
 */
must_check bool ip_parse(const uint8_t *p, size_t n, struct ip_header *out);
