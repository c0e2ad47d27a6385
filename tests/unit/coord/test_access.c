/* SPDX-License-Identifier: MIT
 *
 * test_access.c - policies, approval and copies, over a server and its nodes
 */
#include "tests/unit/coord/net.h"

#include <stdio.h>

#include "coord/rules.h"

enum {
	FAR = 4000000000, /* a time to come, s since 1970 */
	MANY = 100,
	SLOWNESS = 5, /* of machines that run much at once, and sanitizers */
};

static void invite_tagged(struct net *n, const char *tags, unsigned uses,
			  uint8_t secret[static INVITE_SECRET_OCTETS])
{
	struct registry_invite i = { .uses = uses, .expires_s = FAR };

	snprintf(i.tags, sizeof(i.tags), "%s", tags);
	rand_bytes(secret, INVITE_SECRET_OCTETS);
	enrol_invite_hash(secret, i.hash);
	assert_int_equal(registry_invite_add(n->registry, &i), 0);
}

static bool has_map(void *arg)
{
	struct node *d = arg;

	return (d->connected && d->maps) || d->refused;
}

static bool is_refused(void *arg)
{
	return ((struct node *)arg)->refused;
}

static void join(struct net *n, struct node *d, const char *name, const char *tags)
{
	uint8_t secret[INVITE_SECRET_OCTETS];

	invite_tagged(n, tags, 1, secret);
	node_init(d, n, name, secret);
	node_start(d);
	assert_true(net_run(n, has_map, d));
	assert_true(d->joined);
}

static void set_policy(struct net *n, const char *text)
{
	char why[512];
	const char *wrong = server_policy_set(n->server, text, why);

	if (wrong)
		fail_msg("%s", wrong);
}

/* What is waited for, about one node. */
struct want {
	struct node *d;
	unsigned peers;
	int rules; /* allows; -1: no policy */
};

static bool got(void *arg)
{
	const struct want *w = arg;
	const struct rules *r = w->d->map.rules;

	return w->d->map.peer_count == w->peers &&
	       (r ? (int)r->allow_count : -1) == w->rules;
}

#define WANT(net, node, n, r) \
	assert_true(net_run(net, got, &(struct want){ node, n, r }))

static void nodes_know_whom_they_may_talk_to(void **state)
{
	struct node web, db, lone;
	struct server_stats before, after;
	struct net n;

	(void)state;
	net_init(&n);
	net_start_server(&n);
	join(&n, &web, "web", "web");
	join(&n, &db, "db", "db,eu");
	join(&n, &lone, "lone", "");
	WANT(&n, &web, 2, -1);
	assert_string_equal(web.map.peers[0].tags, "db,eu");
	server_stats(n.server, &before);
	set_policy(&n, "allow tag:web to tag:db on tcp:5432\n");
	WANT(&n, &web, 1, 0);
	WANT(&n, &db, 1, 1);
	WANT(&n, &lone, 0, 0);
	assert_string_equal(db.map.peers[0].name, "web");
	set_policy(&n, "allow any to tag:db\nallow tag:web to lone on icmp\n");
	WANT(&n, &lone, 2, 1);
	WANT(&n, &db, 2, 1);
	WANT(&n, &web, 2, 0);
	/* All by deltas; and a node that comes back has what it had. */
	node_stop(&lone);
	net_stop_server(&n);
	net_start_server(&n);
	node_start(&lone);
	assert_true(net_run(&n, has_map, &lone));
	server_stats(n.server, &after);
	assert_int_equal(before.full_maps, 3);
	assert_int_equal(after.full_maps, 0);
	WANT(&n, &lone, 2, 1);
	node_done(&web);
	node_done(&db);
	node_done(&lone);
	net_done(&n);
}

static void who_was_away_gets_the_policy(void **state)
{
	struct node a, b;
	struct net n;

	(void)state;
	net_init(&n);
	net_start_server(&n);
	join(&n, &a, "a", "x");
	join(&n, &b, "b", "y");
	WANT(&n, &a, 1, -1);
	node_stop(&b);
	set_policy(&n, "allow tag:x to tag:x\n");
	WANT(&n, &a, 0, 1);
	node_start(&b);
	WANT(&n, &b, 0, 0);
	node_done(&a);
	node_done(&b);
	net_done(&n);
}

static void rollback_and_refusal(void **state)
{
	struct node a;
	struct net n;
	json_t *o = json_object();
	char why[512];

	(void)state;
	net_init(&n);
	net_start_server(&n);
	join(&n, &a, "a", "x");
	assert_non_null(server_policy_rollback(n.server, o, why));
	set_policy(&n, "allow any to a on tcp:1\n");
	WANT(&n, &a, 0, 1);
	assert_string_equal(server_policy_set(n.server, "\nallow a\n", why),
			    "2: 'to' is missing: allow WHO to WHO on SERVICE");
	assert_non_null(server_policy_set(
		n.server, "test\naccept a to a on tcp:1\nend\n", why));
	for (unsigned i = 0; i < 2 * REGISTRY_POLICIES; i++)
		set_policy(&n, "allow any to a on tcp:1 tcp:2\n");
	WANT(&n, &a, 0, 2);
	for (unsigned i = 1; i < REGISTRY_POLICIES; i++)
		assert_null(server_policy_rollback(n.server, o, why));
	WANT(&n, &a, 0, 2);
	assert_null(server_policy_rollback(n.server, o, why));
	WANT(&n, &a, 0, -1);
	json_decref(o);
	node_done(&a);
	net_done(&n);
}

static bool is_waiting(void *arg)
{
	return ((struct node *)arg)->map.waiting;
}

static bool is_member(void *arg)
{
	struct node *d = arg;

	return !d->map.waiting && d->map.peer_count && d->tokens;
}

static void new_nodes_wait_for_approval(void **state)
{
	struct node a, b;
	struct net n;

	(void)state;
	net_init(&n);
	net_start_server(&n);
	join(&n, &a, "a", "");
	assert_null(server_set_approve(n.server, true));
	join(&n, &b, "b", "");
	assert_true(net_run(&n, is_waiting, &b));
	assert_int_equal(b.map.peer_count, 0);
	assert_int_equal(b.tokens, 0);
	assert_int_equal(a.map.peer_count, 0);
	assert_false(coord_client_signal(b.client, &a.p.tunnel, b.machine.b, 32) &&
		     a.signals);
	net_stop_server(&n); /* and over a restart */
	net_start_server(&n);
	assert_true(net_run(&n, is_waiting, &b));
	assert_non_null(server_approve(n.server, "a"));
	assert_non_null(server_approve(n.server, "nobody"));
	assert_null(server_approve(n.server, "b"));
	assert_true(net_run(&n, is_member, &b));
	WANT(&n, &a, 1, -1);
	node_done(&a);
	node_done(&b);
	net_done(&n);
}

static char warning[512];

static void on_warned(void *owner, const char *text)
{
	(void)owner;
	snprintf(warning, sizeof(warning), "%s", text);
}

static bool is_warned(void *arg)
{
	return warning[0] && is_refused(arg);
}

static void a_copy_is_refused_and_both_are_told(void **state)
{
	struct node a, copy;
	struct net n;
	nsec_t began;

	(void)state;
	warning[0] = 0;
	net_init(&n);
	net_start_server(&n);
	join(&n, &a, "a", "");
	node_stop(&a);
	a.p.warned = on_warned;
	node_start(&a);
	assert_true(net_run(&n, has_map, &a));
	copy = a;
	netmap_init(&copy.map);
	copy.p.netmap = &copy.map;
	copy.p.machine = &copy.machine;
	copy.p.owner = &copy;
	copy.connected = false;
	copy.maps = 0;
	began = time_now();
	node_start(&copy);
	assert_true(net_run(&n, is_warned, &copy));
	print_message("# a copy was noticed after %.3f s\n",
		      (double)(time_now() - began) / 1e9);
	assert_true(time_now() - began < SEC(5));
	assert_non_null(strstr(copy.why, "copied"));
	assert_non_null(strstr(warning, "copied"));
	assert_true(a.connected && !a.refused);
	node_done(&copy);
	node_done(&a);
	net_done(&n);
}

static void an_invite_has_so_many_uses(void **state)
{
	uint8_t secret[INVITE_SECRET_OCTETS];
	struct node d[3];
	struct net n;

	(void)state;
	net_init(&n);
	net_start_server(&n);
	invite_tagged(&n, "", 2, secret);
	for (unsigned i = 0; i < 3; i++) {
		node_init(&d[i], &n, "n", secret);
		node_start(&d[i]);
		assert_true(net_run(&n, i < 2 ? has_map : is_refused, &d[i]));
	}
	assert_non_null(strstr(d[2].why, "has been used"));
	for (unsigned i = 0; i < 3; i++)
		node_done(&d[i]);
	net_done(&n);
}

static bool all_have_rules(void *arg)
{
	struct node *d = arg;

	for (unsigned i = 0; i < MANY; i++)
		if (!d[i].map.rules)
			return false;
	return true;
}

static bool all_see_one(void *arg)
{
	struct node *d = arg;

	for (unsigned i = 0; i < MANY; i++)
		if (d[i].map.peer_count != 1)
			return false;
	return true;
}

static bool all_see_all(void *arg)
{
	struct node *d = arg;

	for (unsigned i = 0; i < MANY; i++)
		if (d[i].map.peer_count != MANY - 1)
			return false;
	return true;
}

/* 100 nodes, two of each tag; and then 10,000 lines. */
static void a_change_is_soon_everywhere(void **state)
{
	struct node *d = calloc(MANY, sizeof(*d));
	char tag[16], *text = malloc(1 << 20);
	struct net n;
	nsec_t began;
	int k = 0;

	(void)state;
	net_init(&n);
	net_start_server(&n);
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(tag, sizeof(tag), "t%u", i / 2);
		join(&n, &d[i], "node", tag);
	}
	assert_true(net_run(&n, all_see_all, d));
	for (unsigned i = 0; i < MANY / 2; i++)
		k += sprintf(text + k, "allow tag:t%u to tag:t%u on tcp:22\n", i, i);
	began = time_now();
	set_policy(&n, text);
	assert_true(net_run(&n, all_see_one, d));
	assert_true(net_run(&n, all_have_rules, d));
	print_message("# a policy reached %u nodes in %.3f s\n", MANY,
		      (double)(time_now() - began) / 1e9);
	assert_true(time_now() - began < SEC(1) * SLOWNESS);
	k = 0;
	for (unsigned i = 0; i < 10000; i++)
		k += sprintf(text + k, "allow tag:t%u to any on tcp:%u\n", i % 50,
			     1 + i);
	began = time_now();
	set_policy(&n, text);
	assert_true(net_run(&n, all_see_all, d));
	print_message("# 10,000 rules reached %u nodes in %.3f s\n", MANY,
		      (double)(time_now() - began) / 1e9);
	assert_int_equal(d[0].map.rules->allow_count, 10000);
	for (unsigned i = 0; i < MANY; i++)
		node_done(&d[i]);
	net_done(&n);
	free(d);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_know_whom_they_may_talk_to),
		cmocka_unit_test(who_was_away_gets_the_policy),
		cmocka_unit_test(rollback_and_refusal),
		cmocka_unit_test(new_nodes_wait_for_approval),
		cmocka_unit_test(a_copy_is_refused_and_both_are_told),
		cmocka_unit_test(an_invite_has_so_many_uses),
		cmocka_unit_test(a_change_is_soon_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
