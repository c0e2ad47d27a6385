/* SPDX-License-Identifier: MIT
 *
 * stunserver.h - ENGINE: answers to STUN Binding requests
 *
 * Spec: RFC 8489 s6.3, RFC 5780 s6.1 and s7; clients of RFC 3489 are answered in its
 * words. Stateless but for a limiter: 10 answers a second per source address with a
 * burst that lets the usual tools finish. Never answers to another address than
 * the one that asked; RESPONSE-PORT only changes the port (RFC 5780 s7.5). Together with
 * a change of port it asks for a packet by a stranger: a node has spoken to both of our
 * ports, so only a third one proves that a router's port mapping lets anybody in.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/drop.h"
#include "base/time.h"
#include "traversal/stun.h"

enum {
	STUNSERVER_RATE = 10, /* answers a second to one source: security.md 3.3 */
	STUNSERVER_BURST = 100,
};

struct stunserver;

struct stunserver *stunserver_new(uint64_t seed); /* NULL: no memory */
void stunserver_free(struct stunserver *s); /* takes NULL */

struct stunserver_in {
	const uint8_t *m; /* untrusted */
	size_t n;
	struct endpoint from;
	struct endpoint to; /* our endpoint that it came to; address zero: unknown */
	uint16_t other_port; /* of the same address */
	struct ipaddr other; /* our second address of the family; zero: none */
};

struct stunserver_out {
	struct endpoint to;
	bool change_ip, change_port; /* leaves from the other address, port */
	bool stranger; /* leaves from a third port, which nobody ever sends to */
	size_t n;
	uint8_t message[STUN_MAX];
};

/* stunserver_input() - DROP_NONE: send *out; else a DROP_STUN_* row or RELAY_RATE */
must_check enum drop stunserver_input(struct stunserver *s,
				      const struct stunserver_in *in,
				      struct stunserver_out *out, nsec_t now);
