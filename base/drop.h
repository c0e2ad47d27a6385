/* SPDX-License-Identifier: MIT
 *
 * drop.h - every reason for which a packet may be discarded
 *
 * One table. Every discard returns a row of it; whoever owns the packet counts
 * the row, once. `adit status --json` prints the counters, so "why did my packet
 * vanish" has one file to look in. Add rows at the end of their group.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "base/attr.h"

#define DROP_TABLE(X)                                                        \
	X(NONE, "not dropped")                                               \
	/* any datagram */                                                   \
	X(TOO_SHORT, "datagram shorter than its header")                     \
	X(UNKNOWN_TYPE, "first octets match no protocol of ours")            \
	X(TRUNCATED, "datagram longer than the receive buffer")              \
	X(BAD_LENGTH, "length field does not fit the datagram")              \
	X(MALFORMED, "a field has a value that the protocol forbids")        \
	X(CONTROL_RING_FULL, "control queue full")                           \
	X(UDP_OVERFLOW, "receive queue of our socket full")                  \
	X(UDP_RECEIVE, "the kernel gave an error for a datagram")            \
	/* tunnel */                                                         \
	X(BAD_MAC1, "handshake not meant for our key")                       \
	X(UNDER_LOAD, "handshake without cookie while under load")           \
	X(RATE_LIMITED, "handshake rate of its source exceeded")             \
	X(UNKNOWN_PEER, "handshake by an unknown key")                       \
	X(HANDSHAKE_REPLAY, "handshake timestamp not newer than the last")   \
	X(HANDSHAKE_FLOOD, "initiation too soon after the last")             \
	X(HANDSHAKE_STATE, "response to no initiation of ours")              \
	X(HANDSHAKE_CRYPTO, "handshake does not authenticate")               \
	X(BAD_COOKIE, "cookie reply does not authenticate")                  \
	X(UNKNOWN_INDEX, "data for an index that we never gave out")         \
	X(NO_SESSION, "no session yet and the waiting queue is full")        \
	X(SESSION_EXPIRED, "session past its age or message limit")          \
	X(DATA_CRYPTO, "data does not authenticate")                         \
	X(REPLAY, "data counter already seen or too old")                    \
	/* inner packets */                                                  \
	X(INNER_MALFORMED, "inner packet is no IP packet of its length")     \
	X(INNER_SOURCE, "inner source address is not that peer's")           \
	X(INNER_ECN, "congestion mark on a packet whose ends know none")     \
	X(NO_ROUTE, "no peer has that inner destination")                    \
	X(NO_PATH, "peer has neither a path nor a relay")                    \
	X(UNDERLAY_LOOP, "our own datagram came back by a route of a peer")  \
	X(OFFLOAD, "offload header does not describe its packet")            \
	X(TUN_WRITE, "the kernel refused the packet on the TUN device")      \
	X(UDP_SEND, "the kernel refused the datagram")                       \
	X(QUEUE_STANDS, "taken from a standing queue, so that it shortens")  \
	X(ACL_DENIED, "inner packet that the access policy does not allow")  \
	X(ACL_MALFORMED, "inner packet whose protocol cannot be told")       \
	X(INNER_DESTINATION, "inner destination that this node does not serve") \
	/* discovery */                                                      \
	X(DISCO_UNKNOWN, "discovery message by no peer of ours")             \
	X(DISCO_CRYPTO, "discovery message does not authenticate")           \
	X(DISCO_REPLAY, "discovery message seen before")                     \
	X(DISCO_TYPE, "discovery message of an unknown type")                \
	X(DISCO_STALE, "answer to no ping in flight, or of an old plan")     \
	X(DISCO_BUDGET, "discovery budget used up")                          \
	X(CANDIDATE_REFUSED, "candidate at a forbidden address")             \
	X(HELLO_REFUSED, "call by multicast that is not from its link")      \
	/* STUN */                                                           \
	X(STUN_MALFORMED, "STUN message does not parse")                     \
	X(STUN_UNEXPECTED, "STUN answer to no request of ours")              \
	X(STUN_UNKNOWN_ATTRIBUTE, "STUN request asks what we do not know")   \
	/* port mapping */                                                   \
	X(PORTMAP_MALFORMED, "PCP or NAT-PMP message does not parse")        \
	X(PORTMAP_UNEXPECTED, "port mapping answer to no request of ours")   \
	/* streams to peers */                                               \
	X(STREAM_UNPROVED, "TCP connection that proved no peer")             \
	X(STREAM_REFUSED, "TCP connection refused: its source makes many")   \
	X(STREAM_LATE, "TCP connection that proved nothing in time")         \
	/* relay */                                                          \
	X(RELAY_TYPE, "relay frame of an unknown type")                      \
	X(RELAY_COOKIE, "relay client has not proved its address")           \
	X(RELAY_TOKEN, "relay token invalid, expired or of another network") \
	X(RELAY_UNREGISTERED, "relay data from an unregistered address")     \
	X(RELAY_NO_RECEIVER, "relay data for a node that is not here")       \
	X(RELAY_QUEUE_FULL, "relay queue of that receiver full")             \
	X(RELAY_RATE, "relay rate of that sender exceeded")                  \
	X(RELAY_CRYPTO, "relay control frame does not authenticate")         \
	X(RELAY_QUEUE_LATE, "relay queue of that receiver stood too long")   \
	X(RELAY_RULE, "relay client that the operator does not let in")      \
	X(RELAY_TOTAL_RATE, "relay rate of all senders exceeded")            \
	X(RELAY_QUOTA, "relay quota of that sender used up")

enum drop {
#define X(name, text) DROP_##name,
	DROP_TABLE(X)
#undef X
		DROP_COUNT
};

/* drop_name() - "bad_mac1": for JSON and metrics */
const char *drop_name(enum drop d);
/* drop_text() - the sentence */
const char *drop_text(enum drop d);

/* struct drop_counts - one per thread; read by others at any time */
struct drop_counts {
	_Atomic uint64_t n[DROP_COUNT];
};

/* drop_count() - one more for a reason; only the owning thread; Cost: one store */
static inline void drop_count_n(struct drop_counts *c, enum drop d, uint64_t n)
{
	uint64_t v = atomic_load_explicit(&c->n[d], memory_order_relaxed);

	atomic_store_explicit(&c->n[d], v + n, memory_order_relaxed);
}

static inline void drop_count(struct drop_counts *c, enum drop d)
{
	drop_count_n(c, d, 1);
}
