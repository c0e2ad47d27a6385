/* SPDX-License-Identifier: MIT
 *
 * client.h - ENGINE: one node's registration at one relay
 *
 * Theory: HELLO, CHALLENGE (a stateless cookie proves the address), REGISTER (token
 * signed by the coordination server, proof of the tunnel key by a MAC under the
 * static-static X25519 with the relay's key), WELCOME (observed endpoint, lifetime).
 * Then data frames carry an 8-octet channel header in front of unchanged tunnel or
 * discovery messages, on the same UDP socket as direct traffic. A peer is named by its
 * 32-octet key until the relay has given a channel number for it. Keepalives find a
 * dead relay in about a second. Layout: relay/frame.h.
 *
 * Beside UDP there may be a stream (TLS, relay/bundle.h), which the caller opens when
 * the engine wants it: when UDP has given no answer for 300 ms. Both then compete;
 * whichever brings a cookie first carries the registration. While that is the stream,
 * UDP is tried again and again, and taken as soon as it answers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/drop.h"
#include "base/time.h"
#include "crypto/key.h"

enum {
	RELAY_NAME = 32,
	RELAY_TOKEN_MAX = 512,
	RELAY_HEADER_MAX = 40, /* in front of a carried message: 8 or 40 octets */
	RELAY_CONTROL_MAX = 1200, /* octets of a control frame */
};

struct relay_client_params {
	const struct key_private *self_private; /* borrowed for life */
	struct key_public self, relay; /* tunnel key; the relay's X25519 key */
	struct endpoint at[2]; /* the relay's UDP endpoints, IPv4 and IPv6; zero: none */
	uint64_t seed;
};

struct relay_client;

struct relay_client *relay_client_new(const struct relay_client_params *p);
void relay_client_free(struct relay_client *c); /* takes NULL */

/* relay_client_set_token() - admission by the coordination server; may be renewed */
void relay_client_set_token(struct relay_client *c, const uint8_t *token, size_t n,
			    nsec_t now);
/* relay_client_set_families() - which families this host can send */
void relay_client_set_families(struct relay_client *c, bool v4, bool v6, nsec_t now);
/* relay_client_network_changed() - our address may have changed: check at once */
void relay_client_network_changed(struct relay_client *c, nsec_t now);
/* relay_client_leave() - poll then gives a last frame that signs off */
void relay_client_leave(struct relay_client *c, nsec_t now);

/* relay_client_set_stream() - a stream to the relay is open now, or is none any more */
void relay_client_set_stream(struct relay_client *c, bool open, nsec_t now);
/* relay_client_wants_stream() - should there be one? As of the last poll that gave
 * nothing to send */
bool relay_client_wants_stream(const struct relay_client *c);

struct relay_client_send {
	bool stream; /* over the stream; else to: */
	struct endpoint to; /* from the main socket of its family */
	size_t n;
	uint8_t message[RELAY_CONTROL_MAX];
};

/* relay_client_poll() - true: send this */
bool relay_client_poll(struct relay_client *c, struct relay_client_send *out, nsec_t now);
nsec_t relay_client_next_expiry(const struct relay_client *c);

/* relay_is() - do these octets begin a relay frame? relay_is_data() - one that carries
 * a message for us: the inner message begins at m + *header */
bool relay_is(const uint8_t *m, size_t n);
bool relay_is_data(const uint8_t *m, size_t n, size_t *header);

/**
 * relay_client_input() - A control frame from the relay
 * @from: Must be one of the relay's endpoints; NULL: it came over the stream
 * Return: DROP_NONE or a DROP_RELAY_* row
 */
must_check enum drop relay_client_input(struct relay_client *c, const uint8_t *m,
					size_t n, const struct endpoint *from,
					nsec_t now);

/**
 * relay_client_header() - What goes in front of a message for a peer
 * @out: Header; its first RELAY_HEADER_MAX octets
 * @to:  Where the frame goes; zero: over the stream
 *
 * Opens a channel to the peer unless one is open: poll gives the frame.
 * Return: 8 or 40 octets; 0: not registered
 */
size_t relay_client_header(struct relay_client *c, const struct key_public *peer,
			   uint8_t out[static RELAY_HEADER_MAX],
			   struct endpoint *to, nsec_t now);

/* relay_client_traffic() - data moves over this relay; at most a few calls a second. Asks
 * for pings that find a dead relay in a second; without, they come each 12 s */
void relay_client_traffic(struct relay_client *c, nsec_t now);

/* relay_client_sender() - whose frame was it? From the header's channel; false if the
 * relay has not told us that channel yet (the carried message says who it is) */
bool relay_client_sender(const struct relay_client *c, const uint8_t *m, size_t n,
			 struct key_public *out);

struct relay_client_status {
	bool registered;
	nsec_t rtt; /* of the last keepalives, smoothed; 0: none yet */
	nsec_t since; /* registered, or silent, since */
	struct endpoint observed[2]; /* our endpoint as the relay sees it, per family */
	bool stream; /* it is carried by the stream */
	const char *denied; /* one clause on why it lets us not in; NULL: it does not say */
	struct endpoint at; /* in use; zero: the stream */
};

/* relay_client_status() - changes counts up with each change of registered, channels
 * observed or denied: the caller then builds headers and candidates anew */
uint64_t relay_client_status(const struct relay_client *c,
			     struct relay_client_status *out);
