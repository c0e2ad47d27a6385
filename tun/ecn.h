/* SPDX-License-Identifier: MIT
 *
 * ecn.h - congestion marks of the underlay carried into inner packets
 *
 * Theory: outbound, the outer header copies the inner ECN field; a queue on the way that
 * would drop marks the outer header instead; inbound the mark must reach the inner
 * packet, or its sender never learns of it. RFC 6040 s4.2.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

enum ecn { /* RFC 3168 s5, the low two bits of TOS and traffic class */
	ECN_NOT_ECT = 0,
	ECN_ECT1 = 1,
	ECN_ECT0 = 2,
	ECN_CE = 3,
	ECN_MASK = 3
};

/**
 * ecn_decapsulate() - Combine the outer ECN field into an inner packet
 * @p:     A packet that ip_parse() took
 * @outer: TOS or traffic class of the datagram that carried it, not authenticated
 *
 * The IPv4 header checksum is kept right where it was right (RFC 1624). Cost: nothing
 * unless outer is CE or ECT(1).
 * Return: false: drop it, for its ends do not know marks and it was marked
 */
must_check bool ecn_decapsulate(uint8_t *p, uint8_t outer);
