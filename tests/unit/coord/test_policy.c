/* SPDX-License-Identifier: MIT
 *
 * test_policy.c - the policy file: what parses, what is refused and where, what follows
 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "base/addr.h"
#include "coord/policy.h"
#include "coord/proto.h"

static struct policy *parse(const char *text)
{
	struct policy_error why = { 0 };
	struct policy *p = policy_parse(text, strlen(text), &why);

	if (!p)
		fail_msg("line %u: %s", why.line, why.text);
	return p;
}

static void says_where_and_why(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
		const char *why;
	} table[] = {
		{ "alow a to b\n", 1, "begins no statement" },
		{ "deny a to b\n", 1, "what is not allowed is denied" },
		{ "\n# x\nallow a b\n", 3, "'to' is missing" },
		{ "allow a too b on tcp:1", 1, "'to' is missing" },
		{ "allow a to b to c", 1, "node:to" },
		{ "group x = a on", 1, "node:on" },
		{ "allow to b", 1, "nothing is named before to" },
		{ "allow a to", 1, "nothing is named before the end" },
		{ "allow a to b on", 1, "no service" },
		{ "allow a to b on tcp:70000", 1, "no port" },
		{ "allow a to b on tcp:", 1, "no port" },
		{ "allow a to b on tcp:90-80", 1, "ends before" },
		{ "allow a to b on tcp:90-", 1, "no range" },
		{ "allow a to b on ssh", 1, "no service" },
		{ "allow a to b on proto:0", 1, "no protocol" },
		{ "allow A_b to c", 1, "no name" },
		{ "allow a to 10.0.0.0/33", 1, "no address" },
		{ "allow a to 10.0.0.1/8", 1, "write 10.0.0.0/8" },
		{ "allow group:x to b", 1, "no group x" },
		{ "allow host:x to b", 1, "no host x" },
		{ "group x a", 1, "'=' with blanks" },
		{ "group = a", 1, "has a name" },
		{ "group x =", 1, "nothing is named" },
		{ "group x = a\ngroup x = b", 2, "defined on line 1" },
		{ "host x = web", 1, "no address" },
		{ "test\naccept a to b on tcp:1\n", 1, "no 'end'" },
		{ "test\nallow a to b\nend\n", 2, "in a test block" },
		{ "test\naccept any to b on tcp:1\nend", 2, "names nodes" },
		{ "test\naccept a to b on tcp:1-2\nend", 2, "single ports" },
		{ "test\naccept a to b\nend", 2, "single ports" },
		{ "test now\nend", 1, "means nothing" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(table); i++) {
		struct policy_error why = { 0 };

		assert_null(policy_parse(table[i].text, strlen(table[i].text),
					 &why));
		if (why.line != table[i].line || !strstr(why.text, table[i].why))
			fail_msg("'%s': line %u: %s", table[i].text, why.line,
				 why.text);
	}
}

static const char example[] =
	"# who is who\n"
	"group admins = alice, node:bob\n"
	"host office = 192.168.7.0/24 fd00:7::/64\n"
	"allow group:admins to any on tcp:22 icmp   # everywhere\n"
	"allow tag:web to tag:db on tcp:5432,5433\r\n"
	"allow any to tag:web on tcp:80 tcp:443 udp:443\n"
	"allow tag:web, host:office to tag:print on tcp:9100-9102\n"
	"allow alice to host:office\n"
	"test\n"
	"  accept alice bob to tag:db on tcp:22\n"
	"  accept tag:web to tag:db on tcp:5432\n"
	"  deny tag:db to tag:web on tcp:22\n"
	"  deny carol to tag:db on icmp\n"
	"  accept 192.168.7.9 to tag:print on tcp:9101\n"
	"end\n";

static struct rules_node node(const char *name, const char *tags, uint32_t v4)
{
	return (struct rules_node){ .name = name, .tags = tags,
				    .v4 = ipaddr_v4(v4) };
}

static void the_example_holds(void **state)
{
	struct policy *p = parse(example);
	struct policy_error why = { 0 };
	struct rules_node alice = node("alice", NULL, 0x64400001);
	struct rules_node db = node("db1", "db,old", 0x64400002);
	struct rules_node web = node("w", "web", 0x64400003);

	(void)state;
	assert_int_equal(policy_rules(p), 5);
	assert_int_equal(policy_tests(p), 5);
	if (!policy_test(p, NULL, 0, &why))
		fail_msg("%u: %s", why.line, why.text);
	assert_true(policy_allows(p, &alice, &db, 6, 22));
	assert_false(policy_allows(p, &alice, &db, 17, 22));
	assert_true(policy_allows(p, &alice, &db, RULES_ICMP, 0));
	assert_true(policy_allows(p, &web, &db, 6, 5433));
	assert_false(policy_allows(p, &web, &db, 6, 5434));
	assert_false(policy_allows(p, &db, &web, 6, 5432));
	assert_true(policy_allows(p, &db, &web, 17, 443));
	policy_free(p);
}

static void a_test_sees_tags_of_members(void **state)
{
	struct policy *p = parse("allow tag:web to db on tcp:1\n"
				 "test\naccept front to db on tcp:1\nend\n");
	struct rules_node nodes[] = { node("front", "web", 1), node("db", NULL, 2) };
	struct policy_error why = { 0 };

	(void)state;
	assert_true(policy_test(p, nodes, 2, &why));
	nodes[0].tags = "webs";
	assert_false(policy_test(p, nodes, 2, &why));
	assert_int_equal(why.line, 3);
	assert_non_null(strstr(why.text, "node:front to node:db on tcp:1 is denied"));
	policy_free(p);
}

static void who_sees_whom(void **state)
{
	struct policy *p = parse("allow a to b on tcp:1\nallow tag:x to tag:x\n");
	struct rules_node nodes[70] = { node("a", NULL, 1), node("b", NULL, 2),
					node("c", "x", 3) };
	uint64_t *m;
	size_t row = policy_row(70);

	(void)state;
	for (unsigned i = 3; i < 70; i++)
		nodes[i] = node("n", i == 69 ? "y,x" : NULL, i + 1);
	m = policy_matrix(p, nodes, 70);
	assert_non_null(m);
	assert_true(policy_bit(m, 1) && policy_bit(m + row, 0));
	assert_false(policy_bit(m, 2));
	assert_true(policy_bit(m + 2 * row, 69) && policy_bit(m + 69 * row, 2));
	assert_false(policy_bit(m + 3 * row, 69));
	free(m);
	policy_free(p);
}

static void compiled_for_a_node(void **state)
{
	struct policy *p = parse(example);
	struct rules_node web = node("w", "web", 0x64400003);
	struct prefix lan = prefix_make(ipaddr_v4(0xc0a80700), 24);
	struct rules_node router = node("r", NULL, 0x64400004);
	struct rules *r = policy_compile(p, &web), *copy;
	unsigned skipped = 0;
	json_t *o;

	(void)state;
	assert_int_equal(r->allow_count, 2 + 3);
	assert_int_equal(r->source_count, 2);
	assert_int_equal(r->net_count, 0);
	o = rules_json(r);
	copy = rules_read(o, &skipped);
	assert_int_equal(skipped, 0);
	assert_int_equal(copy->allow_count, 5);
	assert_true(rules_list_eq(&copy->sources[0], &r->sources[0]));
	assert_memory_equal(copy->allow, r->allow, 5 * sizeof(*r->allow));
	json_decref(o);
	rules_free(copy);
	rules_free(r);
	router.routes = &lan;
	router.route_count = 1;
	r = policy_compile(p, &router);
	assert_int_equal(r->allow_count, 2 + 1);
	assert_int_equal(r->net_count, 1);
	assert_int_equal(r->nets[0].count, 2);
	assert_int_equal(r->allow[2].net, 0);
	rules_free(r);
	policy_free(p);
}

static void same_kind(const struct policy *p, const struct rules_node *a,
		      const struct rules_node *b, bool same)
{
	uint64_t *x = policy_kind(p, a), *y = policy_kind(p, b);

	assert_non_null(x);
	assert_non_null(y);
	assert_int_equal(!memcmp(x, y, policy_kind_words(p) * sizeof(*x)), same);
	free(x);
	free(y);
}

/* Nodes of one kind share their rules: a name, tag or address that a rule leads to makes
 * another kind, one that it comes from does not. */
static void kinds_of_nodes(void **state)
{
	struct policy *p = parse("allow tag:web node:x to tag:db node:y 100.64.0.9\n"
				 "allow any to tag:web\n");
	struct rules_node db = node("a", "db", 0x64400001);
	struct rules_node other = node("b", "db", 0x64400002);
	struct rules_node web = node("c", "web", 0x64400003);
	struct rules_node both = node("d", "web,db", 0x64400004);
	struct rules_node none = node("x", NULL, 0x64400005);
	struct rules_node plain = node("e", NULL, 0x64400006);
	struct rules_node named = node("y", NULL, 0x64400007);
	struct rules_node at = node("f", NULL, 0x64400009);

	(void)state;
	same_kind(p, &db, &other, true);
	same_kind(p, &db, &web, false);
	same_kind(p, &db, &both, false);
	same_kind(p, &none, &plain, true);
	same_kind(p, &plain, &named, false);
	same_kind(p, &plain, &at, false);
	same_kind(p, &named, &at, true);
	policy_free(p);
}

static void malformed_rules_allow_nothing(void **state)
{
	static const char *const table[] = {
		"{}", "[]", "7", "{\"allow\":\"0,-1,6,1,2;\"}",
		"{\"sources\":[[\"any\"]],\"allow\":[[0,-1,6,1,2]]}",
		"{\"sources\":[[\"any\"]],\"allow\":\"0,-2,6,1,2;1,-1,6,1,2;"
		"0,0,6,1,2;0,-1,300,1,2;0,-1,6,3,2;0,-1,6,3;0,-1,6,0,65536;"
		"-1,-1,6,0,1;x;;,-1,0,0,1; 0,-1,6,1,2;0,-1,6,1,2 ;0,-1,6,1,2,3;"
		"0,-1,6,1,99999999999999999999;0,-1,6,1,2\"}",
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(table); i++) {
		unsigned skipped = 0;
		json_t *o = json_loads(table[i], JSON_DECODE_ANY, NULL);
		struct rules *r = rules_read(o, &skipped);

		assert_non_null(r);
		assert_int_equal(r->allow_count, 0);
		rules_free(r);
		json_decref(o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_where_and_why),
		cmocka_unit_test(the_example_holds),
		cmocka_unit_test(a_test_sees_tags_of_members),
		cmocka_unit_test(who_sees_whom),
		cmocka_unit_test(compiled_for_a_node),
		cmocka_unit_test(kinds_of_nodes),
		cmocka_unit_test(malformed_rules_allow_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
