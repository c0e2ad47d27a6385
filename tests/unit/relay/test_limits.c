/* SPDX-License-Identifier: MIT
 *
 * test_limits.c - what a relay's operator grants: rules and quotas, and what clients hear
 */
#include "tests/unit/relay/relay_world.h"

static const char *denied(const struct world *w, unsigned i)
{
	struct relay_client_status s;

	(void)relay_client_status(w->node[i].client, &s);
	return s.registered || !s.denied ? "" : s.denied;
}

/* Node 0 is not named and goes; then all are let in. */
static void test_rules_of_the_operator(void **state)
{
	static struct relay_limits l, none;
	struct world *w = two_registered();
	char text[KEY_TEXT];

	(void)state;
	assert_true(allow_node(&l.allow, key_public_text(&w->node[1].public, text)));
	relay_server_set_limits(w->server, &l);
	send_data(w, 0, 1, "x");
	run(w, SEC(2));
	assert_false(registered(w, 0));
	assert_true(registered(w, 1));
	assert_non_null(strstr(denied(w, 0), "operator"));
	assert_true(drops(w, DROP_RELAY_RULE) >= 1);
	relay_server_set_limits(w->server, &none);
	run(w, SEC(60));
	assert_true(registered(w, 0));
	world_free(w);
}

/* What is above the quota goes, says why, and does not come back by leaving. */
static void test_quota_of_a_node(void **state)
{
	static const struct relay_limits l = { .node_daily = 1000 };
	static const struct relay_limits none;
	struct world *w = two_registered();

	(void)state;
	relay_server_set_limits(w->server, &l);
	for (int i = 0; i < 30; i++) {
		send_data(w, 0, 1, "forty octets, with what stands in front");
		run(w, MSEC(10));
	}
	run(w, SEC(3));
	assert_false(registered(w, 0));
	assert_true(registered(w, 1));
	assert_non_null(strstr(denied(w, 0), "quota"));
	assert_true(drops(w, DROP_RELAY_QUOTA) >= 1);
	relay_server_set_limits(w->server, &none);
	run(w, SEC(60));
	assert_true(registered(w, 0));
	world_free(w);
}

static void test_quota_of_all(void **state)
{
	static const struct relay_limits l = { .monthly = 1000 };
	struct world *w = two_registered();
	uint64_t octets, month;

	(void)state;
	run(w, SEC(1));
	month = relay_server_month(w->server, &octets);
	assert_int_equal(octets, 0);
	relay_server_set_limits(w->server, &l);
	relay_server_set_month(w->server, month, 1000);
	run(w, SEC(15)); /* a ping each 12 s */
	assert_false(registered(w, 0) || registered(w, 1));
	assert_non_null(strstr(denied(w, 1), "quota"));
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules_of_the_operator),
		cmocka_unit_test(test_quota_of_a_node),
		cmocka_unit_test(test_quota_of_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
