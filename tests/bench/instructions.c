/* SPDX-License-Identifier: MIT
 *
 * instructions.c - the packet path's parts, to be counted by callgrind
 *
 * Each counted_*() does one part on one batch; tests/bench/instructions runs this under
 * callgrind with collection on inside one of them. Nothing depends on time or chance, so
 * the counts are the same on every run. The AEAD is libipsec-mb for SSE: valgrind has no
 * AVX-512, and the counts should not depend on the machine's CPU.
 *
 *   instructions [REPEAT]      without it: prints the parts, and the packets of a batch
 */
#include <linux/virtio_net.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/trie.h"
#include "crypto/session.h"
#include "tun/checksum.h"
#include "tun/offload.h"
#include "tun/segment.h"

enum {
	PACKETS = 40, /* of one batch */
	MSS = 1368,
	PACKET = 1420,
	STRIDE = 16 + PACKET + 16, /* padding ends at the MTU */
	HEADERS = 52, /* IPv4, TCP with timestamps */
	ROUTES = 10000,
};

#define counted __attribute__((noinline, noclone))

static uint8_t super[DEVICE_READ_MAX];
static size_t super_n;
static uint8_t arena[PACKETS * STRIDE];
static struct session *sender, *receiver;
static struct aead_thread *aead;
static struct trie *routes;
static struct offload_merger *merger;
static struct offload_write writes[OFFLOAD_MERGE_MAX];
static volatile uint64_t sink; /* results must not be optimized away */

static const struct offload_layout layout = {
	.out = arena, .room = sizeof(arena), .headroom = 16, .tailroom = 16,
};

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "instructions: %s failed\n", what);
	exit(1);
}

/* ---- the parts ---- */

static counted void counted_split(void)
{
	struct offload_cut c;

	must(offload_plan(super, super_n, 16, PACKET, &layout, &c) ==
	     DROP_NONE, "plan");
	must(offload_split(super, super_n, &layout, &c) == DROP_NONE, "split");
	must(c.count == PACKETS && c.stride == STRIDE, "cut");
	sink = c.stride;
}

static counted void counted_seal(void)
{
	struct session_out out[PACKETS];
	unsigned wake = 0;

	for (unsigned i = 0; i < PACKETS; i++)
		out[i] = (struct session_out){ .data = arena + i * STRIDE,
					       .inner = PACKET };
	must(session_seal(sender, aead, out, PACKETS, PACKET, SEC(1), &wake) ==
	     DROP_NONE, "seal");
}

static counted void counted_open(void)
{
	struct session_in in[PACKETS];
	unsigned wake = 0;

	for (unsigned i = 0; i < PACKETS; i++)
		in[i] = (struct session_in){ .data = arena + i * STRIDE,
					     .n = PACKET + 32 };
	must(session_open(receiver, aead, in, PACKETS, SEC(1), &wake) ==
	     PACKETS, "open");
}

static counted void counted_merge(void)
{
	struct offload_packet p[PACKETS];

	for (unsigned i = 0; i < PACKETS; i++)
		p[i] = (struct offload_packet){ arena + i * STRIDE + 16,
						PACKET };
	must(offload_merge(merger, p, PACKETS, writes) == 1, "merge");
}

static counted void counted_lookup(void)
{
	for (unsigned i = 0; i < PACKETS; i++) {
		uint32_t at = i * 2654435761u % ROUTES;
		uint8_t ip[4] = { 10, (uint8_t)(at >> 8), (uint8_t)at, 1 };

		must(trie_find4(routes, ip) == at, "lookup");
	}
}

static counted void counted_checksum(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < PACKETS; i++)
		sum += checksum_add(0, arena + i * STRIDE + 16, PACKET);
	sink = sum;
}

/* ---- what they work on ---- */

static void make_super(void)
{
	struct virtio_net_hdr v = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.gso_size = MSS, .hdr_len = HEADERS,
		.csum_start = 20, .csum_offset = 16,
	};
	uint8_t *p = super + DEVICE_VNET_OCTETS;
	size_t n = HEADERS + (size_t)PACKETS * MSS;
	struct segment s = { .l4 = 20, .protocol = SEGMENT_TCP };

	memcpy(super, &v, sizeof(v));
	for (size_t i = HEADERS; i < n; i++)
		p[i] = (uint8_t)(i * 7);
	p[0] = 0x45;
	p[6] = 0x40; /* DF */
	p[8] = 64;
	p[9] = SEGMENT_TCP;
	memcpy(p + 12, "\x0a\x01\x00\x01\x0a\x02\x00\x01", 8);
	p[32] = (HEADERS - 20) / 4 << 4;
	p[33] = TCP_ACK;
	segment_set_length(p, &s, n);
	super_n = DEVICE_VNET_OCTETS + n;
}

static void make_sessions(void)
{
	struct noise_keys there = { .send = { 1 }, .receive = { 2 } };
	struct noise_keys back = { .send = { 2 }, .receive = { 1 } };
	struct session_params p = { .keys = &there, .index = 1, .remote = 2,
				    .activity = activity_new() };

	must(p.activity && aead_setup("ipsec-mb-sse") == 0, "aead_setup");
	aead = aead_thread_new();
	sender = session_new(&p, SEC(1));
	p.keys = &back;
	p.initiator = true;
	receiver = session_new(&p, SEC(1));
	must(aead && sender && receiver, "session_new");
}

static void make_routes(void)
{
	routes = trie_new();
	for (uint32_t i = 0; i < ROUTES; i++) {
		struct prefix p = prefix_make(ipaddr_v4(10u << 24 | i << 8), 24);

		must(trie_insert(routes, &p, i) == 0, "trie_insert");
	}
}

/* A batch passes all parts in turn, so that each works on what the one before it made. */
static const struct part {
	const char *name;
	void (*run)(void);
} parts[] = {
	{ "split", counted_split },   { "checksum", counted_checksum },
	{ "seal", counted_seal },     { "open", counted_open },
	{ "merge", counted_merge },   { "lookup", counted_lookup },
};

int main(int argc, char **argv)
{
	int repeat = argc > 1 ? atoi(argv[1]) : 0;

	if (!repeat) {
		for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
			printf("%s\n", parts[i].name);
		printf("packets %d\n", PACKETS);
		return 0;
	}
	make_super();
	make_sessions();
	make_routes();
	merger = offload_merger_new(true, true);
	must(merger, "offload_merger_new");
	while (repeat--)
		for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
			parts[i].run();
	return 0;
}
