/* SPDX-License-Identifier: MIT
 *
 * lane.h - one thread of a running relay, with sockets, batch and queue of its own (glue)
 *
 * Inside relay/service.c. All lanes share one engine, each is reader number `index` of
 * its gate. The last lane receives nothing itself: it carries what comes over streams.
 */
#pragma once

#include <pthread.h>

#include "base/udp.h"
#include "relay/gate.h"
#include "relay/queue.h"
#include "relay/server.h"
#include "relay/service.h"
#include "relay/stunserver.h"

enum {
	ADDRESSES = 4,
	PORTS = 2, /* N and N + 1 */
	SOCKETS = ADDRESSES * PORTS,
	TRAINS = 32, /* of one recvmmsg */
	LANES_MAX = 17,
};

struct lane_trains { /* of one receive */
	struct udp_in in[TRAINS];
	uint8_t memory[TRAINS][UDP_TRAIN_MAX];
};

struct service_lane {
	struct relay_service *service;
	unsigned index;
	struct udp sockets[SOCKETS]; /* address * PORTS + port; all lanes have the same */
	int epoll;
	int armed; /* socket that is to say when it takes more; -1: none */
	pthread_t thread;
	bool started;
	struct relay_batch *batch;
	struct queue *queue;
	struct lane_trains *trains; /* NULL: this one does not receive */
	struct drop_counts drops;
	_Atomic uint64_t stun_answers, marked;
};

struct relay_service {
	struct udp strangers[ADDRESSES]; /* STUN answers that come unexpected */
	struct ipaddr bound[ADDRESSES]; /* all zero: any */
	bool v6[ADDRESSES];
	unsigned address_count;
	uint16_t port;
	int wake; /* an eventfd, readable when it is time to stop */
	struct gate gate; /* over the engine, the lanes' batches and queues */
	struct relay_server *server;
	struct stunserver *stun;
	struct relay_service_sink sink; /* put NULL: no streams */
	struct service_lane lanes[LANES_MAX];
	unsigned lane_count;
};

/* lane_init() - memory and descriptors, no sockets yet; false: none left */
must_check bool lane_init(struct service_lane *l, struct relay_service *s,
			  unsigned index, bool receives);
void lane_done(struct service_lane *l); /* the thread is joined already */
/* lane_watch() - wake up for what comes at a socket of this lane */
must_check int lane_watch(struct service_lane *l, unsigned socket);
/* lane_run() - the thread */
void *lane_run(void *lane);
/* lane_input() - trains that did not come by the lane's own sockets; from any thread */
void lane_input(struct service_lane *l, const struct relay_in *trains, unsigned count);
