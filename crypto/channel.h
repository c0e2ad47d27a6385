/* SPDX-License-Identifier: MIT
 *
 * channel.h - ENGINE: the coordination channel, Noise_IK_25519_ChaChaPoly_BLAKE2s
 *
 * Theory: the client knows the server's static key (pinned by the invite); the server
 * learns the client's machine key from the first message: who you are is the
 * channel's key. Two handshake messages, then a stream of sealed messages in both
 * directions, each with an implicit counter as nonce: loss or reordering ends the
 * channel, so it runs on a reliable stream (WebSocket messages).
 * The payload of message 1 can be recorded and sent again by anybody: the server may
 * act on it only once a sealed message of that channel has been opened.
 * A failure ends the channel: its secrets are wiped, and every later call fails.
 * Spec: Noise revision 34, s7.5 pattern IK; prologue "adit coord 1".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "crypto/key.h"

enum {
	CHANNEL_TAG = 16,
	CHANNEL_PAYLOAD_MAX = 4096, /* of a handshake message, untrusted size bound */
	CHANNEL_FIRST = 32 + 48 + 16, /* octets of message 1 without payload */
	CHANNEL_SECOND = 32 + 16, /* octets of message 2 without payload */
};

struct channel; /* one end; heap, secrets inside */

struct channel *channel_new_client(const struct key_private *machine,
				   const struct key_public *server);
struct channel *channel_new_server(const struct key_private *server);
void channel_free(struct channel *c); /* wipes; takes NULL */

/* channel_write_handshake() - our handshake message with a payload into out (room for
 * CHANNEL_FIRST or _SECOND + n); returns octets, 0 if it is not our turn */
must_check size_t channel_write_handshake(struct channel *c, const void *payload,
					  size_t n, uint8_t *out, size_t room);
/* channel_read_handshake() - the other's, untrusted; payload into out;
 * returns octets of payload or -EBADMSG (the channel is dead, out is undefined) */
must_check int channel_read_handshake(struct channel *c, const uint8_t *m, size_t n,
				      uint8_t *out, size_t room);
bool channel_ready(const struct channel *c);
/* channel_peer() - server side: the client's machine key; after its message 1 */
const struct key_public *channel_peer(const struct channel *c);

/* channel_seal() - n octets into out (n + CHANNEL_TAG of room); returns octets, 0 if
 * the channel is not ready */
must_check size_t channel_seal(struct channel *c, const void *plain, size_t n,
			       uint8_t *out);
/* channel_open() - in place; returns octets of plain or -EBADMSG: close the stream */
must_check int channel_open(struct channel *c, uint8_t *m, size_t n);
