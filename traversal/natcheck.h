/* SPDX-License-Identifier: MIT
 *
 * natcheck.h - ENGINE: our reflexive endpoints and what kind of NAT gives them
 *
 * Theory: the main socket asks several STUN servers' ports; equal answers mean
 * endpoint-independent mapping (RFC 5780 s4.3). Filtering and poisoning by asking a
 * server to answer from a port never contacted (RFC 5780 s4.4, traversal.md 3.4), from
 * an auxiliary socket: a NAT that is spoilt by it would give the main socket another
 * port for every new destination. Sends at 0, 100 and 300 ms to each server; addresses
 * are known when two answered or after 1.5 s. Where mappings vary, 8 to 16 throw-away
 * sockets ask one server, for the NAT's port allocator (allocator.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/drop.h"
#include "base/time.h"
#include "traversal/pathset.h"
#include "traversal/stun.h"

enum {
	NATCHECK_SERVERS_MAX = 16,
};

enum nat_behaviour { /* RFC 4787 s4.1, s5 */
	NAT_UNKNOWN,
	NAT_ENDPOINT_INDEPENDENT,
	NAT_ADDRESS_DEPENDENT,
	NAT_ADDRESS_AND_PORT_DEPENDENT,
	NAT_NONE, /* no translation */
};

struct natcheck_report {
	bool udp; /* some server answered */
	struct endpoint reflexive; /* of the main IPv4 socket; zero: none */
	struct endpoint reflexive6; /* of the main IPv6 socket */
	enum nat_behaviour mapping, filtering;
	bool preserving; /* the mapped port is our local port */
	struct nat_profile profile; /* for pathset */
	nsec_t measured; /* when it was complete; 0: never */
	struct {
		struct endpoint server;
		nsec_t rtt; /* 0: no answer */
	} servers[NATCHECK_SERVERS_MAX];
	unsigned server_count;
};

struct natcheck;

struct natcheck *natcheck_new(uint64_t seed); /* NULL: no memory */
void natcheck_free(struct natcheck *nc); /* takes NULL */

/* natcheck_set_servers() - STUN endpoints; those of relays first */
void natcheck_set_servers(struct natcheck *nc, const struct endpoint *s, unsigned n,
			  nsec_t now);
/* natcheck_set_local() - local port of the main sockets and whether v6 works */
void natcheck_set_local(struct natcheck *nc, const struct ipaddr *hosts, unsigned n,
			uint16_t port4, uint16_t port6, nsec_t now);

/* natcheck_set_aux() - local port of an IPv4 socket made for this alone, 0: none. Without
 * it filtering stays unknown and a port-preserving NAT is taken to need openers. Make a
 * new socket for each full check: what one check spoilt, the next would see */
void natcheck_set_aux(struct natcheck *nc, uint16_t port);

/* natcheck_set_sample() - local port of throw-away socket 1..ALLOCATOR_SAMPLES, which the
 * caller opens when natcheck_poll() first asks to send from it */
void natcheck_set_sample(struct natcheck *nc, unsigned sample, uint16_t port);

/* natcheck_start() - measure now. full: classification; else reflexive address only */
void natcheck_start(struct natcheck *nc, bool full, nsec_t now);
bool natcheck_running(const struct natcheck *nc);

struct natcheck_send {
	struct endpoint to;
	bool aux; /* from the auxiliary socket */
	uint8_t sample; /* from this throw-away socket; 0: from none */
	uint8_t ttl; /* 0: the usual one */
	size_t n;
	uint8_t message[STUN_MAX];
};

/* natcheck_poll() - true: send this from the main socket of its family, or from
 * the auxiliary one, or a throw-away one */
bool natcheck_poll(struct natcheck *nc, struct natcheck_send *out, nsec_t now);
nsec_t natcheck_next_expiry(const struct natcheck *nc);

/* natcheck_input() - a STUN message from either socket, untrusted; DROP_NONE, DROP_STUN_MALFORMED,
 * DROP_STUN_UNEXPECTED */
must_check enum drop natcheck_input(struct natcheck *nc, const uint8_t *m, size_t n,
				    const struct endpoint *from, nsec_t now);

/* natcheck_report() - the newest complete result; changed: since the last call here */
const struct natcheck_report *natcheck_report(struct natcheck *nc, bool *changed);
/* natcheck_last() - the same, to look at: whoever takes it up is still told of a change */
const struct natcheck_report *natcheck_last(const struct natcheck *nc);
