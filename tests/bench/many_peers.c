/* SPDX-License-Identifier: MIT
 *
 * many_peers.c - what looking up a packet's peer costs with many peers and routes
 *
 * As the packet path does it: outbound by destination (trie, slot, peer), inbound by
 * receiver index (slot, session) and source (trie). One destination again and again is a
 * bulk transfer; a random one each time is the worst that a flood can do. Not a test:
 * prints a table, beside a full packet's 1,000 ns or so.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/rand.h"
#include "base/time.h"
#include "daemon/fwd.h"

enum {
	LOOKUPS = 1 << 20,
	RUNS = 5,
};

static struct fwd fwd;
static uint8_t (*targets)[4];
static volatile uintptr_t sink;

static void fill(unsigned peers, unsigned routes)
{
	struct trie *t = trie_new();

	if (!t || fwd_init(&fwd) < 0)
		exit(1);
	for (unsigned i = 0; i < peers; i++) {
		struct fwd_peer *p = fwd_peer_new(&fwd);

		for (unsigned k = 0; p && k < routes; k++) {
			uint32_t at = 20u << 24 | (i * routes + k) << 8;
			struct prefix net = prefix_make(ipaddr_v4(at), 24);

			if (trie_insert(t, &net, p->slot) < 0)
				exit(1);
		}
	}
	fwd_set_routes(&fwd, t);
}

static void choose_targets(unsigned networks, bool random)
{
	for (unsigned i = 0; i < LOOKUPS; i++) {
		uint32_t at = 20u << 24 | 1;

		if (random)
			at += (uint32_t)(rand_u64() % networks) << 8;
		for (int k = 0; k < 4; k++)
			targets[i][k] = (uint8_t)(at >> (24 - 8 * k));
	}
}

/* look_up() - nanoseconds per packet, the best of some runs */
static double look_up(void)
{
	nsec_t best = NSEC_NEVER;

	for (int run = 0; run < RUNS; run++) {
		nsec_t start = time_now();

		for (unsigned i = 0; i < LOOKUPS; i++) {
			struct trie *t = atomic_load(&fwd.routes);
			uint32_t slot = trie_find4(t, targets[i]);

			sink = (uintptr_t)atomic_load(
				&fwd_slot_at(&fwd, slot)->peer);
		}
		best = nsec_min(best, time_now() - start);
	}
	return (double)best / LOOKUPS;
}

static void row(unsigned peers, unsigned routes)
{
	double one, any;

	fill(peers, routes);
	choose_targets(peers * routes, false);
	one = look_up();
	choose_targets(peers * routes, true);
	any = look_up();
	printf("%8u %8u %14.1f %14.1f\n", peers, peers * routes, one, any);
	fwd_done(&fwd);
}

int main(void)
{
	targets = calloc(LOOKUPS, sizeof(*targets));
	if (!targets)
		return 1;
	printf("%8s %8s %14s %14s\n", "peers", "routes", "one, ns", "random, ns");
	row(1, 1);
	row(10, 10);
	row(100, 10);
	row(1000, 10);
	row(10000, 10);
	free(targets);
	return 0;
}
