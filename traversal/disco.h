/* SPDX-License-Identifier: MIT
 *
 * disco.h - the discovery protocol: message types and layouts
 *
 * Every message is the plaintext of one crypto/box envelope: authenticated, encrypted
 * and replay-checked before it is parsed here. Integers are big-endian. All messages
 * begin with four octets:
 *
 *      0       1        2       4
 *      +-------+--------+-------+
 *      | type  | version| flags |
 *      +-------+--------+-------+
 *
 *   PING    txid 8, generation 4
 *   PONG    txid 8, generation 4, observed address 16, observed port 2
 *   CAND    instance 8, generation 4, ack 4, nat flags 1, public hop 1, keepalive 1, zero 1,
 *           candidate list (candidate.c), then, if it is there: allocator kind 1,
 *           nat flags more 1, step 2, low 2, high 2, mask 2, bits 2, pool 1, levels 1
 *   GO      plan 4, round 1, zero 3
 *   OPENED  plan 4, round 1, zero 3
 *   SCAN    plan 4, address 16, port 2, sockets 2, how 1, zero 3
 *   WIN     plan 4, address 16, low 2, high 2
 *   STOP    plan 4
 *   CROSS   plan 4, address 16, port 2, step 1, zero 1
 *   STREAM  binding 32
 *
 * Version 1. A newer version only appends: trailing octets, unknown flags and unknown
 * candidate kinds are ignored, an unknown type is counted and dropped.
 *
 * txid        echoed by the pong; a pong counts only for a ping in flight to the exact
 *             endpoint that it comes from
 * generation  of the sender's candidates
 * instance    grows with each start of the sender: a smaller one is a past life
 * ack         the newest generation of the receiver's candidates that the sender has
 * plan        names one synchronised punch or scan; see punch.h, pathset_scan.c
 * SCAN        from the easy side: open that many sockets towards this endpoint of mine
 *             how: 0 a fan, 1 one bracketed, 2 a run that I shall aim into
 * WIN         from the hard side: open now; with ports: they lie between these two
 * CROSS       both connect at once, by TCP, each to where the other is seen to come
 *             from; step 0: that is where I am, what about you? 1: the answer;
 *             2: now (address zero). See pathset_cross.c
 * STREAM      the first message on a stream of our own, from either end, and only there:
 *             I am the one that you look for, on this very connection; binding: 32
 *             octets that both ends of one TLS connection and nobody else can know
 *             (RFC 9266), so it cannot be replayed on another one
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/drop.h"
#include "traversal/bracket.h"
#include "traversal/candidate.h"
#include "traversal/pathset.h"

enum {
	DISCO_VERSION = 1,
	DISCO_MAX = 512, /* octets of any message that we write */
	DISCO_BINDING = 32,
};

enum disco_type { /* wire values */
	DISCO_PING = 1,
	DISCO_PONG = 2,
	DISCO_CAND = 3,
	DISCO_GO = 4,
	DISCO_OPENED = 5,
	DISCO_SCAN = 6,
	DISCO_WIN = 7,
	DISCO_STOP = 8,
	DISCO_CROSS = 9,
	DISCO_STREAM = 10,
};

enum disco_flag { /* wire values */
	DISCO_PING_BACK = 1, /* PING: in answer to a ping; asks for no further one */
	DISCO_PING_HELLO = 4, /* PING: to whoever of the link is its receiver; see hello.h */
	DISCO_PING_CHOSEN = 2, /* PING: the controlling side sends data on this path */
	DISCO_CAND_ANSWER = 1, /* CAND: in answer to a CAND; asks for none */
	DISCO_CAND_FRESH = 2, /* CAND: please open fresh ports for the next round */
	DISCO_CAND_LEAD = 4, /* CAND: please lead a round; I would only follow */
};

enum disco_nat_flag { /* wire values, struct nat_profile */
	DISCO_NAT_KNOWN = 1,
	DISCO_NAT_VARIES = 2,
	DISCO_NAT_FILTER_INDEPENDENT = 4,
	DISCO_NAT_OPENER_NEEDED = 8,
};

enum disco_how { /* wire values, SCAN */
	DISCO_HOW_FAN = 0,
	DISCO_HOW_BRACKET = 1,
	DISCO_HOW_COUNTERS = 2,
};

enum disco_nat_more { /* wire values, struct nat_profile */
	DISCO_NAT_HAIRPIN = 1,
	DISCO_NAT_NO_SCAN = 2,
	DISCO_NAT_NO_UDP = 4,
};

enum disco_step { /* wire values, CROSS */
	DISCO_STEP_CALL = 0,
	DISCO_STEP_READY = 1,
	DISCO_STEP_GO = 2,
};

struct disco_message {
	enum disco_type type;
	unsigned flags;
	uint64_t txid; /* PING, PONG */
	uint32_t generation; /* PING, PONG, CAND */
	struct endpoint observed; /* PONG: where the ping came from; zero: relayed */
	uint64_t instance; /* CAND */
	uint32_t ack; /* CAND */
	struct nat_profile nat; /* CAND */
	struct candidate_list candidates; /* CAND */
	uint32_t plan; /* GO, OPENED, SCAN, WIN, STOP, CROSS */
	unsigned round; /* GO, OPENED */
	struct endpoint at; /* SCAN, CROSS */
	unsigned step; /* CROSS, enum disco_step */
	uint8_t binding[DISCO_BINDING]; /* STREAM */
	unsigned sockets; /* SCAN */
	unsigned how; /* SCAN, enum disco_how */
	struct bracket_window window; /* WIN; ports 0: the range is the one in CAND */
};

/* disco_write() - plaintext into out (DISCO_MAX of room); returns octets */
size_t disco_write(const struct disco_message *m, uint8_t *out);

/**
 * disco_read() - The plaintext of an opened envelope
 * @p: n octets, authenticated as the peer's but not trusted to be well formed
 * Return: DROP_NONE, DROP_DISCO_TYPE, DROP_MALFORMED; *out untouched on failure
 */
must_check enum drop disco_read(const uint8_t *p, size_t n, struct disco_message *out);
