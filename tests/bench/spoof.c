/* SPDX-License-Identifier: MIT
 *
 * spoof.c - datagrams to a relay from many sources that are not there; needs root and a
 *           network of its own
 *
 *   spoof RELAY_IP:PORT FIRST_IP COUNT RATE
 *
 * Each datagram has another source address. In turn: HELLO, PING, REGISTER with a made-up
 * cookie, data, a STUN request, rubbish. Never from outside a namespace.
 */
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/addr.h"
#include "base/rand.h"
#include "base/time.h"
#include "relay/frame.h"
#include "relay/token.h"

enum {
	BATCH = 64,
	HEADERS = sizeof(struct iphdr) + sizeof(struct udphdr),
	PACKET = HEADERS + 256,
	KINDS = 6,
};

/* fill() - the datagram number i; returns octets */
static size_t fill(uint8_t m[static 256], unsigned i)
{
	static const uint8_t types[] = { FRAME_HELLO, FRAME_PING, FRAME_REGISTER,
					 FRAME_DATA };
	static const size_t sizes[] = { 48, 64, 56 + TOKEN_OCTETS + 16, 200, 20, 100 };
	unsigned kind = i % KINDS;

	rand_bytes(m, 256);
	if (kind < 4) {
		m[0] = FRAME_MAGIC;
		m[1] = types[kind];
		m[2] = m[3] = 0;
	}
	if (kind == 2) {
		be16 n = be16_of(TOKEN_OCTETS);

		memcpy(m + offsetof(struct frame_register, token_octets), &n, 2);
	}
	if (kind == 4)
		memcpy(m, "\0\1\0\0\x21\x12\xa4\x42", 8); /* STUN Binding */
	return sizes[kind];
}

static size_t build(uint8_t p[static PACKET], uint32_t from, const struct endpoint *to,
		    unsigned i)
{
	size_t n = fill(p + HEADERS, i);
	struct iphdr ip = { .ihl = 5, .version = 4, .ttl = 64,
			    .protocol = IPPROTO_UDP, .saddr = htonl(from) };
	struct udphdr udp = { .source = htons((uint16_t)(1024 + i % 50000)),
			      .dest = htons(to->port),
			      .len = htons((uint16_t)(sizeof(udp) + n)) };

	ip.tot_len = htons((uint16_t)(HEADERS + n));
	memcpy(&ip.daddr, to->ip.b + 12, 4);
	memcpy(p, &ip, sizeof(ip));
	memcpy(p + sizeof(ip), &udp, sizeof(udp)); /* checksum 0: none */
	return HEADERS + n;
}

int main(int argc, char **argv)
{
	static uint8_t packets[BATCH][PACKET];
	struct mmsghdr m[BATCH] = { 0 };
	struct iovec iov[BATCH];
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct endpoint relay;
	struct ipaddr first;
	uint32_t from;
	unsigned count, rate, i = 0;
	nsec_t start = time_now();
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);

	if (argc != 5 || fd < 0 || !endpoint_parse(argv[1], &relay) ||
	    !ipaddr_parse(argv[2], &first)) {
		fprintf(stderr, "usage: spoof RELAY FIRST_IP COUNT RATE (as root)\n");
		return 2;
	}
	memcpy(&from, first.b + 12, 4);
	from = ntohl(from);
	memcpy(&to.sin_addr, relay.ip.b + 12, 4);
	count = (unsigned)atoi(argv[3]);
	rate = (unsigned)atoi(argv[4]);
	for (unsigned k = 0; k < BATCH; k++)
		m[k].msg_hdr = (struct msghdr){ .msg_name = &to,
						.msg_namelen = sizeof(to),
						.msg_iov = &iov[k],
						.msg_iovlen = 1 };
	while (i < count) {
		for (unsigned k = 0; k < BATCH; k++, i++)
			iov[k] = (struct iovec){ packets[k],
						 build(packets[k], from + i, &relay, i) };
		(void)!sendmmsg(fd, m, BATCH, 0);
		while (time_now() - start < i * SEC(1) / rate)
			poll(NULL, 0, 1);
	}
	printf("sent %u in %.1f s\n", i, (double)(time_now() - start) / 1e9);
	return 0;
}
