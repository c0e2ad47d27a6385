/* SPDX-License-Identifier: MIT
 *
 * bundle.h - CODEC: relay frames inside a stream's messages
 *
 * Where UDP is blocked, frames (relay/frame.h) travel over WebSocket in TLS at the path
 * RELAY_PATH. A binary message is one or more frames, each behind its length in two
 * octets. Nothing else changes: the same HELLO, the same proof of both keys, so that
 * the certificate needs no authority.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

#define RELAY_PATH "/adit/relay"

enum {
	BUNDLE_FRAME_MAX = 16 << 10, /* octets of one frame */
	BUNDLE_MESSAGE_MAX = 64 << 10, /* that is accepted */
	BUNDLE_MESSAGE_SEND = 16 << 10, /* that is sent, about */
	BUNDLE_LENGTH = 2, /* octets in front of each frame */
};

struct bundle { /* a message being read */
	uint8_t *p; /* the rest of it */
	size_t n;
	bool broken; /* a length did not fit: the rest was thrown away */
};

void bundle_init(struct bundle *b, uint8_t *message, size_t n); /* untrusted */

/**
 * bundle_next() - The next frames of equal length (the last may be shorter)
 * @train:   Moved together inside the message, so that they can travel on as one train
 * @segment: Octets of each but the last
 * Return: false: no more, or the rest is broken
 */
must_check bool bundle_next(struct bundle *b, uint8_t **train, size_t *n,
			    size_t *segment);
