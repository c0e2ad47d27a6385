/* SPDX-License-Identifier: MIT
 *
 * test_peerrelays.c - whose relay is listed to whom, and where no offer may point
 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "coord/peerrelays.h"

static struct registry *r;
static struct members m;
static struct member *a, *b, *c;
static struct netmap_relay list[NETMAP_RELAYS_MAX];

static struct member *member(uint8_t n, const char *name, const char *tags)
{
	struct registry_node row = { .v4 = ipaddr_v4(0x645a0000u + n) };
	struct member *out;

	memset(row.machine.b, n, KEY_OCTETS);
	memset(row.tunnel.b, n + 100, KEY_OCTETS);
	strcpy(row.name, name);
	strcpy(row.tags, tags);
	row.v6.b[0] = 0xfd;
	row.v6.b[15] = n;
	assert_int_equal(registry_node_add(r, &row), 0);
	out = members_add(&m, &row);
	assert_non_null(out);
	return out;
}

static int setup(void **state)
{
	char text[256];

	(void)state;
	r = registry_open(":memory:", text);
	if (!r || members_load(&m, r))
		return -1;
	peerrelays_load(&m, SEC(1));
	m.relay_count = 1;
	a = member(1, "a", "");
	b = member(2, "b", "relay,db");
	c = member(3, "c", "");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	members_done(&m);
	registry_close(r);
	return 0;
}

/* offer_key() - as if its channel came from `seen` */
static bool offer_key(struct member *n, const char *at, const char *seen, uint8_t key)
{
	struct endpoint e;
	struct key_public k;
	char text[KEY_TEXT];
	json_t *o;
	bool changed;

	memset(&k, key, sizeof(k));
	assert_true(endpoint_parse(seen, &e));
	o = json_pack("{s:s,s:[s]}", "key", key_public_text(&k, text), "at", at);
	changed = peerrelays_offer(&m, n, o, &e);
	json_decref(o);
	return changed;
}

static bool offer(struct member *n, const char *at, const char *seen)
{
	return offer_key(n, at, seen, 7);
}

static unsigned listed(const struct member *viewer)
{
	members_settle(&m);
	return peerrelays_list(&m, viewer, 1, list, 1) - 1;
}

static void an_offer_is_listed_to_others(void **state)
{
	uint64_t before = m.relays_version;

	(void)state;
	assert_true(offer(b, "192.0.2.1:5000", "192.0.2.1:777"));
	assert_true(m.relays_version > before);
	assert_false(offer(b, "192.0.2.1:5000", "192.0.2.1:778"));
	assert_int_equal(listed(a), 1);
	assert_int_equal(list[1].node, b->row.id);
	assert_int_equal(list[1].id, PEERRELAYS_ID | b->row.id);
	assert_string_equal(list[1].name, "b");
	assert_int_equal(list[1].at[0].port, 5000);
	assert_int_equal(listed(b), 0); /* not to itself */
	assert_true(peerrelays_offer(&m, b, NULL, &list[1].at[0]));
	assert_int_equal(listed(a), 0);
}

/* only at an address where the node itself is seen, public, no port of a system's */
static void no_offer_points_to_others(void **state)
{
	static const struct { const char *at, *seen; } rows[] = {
		{ "192.0.2.2:5000", "192.0.2.1:777" },
		{ "10.0.0.1:5000", "10.0.0.1:777" },
		{ "127.0.0.1:5000", "127.0.0.1:777" },
		{ "192.0.2.1:53", "192.0.2.1:777" },
		{ "[2001:db8::1]:5000", "192.0.2.1:777" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		assert_false(offer(b, rows[i].at, rows[i].seen));
	assert_int_equal(m.offer_count, 0);
	assert_true(offer(b, "[2001:db8::1]:5000", "[2001:db8::1]:777"));
	assert_int_equal(listed(a), 1);
}

static void rules(void **state)
{
	(void)state;
	assert_true(offer(b, "192.0.2.1:5000", "192.0.2.1:777"));
	assert_true(offer(c, "198.51.100.1:5000", "198.51.100.1:777"));
	assert_int_equal(listed(a), 2);
	assert_null(peerrelays_set_rule(&m, "tag:relay"));
	assert_int_equal(listed(a), 1);
	assert_int_equal(list[1].node, b->row.id);
	assert_null(peerrelays_set_rule(&m, "tag:rel"));
	assert_int_equal(listed(a), 0);
	assert_null(peerrelays_set_rule(&m, "tag:db"));
	assert_int_equal(listed(a), 1);
	assert_non_null(peerrelays_set_rule(&m, "maybe"));
	assert_non_null(peerrelays_set_rule(&m, "tag:Not a tag"));
	assert_null(peerrelays_set_rule(&m, "off"));
	assert_int_equal(listed(a), 0);
	assert_null(peerrelays_set_rule(&m, "on"));
	assert_int_equal(listed(a), 2);
}

static void who_must_not_know_of_it_does_not_get_it(void **state)
{
	static const char text[] = "allow a to b\n";
	struct policy_error why;

	(void)state;
	assert_true(offer(b, "192.0.2.1:5000", "192.0.2.1:777"));
	m.access.policy = policy_parse(text, sizeof(text) - 1, &why);
	m.access.stale = true;
	assert_non_null(m.access.policy);
	assert_int_equal(listed(a), 1);
	assert_int_equal(listed(c), 0);
}

/* those of one site come last, and no more than fit */
static void different_sites_first(void **state)
{
	char at[32], name[8];

	(void)state;
	assert_true(offer(b, "192.0.2.1:5000", "192.0.2.1:777"));
	for (unsigned i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		snprintf(at, sizeof(at), i < 2 ? "192.0.2.%u:5000" :
						 "198.51.%u.9:5000", i + 10);
		assert_true(offer(member((uint8_t)(10 + i), name, ""), at, at));
	}
	assert_int_equal(listed(a), PEERRELAYS_LISTED);
	assert_string_equal(list[1].name, "b");
	assert_string_equal(list[2].name, "n2");
	assert_string_equal(list[4].name, "n4");
}

static void an_absent_one_is_kept_for_a_while(void **state)
{
	struct members again = { 0 };

	(void)state;
	assert_true(offer(b, "192.0.2.1:5000", "192.0.2.1:777"));
	peerrelays_online(&m, b, false, SEC(100));
	assert_false(peerrelays_expire(&m, SEC(150)));
	assert_int_equal(listed(a), 1);
	peerrelays_online(&m, b, true, SEC(151));
	assert_false(peerrelays_expire(&m, SEC(500)));
	/* the server starts anew, and the node does not come back */
	assert_int_equal(members_load(&again, r), 0);
	peerrelays_load(&again, SEC(10));
	assert_int_equal(again.offer_count, 1);
	assert_int_equal(again.offers[0].at[0].port, 5000);
	assert_true(peerrelays_expire(&again, SEC(71)));
	assert_int_equal(again.offer_count, 0);
	members_done(&again);
}

static void one_that_is_removed_is_gone(void **state)
{
	uint64_t before;

	(void)state;
	assert_true(offer(b, "192.0.2.1:5000", "192.0.2.1:777"));
	before = m.relays_version;
	assert_int_equal(members_remove(&m, b), 0);
	assert_int_equal(listed(a), 0);
	assert_true(m.relays_version > before);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_offer_is_listed_to_others),
		TEST(no_offer_points_to_others),
		TEST(rules),
		TEST(who_must_not_know_of_it_does_not_get_it),
		TEST(different_sites_first),
		TEST(an_absent_one_is_kept_for_a_while),
		TEST(one_that_is_removed_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
