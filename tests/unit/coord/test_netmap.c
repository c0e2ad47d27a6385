/* SPDX-License-Identifier: MIT
 *
 * test_netmap.c - maps, deltas, poisoned records, the state file
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "coord/netmap.h"
#include "coord/proto.h"

#define KEY(c) #c "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define NODE(id, name, key, host)                                              \
	"{\"id\":" #id ",\"name\":\"" name "\",\"key\":\"" KEY(key)            \
	"\",\"v4\":\"100.90.0." #host "\",\"v6\":\"fd00:1::" #host             \
	"\",\"online\":true,\"routes\":[\"10.1.0.0/16\",\"0.0.0.0/1\",\"x\"]," \
	"\"candidates\":[{\"at\":\"192.0.2.1:4000\",\"kind\":5},7],\"new\":[1]}"
#define SELF NODE(1, "self", B, 1)
#define FULL(peers)                                                            \
	"{\"full\":true,\"version\":10,\"network\":5,"                         \
	"\"overlay\":[\"100.90.0.0/16\",\"fd00:1::/48\"],\"self\":" SELF       \
	",\"relays\":[{\"id\":1,\"name\":\"r\",\"key\":\"" KEY(R)              \
	"\",\"at\":[\"192.0.2.9:3478\"]}],\"peers\":[" peers "]}"
#define DELTA(from, to, rest) "{\"from\":" #from ",\"version\":" #to rest "}"

static int apply(struct netmap *m, const char *text)
{
	json_t *o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	int err;

	assert_non_null(o);
	err = netmap_apply(m, o);
	json_decref(o);
	return err;
}

static void names(const struct netmap *m, char *out)
{
	*out = 0;
	for (unsigned i = 0; i < m->peer_count; i++) {
		strcat(out, m->peers[i].name);
		strcat(out, m->peers[i].online ? "+ " : "- ");
	}
}

static void check(const struct netmap *m, uint64_t version, const char *expected)
{
	char text[512];

	names(m, text);
	assert_string_equal(text, expected);
	assert_int_equal(m->version, version);
}

static void full_then_deltas(void **state)
{
	struct netmap m;

	(void)state;
	netmap_init(&m);
	assert_int_equal(apply(&m, DELTA(0, 1, "")), -EINVAL);
	assert_int_equal(apply(&m, FULL(NODE(3, "c", D, 3) "," NODE(2, "b", C, 2))),
			 0);
	check(&m, 10, "b+ c+ ");
	assert_int_equal(m.skipped, 0);
	assert_int_equal(m.peers[0].route_count, 1);
	assert_int_equal(m.peers[0].candidates.count, 1);
	assert_int_equal(m.relay_count, 1);
	assert_int_equal(m.relays[0].at[0].port, 3478);
	assert_int_equal(apply(&m, DELTA(10, 11, ",\"peers\":[" NODE(4, "d", E, 4)
					 "],\"removed\":[2,99]")), 0);
	check(&m, 11, "c+ d+ ");
	assert_int_equal(apply(&m, DELTA(11, 12, ",\"reset\":true,\"peers\":["
					 NODE(4, "dd", E, 4) "]")), 0);
	check(&m, 12, "c- dd+ ");
	assert_int_equal(m.network, 5);
	assert_int_equal(apply(&m, DELTA(11, 13, "")), -EINVAL);
	assert_int_equal(apply(&m, DELTA(12, 11, "")), -EINVAL);
	check(&m, 12, "c- dd+ ");
	netmap_done(&m);
}

static void who_is_online_comes_by_ids(void **state)
{
	struct netmap m;

	(void)state;
	netmap_init(&m);
	assert_int_equal(apply(&m, FULL(NODE(2, "b", C, 2) "," NODE(3, "c", D, 3))), 0);
	assert_int_equal(apply(&m, DELTA(10, 11, ",\"offline\":[3,99,-1,\"2\",null]")),
			 0);
	check(&m, 11, "b+ c- ");
	assert_int_equal(apply(&m, DELTA(11, 12, ",\"online\":[3],\"offline\":[2],"
					 "\"peers\":[" NODE(4, "d", E, 4) "]")), 0);
	check(&m, 12, "b- c+ d+ ");
	assert_int_equal(apply(&m, DELTA(12, 13, ",\"reset\":true,\"online\":[2]")),
			 0);
	check(&m, 13, "b+ c- d- ");
	assert_int_equal(m.peers[0].candidates.count, 1);
	assert_int_equal(apply(&m, DELTA(13, 14, ",\"online\":7,\"offline\":{}")), 0);
	check(&m, 14, "b+ c- d- ");
	netmap_done(&m);
}

static void a_poisoned_record_is_skipped_alone(void **state)
{
	static const char *const poison[] = {
		"null", "7", "[]", "{}",
		NODE(9, "Bad Name", Z, 9), NODE(9, "-", Z, 9), NODE(0, "z", Z, 9),
		NODE(9, "z", A, 9), /* key zero */
		NODE(9, "z", !, 9), /* no key */
		NODE(9, "b", Z, 9), /* another's name */
		NODE(9, "z", C, 9), /* another's key */
		NODE(9, "z", Z, 2), /* another's address */
		NODE(9, "z", B, 9), NODE(9, "z", Z, 1), /* ours */
		NODE(9, "self", Z, 9), NODE(1, "z", Z, 9), NODE(9, "z", Z, 0.9),
	};
	char text[4096];
	struct netmap m;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(poison); i++) {
		netmap_init(&m);
		snprintf(text, sizeof(text), FULL("%s," NODE(2, "b", C, 2) ","
						  NODE(3, "c", D, 3)), poison[i]);
		assert_int_equal(apply(&m, text), 0);
		check(&m, 10, "b+ c+ ");
		assert_int_equal(m.skipped, 1);
		snprintf(text, sizeof(text), DELTA(10, 11, ",\"peers\":[%s]"),
			 poison[i]);
		assert_int_equal(apply(&m, text), 0);
		check(&m, 11, "b+ c+ ");
		assert_int_equal(m.skipped, 2);
		netmap_done(&m);
	}
}

/* Every route refused: the record stands, and owns its memory alone. */
static void refused_routes_leave_the_record(void **state)
{
	static const char self[] =
		"{\"full\":true,\"version\":1,\"overlay\":[\"100.90.0.0/16\","
		"\"fd00:1::/48\"],\"self\":{\"id\":1,\"name\":\"s\",\"key\":\""
		KEY(B) "\",\"v4\":\"100.90.0.1\",\"v6\":\"fd00:1::1\","
		"\"routes\":[\"127.0.0.0/8\",\"x\"]}}";
	struct netmap m;

	(void)state;
	netmap_init(&m);
	assert_int_equal(apply(&m, self), 0);
	assert_int_equal(apply(&m, DELTA(1, 2, "")), 0);
	assert_int_equal(m.self.route_count, 0);
	netmap_done(&m);
}

static void an_unusable_map_changes_nothing(void **state)
{
	static const char *const bad[] = {
		"{\"full\":true}", "{\"full\":true,\"version\":3}",
		"{\"full\":true,\"version\":0,\"overlay\":[\"100.90.0.0/16\","
		"\"fd00:1::/48\"],\"self\":" SELF "}",
		"{\"full\":true,\"version\":3,\"overlay\":[\"0.0.0.0/0\","
		"\"fd00:1::/48\"],\"self\":" SELF "}",
		"{\"full\":true,\"version\":3,\"overlay\":[\"10.0.0.0/8\","
		"\"fd00:1::/48\"],\"self\":" SELF "}",
		"{\"from\":10,\"version\":11,\"self\":{}}",
	};
	struct netmap m;

	(void)state;
	netmap_init(&m);
	assert_int_equal(apply(&m, FULL(NODE(2, "b", C, 2))), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(apply(&m, bad[i]), -EINVAL);
		check(&m, 10, "b+ ");
	}
	netmap_done(&m);
}

static void saves_and_loads(void **state)
{
	char dir[] = "/tmp/adit-test-netmap-XXXXXX", path[64];
	struct netmap m, got;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/map", dir);
	netmap_init(&m);
	netmap_init(&got);
	assert_int_equal(netmap_load(&got, path), -ENOENT);
	assert_int_equal(apply(&m, FULL(NODE(2, "b", C, 2) "," NODE(3, "c", D, 3))), 0);
	assert_int_equal(netmap_save(&m, path), 0);
	assert_int_equal(netmap_load(&got, path), 0);
	check(&got, 10, "b+ c+ ");
	assert_memory_equal(&got.self.key, &m.self.key, KEY_OCTETS);
	assert_true(ipaddr_eq(&got.peers[1].v6, &m.peers[1].v6));
	assert_int_equal(got.peers[1].route_count, 1);
	assert_true(prefix_eq(&got.overlay[1], &m.overlay[1]));
	assert_int_equal(got.network, 5);
	assert_int_equal(got.relay_count, 1);
	assert_int_equal(file_replace(path, "{\"file\":1,\"fu", 13, 0600), 0);
	assert_int_equal(netmap_load(&got, path), -EINVAL);
	check(&got, 10, "b+ c+ ");
	unlink(path);
	rmdir(dir);
	netmap_done(&m);
	netmap_done(&got);
}

#define PEER_RELAY(id, node)                                                   \
	"{\"id\":" #id ",\"node\":" #node ",\"name\":\"r\",\"key\":\"" KEY(R)          \
	"\",\"at\":[\"192.0.2.9:5000\"]}"
#define RELAYS(peers)                                                          \
	",\"relays\":[{\"id\":1,\"name\":\"r\",\"key\":\"" KEY(R)                    \
	"\",\"at\":[\"192.0.2.9:3478\"]}],\"peer_relays\":[" peers "]"

/* behind the servers, so many at most; they survive on disk and leave with the next list */
static void nodes_that_relay(void **state)
{
	char dir[] = "/tmp/adit-netmap-XXXXXX", path[64];
	struct netmap m, got;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/map", dir);
	netmap_init(&m);
	netmap_init(&got);
	assert_int_equal(apply(&m, FULL(NODE(2, "b", C, 2))), 0);
	assert_false(netmap_has_sign(&m));
	assert_int_equal(apply(&m, DELTA(10, 11, RELAYS(
		PEER_RELAY(11, 2) "," PEER_RELAY(12, 3) "," PEER_RELAY(13, 4) ","
		PEER_RELAY(14, 5) "," PEER_RELAY(15, 6)) ",\"sign\":\"" KEY(R) "\"")), 0);
	assert_int_equal(m.relay_count, 1 + NETMAP_PEER_RELAYS_MAX);
	assert_int_equal(m.skipped, 1);
	assert_int_equal(m.relays[0].node, 0);
	assert_int_equal(m.relays[1].node, 2);
	assert_int_equal(m.relays[1].at[0].port, 5000);
	assert_true(netmap_has_sign(&m));
	assert_int_equal(netmap_save(&m, path), 0);
	assert_int_equal(netmap_load(&got, path), 0);
	assert_int_equal(got.relay_count, m.relay_count);
	assert_int_equal(got.relays[4].node, 5);
	assert_true(netmap_has_sign(&got));
	/* a server's list that names a node, and a node's that names none: skipped */
	assert_int_equal(apply(&m, DELTA(11, 12, ",\"relays\":[" PEER_RELAY(1, 9)
		"],\"peer_relays\":[]")), 0);
	assert_int_equal(m.relay_count, 0);
	assert_int_equal(apply(&m, DELTA(12, 13, RELAYS(PEER_RELAY(11, 2)))), 0);
	assert_int_equal(m.relay_count, 2);
	assert_int_equal(apply(&m, DELTA(13, 14, ",\"peers\":["
		"{\"id\":2,\"name\":\"b\",\"key\":\"" KEY(C) "\","
		"\"v4\":\"100.90.0.2\",\"v6\":\"fd00:1::2\","
		"\"peer_rtt\":[[11,20],7,[0,3],[12,-1],[13,70000]]}]")), 0);
	assert_int_equal(m.peers[0].peer_rtt[0].relay, 11);
	assert_int_equal(m.peers[0].peer_rtt[0].ms, 20);
	assert_int_equal(m.peers[0].peer_rtt[1].relay, 0);
	unlink(path);
	rmdir(dir);
	netmap_done(&m);
	netmap_done(&got);
}

static void messages_are_bounded(void **state)
{
	static const char *const bad[] = {
		"", "[]", "7", "{\"type\":\"x\"", "{\"a\":1,\"a\":2}",
		"{\"a\":[[[[[[[[1]]]]]]]]}", "{} x",
	};
	static const char deep_text[] = "{\"type\":\"later\",\"x\":\"[[[[[[[[[[\"}";
	enum proto_type type;
	json_t *o;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		assert_null(proto_parse(bad[i], strlen(bad[i]), 100, &type));
	assert_null(proto_parse("{\"a\":1}", 7, 6, &type));
	o = proto_parse(deep_text, sizeof(deep_text) - 1, 100, &type);
	assert_non_null(o);
	assert_int_equal(type, PROTO_UNKNOWN);
	json_decref(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_then_deltas),
		cmocka_unit_test(who_is_online_comes_by_ids),
		cmocka_unit_test(a_poisoned_record_is_skipped_alone),
		cmocka_unit_test(refused_routes_leave_the_record),
		cmocka_unit_test(an_unusable_map_changes_nothing),
		cmocka_unit_test(saves_and_loads),
		cmocka_unit_test(nodes_that_relay),
		cmocka_unit_test(messages_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
