/* SPDX-License-Identifier: MIT
 *
 * worker.h - a packet worker: its TUN queues, its sockets, run to completion
 *
 * Theory: each turn takes what a TUN queue or a socket holds, in batches: one read
 * or receive is up to 64 KiB of a flow, sealed or opened side by side, and leaves in one
 * system call. No queue lies between crypto and I/O. What is not data of a known
 * session goes to the control thread over a bounded ring. How a packet travels:
 * outbound.c and inbound.c, functions in the order in which a packet meets them.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/drop.h"
#include "base/ring.h"
#include "base/udp.h"
#include "crypto/aead.h"
#include "daemon/aqm.h"
#include "daemon/fwd.h"
#include "daemon/lanes.h"
#include "tun/device.h"
#include "tun/offload.h"

enum {
	WORKER_PORTS_MAX = 24, /* sockets of the node; 0: main IPv4, 1: main IPv6 */
	WORKER_RING_SLOTS = 1024, /* what is never deep touches little of it */
	WORKER_RING_KEPT = 128, /* of them, what strangers may not fill */
	WORKER_NOTE_DATA = 1984, /* octets of a packet that a note carries */
	WORKER_TRAINS = 8, /* trains of one receive */
	WORKER_ARENA = 320 * 1024, /* octets of sealed packets of one turn */
	WORKER_RUNS = 64, /* TUN reads of one turn */
	/* Port numbers from here on are the streams of the relay slots (streams.h), */
	WORKER_STREAM_PORT = WORKER_PORTS_MAX,
	/* and from here on those to peers (direct.h). */
	WORKER_DIRECT_PORT = WORKER_STREAM_PORT + 32,
};

enum note_kind {
	NOTE_DATAGRAM, /* not data: for the control thread */
	NOTE_STAGE, /* inner packet for a peer without session */
	NOTE_WAKE, /* bits for a slot */
	NOTE_HEARD, /* authenticated data from elsewhere than the best path */
};

/* What a worker tells the control thread; one ring slot. */
struct note {
	enum note_kind kind;
	uint32_t slot, number; /* of the peer: STAGE, WAKE, HEARD */
	uint32_t bits; /* WAKE */
	uint8_t port; /* DATAGRAM, HEARD */
	bool relayed; /* HEARD */
	struct endpoint from; /* DATAGRAM, HEARD */
	struct ipaddr to; /* DATAGRAM: address of ours; zero: not known */
	unsigned index; /* DATAGRAM: interface */
	uint16_t n; /* DATAGRAM, STAGE */
	uint8_t data[WORKER_NOTE_DATA];
};

/* A local UDP port. Every worker has its own socket on the main ones (SO_REUSEPORT);
 * later ones belong to worker 0 and are only sent on by the others. */
struct port {
	_Atomic bool open;
	bool v6;
	struct udp udp[FWD_WORKERS_MAX]; /* [0] only unless main */
};

struct worker {
	unsigned number;
	struct fwd *fwd;
	struct device *device;
	unsigned queue; /* of the device: its first; lanes.count are its own */
	struct lanes lanes;
	struct port *ports; /* WORKER_PORTS_MAX */
	unsigned mtu; /* inner */
	struct ring *notes; /* to the control thread */
	int notes_fd; /* eventfd that wakes it */
	bool noted; /* something was published in this turn */
	struct ring *parcels; /* to streams, by the control thread (parcel.h) */
	_Atomic bool missed; /* bits were raised that no note tells of */
	pthread_t thread;
	int epoll_fd, stop_fd;
	_Atomic bool stop;
	_Atomic bool untidy; /* its buffers are to be given back */
	_Atomic uint64_t turns; /* odd: awake; see watchdog.h */
	uint64_t turns_seen; /* by the watchdog, on the control thread */
	struct aead_thread *aead;
	struct offload_merger *merger;
	struct drop_counts drops;
	struct flows_memo memo; /* the peers' flow that was noted last */
	uint8_t *read_buffer; /* one TUN read */
	uint8_t *arena; /* sealed packets */
	uint8_t *receive_buffers; /* WORKER_TRAINS trains */
	struct offload_packet *merge; /* OFFLOAD_MERGE_MAX */
	struct offload_write *writes; /* OFFLOAD_MERGE_MAX */
	unsigned merge_count;
	struct aqm rx[WORKER_PORTS_MAX]; /* queues of the sockets */
	uint32_t lost_seen[WORKER_PORTS_MAX]; /* of udp.lost */
	nsec_t now;
};

/* worker_start() - 0 or negative errno; the fields above `thread` are set */
must_check int worker_start(struct worker *w);
void worker_stop(struct worker *w); /* joins; frees what worker_start() made */
/* worker_tidy() - what its buffers have grown to goes back to the kernel, in its next
 * turn; from the control thread */
void worker_tidy(struct worker *w);

/* worker_watch_port() - a port was opened or renewed for this worker; from the control
 * thread. Ports close only when all workers have stopped. */
must_check int worker_watch_port(struct worker *w, unsigned port);

/* worker_make_inbound() - what inbound_trains() needs, for a worker without a thread */
must_check int worker_make_inbound(struct worker *w); /* 0 or -ENOMEM */
void worker_free_inbound(struct worker *w); /* safe on zeroed memory */
/* worker_ring() - wake the control thread if there is something for it */
void worker_ring(struct worker *w);

/* worker_udp() - this worker's socket for a port */
static inline struct udp *worker_udp(struct worker *w, unsigned port)
{
	struct port *p = &w->ports[port];

	return port < 2 ? &p->udp[w->number] : &p->udp[0];
}

/* worker_note() - a slot to fill, or NULL (counted as CONTROL_RING_FULL) */
struct note *worker_note(struct worker *w, enum note_kind kind);
void worker_note_done(struct worker *w);
/* worker_wake() - raise bits for a peer, at most one note until they are taken */
void worker_wake(struct worker *w, struct fwd_peer *p, uint32_t bits);

/* outbound_turn() - one lane of the TUN -> peers; true: there may be more */
bool outbound_turn(struct worker *w, unsigned lane);
/* inbound_trains() - trains that came in over a port -> TUN; their data is changed */
void inbound_trains(struct worker *w, const struct udp_in *in, unsigned count,
		    unsigned port);
/* inbound_turn() - one port -> TUN; true: there may be more */
bool inbound_turn(struct worker *w, unsigned port);
