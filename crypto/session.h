/* SPDX-License-Identifier: MIT
 *
 * session.h - the transport keys of one finished handshake, seen from the
 * tunnel
 *
 * What packet workers call is in tunnel.h; this is the tunnel's own side.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "crypto/activity.h"
#include "crypto/noise.h"
#include "crypto/replay.h"
#include "crypto/tunnel.h"

struct session {
	struct aead_key send_key, receive_key; /* secret */
	uint32_t index; /* ours: the peer sends to it */
	uint32_t remote; /* the peer's */
	nsec_t born;
	bool initiator; /* we began the handshake */
	struct activity *activity;
	_Atomic nsec_t asked; /* when a new handshake was last asked for */
	_Atomic bool late_asked; /* by the receive side: once */
	_Atomic bool confirmed; /* the peer has shown that it has the keys */
	_Alignas(64) _Atomic uint64_t next_counter;
	_Alignas(64) atomic_flag lock; /* of replay */
	struct replay replay;
};

struct session_params {
	const struct noise_keys *keys;
	enum aead_suite suite;
	uint32_t index, remote;
	bool initiator;
	struct activity *activity; /* shared */
};

struct session *session_new(const struct session_params *p, nsec_t now);

/* session_expired() - past REJECT_AFTER_TIME or the message limit? */
bool session_expired(const struct session *s, nsec_t now);
/* session_rekey_due() - should there be a new handshake, if we send now? */
bool session_rekey_due(const struct session *s, nsec_t now);
/* session_confirmed() - has anything authenticated come in on it? */
bool session_confirmed(const struct session *s);
