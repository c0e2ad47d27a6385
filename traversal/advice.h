/* SPDX-License-Identifier: MIT
 *
 * advice.h - why a path is not direct, in one sentence, and the cheapest remedy
 */
#pragma once

#include "traversal/strategy.h"

enum {
	ADVICE_TEXT = 320,
};

/* What is known about both ends; 0 members: unknown. */
struct advice_facts {
	enum path_kind path;
	bool stock; /* a WireGuard peer without path discovery */
	bool online; /* the peer, as the coordination server says */
	bool udp; /* a STUN server answered us */
	struct nat_profile self, peer;
	uint16_t port; /* our UDP port, for a forward; 0: unknown */
};

/* advice_of() - one plain sentence into out; returns out */
const char *advice_of(const struct advice_facts *f, char out[static ADVICE_TEXT]);
