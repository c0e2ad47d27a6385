/* SPDX-License-Identifier: MIT
 *
 * allocator.h - how a NAT chooses the external port of a new mapping, inferred
 *
 * Theory: where mappings depend on the destination, a peer has to find the port that
 * the NAT gave to a socket towards it, and the cost of that grows with the range that
 * the NAT draws from. 8 to 16 fresh sockets ask one server, in order; from their
 * mapped ports the kind of allocator and its range follow (traversal.md 3.6, 5.2):
 * one step from each to the next is a counter; a small spread is a port block; bits in
 * the middle that never change are a port set (RFC 7597 s5.1); nothing below 50001 is pf.
 * By chance 8 uniform ports fall into 4096 neighbours in 3 of 10^8 cases, and 16 above
 * 50000 in 1 of 10^10.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/rand.h"

enum {
	ALLOCATOR_SAMPLES_MIN = 8, /* fewer tell nothing */
	ALLOCATOR_SAMPLES = 16, /* enough for all that is told apart */
	ALLOCATOR_LOWEST = 1024, /* no mapping is looked for below */
};

enum allocator_kind { /* wire values */
	ALLOCATOR_UNKNOWN = 0,
	ALLOCATOR_PRESERVING = 1, /* keeps the local port */
	ALLOCATOR_SEQUENTIAL = 2, /* a counter, perhaps of other hosts too */
	ALLOCATOR_BLOCK = 3, /* random in a block of at most 4096 neighbours */
	ALLOCATOR_PORT_SET = 4, /* random among ports that share some bits */
	ALLOCATOR_HIGH = 5, /* random in 50001..65535, as pf does */
	ALLOCATOR_RANDOM = 6, /* random in all of 1024..65535 */
};

/* All members tightly packed: it is compared as octets. */
struct allocator {
	enum allocator_kind kind;
	int16_t step; /* SEQUENTIAL: from a mapping to the next */
	uint16_t low, high; /* the ports to search, inclusive; 0: none */
	uint16_t mask, bits; /* PORT_SET: port & mask == bits */
	uint16_t pool; /* external addresses seen; 0: not known */
};

struct allocator_sample {
	struct endpoint mapped; /* as the server saw it */
	uint16_t local;
};

/**
 * allocator_infer() - The allocator behind n samples, in the order of their sending
 * @s: Mapped ports are outside data; at most ALLOCATOR_SAMPLES are looked at
 *
 * ALLOCATOR_UNKNOWN for fewer than ALLOCATOR_SAMPLES_MIN.
 */
struct allocator allocator_infer(const struct allocator_sample *s, unsigned n);

/* allocator_decided() - would further samples tell nothing new? */
bool allocator_decided(const struct allocator *a, unsigned n);

/* allocator_valid() - may this, from a peer, be searched? Bounds what it can ask for */
bool allocator_valid(const struct allocator *a);

/* allocator_range() - number of ports to search; 0: not searchable (unknown, a counter) */
unsigned allocator_range(const struct allocator *a);

/* allocator_size() - of a BLOCK: its ports; else 0 */
unsigned allocator_size(const struct allocator *a);

/* allocator_port() - port number i of the range, i < allocator_range() */
uint16_t allocator_port(const struct allocator *a, unsigned i);

/* allocator_name() - "preserving", "sequential", ... */
const char *allocator_name(enum allocator_kind k);
