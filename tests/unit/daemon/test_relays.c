/* SPDX-License-Identifier: MIT
 *
 * test_relays.c - which relay a pair begins with: both ends' round trips, added
 *
 * The slots are filled as the engines would have: registered, with a round trip. The
 * peer's come from the netmap, whose order of relays is another than that of the slots.
 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "daemon/relays.h"

enum {
	RELAYS = 3,
};

static struct node *n;
static struct peer peer;
static struct netmap_node remote;
static struct key_private own;

static int setup(void **state)
{
	struct key_private other;
	struct pathset_params p = { .self_private = &own, .seed = 1,
				    .box_counter = 1 };
	const bool v6[1] = { false };

	(void)state;
	n = calloc(1, sizeof(*n));
	if (!n || key_setup())
		return -1;
	key_private_generate(&own);
	key_private_generate(&other);
	key_public_of(&own, &p.self);
	key_public_of(&other, &p.peer);
	peer = (struct peer){ .key = p.peer, .paths = pathset_new(&p) };
	assert_non_null(peer.paths);
	pathset_set_sockets(peer.paths, v6, 1, SEC(1));
	remote = (struct netmap_node){ .id = 9, .key = p.peer };
	n->netmap.peers = &remote;
	n->netmap.peer_count = 1;
	n->netmap.relay_count = RELAYS;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NETMAP_RELAYS_MAX; i++)
		relay_client_free(n->relays[i].client);
	pathset_free(peer.paths);
	free(n);
	return 0;
}

/* relay() - it is at this place of the netmap and in this slot; ours and the peer's ms */
static void relay(unsigned place, unsigned at, unsigned ours, unsigned theirs,
		  uint64_t node)
{
	struct relay_slot *s = &n->relays[at];
	struct netmap_relay *r = &n->netmap.relays[place];
	struct relay_client_params p = { .self_private = &own, .seed = 1 };

	r->id = 100 + place;
	r->node = node;
	r->key.b[0] = (uint8_t)(9 + place);
	r->at[0] = (struct endpoint){ .ip = ipaddr_v4(0xc0000200 + place),
				      .port = 3478 };
	p.relay = r->key;
	s->client = relay_client_new(&p);
	assert_non_null(s->client);
	s->info = *r;
	s->status.registered = true;
	s->status.rtt = MSEC(ours);
	if (node)
		remote.peer_rtt[0] = (struct netmap_rtt){ r->id, theirs };
	else
		remote.relay_rtt_ms[place] = (uint16_t)theirs;
}

static void begins_with(unsigned at, unsigned sum_ms)
{
	struct pathset_action a;
	struct path_info info;

	relays_tell(n, &peer, SEC(1));
	do {
		pathset_poll(peer.paths, &a, 7, SEC(1));
	} while (a.kind != PATHSET_IDLE);
	pathset_current(peer.paths, &info);
	assert_int_equal(info.choice.kind, PATH_RELAY);
	assert_int_equal(info.choice.relay, at);
	assert_int_equal(info.rtt, MSEC(sum_ms));
}

/* neither the nearest to us nor the nearest to the peer */
static void with_the_least_sum(void **state)
{
	(void)state;
	relay(0, 2, 5, 90, 0);
	relay(1, 0, 30, 31, 0);
	relay(2, 1, 95, 4, 0);
	begins_with(0, 61);
}

/* one that the peer has not measured counts as far away */
static void with_one_that_both_have_measured(void **state)
{
	(void)state;
	relay(0, 2, 5, 0, 0);
	relay(1, 1, 70, 80, 0);
	relay(2, 0, 0, 10, 0);
	begins_with(1, 150);
}

/* a node that relays is found by its id */
static void with_a_peer_relay(void **state)
{
	(void)state;
	relay(0, 1, 20, 25, 0);
	relay(1, 4, 20, 20, 77);
	relay(2, 3, 40, 40, 0);
	begins_with(4, 40);
}

/* over TLS it must be nearer by much */
static void with_udp_rather_than_tls(void **state)
{
	(void)state;
	relay(0, 0, 20, 20, 0);
	relay(1, 1, 30, 30, 0);
	relay(2, 2, 60, 60, 0);
	n->relays[0].status.stream = true;
	begins_with(1, 60);
}

/* a slot whose relay is listed no more, or that is not registered, is none */
static void with_one_that_is_there(void **state)
{
	(void)state;
	relay(0, 0, 5, 5, 0);
	relay(1, 1, 10, 10, 0);
	relay(2, 2, 20, 20, 0);
	n->relays[0].status.registered = false;
	begins_with(1, 20);
	n->relays[1].status.registered = false;
	begins_with(2, 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define WITH(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		WITH(with_the_least_sum),
		WITH(with_one_that_both_have_measured),
		WITH(with_a_peer_relay),
		WITH(with_udp_rather_than_tls),
		WITH(with_one_that_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
