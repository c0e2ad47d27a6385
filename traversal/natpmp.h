/* SPDX-License-Identifier: MIT
 *
 * natpmp.h - NAT Port Mapping Protocol: external address and UDP mappings (RFC 6886)
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/drop.h"

enum {
	NATPMP_VERSION = 0,
	NATPMP_MAX = 16, /* octets of the longest message */
	NATPMP_REQUEST_MAX = 12,
};

enum natpmp_opcode { /* RFC 6886 s3 */
	NATPMP_ADDRESS = 0,
	NATPMP_MAP_UDP = 1,
};

enum natpmp_result { /* RFC 6886 s3.5; others may come */
	NATPMP_SUCCESS = 0,
	NATPMP_UNSUPPORTED_VERSION = 1,
	NATPMP_NOT_AUTHORIZED = 2,
	NATPMP_NETWORK_FAILURE = 3,
	NATPMP_OUT_OF_RESOURCES = 4,
};

struct natpmp_request {
	enum natpmp_opcode opcode;
	uint16_t internal_port;
	uint16_t external_port; /* suggested; deleting: 0 */
	uint32_t lifetime_s; /* 0 deletes */
};

struct natpmp_response {
	enum natpmp_opcode opcode;
	uint16_t result; /* enum natpmp_result */
	uint32_t epoch_s;
	struct ipaddr address; /* NATPMP_ADDRESS with success */
	uint16_t internal_port, external_port; /* NATPMP_MAP_UDP */
	uint32_t lifetime_s;
};

/* natpmp_write() - a request; returns its octets */
size_t natpmp_write(const struct natpmp_request *q,
		    uint8_t out[static NATPMP_REQUEST_MAX]);

/**
 * natpmp_parse() - A response, or an announcement, which is an address response
 * @m: n octets, untrusted
 * Return: DROP_NONE, DROP_PORTMAP_MALFORMED (also: a request, another opcode)
 */
must_check enum drop natpmp_parse(const uint8_t *m, size_t n,
				  struct natpmp_response *out);
