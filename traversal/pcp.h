/* SPDX-License-Identifier: MIT
 *
 * pcp.h - Port Control Protocol: MAP and ANNOUNCE (RFC 6887), with them the prefix of the
 * network's NAT64 (RFC 7225)
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/drop.h"
#include "base/nat64.h"

enum {
	PCP_PORT = 5351, /* of the server: RFC 6887 s19.1; NAT-PMP has it too */
	PCP_CLIENT_PORT = 5350, /* of announcements, to 224.0.0.1 and ff02::1 */
	PCP_VERSION = 2,
	PCP_MAX = 1100, /* octets: RFC 6887 s7 */
	PCP_MAP_OCTETS = 60, /* header and MAP, no options */
	PCP_PREFIX64_OCTETS = 20, /* the option, nothing in it */
	PCP_REQUEST_MAX = PCP_MAP_OCTETS + PCP_PREFIX64_OCTETS,
	PCP_ANNOUNCE_OCTETS = 24,
	PCP_NONCE_OCTETS = 12,
	PCP_UDP = 17,
};

enum pcp_opcode { /* RFC 6887 s19.2 */
	PCP_ANNOUNCE = 0,
	PCP_MAP = 1,
};

enum pcp_result { /* RFC 6887 s7.4; others may come */
	PCP_SUCCESS = 0,
	PCP_UNSUPP_VERSION = 1,
	PCP_NOT_AUTHORIZED = 2,
	PCP_NO_RESOURCES = 8,
	PCP_CANNOT_PROVIDE_EXTERNAL = 11,
	PCP_ADDRESS_MISMATCH = 12, /* a NAT stands between us and the server */
};

struct pcp_nonce {
	uint8_t b[PCP_NONCE_OCTETS];
};

struct pcp_map {
	struct pcp_nonce nonce; /* one for the life of a mapping: s11.2 */
	uint8_t protocol;
	uint16_t internal_port;
	struct endpoint external; /* suggested or assigned; zero: no wish */
};

struct pcp_request {
	enum pcp_opcode opcode;
	uint32_t lifetime_s; /* MAP: 0 deletes */
	struct ipaddr client; /* our address as we know it */
	struct pcp_map map; /* MAP only */
	bool translator; /* ask for the NAT64's prefix too */
};

struct pcp_response {
	enum pcp_opcode opcode;
	uint8_t result; /* enum pcp_result */
	uint32_t lifetime_s; /* of the mapping, or of the error */
	uint32_t epoch_s;
	struct pcp_map map; /* MAP only */
	bool translates; /* the network has a NAT64 for all of IPv4: */
	struct nat64 translator;
};

/* pcp_write() - a request; returns its octets */
size_t pcp_write(const struct pcp_request *q, uint8_t out[static PCP_REQUEST_MAX]);

/**
 * pcp_parse() - A response, or an announcement, which is one to no request
 * @m: n octets, untrusted; options other than PREFIX64, and one that is not in
 *     order, are skipped
 * Return: DROP_NONE, DROP_PORTMAP_MALFORMED (also: a request, another opcode)
 */
must_check enum drop pcp_parse(const uint8_t *m, size_t n,
			       struct pcp_response *out);
