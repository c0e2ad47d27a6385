/* SPDX-License-Identifier: MIT
 *
 * world.h - two nodes with real engines, their NATs, a relay, and a virtual clock
 *
 * Packets travel host -> own NAT -> `hops` routers -> other NAT -> host; TTL falls at
 * each NAT and router. All randomness comes from one seed: a failure replays.
 */
#pragma once

#include "tests/sim/link.h"
#include "tests/natlab/natbox.h"
#include "traversal/pathset.h"

enum {
	WORLD_EVENTS = 4096,
	WORLD_MESSAGE = BOX_MAX,
	WORLD_FAN = 256,
};

struct world_node {
	struct pathset *ps;
	struct natbox nat;
	struct ipaddr inside;
	uint16_t port[PATHSET_SOCKETS_MAX]; /* 0: none */
	unsigned sockets; /* fresh ones, from 0 */
	unsigned adopted; /* from PATHSET_ADOPTED */
	uint16_t fan_port[WORLD_FAN]; /* throw-away sockets; 0: none */
	unsigned fan_life; /* counts the fans */
	unsigned fan_sent, probes; /* openers and probes; the latter alone */
	nsec_t probed;
	uint32_t generation;
	struct nat_profile profile;
	struct pathset_use use;
	nsec_t direct_at; /* first PATHSET_USE of a direct path; 0: never */
	nsec_t relay_at; /* first use of the relay again after that, or doubled */
	unsigned sent_direct, want_sockets, uses, rehandshakes;
	unsigned forbidden; /* packets to an endpoint that no rule allows */
	bool deaf_to_wants; /* a caller that never opens fresh sockets */
	bool lazy; /* begins to send when it first receives */
	bool data; /* its program sends 20 packets a second */
	nsec_t data_seen;
	uint64_t data_out, data_in;
};

struct world_event {
	nsec_t at;
	unsigned order; /* equal times: in order of making */
	unsigned to; /* node */
	bool relayed, data;
	bool stun; /* an answer: it came from `from` to socket `fan` of that life */
	unsigned fan, fan_life;
	bool dies; /* its TTL reaches the far NAT, but not the host behind it */
	struct endpoint from, dest; /* as seen after the NATs */
	size_t n;
	uint8_t m[WORLD_MESSAGE];
};

struct world {
	nsec_t now;
	struct prng prng;
	unsigned hops; /* routers between the NATs */
	struct link direct, relay;
	bool block[2]; /* direct packets of that node vanish */
	struct world_node node[2];
	struct world_event *event;
	unsigned events, order;
	nsec_t data_due;
	bool lazy;
	bool attest; /* the netmap says where it saw the nodes */
	bool no_stun; /* nodes do not know yet what they look like */
};

struct world_setup {
	enum nat_kind mapping[2], filtering[2];
	bool accepts[2];
	struct allocator ports[2]; /* where the mapping varies */
	unsigned foreign; /* mappings of others a second, at each NAT */
	bool attest; /* the netmap says where it saw the nodes */
	bool open[2]; /* no NAT */
	bool known; /* nodes know what their NATs are */
	bool lazy; /* node 1 only answers: it sends after it has received */
	bool deaf; /* no fresh sockets are ever opened */
	unsigned hops;
	struct link direct, relay;
	uint64_t seed;
};

struct world *world_new(const struct world_setup *s);
void world_free(struct world *w);
/* world_start() - candidates, relay and traffic at both nodes */
void world_start(struct world *w);
/* world_restart() - that node forgets everything but its keys and main port */
void world_restart(struct world *w, unsigned i);
/* world_stun() - now they know */
void world_stun(struct world *w);
/* world_run() - until a time; checks the properties of pathset.h on the way */
void world_run(struct world *w, nsec_t until);
/* world_direct() - does data go direct at both ends? */
bool world_direct(const struct world *w);
/* world_run_direct() - until both are direct; false: not before */
bool world_run_direct(struct world *w, nsec_t until);
/* world_relay() - switch the relay on or off at both */
void world_relay(struct world *w, bool usable);
