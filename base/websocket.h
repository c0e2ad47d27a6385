/* SPDX-License-Identifier: MIT
 *
 * websocket.h - CODEC: WebSocket framing, RFC 6455 section 5, binary messages only
 *
 * Bytes in, events out; no socket, no clock. What a message may be is bounded before
 * memory is taken for it. Fragments are joined; control frames may come between them.
 * Text messages, extensions and reserved bits are errors: our peers never use them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum {
	WEBSOCKET_HEADER_MAX = 14,
	WEBSOCKET_CONTROL_MAX = 125, /* octets of a control frame's payload */
};

enum websocket_opcode { /* s5.2 */
	WEBSOCKET_OP_MORE = 0,
	WEBSOCKET_OP_TEXT = 1,
	WEBSOCKET_OP_BINARY = 2,
	WEBSOCKET_OP_CLOSE = 8,
	WEBSOCKET_OP_PING = 9,
	WEBSOCKET_OP_PONG = 10,
};

enum websocket_event {
	WEBSOCKET_NEED_MORE, /* all input consumed */
	WEBSOCKET_MESSAGE, /* a whole message: data, n */
	WEBSOCKET_PING, /* answer with a pong of the same data, n */
	WEBSOCKET_PONG,
	WEBSOCKET_CLOSE, /* the other side ends; data, n as in s5.5.1 */
	WEBSOCKET_PROTOCOL_ERROR, /* close with 1002; the reader is dead */
	WEBSOCKET_TOO_BIG, /* close with 1009; the reader is dead */
};

struct websocket {
	bool from_client; /* input must be masked; else it must not be (s5.1) */
	size_t max; /* octets of one message */
	uint8_t *message; /* heap, so far n octets of capacity */
	size_t n, capacity;
	bool in_message; /* fragments of one are coming */
	bool dead;
	enum websocket_event why; /* when dead */
	uint8_t header[WEBSOCKET_HEADER_MAX];
	unsigned header_n;
	bool in_payload;
	uint8_t opcode;
	bool fin;
	uint8_t mask[4];
	uint64_t left, done; /* octets of the frame's payload */
	uint8_t control[WEBSOCKET_CONTROL_MAX];
};

/* websocket_init() - reads what a client (or a server) sends; max octets a message */
void websocket_init(struct websocket *w, bool from_client, size_t max);
void websocket_done(struct websocket *w); /* frees; safe on zeroed memory */

/**
 * websocket_read() - Take input up to the next event
 * @p, @n:    Untrusted; a call takes at least one octet unless it reports an event
 *            that needs none
 * @used:     Octets taken
 * @data, @data_n: Of the event; valid until the next call, may be written to
 * Return: the event. Call again with the rest until WEBSOCKET_NEED_MORE.
 */
enum websocket_event websocket_read(struct websocket *w, const uint8_t *p, size_t n,
				    size_t *used, uint8_t **data, size_t *data_n);

/**
 * websocket_header() - The header of one unfragmented frame of n octets
 * @mask: 4 octets to mask the payload with (client side, s5.3), or NULL
 * Return: octets written to out
 */
size_t websocket_header(enum websocket_opcode op, size_t n, const uint8_t *mask,
			uint8_t out[static WEBSOCKET_HEADER_MAX]);

/* websocket_mask() - mask or unmask n octets whose first is octet `at` of its frame */
void websocket_mask(const uint8_t mask[static 4], uint64_t at, uint8_t *p, size_t n);
