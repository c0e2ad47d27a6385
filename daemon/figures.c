/* SPDX-License-Identifier: MIT
 *
 * figures.c - the node's figures for Prometheus, and its dropped packets by reason
 */
#include "daemon/figures.h"

#include <errno.h>

#include "base/scrape.h"
#include "daemon/peerrelay.h"

void figures_drops(struct node *n, uint64_t out[static DROP_COUNT])
{
	for (int d = 0; d < DROP_COUNT; d++) {
		out[d] = atomic_load(&n->drops.n[d]);
		for (unsigned i = 0; n->up && i < n->worker_count; i++)
			out[d] += atomic_load(&n->workers[i].drops.n[d]);
		if (n->up)
			out[d] += atomic_load(&n->stream_worker.drops.n[d]);
	}
}

void figures_keep(struct node *n, const struct fwd_peer *f)
{
	n->gone.rx_octets += atomic_load(&f->rx_octets);
	n->gone.tx_octets += atomic_load(&f->tx_octets);
	n->gone.rx_packets += atomic_load(&f->rx_packets);
	n->gone.tx_packets += atomic_load(&f->tx_packets);
}

static void fill_paths(const struct node *n, struct metrics *m)
{
	uint64_t count[PATH_KINDS] = { 0 }, stock = 0, online = 0;

	for (unsigned i = 0; i < n->peer_count; i++) {
		const struct peer *p = n->peers[i];

		online += p->online;
		if (p->paths)
			count[p->use.best.kind]++;
		else
			stock++;
	}
	metrics_one(m, "adit_peers", METRICS_GAUGE, "Peers of this node.",
		    n->peer_count);
	metrics_one(m, "adit_peers_online", METRICS_GAUGE,
		    "Peers that the server says are online.", online);
	metrics_family(m, "adit_paths", METRICS_GAUGE,
		       "Peers by the kind of path to them.");
	metrics_sample(m, "kind", "none", count[PATH_NONE]);
	metrics_sample(m, "kind", "relay", count[PATH_RELAY]);
	metrics_sample(m, "kind", "direct", count[PATH_DIRECT]);
	metrics_sample(m, "kind", "tcp", count[PATH_TCP]);
	metrics_sample(m, "kind", "wireguard", stock);
}

static void fill_traffic(const struct node *n, struct metrics *m)
{
	uint64_t rx = n->gone.rx_octets, tx = n->gone.tx_octets,
		 rx_packets = n->gone.rx_packets, tx_packets = n->gone.tx_packets;

	for (unsigned i = 0; i < n->peer_count; i++) {
		struct fwd_peer *f = n->peers[i]->fwd;

		rx += atomic_load(&f->rx_octets);
		tx += atomic_load(&f->tx_octets);
		rx_packets += atomic_load(&f->rx_packets);
		tx_packets += atomic_load(&f->tx_packets);
	}
	metrics_one(m, "adit_received_bytes_total", METRICS_COUNTER,
		    "Octets received from peers.", rx);
	metrics_one(m, "adit_sent_bytes_total", METRICS_COUNTER,
		    "Octets sent to peers.", tx);
	metrics_one(m, "adit_received_packets_total", METRICS_COUNTER,
		    "Packets received from peers.", rx_packets);
	metrics_one(m, "adit_sent_packets_total", METRICS_COUNTER,
		    "Packets sent to peers.", tx_packets);
}

static void fill_relays(const struct node *n, struct metrics *m)
{
	metrics_family(m, "adit_relay_registered", METRICS_GAUGE,
		       "Whether a relay carries our packets, by its name.");
	for (unsigned i = 0; i < NETMAP_RELAYS_MAX; i++)
		if (n->relays[i].client)
			metrics_sample(m, "relay", n->relays[i].info.name,
				       n->relays[i].status.registered);
}

static void fill_carried(struct node *n, struct metrics *m)
{
	uint64_t clients, octets = peerrelay_octets(n, &clients);

	metrics_one(m, "adit_carried_bytes_total", METRICS_COUNTER,
		    "Octets relayed for other nodes.", octets);
	metrics_one(m, "adit_carried_nodes", METRICS_GAUGE,
		    "Nodes registered at our relay for others.", clients);
}

void figures_fill(struct node *n, struct metrics *m)
{
	uint64_t drops[DROP_COUNT];

	metrics_family(m, "adit_build_info", METRICS_GAUGE,
		       "1, with the version as label.");
	metrics_sample(m, "version", ADIT_VERSION, 1);
	metrics_one(m, "adit_up", METRICS_GAUGE, "Whether the tunnels are up.",
		    n->up);
	metrics_one(m, "adit_coord_connected", METRICS_GAUGE,
		    "Whether the coordination server is connected.",
		    n->coord_connected);
	metrics_one(m, "adit_netmap_version", METRICS_GAUGE,
		    "Version of the netmap in use.", n->netmap.version);
	metrics_one(m, "adit_handshakes_total", METRICS_COUNTER,
		    "Handshakes that made a session.", n->handshakes);
	fill_paths(n, m);
	fill_traffic(n, m);
	fill_relays(n, m);
	fill_carried(n, m);
	figures_drops(n, drops);
	metrics_drops(m, drops);
}

static void fill(void *owner, struct metrics *m)
{
	figures_fill(owner, m);
}

int figures_open(struct node *n, char why[static 512])
{
	struct scrape_params p = { .loop = &n->loop, .at = n->conf.metrics,
				   .owner = n, .fill = fill };

	if (!n->conf.metrics[0])
		return 0;
	n->scrape = scrape_new(&p, why);
	return n->scrape ? 0 : -EADDRNOTAVAIL;
}

void figures_close(struct node *n)
{
	scrape_free(n->scrape);
	n->scrape = NULL;
}
