/* SPDX-License-Identifier: MIT
 *
 * ratelimit.h - a token bucket per source of handshakes
 *
 * Theory: 20 a second with a burst of 5, per IPv4 address or IPv6 /64. Only
 * senders that have shown a cookie get here, so a source is a real one. The
 * table holds 65,536 of them; a full table refuses new sources; sources that
 * have been silent for a second are forgotten, since their bucket is full
 * again.
 */
#pragma once

#include <stdbool.h>

#include "base/addr.h"
#include "base/time.h"

enum {
	RATELIMIT_PER_SECOND = 20,
	RATELIMIT_BURST = 5,
	RATELIMIT_SOURCES = 65536,
};

struct ratelimit;

struct ratelimit *ratelimit_new(void); /* NULL: no memory */
void ratelimit_free(struct ratelimit *r); /* takes NULL */

/* ratelimit_allow() - may this source have one more handshake now? Cost: a hash
 * and a short chain; once a second a sweep of the table */
bool ratelimit_allow(struct ratelimit *r, const struct ipaddr *from,
		     nsec_t now);
