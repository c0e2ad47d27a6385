/* SPDX-License-Identifier: MIT
 *
 * test_inside.c - what a member may send to: us, whom we serve, and what was approved
 */
#include "tests/unit/unit.h"

#include "daemon/inside.h"

static struct ipaddr ip(const char *text)
{
	struct ipaddr a;

	assert_true(ipaddr_parse(text, &a));
	return a;
}

static struct prefix prefix(const char *text)
{
	struct prefix p;

	assert_true(prefix_parse(text, &p));
	return p;
}

static bool takes(const struct trie *t, enum inside_peer who, const char *text)
{
	struct ipaddr a = ip(text);
	bool v4 = ipaddr_is_v4(&a);

	return inside_takes(t, who, a.b + (v4 ? 12 : 0), !v4);
}

/* A gateway (id 1) of the guest 3; guest 4 has another one. */
static struct netmap_node peers[3];
static struct prefix routes[3];
static struct netmap map;

static int setup(void **state)
{
	(void)state;
	map = (struct netmap){
		.version = 1, .peers = peers, .peer_count = 3, .guest_count = 2,
		.overlay = { prefix("100.90.0.0/16"), prefix("fd5a::/48") },
		.self = { .id = 1, .v4 = ip("100.90.0.1"), .v6 = ip("fd5a::1"),
			  .routes = routes },
	};
	peers[0] = (struct netmap_node){ .id = 2, .v4 = ip("100.90.0.2"),
					 .v6 = ip("fd5a::2") };
	peers[1] = (struct netmap_node){ .id = 3, .gateway = 1,
					 .v4 = ip("100.90.0.3"),
					 .v6 = ip("fd5a::3") };
	peers[2] = (struct netmap_node){ .id = 4, .gateway = 2,
					 .v4 = ip("100.90.0.4"),
					 .v6 = ip("fd5a::4") };
	routes[0] = prefix("192.168.7.0/24");
	routes[1] = prefix("0.0.0.0/0");
	routes[2] = prefix("::/0");
	return 0;
}

struct row {
	const char *to;
	bool member, guest; /* may it? */
};

static void compare(const struct row *rows, size_t n)
{
	struct trie *t = inside_new(&map);

	assert_non_null(t);
	for (size_t i = 0; i < n; i++) {
		if (takes(t, INSIDE_MEMBER, rows[i].to) != rows[i].member ||
		    takes(t, INSIDE_GUEST, rows[i].to) != rows[i].guest)
			fail_msg("to %s", rows[i].to);
		assert_true(takes(t, INSIDE_CONFIGURED, rows[i].to));
	}
	trie_free(t);
}

static const struct row never[] = {
	{ "100.90.0.1", true, true },	 { "fd5a::1", true, true },
	{ "100.90.0.3", true, true },	 { "fd5a::3", true, true },
	{ "100.90.0.2", false, true },	 { "fd5a::2", false, true },
	{ "100.90.0.4", false, true },	 { "100.90.9.9", false, true },
};

static void a_plain_node(void **state)
{
	static const struct row rows[] = {
		{ "192.168.7.1", false, false }, { "10.0.0.1", false, false },
		{ "127.0.0.1", false, false },	 { "::1", false, false },
		{ "8.8.8.8", false, false },	 { "224.0.0.1", false, false },
		{ "255.255.255.255", false, false },
		{ "fe80::1", false, false },	 { "ff02::1", false, false },
		{ "2001:db8::1", false, false },
	};

	(void)state;
	compare(never, ARRAY_SIZE(never));
	compare(rows, ARRAY_SIZE(rows));
}

static void an_approved_subnet(void **state)
{
	static const struct row rows[] = {
		{ "192.168.7.1", true, true }, { "192.168.8.1", false, false },
	};

	(void)state;
	map.self.route_count = 1;
	compare(never, ARRAY_SIZE(never));
	compare(rows, ARRAY_SIZE(rows));
}

/* To all the world, but not to other nodes: those are reached by themselves. */
static void an_exit_node(void **state)
{
	static const struct row rows[] = {
		{ "8.8.8.8", true, true }, { "2001:db8::1", true, true },
	};

	(void)state;
	map.self.route_count = 3;
	compare(never, ARRAY_SIZE(never));
	compare(rows, ARRAY_SIZE(rows));
}

static void without_a_map(void **state)
{
	(void)state;
	assert_true(takes(NULL, INSIDE_MEMBER, "192.168.7.1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_plain_node, setup),
		cmocka_unit_test_setup(an_approved_subnet, setup),
		cmocka_unit_test_setup(an_exit_node, setup),
		cmocka_unit_test(without_a_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
