/* SPDX-License-Identifier: MIT
 *
 * packet.h - what a NAT reads and rewrites in an IPv4 packet
 *
 * UDP and TCP by their ports, ICMP echo by its identifier, ICMP errors by the packet that they
 * quote. Checksums are adjusted by the difference (RFC 1624). Packets are outside data:
 * what is too short, not IPv4, a later fragment, or of another protocol is refused.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

enum {
	PACKET_ERROR_ROOM = 128, /* octets of the largest ICMP error made here */
};

struct packet {
	uint8_t *m; /* borrowed */
	size_t n;
	uint8_t proto;
	bool error; /* ICMP error: proto, from and to are those of the quoted packet */
	struct endpoint from, to;
	/* offsets into m; 0: there is no such field */
	size_t ip; /* header that from and to stand in */
	size_t from_port, to_port;
	size_t sum; /* transport checksum */
	bool pseudo; /* which covers the addresses */
};

/* packet_read() - false: nothing that a NAT could pass on */
bool packet_read(uint8_t *m, size_t n, struct packet *out);
/* packet_set_from(), packet_set_to() - rewrite one end, with all checksums */
void packet_set_from(struct packet *p, const struct endpoint *e);
void packet_set_to(struct packet *p, const struct endpoint *e);
/* packet_set_error() - inbound ICMP error: it quotes a packet of that host, and goes there */
void packet_set_error(struct packet *p, const struct endpoint *host);
/* packet_hop() - one hop further; false: its time to live ends here */
bool packet_hop(uint8_t *m);
/* packet_expired() - ICMP time exceeded about m, sent by `from`; returns its octets, 0: none
 * is due (about an ICMP error, RFC 1122 s3.2.2) */
size_t packet_expired(const struct packet *p, const struct ipaddr *from,
		      uint8_t out[static PACKET_ERROR_ROOM]);
/* packet_echo() - turn an echo request into its reply, from the address it went to; false:
 * it is none */
bool packet_echo(struct packet *p);
