/* SPDX-License-Identifier: MIT
 *
 * carrier.h - this node's relay for others: a port and a thread of its own (glue)
 *
 * Runs the engine of relay/server.h beside the packet workers, so that what is carried
 * for others never waits in front of what is ours. Whom it admits is told by
 * carrier_let(); what it carries is bounded by an allowance and counted. It sees sealed
 * messages only. Datagrams that are no relay frames may be answers to STUN requests sent
 * by carrier_send(): they wait in a small box for carrier_take().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/attr.h"
#include "base/drop.h"
#include "crypto/key.h"
#include "traversal/stun.h"

enum {
	CARRIER_CLIENTS_MAX = 4096,
};

struct carrier_params {
	struct key_private key; /* the relay's */
	struct sign_public coord; /* whose tokens it accepts */
	uint64_t network;
	uint16_t port; /* wanted; another one if it is taken; 0: any */
	uint32_t mark; /* SO_MARK, 0: none */
	uint64_t rate; /* octets a second in all; 0: any */
	uint64_t daily; /* octets a day (UTC); 0: any */
	uint64_t day, today; /* taken before, of which day */
};

struct carrier;

/**
 * carrier_start() - Open the port, run
 * @why: On failure: one sentence
 * Return: NULL on failure
 */
struct carrier *carrier_start(const struct carrier_params *p, char why[static 256]);
void carrier_stop(struct carrier *c); /* takes NULL; joins the thread */

/* carrier_port() - of IPv4 or IPv6; 0: that family is not open */
uint16_t carrier_port(const struct carrier *c, bool v6);

/**
 * carrier_let() - These nodes are admitted, no others; who is out loses his place
 * @keys: Copied. Out of memory: nobody is admitted
 */
void carrier_let(struct carrier *c, const struct key_public *keys, unsigned count);

/* carrier_send() - from its port */
void carrier_send(struct carrier *c, const struct endpoint *to, const void *m,
		  size_t n);

struct carrier_message {
	struct endpoint from;
	size_t n;
	uint8_t m[STUN_MAX]; /* untrusted */
};

/* carrier_fd() - readable when there is something to take */
int carrier_fd(const struct carrier *c);
/* carrier_take() - false: nothing more */
bool carrier_take(struct carrier *c, struct carrier_message *out);

struct carrier_stats {
	uint64_t clients, forwarded, forwarded_octets;
	uint64_t day, today; /* octets of that day */
	bool spent; /* nothing is left of today's allowance */
	uint64_t drops[DROP_COUNT];
};
void carrier_stats(struct carrier *c, struct carrier_stats *out);
