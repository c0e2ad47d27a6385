/* SPDX-License-Identifier: MIT
 *
 * service.c - a relay with STUN on two UDP ports, as threads (glue)
 *
 * One lane (relay/lane.h) for each worker, on sockets that share a port, so that the
 * kernel deals out senders among them; and one for what comes over streams. They read
 * one engine side by side; what changes it closes the gate for a moment.
 */
#include "relay/service.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/rand.h"
#include "base/time.h"
#include "relay/lane.h"

enum {
	RECEIVE_OCTETS = 4 << 20, /* of a socket: 30 ms at 1 Gbit/s */
	SEND_OCTETS = 1 << 20, /* little: what waits shall wait in the fair queue */
	WORKERS_USUAL = 8, /* at most, unless asked */
};

/* open_socket() - the first lane binds alone, so that another program's port is
 * noticed; the others join it */
static int open_socket(struct service_lane *l, unsigned number)
{
	struct relay_service *s = l->service;
	unsigned a = number / PORTS, p = number % PORTS;
	struct udp_params params = {
		.local = { .ip = s->bound[a], .port = (uint16_t)(s->port + p) },
		.v6 = s->v6[a],
		.reuse_port = l->index > 0,
		.gro = true,
		.buffer_octets = RECEIVE_OCTETS,
		.send_octets = SEND_OCTETS,
	};
	int e = udp_open(&l->sockets[number], &params);

	if (!e && !l->index)
		e = udp_share(&l->sockets[number]);
	return e;
}

/* borrow_socket() - the stream lane sends by the first lane's */
static int borrow_socket(struct service_lane *l, unsigned number)
{
	const struct udp *of = &l->service->lanes[0].sockets[number];
	struct udp *u = &l->sockets[number];

	if (of->fd < 0)
		return 0;
	u->fd = fcntl(of->fd, F_DUPFD_CLOEXEC, 0);
	u->v6 = of->v6;
	u->gso = of->gso;
	u->gro = of->gro;
	u->port = of->port;
	return u->fd < 0 ? -errno : lane_watch(l, number);
}

/* open_stranger() - without it the node's probe goes unproved, no more */
static void open_stranger(struct relay_service *s, unsigned a)
{
	struct udp_params params = { .local.ip = s->bound[a], .v6 = s->v6[a] };

	if (udp_open(&s->strangers[a], &params) < 0)
		s->strangers[a].fd = -1;
}

static void explain(char why[static 256], const struct relay_service *s,
		    unsigned number, int e)
{
	char text[ADDR_TEXT];
	unsigned port = s->port + number % PORTS;

	ipaddr_text(&s->bound[number / PORTS], text);
	if (e == -EADDRINUSE)
		snprintf(why, 256,
			 "UDP port %u is in use by another program: stop it or "
			 "choose another with --udp-port", port);
	else if (e == -EADDRNOTAVAIL)
		snprintf(why, 256, "%s is no address of this machine: correct "
			 "--listen", text);
	else if (e == -EACCES)
		snprintf(why, 256, "UDP port %u needs privilege: choose one "
			 "above 1023 with --udp-port", port);
	else
		snprintf(why, 256, "UDP port %u cannot be opened: %s", port,
			 strerror(-e));
}

/* is_missing_ipv6() - a wildcard IPv6 socket may fail where there is no IPv6 */
static bool is_missing_ipv6(const struct relay_service *s, unsigned number, int e)
{
	return s->v6[number / PORTS] &&
	       ipaddr_is_zero(&s->bound[number / PORTS]) &&
	       (e == -EAFNOSUPPORT || e == -EADDRNOTAVAIL);
}

/* open_lane() - 0, or the errno and the number of the socket that failed */
static int open_lane(struct service_lane *l, unsigned *failed)
{
	struct relay_service *s = l->service;

	for (*failed = 0; *failed < s->address_count * PORTS; ++*failed) {
		int e = l->trains ? open_socket(l, *failed) :
				    borrow_socket(l, *failed);

		if (is_missing_ipv6(s, *failed, e))
			continue;
		if (e)
			return e;
	}
	return 0;
}

/* watch_lane() - when all lanes have bound: until then the kernel deals out anew */
static int watch_lane(struct service_lane *l)
{
	for (unsigned i = 0; i < SOCKETS; i++) {
		int e = l->sockets[i].fd < 0 ? 0 : lane_watch(l, i);

		if (e)
			return e;
	}
	return 0;
}

static bool open_sockets(struct relay_service *s, char why[static 256])
{
	unsigned failed = 0;
	int e = 0;

	for (unsigned i = 0; !e && i < s->lane_count; i++)
		e = open_lane(&s->lanes[i], &failed);
	for (unsigned i = 0; !e && i + 1 < s->lane_count; i++)
		e = watch_lane(&s->lanes[i]);
	if (e) {
		explain(why, s, failed, e);
		return false;
	}
	for (unsigned a = 0; a < s->address_count; a++)
		open_stranger(s, a);
	return true;
}

static void set_addresses(struct relay_service *s,
			  const struct relay_service_params *p)
{
	s->port = p->port;
	for (unsigned i = 0; i < p->address_count && i < ADDRESSES; i++) {
		if (ipaddr_is_zero(&p->addresses[i]))
			continue;
		if (ipaddr_class(&p->addresses[i]) != ADDR_CLASS_UNSPECIFIED)
			s->bound[s->address_count] = p->addresses[i];
		s->v6[s->address_count++] = !ipaddr_is_v4(&p->addresses[i]);
	}
	if (s->address_count)
		return;
	s->v6[1] = true;
	s->address_count = 2;
}

static unsigned worker_count(const struct relay_service_params *p)
{
	cpu_set_t ours;
	int cpus = sched_getaffinity(0, sizeof(ours), &ours) < 0 ? 1 :
								   CPU_COUNT(&ours);

	if (p->workers)
		return p->workers < LANES_MAX ? p->workers : LANES_MAX - 1;
	return cpus < 1 ? 1 : cpus > WORKERS_USUAL ? WORKERS_USUAL : (unsigned)cpus;
}

static bool make_engines(struct relay_service *s,
			 const struct relay_service_params *p)
{
	struct relay_server_params sp = { .key = p->key,
					  .coord = p->coord,
					  .network = p->network,
					  .limits = p->limits,
					  .lanes = s->lane_count,
					  .seed = rand_u64() };

	rand_bytes(sp.secret, sizeof(sp.secret));
	s->server = relay_server_new(&sp);
	secret_wipe(&sp, sizeof(sp));
	s->stun = stunserver_new(rand_u64());
	return s->server && s->stun;
}

static bool make_lanes(struct relay_service *s,
		       const struct relay_service_params *p)
{
	unsigned count = worker_count(p) + 1;

	if (gate_init(&s->gate, count))
		return false;
	while (s->lane_count < count) {
		unsigned i = s->lane_count++;

		if (!lane_init(&s->lanes[i], s, i, i + 1 < count))
			return false;
	}
	return true;
}

static bool set_up(struct relay_service *s, const struct relay_service_params *p,
		   char why[static 256])
{
	set_addresses(s, p);
	if (!p->port || p->port == UINT16_MAX) {
		snprintf(why, 256, "UDP port %u has no next one: choose one of "
			 "1..65534", p->port);
		return false;
	}
	s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->wake < 0 || !make_lanes(s, p) || !make_engines(s, p)) {
		snprintf(why, 256, "no memory or descriptors left for the relay");
		return false;
	}
	return open_sockets(s, why);
}

static struct relay_service *service_new(void)
{
	struct relay_service *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	for (unsigned a = 0; a < ADDRESSES; a++)
		s->strangers[a].fd = -1;
	for (unsigned i = 0; i < LANES_MAX; i++) {
		s->lanes[i].epoll = -1;
		for (unsigned k = 0; k < SOCKETS; k++)
			s->lanes[i].sockets[k].fd = -1;
	}
	s->wake = -1;
	return s;
}

static bool start_lane(struct service_lane *l)
{
	l->started = pthread_create(&l->thread, NULL, lane_run, l) == 0;
	return l->started;
}

struct relay_service *relay_service_start(const struct relay_service_params *p,
					  char why[static 256])
{
	struct relay_service *s = service_new();

	if (!s) {
		snprintf(why, 256, "no memory left for the relay");
		return NULL;
	}
	if (!set_up(s, p, why)) {
		relay_service_stop(s);
		return NULL;
	}
	for (unsigned i = 0; i < s->lane_count; i++) {
		if (start_lane(&s->lanes[i]))
			continue;
		snprintf(why, 256, "no thread left for the relay");
		relay_service_stop(s);
		return NULL;
	}
	return s;
}

void relay_service_stop(struct relay_service *s)
{
	uint64_t one = 1;

	if (!s)
		return;
	if (s->wake >= 0 && write(s->wake, &one, sizeof(one)) < 0)
		return; /* cannot be: an eventfd takes the first one */
	for (unsigned i = 0; i < s->lane_count; i++)
		if (s->lanes[i].started)
			pthread_join(s->lanes[i].thread, NULL);
	for (unsigned i = 0; i < s->lane_count; i++)
		lane_done(&s->lanes[i]);
	for (unsigned a = 0; a < ADDRESSES; a++)
		udp_close(&s->strangers[a]);
	if (s->wake >= 0)
		close(s->wake);
	relay_server_free(s->server);
	stunserver_free(s->stun);
	gate_done(&s->gate);
	free(s);
}

void relay_service_remove(struct relay_service *s, const struct key_public *node)
{
	gate_close(&s->gate);
	relay_server_remove(s->server, node, time_now());
	gate_open(&s->gate);
}

void relay_service_set_limits(struct relay_service *s, const struct relay_limits *l)
{
	gate_close(&s->gate);
	relay_server_set_limits(s->server, l);
	gate_open(&s->gate);
}

void relay_service_set_month(struct relay_service *s, uint64_t month, uint64_t octets)
{
	gate_close(&s->gate);
	relay_server_set_month(s->server, month, octets);
	gate_open(&s->gate);
}

uint64_t relay_service_month(struct relay_service *s, uint64_t *octets)
{
	uint64_t month;

	gate_close(&s->gate);
	month = relay_server_month(s->server, octets);
	gate_open(&s->gate);
	return month;
}

void relay_service_set_sink(struct relay_service *s,
			    const struct relay_service_sink *k)
{
	gate_close(&s->gate);
	s->sink = k ? *k : (struct relay_service_sink){ 0 };
	gate_open(&s->gate);
}

void relay_service_input(struct relay_service *s, const struct relay_in *trains,
			 unsigned count)
{
	lane_input(&s->lanes[s->lane_count - 1], trains, count);
}

void relay_service_drop(struct relay_service *s, enum drop why)
{
	struct service_lane *l = &s->lanes[s->lane_count - 1];

	gate_enter(&s->gate, l->index);
	drop_count(&l->drops, why);
	gate_leave(&s->gate, l->index);
}

void relay_service_closed(struct relay_service *s, const struct relay_route *route)
{
	gate_close(&s->gate);
	relay_server_closed(s->server, route);
	gate_open(&s->gate);
}

bool relay_service_knows(struct relay_service *s, const struct relay_route *route)
{
	unsigned lane = s->lane_count - 1;
	bool knows;

	gate_enter(&s->gate, lane);
	knows = relay_server_knows(s->server, route);
	gate_leave(&s->gate, lane);
	return knows;
}

void relay_service_readmit(struct relay_service *s, const struct key_public *node)
{
	gate_close(&s->gate);
	relay_server_readmit(s->server, node);
	gate_open(&s->gate);
}

void relay_service_stats(struct relay_service *s, struct relay_service_stats *out)
{
	struct relay_server_stats e;

	gate_close(&s->gate);
	relay_server_stats(s->server, &e);
	*out = (struct relay_service_stats){
		.clients = e.clients,
		.channels = e.channels,
		.forwarded = e.forwarded,
		.forwarded_octets = e.forwarded_octets,
		.workers = s->lane_count - 1,
	};
	for (unsigned d = 0; d < DROP_COUNT; d++)
		out->drops[d] = e.drops[d];
	for (unsigned i = 0; i < s->lane_count; i++) {
		const struct service_lane *l = &s->lanes[i];

		out->stun_answers += l->stun_answers;
		out->marked += l->marked;
		for (unsigned d = 0; d < DROP_COUNT; d++)
			out->drops[d] += l->drops.n[d];
	}
	gate_open(&s->gate);
}
