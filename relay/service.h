/* SPDX-License-Identifier: MIT
 *
 * service.h - a relay with STUN on two UDP ports, as threads in any server program
 *
 * Glue around the engines relay/server.h and relay/stunserver.h: sockets, batches,
 * clock. adit-relay and adit-coord both run it. Port N carries relay and STUN, port
 * N + 1 STUN alone; a second address, where given, completes RFC 5780.
 */
#pragma once

#include <stdint.h>

#include "base/addr.h"
#include "base/attr.h"
#include "base/drop.h"
#include "crypto/key.h"
#include "relay/server.h"

struct relay_service_params {
	struct ipaddr addresses[4]; /* to bind; all zero: any (one IPv4, one IPv6 socket) */
	unsigned address_count;
	uint16_t port; /* N; N + 1 is used too */
	struct key_private key; /* the relay's X25519 key */
	struct sign_public coord; /* whose tokens to accept */
	uint64_t network; /* network id that tokens must carry; 0: any */
	struct relay_limits limits;
	unsigned workers; /* threads, at most 16; 0: one for each CPU of ours, at most 8 */
};

struct relay_service;

/**
 * relay_service_start() - Bind and run
 * @why: On failure: one sentence on what happened and what to do
 * Return: NULL on failure
 */
struct relay_service *relay_service_start(const struct relay_service_params *p,
					  char why[static 256]);
void relay_service_stop(struct relay_service *s); /* takes NULL; joins the threads */

/* relay_service_remove() - a node was removed: its tokens are void from now on */
void relay_service_remove(struct relay_service *s, const struct key_public *node);

/* relay_service_set_limits() - others from now on */
void relay_service_set_limits(struct relay_service *s, const struct relay_limits *l);
/* relay_service_set_month(), relay_service_month() - as those of relay/server.h */
void relay_service_set_month(struct relay_service *s, uint64_t month, uint64_t octets);
uint64_t relay_service_month(struct relay_service *s, uint64_t *octets);

/* Clients that come over streams (relay/tlsservice.h), which other threads own. */
struct relay_service_sink {
	void *owner;
	/* put() - a train for a stream by its number; from any thread, under the
	 * service's lock: only queue it */
	void (*put)(void *owner, uint32_t stream, const uint8_t *data, size_t n,
		    size_t segment);
};
void relay_service_set_sink(struct relay_service *s,
			    const struct relay_service_sink *k); /* NULL: none */
/* relay_service_input() - trains that came over streams; rewritten in place; all
 * streams on one thread */
void relay_service_input(struct relay_service *s, const struct relay_in *trains,
			 unsigned count);
void relay_service_drop(struct relay_service *s, enum drop why);
void relay_service_closed(struct relay_service *s,
			  const struct relay_route *route);
bool relay_service_knows(struct relay_service *s,
			 const struct relay_route *route);
/* relay_service_readmit() - it is a member again, with the same key */
void relay_service_readmit(struct relay_service *s, const struct key_public *node);

struct relay_service_stats {
	uint64_t clients, channels, forwarded, forwarded_octets, stun_answers;
	uint64_t marked; /* datagrams: congestion, by ECN */
	unsigned workers;
	uint64_t drops[DROP_COUNT];
};
void relay_service_stats(struct relay_service *s, struct relay_service_stats *out);
