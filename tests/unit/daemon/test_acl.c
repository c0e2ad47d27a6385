/* SPDX-License-Identifier: MIT
 *
 * test_acl.c - what a peer may send: rules, answers, fragments, errors, subnets
 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "coord/policy.h"
#include "daemon/acl.h"
#include "tun/classify.h"

enum {
	US = 0x64400001,
	WEB = 0x64400002, /* slot 3, tag web */
	DB = 0x64400003, /* slot 5 */
	STOCK = 0x64400009, /* slot 7, exempt */
	LAN = 0xc0a80705, /* behind web */
	OURS = 0x0a090807, /* behind us */
	SYN = CLASSIFY_SYN,
	ACK = CLASSIFY_ACK,
};

static struct flows f;
static struct flows_memo memo;
static struct acl *a;
static nsec_t now;

static struct prefix overlay[2];

static struct rules_node node(const char *name, const char *tags, uint32_t v4)
{
	return (struct rules_node){ .name = name, .tags = tags,
				    .v4 = ipaddr_v4(v4) };
}

static void use(const char *text)
{
	static struct prefix behind;
	struct policy_error why;
	struct policy *p = policy_parse(text, strlen(text), &why);
	struct rules_node us = node("us", "srv", US);
	const struct acl_peer peers[] = {
		{ .slot = 3, .node = node("web", "web", WEB) },
		{ .slot = 5, .node = node("db", NULL, DB) },
		{ .slot = 7, .exempt = true, .node = node("wg-1", NULL, 0) },
	};
	struct rules *r;

	if (!p)
		fail_msg("%u: %s", why.line, why.text);
	behind = prefix_make(ipaddr_v4(OURS), 24);
	us.routes = &behind;
	us.route_count = 1;
	r = policy_compile(p, &us);
	acl_free(a);
	a = acl_new(r, &us, overlay, peers, ARRAY_SIZE(peers));
	assert_non_null(a);
	rules_free(r);
	policy_free(p);
}

static int setup(void **state)
{
	(void)state;
	now = SEC(1000000);
	memo = (struct flows_memo){ 0 };
	return flows_init(&f);
}

static int teardown(void **state)
{
	(void)state;
	acl_free(a);
	a = NULL;
	flows_done(&f);
	return 0;
}

struct packet {
	uint8_t b[128];
	size_t n;
};

static void put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static struct packet ip(uint32_t from, uint32_t to, uint8_t protocol, size_t n)
{
	struct packet p = { .b = { 0x45 }, .n = 20 + n };

	p.b[3] = (uint8_t)p.n;
	p.b[9] = protocol;
	put32(p.b + 12, from);
	put32(p.b + 16, to);
	return p;
}

static struct packet l4(uint32_t from, uint32_t to, uint8_t protocol, unsigned sport,
			unsigned dport, uint8_t flags)
{
	struct packet p = ip(from, to, protocol, protocol == 6 ? 20 : 8);

	put32(p.b + 20, (uint32_t)sport << 16 | dport);
	if (protocol == 6) {
		p.b[32] = 0x50;
		p.b[33] = flags;
	}
	return p;
}

static struct packet ping(uint32_t from, uint32_t to, uint8_t type, unsigned id)
{
	struct packet p = ip(from, to, 1, 8);

	p.b[20] = type;
	p.b[24] = (uint8_t)(id >> 8);
	p.b[25] = (uint8_t)id;
	return p;
}

static struct packet error_about(uint32_t from, const struct packet *q)
{
	struct packet p = ip(from, US, 1, 8 + 28);

	p.b[20] = 3;
	memcpy(p.b + 28, q->b, 28);
	return p;
}

static enum drop in(uint32_t slot, struct packet p)
{
	return acl_inbound(a, &f, &memo, slot, p.b, p.n, now);
}

static void out(struct packet p)
{
	flows_outbound(&f, p.b, p.n, now);
}

#define PASSES(slot, p) assert_int_equal(in(slot, p), DROP_NONE)
#define DENIED(slot, p) assert_int_equal(in(slot, p), DROP_ACL_DENIED)

static void rules_decide(void **state)
{
	(void)state;
	use("allow tag:web to tag:srv on tcp:22,8000-8010 icmp\n"
	    "allow db to us on udp:53\n");
	PASSES(3, l4(WEB, US, 6, 1000, 22, SYN));
	PASSES(3, l4(WEB, US, 6, 1000, 8010, SYN));
	DENIED(3, l4(WEB, US, 6, 1000, 8011, SYN));
	DENIED(3, l4(WEB, US, 6, 1000, 8011, ACK));
	DENIED(3, l4(WEB, US, 17, 1000, 22, 0));
	PASSES(3, ping(WEB, US, 8, 1));
	DENIED(5, ping(DB, US, 8, 1));
	PASSES(5, l4(DB, US, 17, 1000, 53, 0));
	DENIED(5, l4(DB, US, 6, 1000, 22, SYN));
	DENIED(4, l4(DB, US, 17, 1000, 53, 0)); /* no such peer */
	DENIED(99, l4(DB, US, 17, 1000, 53, 0));
	DENIED(3, ip(WEB, US, 47, 8));
	PASSES(7, ip(STOCK, US, 47, 8)); /* configured by hand */
}

static void answers_pass(void **state)
{
	(void)state;
	use("allow us to web\n");
	DENIED(3, l4(WEB, US, 6, 22, 40000, SYN | ACK));
	out(l4(US, WEB, 6, 40000, 22, SYN));
	PASSES(3, l4(WEB, US, 6, 22, 40000, SYN | ACK));
	PASSES(3, l4(WEB, US, 6, 22, 40000, ACK));
	DENIED(3, l4(WEB, US, 6, 22, 40000, SYN)); /* begins anew */
	DENIED(3, l4(WEB, US, 6, 22, 40001, ACK));
	out(l4(US, WEB, 17, 40000, 53, 0));
	PASSES(3, l4(WEB, US, 17, 53, 40000, 0));
	DENIED(3, l4(WEB, US, 17, 54, 40000, 0));
	out(ping(US, WEB, 8, 77));
	PASSES(3, ping(WEB, US, 0, 77));
	DENIED(3, ping(WEB, US, 0, 78));
	DENIED(3, ping(WEB, US, 8, 77));
	now += SEC(320);
	DENIED(3, l4(WEB, US, 17, 53, 40000, 0));
}

static void tcp_lives_for_two_hours_and_ends(void **state)
{
	(void)state;
	use("allow us to web\n");
	out(l4(US, WEB, 6, 40000, 22, SYN));
	out(l4(US, WEB, 6, 40000, 22, ACK));
	now += SEC(7000);
	PASSES(3, l4(WEB, US, 6, 22, 40000, ACK));
	out(l4(US, WEB, 6, 40000, 22, ACK | CLASSIFY_FIN));
	out(l4(US, WEB, 6, 40000, 22, ACK)); /* the last one does not revive it */
	now += SEC(200);
	PASSES(3, l4(WEB, US, 6, 22, 40000, ACK));
	now += SEC(100);
	DENIED(3, l4(WEB, US, 6, 22, 40000, ACK));
	/* An answer of ours makes no flow ours. */
	out(l4(US, WEB, 6, 22, 50000, SYN | ACK));
	out(l4(US, WEB, 6, 22, 50000, ACK));
	DENIED(3, l4(WEB, US, 6, 50000, 22, ACK));
}

static void a_rule_that_goes_ends_its_flows(void **state)
{
	(void)state;
	use("allow web to us\n");
	PASSES(3, l4(WEB, US, 17, 1000, 53, 0));
	PASSES(3, l4(WEB, US, 6, 1000, 22, SYN));
	use("allow db to us\n");
	out(l4(US, WEB, 17, 53, 1000, 0));
	DENIED(3, l4(WEB, US, 17, 1000, 53, 0));
	out(l4(US, WEB, 6, 22, 1000, ACK));
	DENIED(3, l4(WEB, US, 6, 1000, 22, ACK));
}

static void fragments_follow_their_first(void **state)
{
	struct packet first = l4(WEB, US, 17, 1000, 53, 0);
	struct packet later = first, other;

	(void)state;
	use("allow web to us on udp:53\n");
	first.b[5] = later.b[5] = 9; /* identification */
	first.b[6] = 0x20;
	later.b[7] = 1;
	other = later;
	other.b[5] = 10;
	DENIED(3, later);
	PASSES(3, first);
	PASSES(3, later);
	DENIED(3, other);
	first.b[23] = 54; /* a port that is not allowed */
	first.b[5] = 10;
	DENIED(3, first);
	DENIED(3, other);
	now += SEC(60);
	DENIED(3, later);
	first.b[3] = 24; /* cut within the UDP header */
	assert_int_equal(in(3, first), DROP_ACL_MALFORMED);
}

static void errors_about_what_is_ours_pass(void **state)
{
	struct packet ours = l4(US, WEB, 6, 40000, 22, SYN);
	struct packet answer = l4(US, WEB, 6, 80, 2000, ACK);
	struct packet theirs = l4(US, WEB, 6, 81, 2000, ACK);

	(void)state;
	use("allow web to us on tcp:80\n");
	DENIED(3, error_about(WEB, &ours));
	out(ours);
	PASSES(3, error_about(WEB, &ours));
	PASSES(3, error_about(WEB, &answer));
	DENIED(3, error_about(WEB, &theirs));
}

static void subnets_need_prefixes(void **state)
{
	(void)state;
	use("allow web to us on tcp:80\n"
	    "allow 192.168.7.0/24 to us on tcp:81\n"
	    "allow web to 10.9.8.0/24 on tcp:82\n");
	PASSES(3, l4(WEB, US, 6, 1, 80, SYN));
	DENIED(3, l4(LAN, US, 6, 1, 80, SYN));
	PASSES(3, l4(LAN, US, 6, 1, 81, SYN));
	DENIED(3, l4(WEB, US, 6, 1, 81, SYN));
	PASSES(3, l4(WEB, OURS, 6, 1, 82, SYN));
	DENIED(3, l4(WEB, OURS, 6, 1, 80, SYN));
	DENIED(3, l4(LAN, OURS, 6, 1, 82, SYN));
	DENIED(3, l4(WEB, US, 6, 1, 82, SYN));
}

static void a_flood_of_theirs_leaves_ours(void **state)
{
	(void)state;
	use("allow web to us on udp\n");
	for (unsigned i = 0; i < 1000; i++)
		out(l4(US, DB, 17, 30000 + i, 53, 0));
	for (unsigned i = 0; i < 1000000; i++)
		PASSES(3, l4(WEB, US, 17, i % 65536, 1 + i / 65536, 0));
	for (unsigned i = 0; i < 1000; i++)
		PASSES(5, l4(DB, US, 17, 53, 30000 + i, 0));
	now += SEC(3600);
	flows_sweep(&f, now);
	for (unsigned i = 0; i < FLOWS_BUCKETS * FLOWS_WAYS; i++)
		assert_int_equal(atomic_load(&f.words[i]), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(rules_decide),
		T(answers_pass),
		T(tcp_lives_for_two_hours_and_ends),
		T(a_rule_that_goes_ends_its_flows),
		T(fragments_follow_their_first),
		T(errors_about_what_is_ours_pass),
		T(subnets_need_prefixes),
		T(a_flood_of_theirs_leaves_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
