/* SPDX-License-Identifier: MIT
 *
 * fan.h - throw-away IPv4 sockets: NAT samples, and R3 of one path set at a time
 *
 * They belong to the control thread and are read by its loop: no worker knows them. One
 * that meets the peer is adopted, that is, becomes a port. What they cost a router is
 * bounded: FAN_MAX at once, for one peer at a time, FAN_GRANTS in an hour.
 */
#pragma once

#include "daemon/node.h"

enum {
	FAN_MAX = 256,
	FAN_GRANTS = 60, /* in an hour: of any size, for all peers */
};

/* fan_new() - NULL: no memory */
struct fan *fan_new(struct node *n);
void fan_free(struct fan *f); /* closes all; takes NULL */

/* fan_want() - PATHSET_WANT_FAN: close what the peer had, open count fresh ones, and tell
 * its path set how many there are */
void fan_want(struct fan *f, struct peer *p, unsigned count, nsec_t now);
void fan_send(struct fan *f, const struct peer *p, unsigned socket,
	      const struct endpoint *to, uint8_t ttl, const void *m, size_t octets);
/* fan_stun() - PATHSET_FAN_STUN: one request to a server that answers */
void fan_stun(struct fan *f, const struct peer *p, unsigned socket, nsec_t now);
/* fan_adopt() - PATHSET_ADOPT_FAN: it becomes a port; tells all path sets */
void fan_adopt(struct fan *f, struct peer *p, unsigned socket, nsec_t now);
/* fan_forget() - the peer is going */
void fan_forget(struct fan *f, const struct peer *p);

/* fan_sample() - a classification's message from sample socket 1..ALLOCATOR_SAMPLES, opened
 * at its first use */
void fan_sample(struct fan *f, unsigned sample, const struct endpoint *to,
		const void *m, size_t octets);
void fan_samples_close(struct fan *f);
