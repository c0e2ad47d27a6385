/* SPDX-License-Identifier: MIT
 *
 * way.h - two sockets, A and B, and what each puts in front of data to reach the other
 *         through a relay of some kind
 *
 * For tests/bench/relay_load.c. Everything blocks, and failure ends the program.
 */
#pragma once

#include "base/udp.h"
#include "crypto/key.h"

enum {
	WAY_HEADER_MAX = 8,
};

struct way_end {
	struct udp u;
	struct endpoint to;
	uint8_t header[WAY_HEADER_MAX];
	size_t header_n, inbound_n; /* octets in front, of what leaves and of what comes */
	struct relay_client *client; /* adit */
	struct key_public key;
};

struct way {
	struct way_end end[2];
	struct ipaddr local;
};

struct way_params {
	const char *kind; /* "adit", "turn", "plain", "echo", "idle": adit, registered only */
	struct endpoint relay, local; /* local: the first of several addresses */
	int buffer; /* octets of a socket */
	struct key_public relay_key; /* adit */
	struct sign_private coord;
};

/* ways_open() - count of them, all ready */
void ways_open(struct way *w, unsigned count, const struct way_params *p);
/* ways_close() - the server may forget them */
void ways_close(struct way *w, unsigned count, const struct way_params *p);
/* ways_turn() - what the ways need now and then: keepalives */
void ways_turn(struct way *w, unsigned count);
/* way_drain() - control frames that wait at one end */
void way_drain(struct way_end *e);
/* way_control() - a datagram that came and is no data */
void way_control(struct way_end *e, uint8_t *m, size_t n, const struct endpoint *from);
/* way_send_to() - n octets to a client of adit's relay; false: not registered */
bool way_send_to(struct way_end *e, const struct key_public *peer, size_t n);
