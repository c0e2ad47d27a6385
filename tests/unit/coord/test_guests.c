/* SPDX-License-Identifier: MIT
 *
 * test_guests.c - stock machines behind a gateway: who may be one, who sees whom
 */
#include "tests/unit/unit.h"

#include "coord/guests.h"

static struct registry *r;
static struct members m;
static struct member *a, *b;

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

static const char *add(const char *name, uint8_t key, struct member *gateway,
		       struct member **out)
{
	struct registry_node row = { 0 };

	strcpy(row.name, name);
	memset(row.tunnel.b, key, KEY_OCTETS);
	return guests_add(&m, gateway, &row, 1000, out);
}

static void refused(void **state)
{
	struct member *g, *h;

	(void)state;
	assert_non_null(strstr(add("a", 50, b, &g), "of that name"));
	assert_non_null(strstr(add("A b", 50, b, &g), "one DNS label"));
	assert_non_null(strstr(add("phone", 101, b, &g), "this key"));
	assert_null(add("phone", 50, b, &g));
	assert_non_null(strstr(add("other", 51, g, &h), "stock WireGuard itself"));
	assert_int_equal(m.guests, 1);
	assert_false(ipaddr_eq(&g->row.v4, &a->row.v4));
	assert_false(ipaddr_eq(&g->row.v4, &b->row.v4));
}

/* The policy lets the guest alone reach a: then a and the gateway must know each other. */
static void seen(void **state)
{
	static const char text[] = "allow node:phone to node:a\n";
	struct policy_error why;
	struct member *g;

	(void)state;
	assert_null(add("phone", 50, b, &g));
	m.access.policy = policy_parse(text, sizeof(text) - 1, &why);
	assert_non_null(m.access.policy);
	m.access.stale = true;
	members_settle(&m);
	assert_true(members_sees(&m, a, g, 1000));
	assert_true(members_sees(&m, b, g, 1000)); /* its gateway, always */
	assert_true(members_sees(&m, a, b, 1000));
	assert_true(members_sees(&m, b, a, 1000));
	assert_int_equal(members_remove(&m, g), 0);
	members_settle(&m);
	assert_false(members_sees(&m, a, b, 1000));
	assert_int_equal(b->guests + m.guests, 0);
}

static void kept_and_gone_with_the_gateway(void **state)
{
	struct members again = { 0 };
	struct member *g;

	(void)state;
	assert_null(add("phone", 50, b, &g));
	assert_int_equal(members_load(&again, r), 0);
	assert_int_equal(guests_load(&again), 0);
	assert_int_equal(again.guests, 1);
	assert_string_equal(members_by_name(&again, "phone")->gateway->row.name, "b");
	members_done(&again);
	assert_int_equal(guests_leave(&m, b), 0);
	assert_null(members_by_name(&m, "phone"));
	assert_non_null(members_by_name(&m, "b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(refused, setup, teardown),
		cmocka_unit_test_setup_teardown(seen, setup, teardown),
		cmocka_unit_test_setup_teardown(kept_and_gone_with_the_gateway,
						setup, teardown),
	};

	return key_setup() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
