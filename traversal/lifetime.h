/* SPDX-License-Identifier: MIT
 *
 * lifetime.h - ENGINE: how long our NAT keeps an idle mapping
 *
 * Theory: RFC 5780 section 4.6. Sockets for this alone each talk to a STUN server twice, some
 * seconds apart, as routers keep a mapping longer once it has carried an exchange; then
 * each is silent for a time of its own. At its end another socket, the asker, asks the same
 * server to answer to the silent one's port (RESPONSE-PORT): what arrives has found the
 * mapping alive. The shortest silence is the control: if that is not survived, the server
 * does not know the attribute, or the NAT gives the asker another address, and nothing is
 * known. Two answers must be lost before a mapping counts as dead, and one that is alive
 * after a longer silence proves the shorter ones wrong.
 *
 * A run is at most 20 packets in 95 s. From it follows how often an idle path must be asked
 * (traversal.md 6.5).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/rand.h"
#include "base/time.h"
#include "traversal/stun.h"

enum {
	LIFETIME_PROBES = 6, /* sockets beside the asker */
	LIFETIME_KEEP_MIN = 10, /* seconds between packets on an idle path, at least */
	LIFETIME_KEEP_MAX = 55,
};

enum lifetime_step {
	LIFETIME_OPENING, /* the first exchange is due or under way */
	LIFETIME_OPENED, /* it worked; the second one follows */
	LIFETIME_SILENT,
	LIFETIME_ASKED, /* the asker's request is due or under way */
	LIFETIME_ALIVE,
	LIFETIME_DEAD,
	LIFETIME_FAILED, /* no server answered */
};

struct lifetime {
	struct {
		enum lifetime_step step;
		uint16_t mapped; /* port */
		struct stun_txid txid; /* of the last request about it */
		nsec_t due; /* the next packet, or the end of patience */
		unsigned tries; /* of this step */
	} probe[LIFETIME_PROBES]; /* by length of silence */
	struct prng prng;
	bool running;
};

struct lifetime_send {
	unsigned probe;
	bool asker; /* from the asker's socket; else from the probe's own */
	size_t n;
	uint8_t message[STUN_MAX];
};

struct lifetime_result {
	uint16_t lived_s; /* a silence that was survived; 0: nothing is known */
	uint16_t died_s; /* the shortest that was not; 0: all were */
};

void lifetime_start(struct lifetime *l, uint64_t seed, nsec_t now);
void lifetime_stop(struct lifetime *l);
bool lifetime_running(const struct lifetime *l);

/* lifetime_poll() - true: send this to the server, the same one throughout */
bool lifetime_poll(struct lifetime *l, struct lifetime_send *out, nsec_t now);
nsec_t lifetime_next(const struct lifetime *l); /* NSEC_NEVER when done */

/**
 * lifetime_input() - Something came from the server to a probe's socket
 * @m: n octets, untrusted
 * Return: DROP_NONE, DROP_STUN_MALFORMED, DROP_STUN_UNEXPECTED
 */
must_check enum drop lifetime_input(struct lifetime *l, unsigned probe, const uint8_t *m,
				    size_t n, nsec_t now);

/* lifetime_result() - what is known so far */
struct lifetime_result lifetime_result(const struct lifetime *l);

/* lifetime_keepalive() - seconds between packets on an idle path: 0.7 of what was survived,
 * within bounds; 0: not known */
unsigned lifetime_keepalive(const struct lifetime_result *r);
