/* SPDX-License-Identifier: MIT
 *
 * emulator.h - ENGINE: packets of two devices through a NAT and a link
 *
 *   host -> [NAT] -> link -> internet        and back: link, then NAT
 *
 * IPv4 passes the NAT if there is one and loses a hop; without a NAT, and for IPv6, it is a
 * wire that changes nothing. The NAT answers echo requests to its own addresses, sends
 * time exceeded for packets that end here, and passes ICMP errors to the host that they
 * concern.
 */
#pragma once

#include "tests/natlab/natbox.h"
#include "tests/natlab/options.h"
#include "tests/natlab/packet.h"
#include "tests/natlab/wire.h"

struct emulator {
	struct options options;
	bool nat;
	struct natbox box;
	struct wire out, in;
	uint64_t seed;
	struct {
		uint64_t out, in; /* passed */
		uint64_t hairpin, filtered, stray, full, banned, expired, odd;
		uint64_t probed; /* outbound UDP packets that began a session */
	} count;
};

void emulator_init(struct emulator *e, const struct options *o);
void emulator_done(struct emulator *e);
/* emulator_forget() - no session but with options.keep; the next seed */
void emulator_forget(struct emulator *e);
/* emulator_leave() - a packet from the inner device; it is rewritten in place. A reply to it
 * goes to `back` (WIRE_PACKET octets) for the inner device; returns its octets, or 0 */
size_t emulator_leave(struct emulator *e, uint8_t *m, size_t n, uint8_t *back, nsec_t now);
/* emulator_arrive() - a packet from the outer device: onto the link */
void emulator_arrive(struct emulator *e, const uint8_t *m, size_t n, nsec_t now);

enum emulator_side {
	EMULATOR_INSIDE,
	EMULATOR_OUTSIDE,
};

/* emulator_poll() - the next packet that is due, for *side, into m; 0: none */
size_t emulator_poll(struct emulator *e, uint8_t *m, enum emulator_side *side,
		     nsec_t now);
nsec_t emulator_next(const struct emulator *e);
/* emulator_report() - counters, one line */
void emulator_report(const struct emulator *e, FILE *to, nsec_t now);
