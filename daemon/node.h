/* SPDX-License-Identifier: MIT
 *
 * node.h - struct node: everything that aditd owns, and who may touch it
 *
 * All of it belongs to the control thread, but for `fwd` (shared by rules of its own),
 * `ports` (sockets are sent on by all) and each worker's own fields. Nouns:
 *   host       TUN device, addresses and routes, workers, local ports
 *   peers      the peers, each a tunnel and a path set, and when each is due
 *   notes      what workers tell: handshakes, discovery, staged packets
 *   discovery  our side of it: what is measured when, fresh ports, epochs and hints
 *   candidates  at which endpoints we may be reached
 *   longevity  how long our NAT keeps idle mappings
 *   whereabouts  which network we are in, and what its NAT did the last time
 *   uplinks    ports bound to the uplinks that the host does not prefer
 *   mapping    our main ports kept open at the routers
 *   lan        calls to peers on the same LAN
 *   relays     our registration at each relay
 *   streams    TLS to relays, and to peers, where UDP does not get through
 *   direct     streams to peers: who listens, who dials, who is proved
 *   cross      streams to peers where nobody listens: both connect at once
 *   peerrelay  our own relay for others, where we may and can
 *   streams    TLS to relays where UDP does not get through
 *   network    the coordination server and what its netmap says
 *   names      what peers are called, told to this machine
 *   router     the subnets behind this machine, and what is beyond it
 *   exitnode   the peer through which all traffic leaves
 *   rotation   a new tunnel key from time to time
 *   figures    counters for Prometheus
 *   ctl        the control socket; status, ping
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/hmap.h"
#include "base/heap.h"
#include "base/loop.h"
#include "base/proxy.h"
#include "config/node_conf.h"
#include "coord/client.h"
#include "coord/netmap.h"
#include "crypto/gate.h"
#include "daemon/fwd.h"
#include "daemon/state.h"
#include "daemon/worker.h"
#include "relay/backlog.h"
#include "relay/client.h"
#include "traversal/hello.h"
#include "traversal/natcheck.h"
#include "traversal/pathset.h"
#include "tun/device.h"
#include "tun/netconf.h"

enum {
	NODE_STAGED_MAX = 128, /* packets of one peer that wait for a session */
	NODE_EPOCH_S = 3600, /* seconds of one hint epoch */
};

struct staged {
	struct staged *next;
	size_t n;
	uint8_t data[]; /* inner packet */
};

struct peer {
	struct due due; /* first: when tunnel or path set want attention */
	char name[NETMAP_NAME];
	struct key_public key;
	uint64_t id; /* netmap id; 0: a stock WireGuard peer */
	struct ipaddr v4, v6; /* overlay addresses; zero: none */
	struct prefix *allowed; /* inner prefixes, heap */
	unsigned allowed_count;
	bool fresh; /* not greeted yet, see network.c */
	bool online; /* as the server says */
	unsigned own_count; /* allowed begins with its own addresses; then subnets */
	uint64_t carries, will_carry; /* which of these subnets: routes.h */
	nsec_t asking_since, asked, answered, silent_since; /* as their carrier; 0: not */
	struct tunnel *tunnel;
	struct pathset *paths; /* NULL: stock peer */
	struct fwd_peer *fwd;
	struct session *current; /* being sealed with; NULL: none */
	struct endpoint stock_at; /* stock peer: configured, then roamed */
	struct endpoint remembered; /* last good direct endpoint, over restarts */
	nsec_t recalled; /* when the path set was last told of it; 0: never */
	struct hello hello; /* calls on the LAN */
	struct pathset_use use; /* as the path set last said */
	struct staged *staged, **staged_end;
	unsigned staged_count;
	bool active; /* had traffic in the last minutes; in the node's list */
	bool watched; /* its traffic is looked at ten times a second */
	struct peer *next_active;
	struct path_choice reply; /* where a handshake being answered came from */
	nsec_t traffic_told; /* last pathset_traffic() */
	nsec_t initiated; /* our last initiation left; 0: never */
	unsigned hurries; /* initiations by the tick since the last success */
	nsec_t idle_since; /* active: last traffic */
	uint64_t last_rx_packets, last_tx_packets; /* at the last tick */
	uint32_t generation; /* of its candidates that we know */
	uint8_t hints[3][BOX_HINT_OCTETS]; /* registered, by epoch - 1, 0, + 1 */
};

struct trunk { /* a stream that tunnel packets travel in; streams.h */
	struct node *node;
	struct stream *stream; /* NULL: none */
	bool open;
	unsigned port; /* its number: WORKER_STREAM_PORT and on */
	struct endpoint from; /* of what it brings; zero: a relay's */
	struct backlog queue; /* what the stream has no room for yet */
};

struct relay_stream {
	struct trunk trunk;
	nsec_t again, wait; /* next try; 0: no try has failed */
	char why[256]; /* it could not be opened, or closed */
};

struct relay_slot {
	struct relay_client *client; /* NULL: free */
	struct netmap_relay info;
	uint64_t changes; /* relay_client_status() last seen */
	struct relay_client_status status;
	struct relay_stream tls;
};

/* Does the host reach this subnet without us? Asked of the kernel a moment ago. */
struct route_check {
	struct prefix net;
	bool clash;
	nsec_t at; /* 0: empty */
};

/* A pending `adit ping`. See pinger.h. */
struct pinger;
struct ctl;
struct enrolment;
struct uplinks;
struct nameserver;
struct router;

struct node {
	struct loop loop;
	struct node_conf conf;
	struct state state;
	struct identity identity;
	nsec_t started;
	bool up; /* the data plane runs */

	/* host */
	struct device device;
	struct netconf *netconf;
	struct loop_watch netconf_watch;
	struct port ports[WORKER_PORTS_MAX];
	struct worker *workers;
	unsigned worker_count;
	struct ring rings[FWD_WORKERS_MAX], parcels[FWD_WORKERS_MAX];
	struct worker stream_worker; /* without thread: takes in what streams bring */
	struct ring stream_notes;
	struct fwd fwd;
	uint64_t acl_made_of; /* fingerprint of what the access rules were made of */
	int notes_fd;
	struct loop_watch notes_watch;
	struct aead_thread *aead; /* the control thread's: stream_worker's */
	struct drop_counts drops; /* the control thread's */

	/* peers */
	struct peer **peers;
	unsigned peer_count, peer_room;
	struct hmap by_key, by_hint;
	uint64_t key_seed;
	struct peer *by_slot[1 << 16]; /* slots beyond are refused */
	struct heap due;
	struct loop_timer timer; /* first of all engines */
	struct loop_timer tick; /* fast while a peer is watched: tick.c */
	bool ticking; /* fast */
	struct peer *active; /* list */
	struct loop_timer quiet; /* quiet.h */
	nsec_t trimmed; /* memory was given back; 0: not yet */
	struct loop_timer save; /* paths.json and netmap.json, debounced */
	bool save_pending;

	/* discovery */
	struct gate *gate;
	struct gate_work strangers; /* handshakes from sources that nobody vouches for */
	struct gate_work vouched; /* by relays and proved streams */
	struct natcheck *check[WORKER_PORTS_MAX]; /* per port; [1] NULL: [0] has both */
	struct host_address hosts[32]; /* as of the last network change */
	unsigned host_count;
	nsec_t port_opened; /* last extra port */
	struct candidate_list local;
	struct nat_profile nat;
	enum nat_behaviour filtering; /* as last measured */
	uint32_t generation;
	uint64_t epoch; /* in use for hints */
	unsigned next_port; /* next extra port to replace */
	struct peerrelay *peerrelay; /* NULL: down; see peerrelay.h */
	struct lan *lan; /* NULL: nobody is called; see lan.h */
	struct mapping *mapping; /* NULL: ports are not mapped; see mapping.h */
	struct fan *fan; /* throw-away sockets */
	struct uplinks *uplinks; /* NULL: down */
	struct hops *hops; /* NULL: down */
	struct longevity *longevity; /* NULL: down */
	struct whereabouts *whereabouts; /* NULL: down */
	struct ikeport *ikeport; /* NULL: down */
	struct translator *translator; /* to IPv4, where we have none; translator.h */
	struct budget_node budget; /* packets to addresses that only peers name */
	bool no_udp; /* as far as our relays can tell */
	struct direct *direct; /* streams to peers */
	struct cross *cross; /* TCP simultaneous opens */

	/* relays */
	struct relay_slot relays[NETMAP_RELAYS_MAX];
	struct proxy proxy; /* for TLS; host "": none */
	uint8_t token[RELAY_TOKEN_MAX];
	size_t token_n;
	struct loop_timer recall; /* admission.h */

	/* network */
	struct netmap netmap;
	bool netmap_saved; /* once since we are up */
	bool netmap_unsaved; /* changed since it was last saved */
	struct coord_client *coord;
	bool coord_connected;
	char coord_why[256]; /* it is not connected; "": it is */
	bool expired; /* our membership; the server keeps us waiting */
	char coord_says[512]; /* why it refused us, or warns; "": nothing */
	int64_t clock_offset_s; /* server's clock minus ours */

	/* names */
	struct nameserver *nameserver; /* NULL: off, or in no network */

	/* router */
	struct route_check route_checks[64]; /* routes.c; by a hash of the subnet */
	struct router *router; /* NULL: no subnet of ours is in use */
	bool detoured; /* the host sends all through us: exitnode.h */
	struct loop_timer watchdog; /* watchdog.h */
	struct loop_timer rotation; /* rotation.h */

	/* figures */
	struct scrape *scrape; /* NULL: not asked for */
	uint64_t handshakes; /* that made a session */
	struct {
		uint64_t rx_octets, tx_octets, rx_packets, tx_packets;
	} gone; /* of peers that were removed */

	/* ctl */
	struct ctl *ctl;
	struct enrolment *enrolment;
	struct pinger *pingers;
	uint32_t next_ping;
};

/* node_send() - one datagram from a local port's socket; drops are counted */
void node_send(struct node *n, unsigned port, const struct endpoint *to, uint8_t ttl,
	       const void *data, size_t octets);

/* node_answer() - the same, from the address of ours and the interface that what is answered
 * came to; zero both: as the routes say, and so too where they lead nowhere from there */
void node_answer(struct node *n, unsigned port, const struct endpoint *to,
		 const struct ipaddr *from, unsigned index, const void *data, size_t octets);

/* node_main_port() - the main port of an address's family */
static inline unsigned node_main_port(const struct endpoint *to)
{
	return ipaddr_is_v4(&to->ip) ? 0 : 1;
}

/* node_schedule() - set the timer for whatever is due first */
void node_schedule(struct node *n);

/* node_up() - device, ports, workers, peers; why: one sentence on failure */
must_check int node_up(struct node *n, char why[static 512]);
void node_down(struct node *n);
