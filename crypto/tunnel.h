/* SPDX-License-Identifier: MIT
 *
 * tunnel.h - ENGINE: one secure association with one peer
 *
 * Theory: handshakes and timers (WireGuard paper s5.4, s6) run on the control thread
 * in struct tunnel. Each finished handshake yields a struct session: the transport
 * keys, send counter and replay window of s5.4.6, which packet workers use directly
 * by session_seal() and session_open() on batches. A session reports what happened
 * (first data sent, first data received, rekey due) by setting bits; the worker then
 * tells the control thread to call tunnel_poll(). Sessions are made by the engine,
 * handed over by events, and freed by the caller after TUNNEL_SESSION_RETIRE, once
 * no worker can still hold them.
 *
 * Whoever owns the tunnel calls, after every other call and at tunnel_next_expiry(),
 * tunnel_poll() until it says TUNNEL_IDLE.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/drop.h"
#include "base/rand.h"
#include "base/time.h"
#include "crypto/aead.h"
#include "crypto/key.h"
#include "crypto/messages.h"

enum {
	TUNNEL_MESSAGE_MAX = 148, /* the longest handshake message */
	TUNNEL_SLOT_BITS = 20, /* peers of one node */
	TUNNEL_SLOT_SESSIONS = 4, /* indices of one slot that may be live at once */
};

/*
 * A local index is [random : 10][slot : 20][turn : 2]: whoever receives a message
 * finds the tunnel and the session by two array lookups, and compares the whole index.
 */
static inline uint32_t index_slot(uint32_t index)
{
	return (index >> 2) & ((1u << TUNNEL_SLOT_BITS) - 1);
}

static inline uint32_t index_turn(uint32_t index)
{
	return index & (TUNNEL_SLOT_SESSIONS - 1);
}

/* This node's side of all handshakes; immutable while tunnels use it. */
struct identity {
	struct key_private private_key;
	struct key_public public_key;
};

struct tunnel_params {
	const struct identity *self; /* borrowed for life */
	struct key_public peer;
	struct key_psk psk;
	enum aead_suite suite; /* same on both ends, from the netmap */
	uint32_t slot; /* caller's number for this peer, < 2^20 */
	nsec_t persistent_keepalive; /* 0: off */
	uint64_t seed; /* for jitter and index bits */
	nsec_t wall; /* time_wall() - time_now(), taken once: the engine's wall clock is
		      * `now` plus this, so a later jump of the clock moves no stamp */
};

struct tunnel;
struct session;

/* tunnel_new() - NULL: no memory, or the peer's key is our own or of low order */
struct tunnel *tunnel_new(const struct tunnel_params *p);
void tunnel_free(struct tunnel *t); /* takes NULL; live sessions: retire them first
				     * by tunnel_reset() and poll */

enum tunnel_event_kind {
	TUNNEL_IDLE, /* nothing more to do before tunnel_next_expiry() */
	TUNNEL_SEND, /* send message[0..n) on every live path at once: handshake */
	TUNNEL_SEND_KEEPALIVE, /* seal an empty packet with the current session, send;
				* right after TUNNEL_SESSION_USE staged packets will do */
	TUNNEL_SESSION_ADD, /* session may be received on: enter it under its index */
	TUNNEL_SESSION_USE, /* seal with session from now on; NULL: none, stage packets */
	TUNNEL_SESSION_RETIRE, /* forget session, never the one in use; free it when no
				* worker holds it */
	TUNNEL_GAVE_UP, /* 90 s without an answer: drop what is staged */
	TUNNEL_ESTABLISHED, /* a handshake was completed (log, status) */
};

struct tunnel_event {
	enum tunnel_event_kind kind;
	struct session *session;
	size_t n; /* octets of message */
	uint8_t message[TUNNEL_MESSAGE_MAX];
};

/* tunnel_poll() - the next thing to do at `now`; TUNNEL_IDLE ends the turn */
void tunnel_poll(struct tunnel *t, struct tunnel_event *out, nsec_t now);
nsec_t tunnel_next_expiry(const struct tunnel *t); /* NSEC_NEVER: nothing armed */

/* tunnel_want() - a packet waits for a session: begin a handshake unless one runs */
void tunnel_want(struct tunnel *t, nsec_t now);
/* tunnel_rehandshake() - as after a restart or a new path: at once, once, even if a
 * session stands (still at most one initiation per REKEY_TIMEOUT unless `force`) */
void tunnel_rehandshake(struct tunnel *t, bool force, nsec_t now);
/* tunnel_reset() - forget all keys; all sessions are retired by poll */
void tunnel_reset(struct tunnel *t, nsec_t now);
void tunnel_set_keepalive(struct tunnel *t, nsec_t interval, nsec_t now);

/* tunnel_last_handshake() - when the newest session was made; 0: none lives */
nsec_t tunnel_last_handshake(const struct tunnel *t);

/* tunnel_timestamps() - greatest TAI64N seen from the peer and sent by us, to be kept
 * over a restart (replay protection, security.md 1.2); *_restore before first use */
void tunnel_timestamps(const struct tunnel *t, uint8_t seen[static 12],
		       uint8_t sent[static 12]);
void tunnel_timestamps_restore(struct tunnel *t, const uint8_t seen[static 12],
			       const uint8_t sent[static 12]);

/*
 * Handshake input. An initiation names nobody in clear: initiation_open() does the
 * public-key work up to the sender's static key; the caller finds the peer and hands
 * the opened initiation to its tunnel. Callers check mac1, cookies and rates before,
 * by gate_check() (gate.h).
 */
struct initiation { /* secret: wiped by tunnel_input_initiation() */
	struct key_public sender;
	uint32_t sender_index;
	enum aead_suite suite;
	uint8_t timestamp[12];
	uint8_t hash[32], chaining_key[32], ephemeral[32];
};

/**
 * initiation_open() - First half of consuming an initiation
 * @m: 148 octets, untrusted, mac1 already checked
 * Return: DROP_NONE; DROP_HANDSHAKE_CRYPTO; DROP_TOO_SHORT or DROP_MALFORMED
 */
must_check enum drop initiation_open(const struct identity *self, const uint8_t *m,
				     size_t n, struct initiation *out);

/**
 * tunnel_input_initiation() - Second half: replay and flood check, then answer
 * The timestamp is compared with the peer's earlier ones, never with our clock.
 * Return: DROP_NONE (poll gives the response and the session);
 *         DROP_HANDSHAKE_REPLAY, DROP_HANDSHAKE_FLOOD, DROP_HANDSHAKE_CRYPTO (also
 *         for another peer's initiation or the other suite)
 */
must_check enum drop tunnel_input_initiation(struct tunnel *t,
					     struct initiation *i, nsec_t now);

/**
 * tunnel_input_response() - Consume a response or cookie reply for one of our
 * initiations
 * @m: 92 or 64 octets, untrusted; the slot was found by index_slot(receiver), at
 *     offset 8 of a response and 4 of a cookie reply, which does not pass the gate
 * Return: DROP_NONE, DROP_HANDSHAKE_STATE, DROP_HANDSHAKE_CRYPTO, DROP_BAD_COOKIE;
 *         DROP_MALFORMED: neither a response of this suite nor a cookie reply
 */
must_check enum drop tunnel_input_response(struct tunnel *t, const uint8_t *m,
					   size_t n, nsec_t now);

/* ---- the packet path: any worker thread ---- */

/* Bits that session_seal() and session_open() may raise: the worker posts the
 * peer's slot to the control thread, which calls tunnel_poll(). */
enum {
	SESSION_WAKE_TIMERS = 1, /* a timer must be armed: first data since idle */
	SESSION_WAKE_REKEY = 2, /* time or message limit for a new handshake */
	SESSION_WAKE_CONFIRMED = 4, /* first data on a responder's session: use it */
};

uint32_t session_index(const struct session *s); /* our receiver index */
void session_free(struct session *s); /* wipes; takes NULL */

/* One inner packet to seal. data has room for 16 octets of header in front of the
 * inner packet and for padding and tag behind it. */
struct session_out {
	uint8_t *data; /* header goes here; inner packet at data + 16 */
	size_t inner; /* octets of inner packet; 0: keepalive */
	size_t n; /* filled in: octets of the whole message */
};

/**
 * session_seal() - Header, padding, encryption of n <= AEAD_JOBS_MAX packets
 * @pad_to: inner packets are padded to 16 octets but never past this (the MTU)
 * @wake:   Bits to post, ORed in
 *
 * Counters of one call are consecutive. Safe from several threads at once.
 * Cost: no allocation; one atomic add per call.
 * Return: DROP_NONE; DROP_SESSION_EXPIRED: nothing was sealed, wake has REKEY
 */
must_check enum drop session_seal(struct session *s, struct aead_thread *at,
				  struct session_out *p, unsigned n,
				  size_t pad_to, nsec_t now, unsigned *wake);

/* One received data message. */
struct session_in {
	uint8_t *data; /* message_data header, sealed packet, tag */
	size_t n; /* octets of the whole message, at least 32 */
	enum drop verdict; /* filled in: DROP_NONE, _DATA_CRYPTO, _REPLAY, _SESSION_EXPIRED */
	size_t inner; /* filled in: octets at data + 16, padding included; 0: keepalive */
};

/**
 * session_open() - Decrypt and replay-check n <= AEAD_JOBS_MAX messages of one session
 * Cost: no allocation; the replay window is locked once per call.
 * Return: messages with verdict DROP_NONE
 */
unsigned session_open(struct session *s, struct aead_thread *at,
		      struct session_in *p, unsigned n, nsec_t now,
		      unsigned *wake);
