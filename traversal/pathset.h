/* SPDX-License-Identifier: MIT
 *
 * pathset.h - ENGINE: all paths to one peer; which is best, what to try next
 *
 * Theory: traversal.md section 6. Traffic flows over the relay from the first packet.
 * Meanwhile candidates are exchanged (CAND), pinged at once with retransmits and
 * ping-back (R0), then punched in step: both send one low-TTL opener at the same
 * instant, then normal pings (R1); after silence again from fresh local ports (R2).
 * A path is a local socket and a remote endpoint; a pong that echoes a ping in flight
 * from the exact endpoint validates it. A validated path that falls silent is SUSPECT
 * (traffic is doubled onto the second path), then DEAD (traffic leaves it); what fails
 * is retried by a schedule that new candidates and network changes reset. Nothing is
 * sent to an endpoint that no budget allows (security.md 3.3). Where one side gets no
 * UDP through, a stream (TLS over TCP) to the peer is a path like the others, dearer
 * than any of UDP and dearer to set up: pathset_stream_opened(), pathset_tcp.c.
 *
 * Bytes and `now` in, actions out. Messages are disco.h plaintexts sealed by crypto/box:
 * the engine seals, the caller only carries. The caller calls pathset_poll() after each
 * other call and at pathset_next_expiry() until it says PATHSET_IDLE.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/drop.h"
#include "base/time.h"
#include "crypto/box.h"
#include "crypto/key.h"
#include "traversal/allocator.h"
#include "traversal/budget.h"
#include "traversal/candidate.h"

enum {
	PATHSET_PATHS_MAX = 32,
	PATHSET_SOCKETS_MAX = 24, /* local sockets that paths may use */
	PATHSET_UPLINKS = 8, /* from here on: each bound to a spare uplink (pathset_spare.c) */
	PATHSET_UPLINK_SOCKETS = 4,
	PATHSET_ADOPTED = PATHSET_UPLINKS + PATHSET_UPLINK_SOCKETS, /* from here on: adopted
			* ones; no path is begun there */
	PATHSET_RELAYS_MAX = 8,
	/* From here on a socket number means a stream to the peer: 128 the one in which
	 * we are the TLS client, 129 the one in which the peer is. At most one of each. */
	PATHSET_STREAM = 128,
	PATHSET_STREAMS = 2,
};

/* What both ends know about a NAT, from classification; 0 members: unknown. All members
 * tightly packed: it is compared as octets. */
struct nat_profile {
	struct allocator allocator; /* where the mapping varies */
	bool known;
	bool mapping_varies; /* not endpoint-independent */
	bool filter_independent; /* endpoint-independent filtering, or no NAT */
	bool opener_needed; /* early inbound packets poison the mapping */
	uint8_t public_hop; /* TTL of the first public hop; 0: unknown, use 3 */
	bool hairpin; /* reaches its own hosts at their external address */
	uint8_t levels; /* NATs in a row that we know of */
	bool no_scan; /* this node takes no part in port scans */
	bool no_udp; /* no UDP gets through, while TCP does */
	uint8_t keep_s; /* an idle mapping wants a packet as often (lifetime.h); 0: unknown */
	uint8_t zero[2];
};

struct pathset_params {
	const struct key_private *self_private; /* borrowed until return */
	struct key_public self, peer;
	uint64_t box_counter; /* box_init() */
	uint64_t seed;
	const struct prefix *overlay; /* borrowed for life: never a candidate */
	unsigned overlay_count;
	struct budget_node *budget; /* borrowed for life: of all peers; NULL: none */
};

struct pathset;

struct pathset *pathset_new(const struct pathset_params *p); /* NULL: no memory */
void pathset_free(struct pathset *ps); /* takes NULL */

/* ---- what the caller tells ---- */

/* pathset_set_local() - our candidates and NAT; generation grows with each change */
void pathset_set_local(struct pathset *ps, const struct candidate_list *l,
		       const struct nat_profile *nat, uint32_t generation, nsec_t now);

/* pathset_set_remote() - the peer's candidates from the netmap (or the stored one);
 * its CANDs override them while they are newer by generation */
void pathset_set_remote(struct pathset *ps, const struct candidate_list *l,
			uint32_t generation, nsec_t now);

/* pathset_remember() - endpoint of the last good path, from the state file: pinged at once,
 * whatever NAT it may lie behind; call it only where no relay could time a punch */
void pathset_remember(struct pathset *ps, const struct endpoint *e, nsec_t now);

/* The external addresses of both ends; zeroes: none. */
struct pathset_pair {
	struct ipaddr self, peer;
};
/* pathset_searched() - the pair between which a search (R3) last found the way. There the next
 * one begins at once, not behind a round of punching; it is forgotten when one fails */
struct pathset_pair pathset_searched(const struct pathset *ps);
/* pathset_set_searched() - the same, from the state file */
void pathset_set_searched(struct pathset *ps, const struct pathset_pair *pair);

/* pathset_set_sockets() - sockets 0..n-1 exist; v6[i] tells the family. Socket 0 is
 * the main IPv4 one. Sockets that vanish kill their paths. */
void pathset_set_sockets(struct pathset *ps, const bool *v6, unsigned n, nsec_t now);

/* pathset_set_uplinks() - which sockets of spare uplinks exist: bit i for PATHSET_UPLINKS +
 * i. After pathset_set_sockets(), which tells their families. Paths of others are dead. */
void pathset_set_uplinks(struct pathset *ps, unsigned mask, nsec_t now);

/* pathset_set_relay() - can the relay in this slot carry messages to the peer now?
 * rtt: ours plus the peer's RTT to it, 0 if not known */
void pathset_set_relay(struct pathset *ps, unsigned relay, bool usable, nsec_t rtt,
		       nsec_t now);

/* What a relay costs beside its round trips (traversal.md 6.7). */
enum pathset_relay_kind {
	PATHSET_RELAY_UDP, /* until told otherwise */
	PATHSET_RELAY_PEER, /* another node: not so far off the way, as a rule */
	PATHSET_RELAY_TLS, /* TCP inside TCP */
};

/* pathset_set_relay_kind() - of the relay in this slot */
void pathset_set_relay_kind(struct pathset *ps, unsigned relay,
			    enum pathset_relay_kind kind);

/* pathset_traffic() - data for or from the peer moves (called at most once a second
 * and at the first packet after idle): be active for 120 s */
void pathset_traffic(struct pathset *ps, nsec_t now);

/* pathset_heard() - an authenticated tunnel message came in over this path, at a time that
 * may lie a moment in the past: counts as life of the path, not as proof of a new one. If
 * it used another uplink than the best path, which has been quiet, the peer has left that
 * one, so it is suspect at once */
void pathset_heard(struct pathset *ps, unsigned socket, const struct endpoint *from,
		   nsec_t at);

/* pathset_sent_unanswered() - data is being sent and nothing comes back since `since` */
void pathset_silent(struct pathset *ps, nsec_t since, nsec_t now);

/* pathset_heard_relay() - authenticated data came through a relay: if the best path is
 * direct and has been quiet, the peer has left it, so it is suspect at once */
void pathset_heard_relay(struct pathset *ps, nsec_t now);

/* pathset_network_changed() - this host's links or addresses changed: all direct paths
 * are suspect, schedules start anew */
void pathset_network_changed(struct pathset *ps, nsec_t now);

/* pathset_fan_ready() - PATHSET_WANT_FAN is done: throw-away sockets 0..count-1 of this set
 * are fresh; 0: refused, since another set has them or this node forbids it */
void pathset_fan_ready(struct pathset *ps, unsigned count, nsec_t now);
/* pathset_fan_mapped() - a STUN server, asked by PATHSET_FAN_STUN, saw that socket at */
void pathset_fan_mapped(struct pathset *ps, unsigned fan, const struct endpoint *at,
			nsec_t now);
/* pathset_fan_adopted() - PATHSET_ADOPT_FAN is done: it is this local socket now, and
 * pathset_set_sockets() has been told; -1: there is no room for it */
void pathset_fan_adopted(struct pathset *ps, int socket, nsec_t now);

/* ---- streams to the peer (TLS over TCP) ---- */

/**
 * pathset_stream_hello() - What proves us on a stream: its first message, from each end
 * @binding: Of this TLS connection (base/stream.h: stream_binding())
 * @out: BOX_MAX octets of room
 * Return: octets
 */
size_t pathset_stream_hello(struct pathset *ps,
			    const uint8_t binding[static 32], uint64_t epoch,
			    uint8_t *out);
/* pathset_stream_proof() - is this, from the other end, the peer's hello for this
 * connection? m: n octets, untrusted, decrypted in place.
 * Return: DROP_NONE: it is; else a DROP_DISCO_* row: close the stream */
must_check enum drop pathset_stream_proof(struct pathset *ps, uint8_t *m, size_t n,
					  const uint8_t binding[static 32]);

/* pathset_stream_opened() - a proved stream is there, in the stead of an older one with
 * the same number; socket: PATHSET_STREAM or the next; to: the other end's endpoint */
void pathset_stream_opened(struct pathset *ps, unsigned socket,
			   const struct endpoint *to, nsec_t now);
void pathset_stream_closed(struct pathset *ps, unsigned socket, nsec_t now);
/* pathset_dial_failed() - PATHSET_DIAL or PATHSET_CROSS came to nothing; why: a clause,
 * copied */
void pathset_dial_failed(struct pathset *ps, const char *why, nsec_t now);
/* pathset_cross_seen() - PATHSET_CROSS_ASK is done: a fresh local TCP port is seen from
 * outside at this endpoint; zero: it could not be had */
void pathset_cross_seen(struct pathset *ps, const struct endpoint *at, nsec_t now);

/* Where a discovery message came from. */
struct pathset_source {
	bool relayed;
	bool fan; /* at a throw-away socket: `socket` counts those */
	bool hello; /* by multicast; `socket` is the main one of its family, and the
		     * caller has asked hello_believed() */
	unsigned relay; /* slot, if relayed */
	unsigned socket; /* local socket, if not */
	struct endpoint from; /* untrusted, if not relayed */
	struct ipaddr local; /* address of ours that it came to; zero: not known */
	unsigned index; /* interface it came in on; 0: not known */
};

/* pathset_hint() - incoming messages of this peer carry this hint in an epoch */
void pathset_hint(const struct pathset *ps, uint64_t epoch,
		  uint8_t out[static BOX_HINT_OCTETS]);

/**
 * pathset_input() - One sealed discovery message of this peer
 * @m: n octets, untrusted, decrypted in place
 * Return: DROP_NONE or a DROP_DISCO_* / DROP_CANDIDATE_REFUSED row
 */
must_check enum drop pathset_input(struct pathset *ps, const struct pathset_source *src,
				   uint8_t *m, size_t n, uint64_t epoch, nsec_t now);

/* pathset_hello() - a message for hello_group(), from the main socket; out: HELLO_OCTETS_MAX
 * of room. Return: octets */
size_t pathset_hello(struct pathset *ps, uint64_t epoch, uint8_t *out);

/* ---- what it asks ---- */

enum pathset_action_kind {
	PATHSET_IDLE, /* nothing before pathset_next_expiry() */
	PATHSET_SEND_DIRECT, /* message to `to` from `socket` with `ttl` (0: default) */
	PATHSET_SEND_RELAY, /* message to the peer through `relay` */
	PATHSET_USE, /* `use` changed: route data accordingly */
	PATHSET_WANT_STUN, /* our reflexive candidate is old: refresh it, then set_local */
	PATHSET_WANT_SOCKETS, /* open fresh sockets (R2): then set_sockets, set_local */
	PATHSET_REHANDSHAKE, /* a path came up and the peer may have restarted */
	PATHSET_WANT_FAN, /* `count` fresh throw-away IPv4 sockets, old ones closed (0:
			     none): then fan_ready, also if refused */
	PATHSET_SEND_FAN, /* message to `to` from throw-away `socket` with `ttl` */
	PATHSET_FAN_STUN, /* one STUN request from throw-away `socket`: then fan_mapped */
	PATHSET_ADOPT_FAN, /* keep throw-away `socket` as a local one: then fan_adopted */
	PATHSET_DIAL, /* open a stream to `to`: then stream_opened or dial_failed */
	PATHSET_CROSS_ASK, /* take a fresh local TCP port and let a server say how it
			      looks from outside: then cross_seen */
	PATHSET_CROSS, /* connect from that port to `to`, which does the same; TLS client
			  is who has the smaller key: then as for DIAL */
};

/* How data travels now. */
enum path_kind {
	PATH_NONE,
	PATH_RELAY,
	PATH_DIRECT,
	PATH_TCP, /* direct too, by a stream */
};

enum { PATH_KINDS = PATH_TCP + 1 };

struct path_choice {
	enum path_kind kind;
	unsigned relay; /* PATH_RELAY */
	unsigned socket; /* PATH_DIRECT; PATH_TCP: PATHSET_STREAM and on */
	struct endpoint to; /* PATH_DIRECT, PATH_TCP */
};

/* path_is_direct() - does no third machine carry it? */
static inline bool path_is_direct(const struct path_choice *c)
{
	return c->kind == PATH_DIRECT || c->kind == PATH_TCP;
}

struct pathset_use {
	struct path_choice best;
	struct path_choice also; /* while best is suspect: send both ways; else PATH_NONE */
};

struct pathset_action {
	enum pathset_action_kind kind;
	unsigned socket, relay;
	unsigned count; /* PATHSET_WANT_FAN; at most 256 */
	struct endpoint to;
	struct ipaddr from; /* SEND_DIRECT: an answer leaves from where the question came */
	unsigned index; /* by this interface; zero both: as the routes say */
	uint8_t ttl;
	struct pathset_use use;
	size_t n; /* octets of message */
	uint8_t message[BOX_MAX];
};

void pathset_poll(struct pathset *ps, struct pathset_action *out, uint64_t epoch,
		  nsec_t now);
nsec_t pathset_next_expiry(const struct pathset *ps);

/* ---- what status, ping and why show ---- */

struct path_info {
	struct path_choice choice;
	const char *state; /* "probing", "alive", "suspect", "dead" */
	enum candidate_kind candidate; /* kind of its remote candidate */
	bool spare; /* by a spare uplink of either side */
	nsec_t rtt; /* smoothed; 0: not measured */
	double loss; /* 0..1 over the last pings */
	nsec_t since; /* when it became what it is */
	unsigned mtu; /* octets on the wire known to pass; 0: not probed */
};

/* pathset_current() - the best path as PATHSET_USE last said */
void pathset_current(const struct pathset *ps, struct path_info *out);
/* pathset_is_direct() - is the best path direct, and not dead? */
bool pathset_is_direct(const struct pathset *ps);
/* pathset_paths() - all paths, at most max; returns their number */
unsigned pathset_paths(const struct pathset *ps, struct path_info *out, unsigned max);

struct pathset_trial {
	const char *what; /* "R0 ping lan 192.168.1.2:1234", static or inside ps */
	const char *outcome;
};

/* pathset_explain() - what was tried and the next try; for `adit why` */
unsigned pathset_explain(const struct pathset *ps, struct pathset_trial *out,
			 unsigned max, nsec_t *next_try);

/* pathset_controls() - is our public key the smaller one? */
bool pathset_controls(const struct pathset *ps);

/* pathset_nats() - what is known of both NATs; the peer's comes from its messages */
void pathset_nats(const struct pathset *ps, struct nat_profile *self,
		  struct nat_profile *peer);

/**
 * pathset_ping() - A ping of the user's over the current path (or the relay)
 * @id: Returned by pathset_ping_result(); one outstanding per id, at most 16
 */
void pathset_ping(struct pathset *ps, uint32_t id, nsec_t now);
/* pathset_ping_result() - a finished user ping: true and its RTT (NSEC_NEVER: lost
 * after 3 s) and path; call until false */
bool pathset_ping_result(struct pathset *ps, uint32_t *id, nsec_t *rtt,
			 struct path_info *path);
