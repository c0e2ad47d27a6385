/* SPDX-License-Identifier: MIT
 *
 * test_server.c - server and nodes end to end, over TLS on loopback
 */
#include "tests/unit/coord/net.h"

#include "base/stream.h"
#include "coord/proto.h"
#include "crypto/channel.h"

enum {
	FAR = 4000000000, /* a time to come, s since 1970 */
};

static bool has_map(void *arg)
{
	struct node *d = arg;

	return (d->connected && d->maps && d->tokens) || d->refused;
}

/* is_back() - a map may not follow: nothing may have changed */
static bool is_back(void *arg)
{
	struct node *d = arg;

	return (d->connected && d->tokens) || d->refused;
}

static bool sees_peer_online(void *arg)
{
	struct node *d = arg;

	return d->map.peer_count && d->map.peers[0].online;
}

static bool sees_peer_offline(void *arg)
{
	struct node *d = arg;

	return d->map.peer_count && !d->map.peers[0].online;
}

static bool sees_nobody(void *arg)
{
	struct node *d = arg;

	return d->map.peer_count == 0;
}

static bool is_refused(void *arg)
{
	return ((struct node *)arg)->refused;
}

static bool is_away(void *arg)
{
	return !((struct node *)arg)->connected;
}

static bool has_why(void *arg)
{
	return ((struct node *)arg)->why[0];
}

/* Two nodes that have joined; a then b. */
static void two_nodes(struct net *n, struct node *a, struct node *b)
{
	uint8_t secret[INVITE_SECRET_OCTETS];

	net_init(n);
	net_start_server(n);
	net_invite(n, true, FAR, secret);
	node_init(a, n, "Web Server", secret);
	node_init(b, n, "web-server", secret);
	node_start(a);
	assert_true(net_run(n, has_map, a));
	node_start(b);
	assert_true(net_run(n, has_map, b));
	assert_true(net_run(n, sees_peer_online, a));
	assert_true(net_run(n, sees_peer_online, b));
}

static void joins_and_sees_the_other(void **state)
{
	struct net n;
	struct node a, b;

	(void)state;
	two_nodes(&n, &a, &b);
	assert_true(a.joined && b.joined);
	assert_string_equal(a.map.self.name, "web-server");
	assert_string_equal(b.map.self.name, "web-server-2");
	assert_string_equal(b.map.peers[0].name, "web-server");
	assert_memory_equal(&b.map.peers[0].key, &a.p.tunnel, KEY_OCTETS);
	assert_true(prefix_contains(&a.map.overlay[0], &a.map.self.v4));
	assert_false(ipaddr_eq(&a.map.self.v4, &b.map.self.v4));
	assert_int_equal(a.map.network, 77);
	node_stop(&b);
	assert_true(net_run(&n, sees_peer_offline, &a));
	node_done(&a);
	node_done(&b);
	net_done(&n);
}

static void wrong_server_key_is_refused(void **state)
{
	uint8_t secret[INVITE_SECRET_OCTETS];
	struct server_stats stats;
	struct net n;
	struct node a;

	(void)state;
	net_init(&n);
	net_start_server(&n);
	net_invite(&n, false, FAR, secret);
	node_init(&a, &n, "a", secret);
	a.p.server.b[0] ^= 1;
	node_start(&a);
	assert_true(net_run(&n, is_refused, &a)); /* by itself, after a few tries */
	assert_non_null(strstr(a.why, "key of our invite"));
	assert_false(a.joined);
	server_stats(n.server, &stats);
	assert_int_equal(stats.joins, 0);
	node_done(&a);
	net_done(&n);
}

static void bad_invites_are_refused_with_a_reason(void **state)
{
	uint8_t used[INVITE_SECRET_OCTETS], old[INVITE_SECRET_OCTETS], no[16] = { 1 };
	struct { const uint8_t *secret; const char *text; } table[] = {
		{ used, "has been used" }, { old, "has expired" },
		{ no, "does not know" },
	};
	struct net n;
	struct node a;

	(void)state;
	net_init(&n);
	net_start_server(&n);
	net_invite(&n, false, FAR, used);
	net_invite(&n, true, 1000, old);
	node_init(&a, &n, "a", used);
	node_start(&a);
	assert_true(net_run(&n, has_map, &a));
	for (unsigned i = 0; i < ARRAY_SIZE(table); i++) {
		struct node b;

		node_init(&b, &n, "b", table[i].secret);
		node_start(&b);
		assert_true(net_run(&n, is_refused, &b));
		assert_non_null(strstr(b.why, table[i].text));
		assert_non_null(strstr(b.why, "adit-coord invite"));
		node_done(&b);
	}
	assert_true(a.connected);
	node_done(&a);
	net_done(&n);
}

static void finds_the_server_by_name(void **state)
{
	uint8_t secret[INVITE_SECRET_OCTETS];
	struct net n;
	struct node a;

	(void)state;
	net_init(&n);
	net_start_server(&n);
	net_invite(&n, false, FAR, secret);
	node_init(&a, &n, "a", secret);
	a.host = "name.invalid";
	node_start(&a);
	assert_true(net_run(&n, has_why, &a));
	assert_non_null(strstr(a.why, "does not resolve"));
	node_stop(&a);
	a.host = "localhost"; /* ::1 first, where nobody listens */
	node_start(&a);
	assert_true(net_run(&n, has_map, &a));
	assert_true(a.joined);
	node_done(&a);
	net_done(&n);
}

/* A stranger with a channel of its own, who says one thing. */
struct stranger {
	struct net *net;
	struct channel *channel;
	const char *says;
	bool closed, said;
	unsigned answers;
};

static void stranger_opened(void *owner, struct stream *s)
{
	struct stranger *x = owner;
	uint8_t m[256];
	size_t k = channel_write_handshake(x->channel, "{}", 2, m, sizeof(m));

	assert_true(stream_send(s, m, k));
}

static void stranger_message(void *owner, struct stream *s, uint8_t *m, size_t k)
{
	struct stranger *x = owner;
	uint8_t out[CHANNEL_PAYLOAD_MAX];

	if (channel_ready(x->channel)) {
		x->answers++;
		return;
	}
	assert_true(channel_read_handshake(x->channel, m, k, out, sizeof(out)) >= 0);
	k = channel_seal(x->channel, x->says, strlen(x->says), out);
	assert_true(stream_send(s, out, k));
	x->said = true;
}

static void stranger_closed(void *owner, struct stream *s, const char *why)
{
	(void)s;
	(void)why;
	((struct stranger *)owner)->closed = true;
}

static bool is_closed(void *arg)
{
	return ((struct stranger *)arg)->closed;
}

static void strangers_get_nothing(void **state)
{
	static const char *const says[] = {
		"{\"type\":\"resync\"}", "{\"type\":\"publish\",\"id\":1}",
		"{\"type\":\"signal\",\"from\":\"x\"}", "{\"type\":\"leave\",\"id\":1}",
		"{\"type\":\"removed\"}", "{\"type\":\"welcome\",\"id\":1}",
		"{\"type\":\"netmap\",\"full\":true}", "{\"type\":\"token\"}",
		"{\"type\":\"left\"}", "{\"type\":\"error\"}", "{\"type\":\"x\"}", "{}",
		"[]", "not json", "{\"type\":\"leave\",\"type\":\"leave\"}",
	};
	struct net n;
	struct node a, b;

	(void)state;
	two_nodes(&n, &a, &b);
	for (unsigned i = 0; i < ARRAY_SIZE(says); i++) {
		struct stranger x = { .net = &n, .says = says[i] };
		const struct stream_events e = { &x, stranger_opened,
						 stranger_message, stranger_closed };
		struct key_private k;
		char url[64];

		key_private_generate(&k);
		x.channel = channel_new_client(&k, &n.public_key);
		snprintf(url, sizeof(url), "https://127.0.0.1:%u", n.port);
		assert_non_null(stream_connect(&n.loop, url, PROTO_PATH, SEC(5), 0, &e));
		assert_true(net_run(&n, is_closed, &x));
		assert_true(x.said);
		assert_int_equal(x.answers, 0);
		channel_free(x.channel);
	}
	assert_true(a.connected && b.connected);
	assert_int_equal(a.map.peer_count, 1);
	node_done(&a);
	node_done(&b);
	net_done(&n);
}

static bool is_welcome(void *arg)
{
	return ((struct stranger *)arg)->answers; /* the first is the welcome */
}

/* A node whose program was started again while the server still holds the connection of
 * before: nobody answers there, so the new one is let in and the old one ended. */
static void a_dead_session_gives_way(void **state)
{
	char says[256], key[KEY_TEXT];
	struct stranger old = { .says = says };
	const struct stream_events e = { &old, stranger_opened, stranger_message,
					 stranger_closed };
	struct net n;
	struct node a, b;
	char url[64];

	(void)state;
	two_nodes(&n, &a, &b);
	node_stop(&a);
	key_public_text(&a.p.tunnel, key);
	snprintf(says, sizeof(says), "{\"type\":\"login\",\"tunnel\":\"%s\","
		 "\"hostname\":\"a\",\"instance\":7}", key);
	old.channel = channel_new_client(a.p.machine, &n.public_key);
	snprintf(url, sizeof(url), "https://127.0.0.1:%u", n.port);
	assert_non_null(stream_connect(&n.loop, url, PROTO_PATH, SEC(5), 0, &e));
	assert_true(net_run(&n, is_welcome, &old));
	a.tokens = 0;
	node_start(&a);
	assert_true(net_run(&n, is_back, &a));
	assert_false(a.refused);
	assert_true(net_run(&n, is_closed, &old));
	assert_true(a.connected && b.connected);
	channel_free(old.channel);
	node_done(&a);
	node_done(&b);
	net_done(&n);
}

struct crowd {
	struct node d[64];
};

static bool all_settled(void *arg)
{
	struct crowd *c = arg;

	for (unsigned i = 0; i < 64; i++)
		if (!c->d[i].refused && !(c->d[i].joined && c->d[i].maps))
			return false;
	return true;
}

static void one_of_64_gets_a_one_time_invite(void **state)
{
	uint8_t secret[INVITE_SECRET_OCTETS];
	struct crowd *c = calloc(1, sizeof(*c));
	struct server_stats stats;
	unsigned joined = 0;
	struct net n;

	(void)state;
	assert_non_null(c);
	net_init(&n);
	net_start_server(&n);
	net_invite(&n, false, FAR, secret);
	for (unsigned i = 0; i < 64; i++) {
		node_init(&c->d[i], &n, "x", secret);
		node_start(&c->d[i]);
	}
	assert_true(net_run(&n, all_settled, c));
	for (unsigned i = 0; i < 64; i++)
		joined += c->d[i].joined;
	assert_int_equal(joined, 1);
	server_stats(n.server, &stats);
	assert_int_equal(stats.joins, 1);
	for (unsigned i = 0; i < 64; i++)
		node_done(&c->d[i]);
	net_done(&n);
	free(c);
}

static void reconnect_costs_a_delta(void **state)
{
	struct net n;
	struct node a, b;

	(void)state;
	two_nodes(&n, &a, &b);
	node_stop(&a);
	a.tokens = 0;
	node_start(&a);
	assert_true(net_run(&n, is_back, &a));
	assert_int_equal(coord_client_full_maps(a.client), 0);
	assert_int_equal(a.map.peer_count, 1);
	assert_true(net_run(&n, sees_peer_online, &a));
	/* The same across a restart of the server. */
	net_stop_server(&n);
	net_start_server(&n);
	a.maps = a.tokens = b.maps = b.tokens = 0;
	assert_true(net_run(&n, has_map, &a));
	assert_true(net_run(&n, has_map, &b));
	assert_true(net_run(&n, sees_peer_online, &a));
	assert_true(net_run(&n, sees_peer_online, &b));
	assert_int_equal(coord_client_full_maps(a.client), 0);
	assert_int_equal(coord_client_full_maps(b.client), 1);
	node_done(&a);
	node_done(&b);
	net_done(&n);
}

static bool sees_candidate(void *arg)
{
	struct node *d = arg;

	return d->map.peer_count && d->map.peers[0].candidates.count == 2;
}

static void publishes_candidates_and_server_attests(void **state)
{
	struct candidate_list l = { .count = 2 };
	struct coord_client_rtts rtts = { .servers = { 12 } };
	struct net n;
	struct node a, b;

	(void)state;
	two_nodes(&n, &a, &b);
	assert_true(endpoint_parse("198.51.100.7:41641", &l.c[0].at));
	assert_true(endpoint_parse("127.0.0.1:41641", &l.c[1].at));
	l.c[0].kind = l.c[1].kind = CANDIDATE_REFLEXIVE;
	l.c[0].attested = true; /* a claim, not a fact */
	coord_client_publish(a.client, &l, 5, &rtts);
	assert_true(net_run(&n, sees_candidate, &b));
	assert_false(b.map.peers[0].candidates.c[0].attested);
	assert_true(b.map.peers[0].candidates.c[1].attested);
	assert_int_equal(b.map.peers[0].generation, 5);
	assert_int_equal(b.map.peers[0].relay_rtt_ms[0], 12);
	node_done(&a);
	node_done(&b);
	net_done(&n);
}

static void a_restart_keeps_what_was_published(void **state)
{
	struct candidate_list l = { .count = 2 };
	struct coord_client_rtts rtts = { .servers = { 12 } };
	struct net n;
	struct node a, b;

	(void)state;
	two_nodes(&n, &a, &b);
	assert_true(endpoint_parse("198.51.100.7:41641", &l.c[0].at));
	assert_true(endpoint_parse("127.0.0.1:41641", &l.c[1].at));
	l.c[0].kind = l.c[1].kind = CANDIDATE_REFLEXIVE;
	coord_client_publish(a.client, &l, 5, &rtts);
	assert_true(net_run(&n, sees_candidate, &b));
	node_stop(&a);
	net_stop_server(&n);
	net_start_server(&n);
	netmap_done(&b.map); /* b comes with nothing, and a is away */
	netmap_init(&b.map);
	assert_true(net_run(&n, sees_candidate, &b));
	assert_false(b.map.peers[0].online);
	assert_true(b.map.peers[0].candidates.c[1].attested);
	assert_int_equal(b.map.peers[0].relay_rtt_ms[0], 12);
	node_done(&a);
	node_done(&b);
	net_done(&n);
}

static bool has_eight(void *arg)
{
	return ((struct node *)arg)->signals >= 8;
}

static void signals_have_a_budget_and_a_true_sender(void **state)
{
	uint8_t m[1200];
	struct net n;
	struct node a, b;

	(void)state;
	two_nodes(&n, &a, &b);
	memset(m, 0xa5, sizeof(m));
	for (unsigned i = 0; i < 8; i++)
		assert_true(coord_client_signal(a.client, &b.p.tunnel, m, sizeof(m)));
	assert_false(coord_client_signal(a.client, &b.p.tunnel, m, 1));
	assert_false(coord_client_signal(b.client, &a.p.tunnel, m, 1201));
	assert_true(net_run(&n, has_eight, &b));
	assert_int_equal(b.last_signal_n, sizeof(m));
	assert_memory_equal(b.last_signal, m, sizeof(m));
	assert_memory_equal(&b.last_from, &a.p.tunnel, KEY_OCTETS);
	node_done(&a);
	node_done(&b);
	net_done(&n);
}

static void another_nodes_key_is_refused(void **state)
{
	uint8_t secret[INVITE_SECRET_OCTETS];
	struct net n;
	struct node a, b, c;

	(void)state;
	two_nodes(&n, &a, &b);
	net_invite(&n, false, FAR, secret);
	node_init(&c, &n, "c", secret);
	c.p.tunnel = a.p.tunnel; /* with a channel of its own */
	node_start(&c);
	assert_true(net_run(&n, is_refused, &c));
	assert_non_null(strstr(c.why, "another node has this tunnel key"));
	/* The victim is online and as it was. */
	assert_true(a.connected);
	assert_int_equal(b.map.peer_count, 1);
	assert_memory_equal(&b.map.peers[0].key, &a.p.tunnel, KEY_OCTETS);
	/* The invite is not used up by a refusal. */
	node_done(&c);
	node_init(&c, &n, "c", secret);
	node_start(&c);
	assert_true(net_run(&n, has_map, &c));
	assert_true(c.joined);
	node_done(&a);
	node_done(&b);
	node_done(&c);
	net_done(&n);
}

static void removed_node_is_told_and_gone(void **state)
{
	struct net n;
	struct node a, b;

	(void)state;
	two_nodes(&n, &a, &b);
	assert_non_null(server_remove(n.server, "nobody"));
	assert_null(server_remove(n.server, "web-server"));
	assert_true(net_run(&n, is_refused, &a));
	assert_true(net_run(&n, sees_nobody, &b));
	assert_false(b.refused);
	node_stop(&a);
	a.refused = false;
	node_start(&a);
	assert_true(net_run(&n, is_refused, &a));
	assert_non_null(strstr(a.why, "removed"));
	node_done(&a);
	node_done(&b);
	net_done(&n);
}

static bool has_left(void *arg)
{
	return ((struct node *)arg)->left;
}

static void on_left(void *owner, bool ok)
{
	((struct node *)owner)->left = ok;
}

static void leaves(void **state)
{
	struct net n;
	struct node a, b;

	(void)state;
	two_nodes(&n, &a, &b);
	coord_client_leave(a.client, on_left);
	assert_true(net_run(&n, has_left, &a));
	assert_true(net_run(&n, sees_nobody, &b));
	node_done(&a);
	node_done(&b);
	net_done(&n);
}

static void expired_node_revives_with_an_invite(void **state)
{
	uint8_t secret[INVITE_SECRET_OCTETS];
	struct net n;
	struct node a, b;
	struct ipaddr had;

	(void)state;
	two_nodes(&n, &a, &b);
	had = a.map.self.v4;
	assert_null(server_expire(n.server, "web-server"));
	assert_true(net_run(&n, is_away, &a));
	assert_true(net_run(&n, sees_nobody, &b));
	node_stop(&a);
	a.refused = a.joined = false;
	a.maps = a.tokens = 0;
	net_invite(&n, false, FAR, secret);
	memcpy(a.p.invite_secret, secret, sizeof(secret));
	node_start(&a);
	assert_true(net_run(&n, has_map, &a));
	assert_true(a.joined);
	assert_true(ipaddr_eq(&had, &a.map.self.v4));
	assert_true(net_run(&n, sees_peer_online, &b));
	node_done(&a);
	node_done(&b);
	net_done(&n);
}

/* A state folder that was copied and has made a new key since. */
static void a_copy_changes_nothing(void **state)
{
	struct net n;
	struct node a, b, copy;
	struct key_public had;

	(void)state;
	two_nodes(&n, &a, &b);
	had = a.p.tunnel;
	node_init(&copy, &n, "copy", a.p.invite_secret);
	copy.machine = a.machine;
	copy.joined = true;
	node_start(&copy);
	assert_true(net_run(&n, is_refused, &copy));
	assert_non_null(strstr(copy.why, "was copied"));
	assert_true(a.connected);
	assert_true(key_public_eq(&b.map.peers[0].key, &had));
	node_stop(&b);
	netmap_done(&b.map);
	b.joined = true;
	b.maps = b.tokens = 0;
	node_start(&b); /* with the whole map, as the server has it */
	assert_true(net_run(&n, has_map, &b));
	assert_true(key_public_eq(&b.map.peers[0].key, &had));
	node_done(&copy);
	node_done(&a);
	node_done(&b);
	net_done(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joins_and_sees_the_other),
		cmocka_unit_test(wrong_server_key_is_refused),
		cmocka_unit_test(bad_invites_are_refused_with_a_reason),
		cmocka_unit_test(finds_the_server_by_name),
		cmocka_unit_test(strangers_get_nothing),
		cmocka_unit_test(a_dead_session_gives_way),
		cmocka_unit_test(one_of_64_gets_a_one_time_invite),
		cmocka_unit_test(reconnect_costs_a_delta),
		cmocka_unit_test(publishes_candidates_and_server_attests),
		cmocka_unit_test(a_restart_keeps_what_was_published),
		cmocka_unit_test(signals_have_a_budget_and_a_true_sender),
		cmocka_unit_test(another_nodes_key_is_refused),
		cmocka_unit_test(removed_node_is_told_and_gone),
		cmocka_unit_test(leaves),
		cmocka_unit_test(a_copy_changes_nothing),
		cmocka_unit_test(expired_node_revives_with_an_invite),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
