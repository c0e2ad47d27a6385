/* SPDX-License-Identifier: MIT
 *
 * host.c - the node's hold on its machine: device, ports, workers, addresses
 */
#include "daemon/host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/discovery.h"
#include "daemon/ikeport.h"
#include "daemon/lan.h"
#include "daemon/network.h"
#include "daemon/mapping.h"
#include "daemon/notes.h"
#include "daemon/parcel.h"
#include "daemon/routes.h"
#include "daemon/streams.h"
#include "daemon/translator.h"

enum {
	PATIENCE = 15, /* tries for what a killed daemon may hold yet, 20 ms apart */
	SOCKET_BUFFER = 8 << 20, /* octets: bursts of 10 Gbit/s for 6 ms */
};

static unsigned choose_workers(const struct node *n)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (n->conf.workers)
		return n->conf.workers > FWD_WORKERS_MAX ? FWD_WORKERS_MAX :
							   n->conf.workers;
	/* One worker moves 10 Gbit/s; below four cores a second one only
	 * competes with the programs that it serves. */
	if (cores < 4)
		return 1;
	return cores / 2 > FWD_WORKERS_MAX ? FWD_WORKERS_MAX :
					     (unsigned)cores / 2;
}

static struct udp_params main_port(const struct node *n, bool v6, uint16_t number)
{
	return (struct udp_params){
		.local.port = number,
		.v6 = v6,
		.reuse_port = n->worker_count > 1,
		.gro = true,
		.mark = n->conf.mark,
		.buffer_octets = SOCKET_BUFFER,
	};
}

static int open_port(struct node *n, unsigned slot, uint16_t number)
{
	struct udp_params p = main_port(n, slot == 1, number);
	struct port *port = &n->ports[slot];

	for (unsigned i = 0; i < n->worker_count; i++) {
		int err = udp_open(&port->udp[i], &p);

		if (err) {
			while (i--)
				udp_close(&port->udp[i]);
			return err;
		}
	}
	port->v6 = slot == 1;
	atomic_store(&port->open, true);
	return 0;
}

/* open_main() - patient for a moment: a daemon just killed may hold the port yet, and
 * another port would cost us our place in every NAT */
static int open_main(struct node *n, uint16_t number)
{
	int err = open_port(n, 0, number);

	for (unsigned i = 0; i < PATIENCE && err == -EADDRINUSE; i++) {
		usleep(20 * 1000);
		err = open_port(n, 0, number);
	}
	return err;
}

static int open_ports(struct node *n, char why[static 512])
{
	uint16_t number = n->conf.port ? n->conf.port : n->state.port;
	int err = open_main(n, number);

	if (err == -EADDRINUSE && !n->conf.port)
		err = open_port(n, 0, 0); /* our stable one is taken: any */
	if (err) {
		snprintf(why, 512, "cannot open UDP port %u: %s; choose another "
			 "with --port", number, strerror(-err));
		return err;
	}
	number = n->ports[0].udp[0].port;
	err = open_port(n, 1, number);
	if (err)
		log_info("no IPv6 socket (%s): going on with IPv4",
			 strerror(-err));
	return 0;
}

/* renew_port() - of all workers, on one number; 0: any */
static bool renew_port(struct node *n, struct port *port, uint16_t number)
{
	struct udp_params p = main_port(n, false, number);

	p.nat64 = nat64_here();
	for (unsigned i = 0; i < n->worker_count; i++) {
		if (udp_renew(&port->udp[i], &p) < 0 ||
		    worker_watch_port(&n->workers[i], 0) < 0)
			return false;
		p.local.port = port->udp[i].port;
	}
	return true;
}

bool host_renew_ipv4(struct node *n)
{
	uint16_t number = n->conf.port ? n->conf.port : n->state.port;
	struct port *port = &n->ports[0];

	if (ikeport_in_use(n) && renew_port(n, port, ikeport_in_use(n)))
		return true;
	/* by a translator the IPv6 port of our number is taken: by ourselves */
	if (!nat64_here() && renew_port(n, port, number))
		return true;
	return renew_port(n, port, 0);
}

static void close_ports(struct node *n)
{
	for (unsigned i = 0; i < WORKER_PORTS_MAX; i++) {
		struct port *p = &n->ports[i];
		unsigned count = i < 2 ? n->worker_count : 1;

		if (!atomic_load(&p->open))
			continue;
		atomic_store(&p->open, false);
		for (unsigned k = 0; k < count; k++)
			udp_close(&p->udp[k]);
	}
}

static void on_notes(struct loop_watch *w, nsec_t now)
{
	notes_ready(container_of(w, struct node, notes_watch), now);
}

static void hear_routers(struct node *n, nsec_t now)
{
	struct nat64 t;
	unsigned lifetime_s;

	if (netconf_advertised(n->netconf, &t, &lifetime_s))
		translator_advertised(n, &t, lifetime_s, now);
}

static void on_netconf(struct loop_watch *w, nsec_t now)
{
	struct node *n = container_of(w, struct node, netconf_watch);
	unsigned what = netconf_ready(n->netconf);

	if (what & NETCONF_REPAIRED)
		log_warn("%s: something removed our addresses or routes; made "
			 "them again", n->device.name);
	hear_routers(n, now);
	if (!(what & NETCONF_NETWORK_CHANGED))
		return;
	discovery_network_changed(n, now);
	translator_network_changed(n, now);
	mapping_network_changed(n, now);
	lan_network_changed(n, now);
	if (n->state.accept_routes) {
		routes_host_changed(n);
		network_apply(n, now); /* an attached subnet goes before an offer */
	}
}

static int start_workers(struct node *n)
{
	n->workers = calloc(n->worker_count, sizeof(*n->workers));
	if (!n->workers)
		return -ENOMEM;
	for (unsigned i = 0; i < n->worker_count; i++) {
		struct worker *w = &n->workers[i];
		int err = ring_init(&n->rings[i], sizeof(struct note),
				    WORKER_RING_SLOTS);

		if (err)
			return err;
		w->number = i;
		w->fwd = &n->fwd;
		w->device = &n->device;
		w->lanes.count = LANES_MAX;
		w->queue = i * LANES_MAX;
		w->ports = n->ports;
		w->mtu = n->conf.mtu;
		w->notes = &n->rings[i];
		w->notes_fd = n->notes_fd;
		err = ring_init(&n->parcels[i], sizeof(struct parcel),
				PARCEL_SLOTS);
		if (err)
			return err;
		w->parcels = &n->parcels[i];
		err = worker_start(w);
		if (err) {
			w->fwd = NULL; /* not running */
			return err;
		}
	}
	return 0;
}

static int open_rest(struct node *n)
{
	int err;

	n->netconf = netconf_new(n->device.index, &err);
	if (!n->netconf)
		return err;
	err = loop_watch_add(&n->loop, &n->netconf_watch, netconf_fd(n->netconf),
			     on_netconf);
	if (err)
		return err;
	n->notes_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (n->notes_fd < 0)
		return -errno;
	err = loop_watch_add(&n->loop, &n->notes_watch, n->notes_fd, on_notes);
	if (!err)
		err = start_workers(n);
	return err ? err : streams_init(n);
}

static int open_device(struct node *n, char why[static 512])
{
	unsigned queues = n->worker_count * LANES_MAX;
	int err = device_open(&n->device, n->conf.tun, queues, why);

	for (unsigned i = 0; i < PATIENCE && err == -EBUSY; i++) {
		usleep(20 * 1000);
		err = device_open(&n->device, n->conf.tun, queues, why);
	}
	return err;
}

/* tell_offloads() - what this kernel does not do; without, every packet costs a call */
static void tell_offloads(const struct node *n)
{
	const struct udp *u = &n->ports[0].udp[0];

	if (n->device.tso && n->device.uso && u->gso && u->gro)
		return;
	log_info("missing in this kernel:%s%s%s%s; all works, at the cost of CPU "
		 "time (Linux 6.2 has them)",
		 n->device.tso ? "" : " TUN-TSO",
		 n->device.uso ? "" : " TUN-USO", u->gso ? "" : " UDP_SEGMENT",
		 u->gro ? "" : " UDP_GRO");
}

int host_open(struct node *n, char why[static 512])
{
	int err;

	n->notes_fd = -1;
	n->worker_count = choose_workers(n);
	err = open_device(n, why);
	if (err)
		return err;
	err = open_ports(n, why);
	if (err)
		goto err_close;
	tell_offloads(n);
	err = open_rest(n);
	if (!err)
		return 0;
	snprintf(why, 512, "cannot start: %s", strerror(-err));

err_close:
	host_close(n);
	return err;
}

void host_close(struct node *n)
{
	for (unsigned i = 0; n->workers && i < n->worker_count; i++)
		if (n->workers[i].fwd)
			worker_stop(&n->workers[i]);
	free(n->workers);
	n->workers = NULL;
	for (unsigned i = 0; i < FWD_WORKERS_MAX; i++) {
		ring_done(&n->rings[i]);
		ring_done(&n->parcels[i]);
	}
	streams_done(n);
	loop_watch_del(&n->notes_watch);
	if (n->notes_fd >= 0)
		close(n->notes_fd);
	n->notes_fd = -1;
	loop_watch_del(&n->netconf_watch);
	netconf_free(n->netconf);
	n->netconf = NULL;
	close_ports(n);
	device_close(&n->device);
	n->device = (struct device){ 0 };
}

static void add_address(struct netconf_want *w, const struct ipaddr *ip,
			const struct prefix *net)
{
	if (ipaddr_is_zero(ip) || w->address_count == NETCONF_ADDRESSES_MAX)
		return;
	w->address_ips[w->address_count] = *ip;
	w->addresses[w->address_count++] = *net;
}

static void own_addresses(struct node *n, struct netconf_want *w)
{
	for (unsigned i = 0; i < n->conf.address_count; i++)
		add_address(w, &n->conf.address_ips[i], &n->conf.addresses[i]);
	if (!n->netmap.version)
		return;
	struct prefix own4 = prefix_make(n->netmap.self.v4, 32);
	struct prefix own6 = prefix_make(n->netmap.self.v6, 128);

	add_address(w, &n->netmap.self.v4, &own4);
	add_address(w, &n->netmap.self.v6, &own6);
}

/* host_routes() - the overlay as two prefixes, others' prefixes one by one */
static unsigned host_routes(struct node *n, struct prefix *out, unsigned room)
{
	unsigned count = 0;

	for (unsigned i = 0; n->netmap.version && i < 2; i++)
		if (n->netmap.overlay[i].bits)
			out[count++] = n->netmap.overlay[i];
	for (unsigned i = 0; i < n->peer_count; i++) {
		const struct peer *p = n->peers[i];

		for (unsigned k = 0; k < p->allowed_count; k++) {
			const struct prefix *a = &p->allowed[k];

			if (prefix_is_default(a) && p->id)
				continue; /* tun/detour.h */
			if (p->id && (prefix_contains(&n->netmap.overlay[0],
						      &a->ip) ||
				      prefix_contains(&n->netmap.overlay[1],
						      &a->ip)))
				continue;
			if (count < room)
				out[count++] = *a;
		}
	}
	return count;
}

void host_configure(struct node *n)
{
	struct netconf_want w = { .mtu = n->conf.mtu };
	struct prefix *routes = calloc(NETCONF_ROUTES_MAX, sizeof(*routes));
	char why[256];

	if (!routes || !n->netconf) {
		free(routes);
		return;
	}
	own_addresses(n, &w);
	w.routes = routes;
	w.route_count = host_routes(n, routes, NETCONF_ROUTES_MAX);
	if (netconf_apply(n->netconf, &w, why) < 0)
		log_error("%s: %s", n->device.name, why);
	free(routes);
}
