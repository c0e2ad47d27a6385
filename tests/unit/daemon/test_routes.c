/* SPDX-License-Identifier: MIT
 *
 * test_routes.c - who carries a subnet, and which subnets a node may offer
 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "daemon/routes.h"

static struct node *n;
static struct peer peers[3];
static struct peer *list[3] = { &peers[0], &peers[1], &peers[2] };
static struct prefix allowed[3][3];

/* Each peer: its own address, 10.1.0.0/16 (all three), 10.2.0.0/16 (the last two). */
static int setup(void **state)
{
	(void)state;
	n = calloc(1, sizeof(*n));
	if (!n)
		return -1;
	memset(peers, 0, sizeof(peers));
	n->peers = list;
	n->peer_count = 3;
	for (unsigned i = 0; i < 3; i++) {
		allowed[i][0] = prefix_make(ipaddr_v4(0x645a0001 + i), 32);
		allowed[i][1] = prefix_make(ipaddr_v4(0x0a010000), 16);
		allowed[i][2] = prefix_make(ipaddr_v4(0x0a020000), 16);
		peers[i].allowed = allowed[i];
		peers[i].allowed_count = i ? 3 : 2;
		peers[i].own_count = 1;
		peers[i].online = true;
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(n);
	return 0;
}

static void assert_carriers(uint64_t first, uint64_t second, uint64_t third)
{
	assert_int_equal(peers[0].carries, first);
	assert_int_equal(peers[1].carries, second);
	assert_int_equal(peers[2].carries, third);
}

static void one_carries(void **state)
{
	(void)state;
	assert_true(routes_choose(n));
	assert_carriers(1, 2, 0);
	assert_false(routes_choose(n));
	for (unsigned i = 0; i < 3; i++)
		assert_true(routes_carries(&peers[i], 0)); /* itself, always */
	assert_true(routes_carries(&peers[1], 2));
	assert_false(routes_carries(&peers[1], 1));
	assert_false(routes_carries(&peers[2], 2));
}

static void the_other_takes_over_and_keeps(void **state)
{
	(void)state;
	routes_choose(n);
	peers[0].online = false;
	assert_true(routes_choose(n));
	assert_carriers(0, 3, 0);
	peers[0].online = true;
	assert_false(routes_choose(n)); /* no change back without need */
	peers[1].silent_since = 1;
	assert_true(routes_choose(n));
	assert_carriers(1, 0, 2);
}

/* A path counts less than the server's word, and the server's word less than silence. */
static void ranks(void **state)
{
	(void)state;
	peers[1].use.best.kind = PATH_DIRECT;
	routes_choose(n);
	assert_carriers(0, 3, 0);
	peers[1].online = false;
	routes_choose(n);
	assert_carriers(1, 0, 2);
	peers[0].silent_since = peers[2].silent_since = 1;
	routes_choose(n);
	assert_carriers(0, 3, 0);
	peers[1].silent_since = 1; /* all silent: somebody has it still */
	routes_choose(n);
	assert_int_equal(peers[0].carries + peers[2].carries, 1 + 2);
}

static void offers(void **state)
{
	static const struct {
		const char *prefix, *refusal; /* NULL: taken */
	} rows[] = {
		{ "192.168.1.0/24", NULL },
		{ "fd00:1::/64", NULL },
		{ "8.8.8.0/24", NULL },
		{ "0.0.0.0/0", "default route" },
		{ "::/0", "default route" },
		{ "0.0.0.0/1", "default route" },
		{ "127.0.0.0/8", "loopback" },
		{ "::1/128", "loopback" },
		{ "169.254.0.0/16", "cannot be routed" },
		{ "fe80::/64", "cannot be routed" },
		{ "224.0.0.0/4", "cannot be routed" },
		{ "100.90.7.0/24", "own range" },
		{ "100.0.0.0/8", "own range" },
		{ "203.0.113.0/24", "address of a server" },
	};
	char why[ROUTES_WHY];
	struct prefix p;

	(void)state;
	assert_true(prefix_parse("100.90.0.0/16", &n->netmap.overlay[0]));
	assert_true(prefix_parse("fd5a::/48", &n->netmap.overlay[1]));
	n->netmap.relay_count = 1;
	assert_true(endpoint_parse("203.0.113.9:3478", &n->netmap.relays[0].at[0]));
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		bool refused;

		assert_true(prefix_parse(rows[i].prefix, &p));
		refused = routes_offer_refused(n, &p, why);
		if (refused != (rows[i].refusal != NULL) ||
		    (refused && !strstr(why, rows[i].refusal)))
			fail_msg("%s: %s", rows[i].prefix,
				 refused ? why : "taken");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_carries, setup, teardown),
		cmocka_unit_test_setup_teardown(the_other_takes_over_and_keeps,
						setup, teardown),
		cmocka_unit_test_setup_teardown(ranks, setup, teardown),
		cmocka_unit_test_setup_teardown(offers, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
