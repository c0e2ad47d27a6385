/* SPDX-License-Identifier: MIT
 *
 * portcheck.h - ENGINE: does a stranger's packet arrive at that endpoint of ours?
 *
 * Theory: a router says that it maps an external port to us; that is proved only by a
 * packet from outside. A STUN server is asked twice, from the socket in question. First
 * plainly: that shows that it lives and which address of ours it sees. Is that the
 * external one, it is asked to answer at the external port (RESPONSE-PORT, RFC 5780
 * s7.5) from a port that we never spoke to (CHANGE-REQUEST, s7.2): only a mapping, or
 * a NAT that filters nothing, lets this in. An answer from a known port proves nothing.
 * So a dead server is told from a closed port, and nothing is ever sent to an
 * address that is not ours. Sends at 0, 0.25, 0.5 and 1 s.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/drop.h"
#include "base/rand.h"
#include "base/time.h"
#include "traversal/stun.h"

enum {
	PORTCHECK_SERVERS_MAX = 16,
};

enum portcheck_outcome {
	PORTCHECK_IDLE, /* never started */
	PORTCHECK_RUNNING,
	PORTCHECK_OPEN, /* it arrived */
	PORTCHECK_CLOSED, /* the server lives, its packet did not arrive */
	PORTCHECK_OTHER_ADDRESS, /* the world sees us at another address */
	PORTCHECK_NO_SERVER, /* none of that family answered: nothing is known */
};

struct portcheck {
	struct endpoint servers[PORTCHECK_SERVERS_MAX];
	unsigned count, asked; /* index of the server asked last */
	struct endpoint external;
	enum portcheck_outcome outcome;
	bool probing; /* second question */
	unsigned sends;
	nsec_t due;
	struct prng random;
	struct stun_txid txid;
};

/* portcheck_init() - seed: transaction ids come of it */
void portcheck_init(struct portcheck *pc, uint64_t seed);
/* portcheck_set_servers() - all STUN endpoints that our socket may have spoken to */
void portcheck_set_servers(struct portcheck *pc, const struct endpoint *s, unsigned n);

/* portcheck_start() - anew; portcheck_stop() - forget it */
void portcheck_start(struct portcheck *pc, const struct endpoint *external, nsec_t now);
void portcheck_stop(struct portcheck *pc);

struct portcheck_send {
	struct endpoint to;
	size_t n;
	uint8_t message[STUN_MAX];
};

/* portcheck_poll() - true: send this from the mapped socket */
bool portcheck_poll(struct portcheck *pc, struct portcheck_send *out, nsec_t now);
nsec_t portcheck_next_expiry(const struct portcheck *pc);

/* portcheck_input() - a STUN message that came to that socket, untrusted; DROP_NONE,
 * DROP_STUN_MALFORMED, DROP_STUN_UNEXPECTED: not for us */
must_check enum drop portcheck_input(struct portcheck *pc, const uint8_t *m, size_t n,
				     const struct endpoint *from, nsec_t now);
