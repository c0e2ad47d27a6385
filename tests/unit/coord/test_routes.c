/* SPDX-License-Identifier: MIT
 *
 * test_routes.c - a hostile member's offers are worth nothing; approvals last
 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "coord/routes.h"

static struct registry *r;
static struct members m;
static struct member *a, *b;
static char why[ROUTES_WHY];

static struct member *member(uint8_t c, const char *name)
{
	struct registry_node row = { .v4 = ipaddr_v4(0x645a0000u + c) };
	struct member *n;

	memset(row.machine.b, c, KEY_OCTETS);
	memset(row.tunnel.b, c + 100, KEY_OCTETS);
	strcpy(row.name, name);
	row.v6.b[0] = 0xfd;
	row.v6.b[15] = c;
	assert_int_equal(registry_node_add(r, &row), 0);
	n = members_add(&m, &row);
	assert_non_null(n);
	return n;
}

static int setup(void **state)
{
	char text[256];

	(void)state;
	r = registry_open(":memory:", text);
	if (!r || members_load(&m, r))
		return -1;
	(void)!prefix_parse("100.90.0.0/16", &m.overlay[0]);
	(void)!prefix_parse("fd5a::/48", &m.overlay[1]);
	m.relay_count = 1;
	(void)!endpoint_parse("203.0.113.9:3478", &m.relays[0].at[0]);
	a = member(1, "a");
	b = member(2, "b");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	members_done(&m);
	registry_close(r);
	return 0;
}

static bool offer(struct member *n, const char *json)
{
	json_t *o = json_loads(json, 0, NULL);
	bool changed;

	assert_non_null(o);
	changed = routes_offer(&m, n, o);
	json_decref(o);
	return changed;
}

static void only_what_is_approved_is_seen(void **state)
{
	uint64_t before;

	(void)state;
	assert_false(offer(a, "[\"10.1.0.0/16\", \"fd00:1::/64\"]"));
	assert_int_equal(a->route_count, 2);
	assert_int_equal(a->node.route_count, 0);
	before = a->version;
	assert_true(routes_approve(&m, a, "10.1.0.0/16", why));
	assert_int_equal(a->node.route_count, 1);
	assert_true(a->version > before); /* others are told */
	assert_false(routes_approve(&m, a, "10.2.0.0/16", why));
	assert_non_null(strstr(why, "does not offer"));
	assert_false(routes_approve(&m, a, "ten", why));
	assert_non_null(strstr(why, "allowed is"));
	assert_true(routes_revoke(&m, a, "10.1.0.0/16", why));
	assert_int_equal(a->node.route_count, 0);
	assert_int_equal(a->route_count, 2); /* still offered */
}

static void hostile_offers(void **state)
{
	static const char *const offers[] = {
		"[\"0.0.0.0/8\"]", "[\"::/1\"]", "[\"0.0.0.0/1\", \"128.0.0.0/1\"]",
		"[\"127.0.0.0/8\"]", "[\"::1/128\"]", "[\"169.254.169.254/32\"]",
		"[\"224.0.0.0/4\"]", "[\"100.90.0.2/32\"]", "[\"100.0.0.0/8\"]",
		"[\"fd5a::2/128\"]", "[\"203.0.113.9/32\"]", "[\"203.0.113.0/24\"]",
		"[\"2000::/3\"]", "[1, null, {}, [], \"\", \"10.0.0.0/33\"]",
		"[\"::ffff:127.0.0.1/128\"]",
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(offers); i++) {
		assert_false(offer(a, offers[i]));
		if (a->route_count)
			fail_msg("%s was taken", offers[i]);
	}
	assert_false(routes_offer(&m, a, NULL));
}

static void exits(void **state)
{
	(void)state;
	assert_false(offer(a, "[\"0.0.0.0/0\", \"::/0\"]"));
	assert_int_equal(a->node.route_count, 0); /* an offer alone is nothing */
	assert_false(offer(b, "[\"10.1.0.0/16\", \"0.0.0.0/0\"]"));
	assert_true(routes_approve(&m, a, "exit", why));
	assert_int_equal(a->node.route_count, 2);
	assert_true(routes_approve(&m, b, "10.1.0.0/16", why)); /* no clash */
	assert_true(routes_approve(&m, b, "exit", why)); /* of one family */
	assert_int_equal(b->node.route_count, 2);
	assert_true(routes_revoke(&m, a, "exit", why));
	assert_int_equal(a->node.route_count, 0);
	assert_false(offer(a, "[]"));
	assert_false(routes_approve(&m, a, "exit", why));
	assert_non_null(strstr(why, "no exit node"));
}

static void too_many_offers(void **state)
{
	json_t *list = json_array();

	(void)state;
	for (unsigned i = 0; i < 300; i++)
		json_array_append_new(list, json_sprintf("10.%u.%u.0/24", i / 250,
							 i % 250));
	routes_offer(&m, a, list);
	assert_int_equal(a->route_count, MEMBERS_ROUTES_MAX);
	json_decref(list);
}

/* Inside another's subnet an approval would take its traffic; the same one is a spare. */
static void another_s_subnet(void **state)
{
	(void)state;
	offer(a, "[\"10.1.0.0/16\"]");
	offer(b, "[\"10.1.0.0/16\", \"10.1.2.0/24\", \"10.0.0.0/8\"]");
	assert_true(routes_approve(&m, a, "10.1.0.0/16", why));
	assert_true(routes_approve(&m, b, "10.1.0.0/16", why));
	assert_false(routes_approve(&m, b, "10.1.2.0/24", why));
	assert_non_null(strstr(why, "approved for a"));
	assert_false(routes_approve(&m, b, "10.0.0.0/8", why));
	assert_int_equal(b->node.route_count, 1);
}

static void approval_outlives_the_offer(void **state)
{
	struct members again = { 0 };

	(void)state;
	offer(a, "[\"10.1.0.0/16\", \"10.2.0.0/16\"]");
	assert_true(routes_approve(&m, a, "10.1.0.0/16", why));
	assert_true(offer(a, "[]"));
	assert_int_equal(a->node.route_count, 0);
	assert_int_equal(a->route_count, 1); /* what was never approved is gone */
	assert_true(offer(a, "[\"10.1.0.0/16\"]"));
	assert_int_equal(a->node.route_count, 1);

	assert_int_equal(members_load(&again, r), 0);
	assert_int_equal(routes_load(&again), 0);
	assert_int_equal(again.all[0]->node.route_count, 1);
	members_done(&again);

	assert_true(offer(a, "[]"));
	assert_true(routes_revoke(&m, a, "10.1.0.0/16", why));
	assert_int_equal(a->route_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(only_what_is_approved_is_seen,
						setup, teardown),
		cmocka_unit_test_setup_teardown(exits, setup, teardown),
		cmocka_unit_test_setup_teardown(hostile_offers, setup, teardown),
		cmocka_unit_test_setup_teardown(too_many_offers, setup, teardown),
		cmocka_unit_test_setup_teardown(another_s_subnet, setup, teardown),
		cmocka_unit_test_setup_teardown(approval_outlives_the_offer,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
