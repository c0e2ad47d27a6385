/* SPDX-License-Identifier: MIT
 *
 * direct.h - streams to peers: TLS over TCP, where UDP does not get through
 *
 * Who listens: a node with a public address of its own, on the TCP port of the number of
 * its UDP port; or as the key TCPPort says. It announces that as candidates of kind tcp.
 * Who dials: the path set says when and whereto (traversal/pathset_tcp.c).
 *
 * A stream is WebSocket in TLS, as to a relay, at the path DIRECT_PATH, with a
 * certificate that only this process has used. The dialler's first message, then the
 * listener's, is a sealed STREAM message (traversal/disco.h) over the exporter value of
 * this very TLS connection: it names the pair to who knows it, proves both ends, and is
 * worth nothing on another connection. From then on messages are bundles
 * (relay/bundle.h) of what would be datagrams: tunnel packets and discovery.
 *
 * A stranger sees a web server that knows no page, and has DIRECT_PATIENCE to prove
 * himself, in at most DIRECT_HELLO_MAX octets; DIRECT_UNPROVED of them may be waiting,
 * DIRECT_RATE a second may come from one source. Every one is counted (base/drop.h).
 */
#pragma once

#include "daemon/node.h"

#define DIRECT_PATH	"/adit/direct"
#define DIRECT_PATIENCE SEC(5) /* for TCP, TLS and HTTP together; as much for the hello */
#define DIRECT_IDLE	SEC(600) /* an unused stream is closed */

enum {
	DIRECT_MAX = 64, /* streams of the node, proved or not */
	DIRECT_UNPROVED = 16, /* accepted ones among them */
	DIRECT_HELLO_MAX = 1280, /* octets of a message before the proof */
	DIRECT_RATE = 5, /* connections a second from one source, */
	DIRECT_BURST = 20, /* and at once */
};

must_check int direct_start(struct node *n); /* 0 or -ENOMEM */
void direct_stop(struct node *n); /* closes all */

/* direct_listen() - listen or not, as configuration and host addresses are now */
void direct_listen(struct node *n);
/* direct_candidates() - where we listen, added to our candidates */
void direct_candidates(const struct node *n, struct candidate_list *l);

/* direct_dial() - PATHSET_DIAL */
void direct_dial(struct node *n, struct peer *p, const struct endpoint *to);
/* direct_take() - a socket that is connected to who should be that peer (cross.h) */
void direct_take(struct node *n, struct peer *p, int fd, const struct endpoint *to,
		 bool client);
/* direct_forget() - the peer is going */
void direct_forget(struct node *n, const struct peer *p);

/* direct_port() - the port number of a peer's stream; socket: of its path set; 0: none */
unsigned direct_port(const struct node *n, const struct peer *p, unsigned socket);
/* direct_trunk() - the stream with this port number; NULL: none is open */
struct trunk *direct_trunk(struct node *n, unsigned port);
/* direct_peer() - whose stream that is, and its number in the path set; NULL: none */
struct peer *direct_peer(const struct node *n, unsigned port, unsigned *socket);
