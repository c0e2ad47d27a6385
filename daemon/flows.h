/* SPDX-License-Identifier: MIT
 *
 * flows.h - which flows this node began, so that answers pass the access rules
 *
 * Theory: one table for all workers, since the two directions of a flow may meet
 * different ones. It is an array of buckets of one cache line, eight words each; a word
 * holds 45 bits of a keyed hash of the flow, what the flow is, and when it ends. So a
 * flow is found, made and refreshed by single atomic words: no lock, no allocation, no
 * worker waits for another. Two flows are taken for one with a chance of 2^-42 per
 * packet, and nobody outside knows the key. A full bucket gives up the word that ends
 * first; what peers began never pushes out what this node began.
 *
 * What began where: of TCP the segment with SYN alone says it, of ICMP the echo
 * request. For all else the first packet decides: what a peer may send us by a rule is
 * noted as its own, so that our answers do not make the flow ours, and it ends when the
 * rule goes.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/time.h"
#include "crypto/prim.h"

enum {
	FLOWS_BUCKETS = 1 << 15,
	FLOWS_WAYS = 8,
	FLOWS_SHARE = 64, /* buckets of a page of memory */
	FLOWS_SHARES = FLOWS_BUCKETS / FLOWS_SHARE,
};

enum flow_kind {
	FLOW_NONE,
	FLOW_OPENING, /* TCP: we sent SYN */
	FLOW_OPEN, /* TCP: we have sent more */
	FLOW_CLOSING, /* TCP: FIN or RST was seen */
	FLOW_OURS, /* any other, begun by us */
	FLOW_THEIRS, /* begun by a peer, allowed by a rule */
	FLOW_FRAGMENT, /* fragments of an allowed packet */
};

struct classify;

struct flows {
	uint8_t key[PRIM_SIPHASH_KEY];
	_Atomic uint64_t *words; /* FLOWS_BUCKETS x FLOWS_WAYS */
	void *block; /* that holds them, at a cache line */
	/* shares that a word was ever put into: the others are neither memory nor swept */
	_Atomic uint64_t used[FLOWS_SHARES / 64];
};

/* The last flow of a peer's that a worker has noted: a train notes it once. */
struct flows_memo {
	uint64_t hash;
	nsec_t at;
};

must_check int flows_init(struct flows *f); /* 0 or -ENOMEM; 2 MiB */
void flows_done(struct flows *f);

/* flows_outbound() - this node sends p (n octets, an IP packet) to a peer */
void flows_outbound(struct flows *f, const uint8_t *p, size_t n, nsec_t now);

/* flows_answers() - does an inbound packet, whole or first, belong to a flow that we
 * began? An ICMP error is asked for what it quotes */
bool flows_answers(struct flows *f, const struct classify *c, nsec_t now);

/* flows_allowed() - a rule allowed this inbound packet: note whose flow it is */
void flows_allowed(struct flows *f, const struct classify *c,
		   struct flows_memo *memo, nsec_t now);

/* flows_fragment() - the first fragment has passed: let the others pass */
void flows_fragment(struct flows *f, const struct classify *c, nsec_t now);
/* flows_has_fragment() - has the first fragment passed? */
bool flows_has_fragment(struct flows *f, const struct classify *c, nsec_t now);

/* flows_sweep() - forget what has ended; once an hour, so that no old word comes to
 * life when the clock of the table wraps (six days) */
void flows_sweep(struct flows *f, nsec_t now);
