/* SPDX-License-Identifier: MIT
 *
 * test_exitnode.c - whom a node may choose as its exit, and which routes that brings
 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "daemon/exitnode.h"
#include "daemon/routes.h"

static struct node *n;
static struct netmap_node peers[2];
static struct prefix all[2];

static int setup(void **state)
{
	(void)state;
	n = calloc(1, sizeof(*n));
	if (!n)
		return -1;
	all[0] = prefix_default(true);
	all[1] = prefix_default(false);
	memset(peers, 0, sizeof(peers));
	for (unsigned i = 0; i < 2; i++) {
		peers[i].id = 5 + i;
		peers[i].name[0] = (char)('b' + i);
		peers[i].v4 = ipaddr_v4(0x645a0002 + i);
	}
	peers[0].routes = all;
	peers[0].route_count = 2;
	n->netmap.peers = peers;
	n->netmap.peer_count = 2;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(n);
	return 0;
}

static void assert_refused(const char *name, const char *reason)
{
	char why[EXITNODE_WHY];

	assert_false(exitnode_choose(n, name, why));
	if (!strstr(why, reason))
		fail_msg("%s: %s", name, why);
	assert_int_equal(n->state.exit_id, 0);
}

static void refused(void **state)
{
	(void)state;
	assert_refused("nobody", "no peer is called");
	assert_refused("", "no peer is called");
	assert_refused("c", "approve c exit");
	n->state.advertise_exit = true;
	assert_refused("b", "is one itself");
	n->state.advertise_exit = false;
	n->up = true; /* without a mark */
	assert_refused("b", "CAP_NET_ADMIN");
}

/* Its default routes count with the choice alone, whatever accept-routes says. */
static void chosen(void **state)
{
	struct prefix out[ROUTES_ALLOWED_MAX];
	char why[EXITNODE_WHY];
	unsigned own;

	(void)state;
	n->state.accept_routes = true;
	assert_int_equal(routes_allowed(n, &peers[0], out, &own), 1);
	n->state.accept_routes = false;
	assert_true(exitnode_choose(n, "b", why));
	assert_int_equal(routes_allowed(n, &peers[0], out, &own), 3);
	assert_int_equal(own, 1);
	assert_true(prefix_is_default(&out[1]) && prefix_is_default(&out[2]));
	peers[1].routes = all;
	peers[1].route_count = 2;
	assert_int_equal(routes_allowed(n, &peers[1], out, &own), 1);
	peers[0].id = 9; /* another machine that took the name */
	assert_int_equal(routes_allowed(n, &peers[0], out, &own), 1);
	assert_true(exitnode_choose(n, "off", why));
	assert_int_equal(n->state.exit_id, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(refused, setup, teardown),
		cmocka_unit_test_setup_teardown(chosen, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
