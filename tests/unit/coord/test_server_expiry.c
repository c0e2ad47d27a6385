/* SPDX-License-Identifier: MIT
 *
 * test_server_expiry.c - memberships that are renewed, end, and are brought back
 */
#include "tests/unit/coord/net.h"

#include "coord/session.h"

#define FAR 4000000000u
#define DAY UINT64_C(86400)

struct pair {
	struct net net;
	struct node a, b; /* "a" and "b" */
};

static bool has_map(void *arg)
{
	struct node *d = arg;

	return d->connected && d->maps && d->tokens;
}

static bool sees_peer(void *arg)
{
	struct node *d = arg;

	return d->map.peer_count && d->map.peers[0].online;
}

static bool sees_nobody(void *arg)
{
	return ((struct node *)arg)->map.peer_count == 0;
}

static bool has_date(void *arg)
{
	return ((struct node *)arg)->map.expires_s;
}

static bool has_no_date(void *arg)
{
	return !((struct node *)arg)->map.expires_s;
}

static bool waits(void *arg)
{
	return strstr(((struct node *)arg)->why, "adit-coord revive");
}

static bool is_online(void *arg)
{
	return ((struct node *)arg)->connected;
}

static bool is_offline(void *arg)
{
	return !((struct node *)arg)->map.peers[0].online;
}

static void set_up(struct pair *p)
{
	uint8_t secret[INVITE_SECRET_OCTETS];

	net_init(&p->net);
	net_start_server(&p->net);
	net_invite(&p->net, true, FAR, secret);
	node_init(&p->a, &p->net, "a", secret);
	node_init(&p->b, &p->net, "b", secret);
	node_start(&p->a);
	assert_true(net_run(&p->net, has_map, &p->a));
	node_start(&p->b);
	assert_true(net_run(&p->net, sees_peer, &p->a));
	assert_true(net_run(&p->net, sees_peer, &p->b));
}

static void tear_down(struct pair *p)
{
	node_done(&p->a);
	node_done(&p->b);
	net_done(&p->net);
}

static void is_off_until_set(void **state)
{
	struct pair p;
	uint64_t now_s = server_wall_s();

	(void)state;
	set_up(&p);
	server_expiry_pass(p.net.server, now_s + 10000 * DAY);
	assert_int_equal(p.net.server->members.all[0]->row.expires_s, 0);
	assert_null(server_set_expiry(p.net.server, 90 * DAY));
	assert_true(net_run(&p.net, has_date, &p.a));
	assert_true(p.a.map.expires_s >= now_s + 90 * DAY);
	assert_true(p.a.map.expires_s < now_s + 90 * DAY + 60);
	assert_null(server_set_expiry(p.net.server, 0));
	assert_true(net_run(&p.net, has_no_date, &p.a));
	tear_down(&p);
}

static void contact_renews_for_ever(void **state)
{
	struct pair p;
	uint64_t now_s = server_wall_s();

	(void)state;
	set_up(&p);
	assert_null(server_set_expiry(p.net.server, 10 * DAY));
	for (unsigned day = 0; day < 400; day++) {
		server_expiry_pass(p.net.server, now_s + day * DAY);
		assert_true(p.a.connected && !p.net.server->members.all[0]->lapsed);
	}
	assert_true(p.net.server->members.all[0]->row.expires_s >
		    now_s + 408 * DAY);
	tear_down(&p);
}

static void who_stays_away_expires_and_all_forget_it(void **state)
{
	struct pair p;

	(void)state;
	set_up(&p);
	assert_null(server_set_expiry(p.net.server, 10 * DAY));
	node_stop(&p.b);
	assert_true(net_run(&p.net, is_offline, &p.a));
	server_expiry_pass(p.net.server, server_wall_s() + 9 * DAY);
	assert_false(p.net.server->members.all[1]->lapsed);
	p.net.server->members.all[1]->row.expires_s = server_wall_s();
	server_expiry_pass(p.net.server, server_wall_s());
	assert_true(p.net.server->members.all[1]->lapsed);
	assert_int_equal(p.a.map.peer_count, 1);
	assert_true(net_run(&p.net, sees_nobody, &p.a));
	tear_down(&p);
}

static void a_clock_that_was_wrong_costs_nothing(void **state)
{
	struct pair p;

	(void)state;
	set_up(&p);
	assert_null(server_set_expiry(p.net.server, 10 * DAY));
	node_stop(&p.b);
	assert_true(net_run(&p.net, is_offline, &p.a));
	server_expiry_pass(p.net.server, server_wall_s() + 5000 * DAY);
	assert_true(p.net.server->members.all[1]->lapsed);
	p.b.joined = true;
	node_start(&p.b);
	assert_true(net_run(&p.net, is_online, &p.b));
	assert_true(net_run(&p.net, sees_peer, &p.a));
	server_expiry_pass(p.net.server, server_wall_s());
	assert_false(p.net.server->members.all[1]->lapsed);
	tear_down(&p);
}

/* Nobody touches the machine: it waits, and is let in. */
static void an_expired_node_waits_and_is_revived(void **state)
{
	struct pair p;
	nsec_t start;

	(void)state;
	set_up(&p);
	assert_null(server_expire(p.net.server, "b"));
	assert_true(net_run(&p.net, sees_nobody, &p.a));
	assert_true(net_run(&p.net, waits, &p.b));
	assert_false(p.b.refused || p.b.connected);
	assert_non_null(server_revive(p.net.server, "a"));
	assert_non_null(server_revive(p.net.server, "nobody"));
	start = time_now();
	assert_null(server_revive(p.net.server, "b"));
	assert_true(net_run(&p.net, is_online, &p.b));
	assert_true(net_run(&p.net, sees_peer, &p.a));
	assert_true(net_run(&p.net, sees_peer, &p.b));
	assert_true(nsec_since(start, time_now()) < SEC(2));
	tear_down(&p);
}

/* Whoever holds an invite may bring an expired node back, too: as the member that it was. */
static void an_expired_node_joins_anew(void **state)
{
	uint8_t secret[INVITE_SECRET_OCTETS];
	struct ipaddr v4;
	struct pair p;

	(void)state;
	set_up(&p);
	v4 = p.b.map.self.v4;
	assert_null(server_expire(p.net.server, "b"));
	assert_true(net_run(&p.net, waits, &p.b));
	assert_true(net_run(&p.net, sees_nobody, &p.a));
	node_stop(&p.b);
	net_invite(&p.net, false, FAR, secret);
	memcpy(p.b.p.invite_secret, secret, sizeof(secret));
	p.b.joined = false;
	node_start(&p.b);
	assert_true(net_run(&p.net, is_online, &p.b));
	assert_true(net_run(&p.net, sees_peer, &p.a));
	assert_true(ipaddr_eq(&p.b.map.self.v4, &v4));
	assert_string_equal(p.b.map.self.name, "b");
	tear_down(&p);
}

static void revival_outlives_a_restart_of_the_server(void **state)
{
	struct pair p;

	(void)state;
	set_up(&p);
	assert_null(server_expire(p.net.server, "b"));
	assert_true(net_run(&p.net, waits, &p.b));
	net_stop_server(&p.net);
	p.b.why[0] = 0;
	net_start_server(&p.net);
	assert_true(net_run(&p.net, waits, &p.b));
	assert_null(server_revive(p.net.server, "b"));
	assert_true(net_run(&p.net, is_online, &p.b));
	tear_down(&p);
}

static void who_waits_gets_nothing_else(void **state)
{
	struct pair p;
	struct session *x;
	unsigned maps, tokens;

	(void)state;
	set_up(&p);
	assert_null(server_expire(p.net.server, "b"));
	assert_true(net_run(&p.net, waits, &p.b));
	maps = p.b.maps;
	tokens = p.b.tokens;
	server_push(p.net.server);
	server_expiry_pass(p.net.server, server_wall_s());
	for (x = p.net.server->sessions; x && !x->held; x = x->next)
		;
	assert_non_null(x);
	assert_null(x->member);
	assert_int_equal(p.b.maps, maps);
	assert_int_equal(p.b.tokens, tokens);
	tear_down(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_off_until_set),
		cmocka_unit_test(contact_renews_for_ever),
		cmocka_unit_test(who_stays_away_expires_and_all_forget_it),
		cmocka_unit_test(a_clock_that_was_wrong_costs_nothing),
		cmocka_unit_test(an_expired_node_waits_and_is_revived),
		cmocka_unit_test(an_expired_node_joins_anew),
		cmocka_unit_test(revival_outlives_a_restart_of_the_server),
		cmocka_unit_test(who_waits_gets_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
