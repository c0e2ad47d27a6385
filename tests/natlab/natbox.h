/* SPDX-License-Identifier: MIT
 *
 * natbox.h - ENGINE: a NAT of any kind of RFC 4787, in memory
 *
 * Shared by the simulator and by the emulator natlab: a packet's protocol and endpoints and
 * `now` in, a verdict and translated endpoints out. No clock, no packet.
 *
 * Mapping and filtering by table (RFC 4787 s4.1, s5). With `accepts` it behaves as a
 * Linux router whose INPUT chain accepts: a stray packet to its own address leaves
 * state that pushes our own packet for that very tuple onto another port
 * (traversal.md 3.4, measured there). Where the mapping varies, `ports` says how a port is
 * chosen: random in a range or set, or counting, with other hosts' mappings in between.
 * A session is a row: a host's endpoint, a remote one, and the external one between them.
 * All randomness comes from one seed.
 */
#pragma once

#include <stdbool.h>

#include "base/addr.h"
#include "base/rand.h"
#include "base/time.h"
#include "traversal/allocator.h"

enum nat_kind {
	NAT_KIND_INDEPENDENT,
	NAT_KIND_ADDRESS,
	NAT_KIND_ADDRESS_PORT,
};

enum {
	NATBOX_ROWS = 4096,
	NATBOX_SCANNERS = 8, /* remote addresses that the scan detector watches at once */
};

/* What the router does, besides mapping and filtering; all 0: a plain one. The defaults of
 * natbox_init() stand behind the members. */
struct natbox_rules {
	bool accepts; /* poisonable */
	struct ipaddr external; /* the first of the pool */
	struct allocator ports; /* kind UNKNOWN: random where the mapping varies, else kept */
	unsigned foreign; /* mappings that others make in a second */
	nsec_t lifetime; /* of a session until an answer came: 30 s */
	nsec_t lifetime_replied; /* and then: 30 s */
	nsec_t absolute; /* a session ends at that age whatever passes; 0: never */
	bool no_inbound_refresh; /* only outbound packets keep a session (RFC 4787 REQ-6) */
	bool hairpin; /* RFC 4787 s6, with the external source */
	bool paired; /* one inner host, one address of the pool (RFC 4787 REQ-2) */
	unsigned sessions; /* more are refused; 0: NATBOX_ROWS */
	unsigned ban_ports; /* closed ports that one address may try in ban_window; 0: any */
	nsec_t ban_window, ban_time;
	bool ban_outbound; /* ports that our own hosts try at one address count as well */
};

struct natbox_packet {
	uint8_t proto; /* sessions of different protocols do not meet */
	struct endpoint from, to;
};

enum natbox_verdict {
	NATBOX_PASS, /* translated */
	NATBOX_HAIRPIN, /* outbound: both ends translated, back to a host inside */
	NATBOX_FILTERED, /* inbound, and no session lets it in */
	NATBOX_STRAY, /* the same, and the router itself took it */
	NATBOX_FULL, /* no room for one more session, or no free port */
	NATBOX_BANNED, /* the remote address was caught scanning */
};

struct natbox {
	bool present; /* false: the host is on the internet */
	enum nat_kind mapping, filtering;
	struct natbox_rules rules;
	uint16_t counter;
	nsec_t counted; /* when it last moved */
	unsigned rows; /* used so far */
	unsigned created, bans; /* so far */
	struct prng prng;
	struct natbox_row {
		bool used;
		bool stray; /* an accepted packet to the router itself */
		bool replied;
		uint8_t proto;
		struct endpoint inside, remote;
		uint16_t port; /* external */
		struct ipaddr ip; /* external */
		nsec_t made, last;
	} row[NATBOX_ROWS];
	struct natbox_scanner {
		struct ipaddr ip; /* remote */
		nsec_t start; /* of its window; 0: free */
		nsec_t until; /* banned */
		unsigned ports;
		uint8_t tried[8192]; /* a bit a port */
	} scanner[NATBOX_SCANNERS];
};

void natbox_init(struct natbox *n, enum nat_kind mapping, enum nat_kind filtering,
		 const struct natbox_rules *rules, uint64_t seed);
/* natbox_forget() - every session ends, save with remote addresses in keep (NULL: none); the
 * NAT goes on with another seed */
void natbox_forget(struct natbox *n, const struct prefix *keep, uint64_t seed);
/* natbox_owns() - is it one of its external addresses? */
bool natbox_owns(const struct natbox *n, const struct ipaddr *ip);
/* natbox_out() - a packet leaves a host: translate its source */
enum natbox_verdict natbox_out(struct natbox *n, struct natbox_packet *p, nsec_t now);
/* natbox_in() - a packet arrives: translate its destination */
enum natbox_verdict natbox_in(struct natbox *n, struct natbox_packet *p, nsec_t now);
/* natbox_error() - an ICMP error arrives about a packet that left as from -> to: *from
 * becomes the host's endpoint; false: of no session */
bool natbox_error(const struct natbox *n, uint8_t proto, struct endpoint *from,
		  const struct endpoint *to, nsec_t now);
/* natbox_sessions() - alive now */
unsigned natbox_sessions(const struct natbox *n, nsec_t now);
