/* SPDX-License-Identifier: MIT
 *
 * relay_world.h - a relay's engine and three clients, wired in memory under a virtual clock
 */
#pragma once

#include "tests/unit/unit.h"

#include "relay/client.h"
#include "relay/frame.h"
#include "relay/server.h"
#include "relay/token.h"

enum {
	CLIENTS = 3,
	FLIGHT = 256,
	WALL = 1000000, /* seconds; the engine only compares it with tokens */
	NETWORK = 7,
};

#define ONE_WAY MSEC(10)

struct packet {
	nsec_t due; /* 0: free */
	struct endpoint from, to;
	size_t n;
	uint8_t m[RELAY_CONTROL_MAX];
};

struct node {
	struct key_private key;
	struct key_public public;
	struct endpoint at;
	struct relay_client *client;
	unsigned got; /* data frames */
	uint8_t last[64];
	size_t last_n, last_header;
	bool known; /* sender of the last one was known */
	struct key_public sender;
	enum drop verdict; /* of the last control frame */
};

struct world {
	nsec_t now;
	struct key_private relay_key;
	struct key_public relay_public;
	struct sign_private coord;
	struct sign_public coord_public;
	struct endpoint relay_at;
	struct relay_server *server; /* NULL: dead */
	struct relay_batch batch;
	struct node node[CLIENTS];
	struct packet flight[FLIGHT];
	unsigned sent; /* frames by clients */
	struct key_public unwanted; /* the relay's rule */
};

struct endpoint at(uint32_t ip, uint16_t port);
void start_server(struct world *w, uint8_t secret);
void give_token(struct world *w, unsigned i, const struct token *t);
void give_good_token(struct world *w, unsigned i);
struct world *world_new(void);
void world_free(struct world *w);
void run(struct world *w, nsec_t t);
void step(struct world *w);
bool registered(const struct world *w, unsigned i);
size_t send_data(struct world *w, unsigned i, unsigned to, const char *text);
uint64_t drops(const struct world *w, enum drop d);
struct world *two_registered(void);
void fly(struct world *w, const struct endpoint *from,
	const struct endpoint *to, const void *m, size_t n);
void arrive_at_server(struct world *w, struct packet *p);
