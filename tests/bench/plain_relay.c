/* SPDX-License-Identifier: MIT
 *
 * plain_relay.c - datagrams from A to B and back, nothing else: the ceiling for a relay
 *
 * The relay's sockets and batches (base/udp.h), one thread, no protocol. Two senders
 * that each begin with "PAIR" and the same number are put together, by their ports; a
 * datagram to port N + 1 comes back. Trusts everybody: for scripts/bench relay only.
 *
 *   plain_relay IP:PORT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/udp.h"

enum {
	TRAINS = 32,
	BUFFER = 4 << 20,
	PAIRS = 65536,
};

static struct udp_in in[TRAINS];
static uint8_t memory[TRAINS][UDP_TRAIN_MAX];
static struct endpoint peer[65536]; /* by the sender's port */
static struct endpoint first[PAIRS]; /* of a pair, by its number */

static void pair(const struct udp_in *i)
{
	unsigned number = i->data[4] << 8 | i->data[5];

	if (!first[number].port) {
		first[number] = i->from;
		return;
	}
	peer[first[number].port] = i->from;
	peer[i->from.port] = first[number];
	first[number].port = 0; /* the number may be used again */
}

static unsigned take(struct udp_in *i, struct udp_out *out, bool echo)
{
	const struct endpoint *to = echo ? &i->from : &peer[i->from.port];

	if (!echo && i->n == 6 && !memcmp(i->data, "PAIR", 4)) {
		pair(i);
		return 0;
	}
	if (!to->port)
		return 0;
	*out = (struct udp_out){ .to = *to, .data = i->data, .n = i->n,
				 .segment = i->segment, .tos = i->tos };
	return 1;
}

static void turn(struct udp *u, bool echo)
{
	struct udp_out out[TRAINS];
	int n = udp_recv(u, in, TRAINS);
	unsigned count = 0, at = 0;

	for (int i = 0; i < n; i++)
		count += take(&in[i], &out[count], echo);
	while (at < count) {
		unsigned sent;

		if (udp_send(u, out + at, count - at, &sent))
			sent++; /* what the kernel refuses is lost */
		at += sent;
	}
}

int main(int argc, char **argv)
{
	struct udp_params p = { .gro = true, .buffer_octets = BUFFER };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct udp u[2];

	if (argc != 2 || !endpoint_parse(argv[1], &p.local)) {
		fprintf(stderr, "usage: plain_relay IP:PORT\n");
		return 2;
	}
	for (unsigned i = 0; i < TRAINS; i++)
		in[i] = (struct udp_in){ .data = memory[i], .room = UDP_TRAIN_MAX };
	for (unsigned i = 0; i < 2; i++) {
		struct epoll_event ev = { .events = EPOLLIN, .data.u32 = i };

		if (udp_open(&u[i], &p) ||
		    epoll_ctl(epoll, EPOLL_CTL_ADD, u[i].fd, &ev)) {
			perror("plain_relay");
			return 1;
		}
		p.local.port++;
	}
	for (;;) {
		struct epoll_event ev[2];
		int n = epoll_wait(epoll, ev, 2, -1);

		for (int i = 0; i < n; i++)
			turn(&u[ev[i].data.u32], ev[i].data.u32);
	}
}
