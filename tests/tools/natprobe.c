/* SPDX-License-Identifier: MIT
 *
 * natprobe.c - runs traversal/natcheck over a real IPv4 socket, prints the report (tool)
 *
 * natprobe [-p LOCAL_PORT] SERVER:PORT...
 */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/rand.h"
#include "base/udp.h"
#include "traversal/natcheck.h"

static const char *const behaviour[] = {
	[NAT_UNKNOWN] = "unknown",
	[NAT_ENDPOINT_INDEPENDENT] = "endpoint-independent",
	[NAT_ADDRESS_DEPENDENT] = "address-dependent",
	[NAT_ADDRESS_AND_PORT_DEPENDENT] = "address-and-port-dependent",
	[NAT_NONE] = "none",
};

static unsigned local_addresses(struct ipaddr *out, unsigned room)
{
	struct ifaddrs *all, *a;
	unsigned n = 0;

	if (getifaddrs(&all))
		return 0;
	for (a = all; a && n < room; a = a->ifa_next) {
		struct sockaddr_in sin;

		if (!a->ifa_addr || a->ifa_addr->sa_family != AF_INET)
			continue;
		memcpy(&sin, a->ifa_addr, sizeof(sin));
		out[n++] = ipaddr_v4(ntohl(sin.sin_addr.s_addr));
	}
	freeifaddrs(all);
	return n;
}

static void receive(struct udp *u, struct natcheck *nc)
{
	uint8_t room[2048];
	struct udp_in in = { .data = room, .room = sizeof(room) };

	while (udp_recv(u, &in, 1) == 1) {
		enum drop d = natcheck_input(nc, room, in.n, &in.from,
					     time_now());

		if (d != DROP_NONE)
			fprintf(stderr, "natprobe: %s\n", drop_text(d));
	}
}

static void measure(struct udp *u, struct udp *aux, struct natcheck *nc)
{
	struct pollfd p[2] = { { .fd = u->fd, .events = POLLIN },
			       { .fd = aux->fd, .events = POLLIN } };
	struct natcheck_send s;

	natcheck_start(nc, true, time_now());
	while (natcheck_running(nc)) {
		while (natcheck_poll(nc, &s, time_now())) {
			struct udp_out o = { .to = s.to, .data = s.message,
					     .n = s.n };
			unsigned sent;

			if (udp_send(s.aux ? aux : u, &o, 1, &sent))
				fprintf(stderr, "natprobe: send fails\n");
		}
		poll(p, 2, 5);
		receive(u, nc);
		receive(aux, nc);
	}
}

static void print_report(const struct natcheck_report *r, nsec_t took)
{
	char text[ADDR_TEXT];

	printf("udp %s\n", r->udp ? "yes" : "no");
	printf("public %s\n", r->udp ? endpoint_text(&r->reflexive, text) : "none");
	printf("mapping %s\n", behaviour[r->mapping]);
	printf("filtering %s\n", behaviour[r->filtering]);
	printf("preserving %s\n", r->preserving ? "yes" : "no");
	printf("opener_needed %s\n", r->profile.opener_needed ? "yes" : "no");
	printf("took_ms %u\n", (unsigned)(took / MSEC(1)));
	for (unsigned i = 0; i < r->server_count; i++)
		printf("server %s rtt_us %u\n",
		       endpoint_text(&r->servers[i].server, text),
		       (unsigned)(r->servers[i].rtt / USEC(1)));
}

static int run(struct endpoint *servers, unsigned n, uint16_t port)
{
	struct udp_params params = { .local.port = port }, any = { 0 };
	struct natcheck *nc = natcheck_new(rand_u64());
	struct ipaddr hosts[16];
	struct udp u, aux;
	bool changed;
	nsec_t start = time_now();

	if (!nc || udp_open(&u, &params) || udp_open(&aux, &any)) {
		fprintf(stderr, "natprobe: no socket on port %u\n", port);
		natcheck_free(nc);
		return 1;
	}
	natcheck_set_local(nc, hosts, local_addresses(hosts, 16), u.port, 0,
			   start);
	natcheck_set_servers(nc, servers, n, start);
	natcheck_set_aux(nc, aux.port);
	measure(&u, &aux, nc);
	print_report(natcheck_report(nc, &changed), time_now() - start);
	udp_close(&u);
	udp_close(&aux);
	natcheck_free(nc);
	return 0;
}

int main(int argc, char **argv)
{
	struct endpoint servers[NATCHECK_SERVERS_MAX];
	unsigned n = 0;
	uint16_t port = 0;
	int opt;

	while ((opt = getopt(argc, argv, "p:")) != -1) {
		if (opt != 'p')
			return 2;
		port = (uint16_t)atoi(optarg);
	}
	for (; optind < argc && n < NATCHECK_SERVERS_MAX; optind++)
		if (!endpoint_parse(argv[optind], &servers[n++]))
			return 2;
	return n ? run(servers, n, port) : 2;
}
