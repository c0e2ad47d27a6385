/* SPDX-License-Identifier: MIT
 *
 * channel_fixed.h - a channel with every input given, as published vectors need
 *
 * channel.c's public constructors call this with a fresh ephemeral key and the
 * project's prologue; nothing but them and tests may.
 */
#pragma once

#include "base/cursor.h"
#include "crypto/channel.h"

struct channel_fixed {
	bool client;
	const struct key_private *own_static; /* copied */
	const struct key_public *server;      /* client only; copied */
	const struct key_private *ephemeral;  /* copied; never use one twice */
	struct slice prologue;
};

/* channel_new_fixed() - NULL: no memory */
struct channel *channel_new_fixed(const struct channel_fixed *f);
