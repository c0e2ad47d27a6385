/* SPDX-License-Identifier: MIT
 *
 * test_natbox.c - each behaviour of RFC 4787, and what real routers add to it
 */
#include "tests/unit/unit.h"

#include "tests/natlab/natbox.h"

#define EI NAT_KIND_INDEPENDENT
#define AD NAT_KIND_ADDRESS
#define AP NAT_KIND_ADDRESS_PORT

static struct natbox n;
static const nsec_t t0 = SEC(100);

static struct endpoint at(uint32_t ip, uint16_t port)
{
	return (struct endpoint){ .ip = ipaddr_v4(ip), .port = port };
}
static struct endpoint host(uint16_t port) { return at(0x0A000002, port); }
/* remote servers .1, .2, ... */
static struct endpoint far(unsigned i, uint16_t port) { return at(0xC6336400 + i, port); }
static struct endpoint ext(uint16_t port) { return at(0xCB007101, port); }

static void make(enum nat_kind mapping, enum nat_kind filtering, struct natbox_rules r)
{
	r.external = ipaddr_v4(0xCB007101);
	natbox_init(&n, mapping, filtering, &r, 7);
	n.counted = t0;
}

static struct endpoint out(struct endpoint from, struct endpoint to, nsec_t now)
{
	struct natbox_packet p = { 17, from, to };

	assert_int_equal(natbox_out(&n, &p, now), NATBOX_PASS);
	return p.from;
}

static enum natbox_verdict in(struct endpoint from, struct endpoint to, nsec_t now)
{
	struct natbox_packet p = { 17, from, to };

	return natbox_in(&n, &p, now);
}

static void mapping(void **state)
{
	static const struct { enum nat_kind kind; bool port, address; } rows[] = {
		{ EI, true, true }, { AD, true, false }, { AP, false, false },
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct endpoint a, b, c;

		make(rows[i].kind, AP, (struct natbox_rules){ .accepts = false });
		a = out(host(5000), far(1, 10), t0);
		b = out(host(5000), far(1, 11), t0);
		c = out(host(5000), far(2, 10), t0);
		assert_int_equal(endpoint_eq(&a, &b), rows[i].port);
		assert_int_equal(endpoint_eq(&a, &c), rows[i].address);
		b = out(host(5000), far(1, 10), t0 + SEC(1));
		assert_true(endpoint_eq(&a, &b)); /* a session keeps its mapping */
	}
}

static void filtering(void **state)
{
	static const struct { enum nat_kind kind; bool port, address; } rows[] = {
		{ EI, true, true }, { AD, true, false }, { AP, false, false },
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct endpoint a;

		make(EI, rows[i].kind, (struct natbox_rules){ .accepts = false });
		a = out(host(5000), far(1, 10), t0);
		assert_int_equal(a.port, 5000);
		assert_int_equal(in(far(1, 10), a, t0), NATBOX_PASS);
		assert_int_equal(in(far(1, 11), a, t0) == NATBOX_PASS, rows[i].port);
		assert_int_equal(in(far(2, 10), a, t0) == NATBOX_PASS, rows[i].address);
		assert_int_equal(in(far(1, 10), ext(5001), t0), NATBOX_FILTERED);
	}
}

static void allocators(void **state)
{
	struct allocator block = { .kind = ALLOCATOR_BLOCK, .low = 8192, .high = 9215 };
	struct allocator high = { .kind = ALLOCATOR_HIGH, .low = 50001, .high = 65535 };
	struct allocator set = { .kind = ALLOCATOR_PORT_SET, .low = 4096, .high = 65535,
				 .mask = 0xff0, .bits = 0x120 };
	struct allocator keep = { .kind = ALLOCATOR_PRESERVING };

	(void)state;
	make(AP, AP, (struct natbox_rules){ .ports = block });
	for (uint16_t i = 0; i < 300; i++)
		assert_in_range(out(host(5000), far(1, i), t0).port, 8192, 9215);
	make(AP, AP, (struct natbox_rules){ .ports = high });
	for (uint16_t i = 0; i < 300; i++)
		assert_true(out(host(5000), far(1, i), t0).port > 50000);
	make(AP, AP, (struct natbox_rules){ .ports = set });
	for (uint16_t i = 0; i < 200; i++)
		assert_int_equal(out(host((uint16_t)(5000 + i)), far(1, 1), t0).port & 0xff0,
				 0x120);
	make(AP, AP, (struct natbox_rules){ .ports = keep });
	assert_int_equal(out(host(5000), far(1, 1), t0).port, 5000);
	assert_int_not_equal(out(at(0x0A000003, 5000), far(1, 1), t0).port, 5000);
}

static void counting(void **state)
{
	struct allocator by2 = { .kind = ALLOCATOR_SEQUENTIAL, .step = 2 };
	struct endpoint a, b;
	unsigned passed;

	(void)state;
	make(AP, AP, (struct natbox_rules){ .ports = by2 });
	n.counter = 30000;
	a = out(host(1), far(1, 1), t0);
	b = out(host(2), far(1, 1), t0);
	assert_int_equal(a.port, 30002);
	assert_int_equal(b.port, 30004);
	make(AP, AP, (struct natbox_rules){ .ports = by2, .foreign = 100 });
	n.counter = 30000;
	a = out(host(1), far(1, 1), t0);
	b = out(host(2), far(1, 1), t0 + SEC(10));
	passed = (unsigned)(b.port - a.port) / 2;
	assert_in_range(passed, 800, 1200); /* 1000 of others' and ours */
}

static void pools(void **state)
{
	struct allocator four = { .kind = ALLOCATOR_RANDOM, .low = 1024, .high = 65535,
				  .pool = 4 };
	unsigned seen = 0;
	struct endpoint a, b;

	(void)state;
	make(AP, AP, (struct natbox_rules){ .ports = four });
	for (uint16_t i = 0; i < 100; i++) {
		a = out(host(5000), far(1, i), t0);
		assert_true(natbox_owns(&n, &a.ip));
		seen |= 1u << (a.ip.b[15] - 1);
		assert_int_equal(in(far(1, i), a, t0), NATBOX_PASS);
		a.ip.b[15] ^= 4;
		assert_int_not_equal(in(far(1, i), a, t0), NATBOX_PASS);
	}
	assert_int_equal(seen, 15);
	make(EI, AP, (struct natbox_rules){ .ports = four }); /* one mapping, one address */
	a = out(host(5000), far(1, 1), t0);
	for (uint16_t i = 2; i < 50; i++) {
		b = out(host(5000), far(1, i), t0);
		assert_true(endpoint_eq(&a, &b));
	}
	make(AP, AP, (struct natbox_rules){ .ports = four, .paired = true });
	for (uint16_t i = 0; i < 50; i++)
		assert_int_equal(out(host(i), far(1, i), t0).ip.b[15],
				 out(host(1), far(2, i), t0).ip.b[15]);
}

static void lifetimes(void **state)
{
	struct natbox_rules r = { .lifetime = SEC(10), .lifetime_replied = SEC(60) };
	struct endpoint a;

	(void)state;
	make(EI, AP, r);
	a = out(host(5000), far(1, 1), t0);
	assert_int_equal(in(far(1, 1), a, t0 + SEC(10)), NATBOX_FILTERED);
	a = out(host(5000), far(1, 1), t0 + SEC(11));
	assert_int_equal(in(far(1, 1), a, t0 + SEC(20)), NATBOX_PASS);
	assert_int_equal(in(far(1, 1), a, t0 + SEC(79)), NATBOX_PASS);
	assert_int_equal(in(far(1, 1), a, t0 + SEC(139)), NATBOX_FILTERED);
	r.no_inbound_refresh = true;
	make(EI, AP, r);
	a = out(host(5000), far(1, 1), t0);
	assert_int_equal(in(far(1, 1), a, t0 + SEC(9)), NATBOX_PASS);
	assert_int_equal(in(far(1, 1), a, t0 + SEC(59)), NATBOX_PASS);
	assert_int_equal(in(far(1, 1), a, t0 + SEC(60)), NATBOX_FILTERED);
	make(EI, AP, (struct natbox_rules){ .absolute = SEC(20) });
	a = out(host(5000), far(1, 1), t0);
	for (unsigned s = 1; s < 20; s++)
		assert_int_equal(in(far(1, 1), a, t0 + SEC(s)), NATBOX_PASS);
	assert_int_equal(in(far(1, 1), a, t0 + SEC(20)), NATBOX_FILTERED);
}

static void poison(void **state)
{
	(void)state;
	make(EI, AP, (struct natbox_rules){ .accepts = true });
	assert_int_equal(out(host(5000), far(1, 1), t0).port, 5000);
	assert_int_equal(in(far(2, 2), ext(5000), t0), NATBOX_STRAY);
	assert_int_not_equal(out(host(5000), far(2, 2), t0).port, 5000);
	assert_int_equal(out(host(5000), far(2, 3), t0).port, 5000);
	/* the entry dies of silence */
	assert_int_equal(in(far(3, 2), ext(5000), t0), NATBOX_STRAY);
	assert_int_equal(out(host(5000), far(3, 2), t0 + SEC(31)).port, 5000);
	make(EI, AP, (struct natbox_rules){ .accepts = false });
	assert_int_equal(in(far(2, 2), ext(5000), t0), NATBOX_FILTERED);
	assert_int_equal(out(host(5000), far(2, 2), t0).port, 5000);
}

static void hairpin(void **state)
{
	struct natbox_packet p = { 17, host(6000), ext(5000) };

	(void)state;
	make(EI, EI, (struct natbox_rules){ .hairpin = true });
	(void)out(host(5000), far(1, 1), t0);
	assert_int_equal(natbox_out(&n, &p, t0), NATBOX_HAIRPIN);
	assert_int_equal(p.from.port, 6000);
	assert_true(natbox_owns(&n, &p.from.ip)); /* external source, RFC 4787 REQ-9 */
	assert_int_equal(p.to.port, 5000);
	assert_false(natbox_owns(&n, &p.to.ip));
	make(EI, EI, (struct natbox_rules){ .hairpin = false });
	(void)out(host(5000), far(1, 1), t0);
	p = (struct natbox_packet){ 17, host(6000), ext(5000) };
	assert_int_equal(natbox_out(&n, &p, t0), NATBOX_FILTERED);
}

static void bans(void **state)
{
	struct natbox_rules r = { .ban_ports = 100, .ban_window = SEC(2),
				  .ban_time = SEC(60) };
	struct endpoint a;

	(void)state;
	make(EI, EI, r);
	a = out(host(5000), far(1, 1), t0);
	for (uint16_t i = 0; i < 200; i++) /* one port many times is no scan */
		assert_int_equal(in(far(2, 2), ext(9999), t0 + MSEC(i)), NATBOX_FILTERED);
	for (uint16_t i = 0; i < 600; i++) /* 45 in a second is none either */
		assert_int_equal(in(far(2, 2), ext((uint16_t)(10000 + i)),
				    t0 + SEC(3) + MSEC(22) * i), NATBOX_FILTERED);
	for (uint16_t i = 0; i < 101; i++)
		assert_int_equal(in(far(3, 2), ext((uint16_t)(10000 + i)),
				    t0 + SEC(30) + MSEC(i)), NATBOX_FILTERED);
	assert_int_equal(n.bans, 1);
	a = out(host(5000), far(1, 1), t0 + SEC(31));
	assert_int_equal(in(far(3, 2), a, t0 + SEC(31)), NATBOX_BANNED);
	assert_int_equal(in(far(2, 2), a, t0 + SEC(31)), NATBOX_PASS);
	assert_int_equal(in(far(3, 2), a, t0 + SEC(91)), NATBOX_FILTERED); /* session over */
	a = out(host(5000), far(1, 1), t0 + SEC(91));
	assert_int_equal(in(far(3, 2), a, t0 + SEC(92)), NATBOX_PASS);
	r.ban_outbound = true;
	make(EI, EI, r);
	for (uint16_t i = 0; i < 101; i++)
		(void)out(host(5000), far(3, (uint16_t)(i + 1)), t0);
	assert_int_equal(n.bans, 1);
}

static void limits(void **state)
{
	struct allocator two = { .kind = ALLOCATOR_BLOCK, .low = 8000, .high = 8001 };
	struct natbox_packet p;

	(void)state;
	make(AP, AP, (struct natbox_rules){ .sessions = 2 });
	(void)out(host(1), far(1, 1), t0);
	(void)out(host(2), far(1, 1), t0);
	p = (struct natbox_packet){ 17, host(3), far(1, 1) };
	assert_int_equal(natbox_out(&n, &p, t0), NATBOX_FULL);
	assert_int_equal(natbox_sessions(&n, t0), 2);
	(void)out(host(3), far(1, 1), t0 + SEC(31));
	make(AP, AP, (struct natbox_rules){ .ports = two });
	(void)out(host(1), far(1, 1), t0);
	(void)out(host(2), far(1, 1), t0);
	p = (struct natbox_packet){ 17, host(3), far(1, 1) };
	assert_int_equal(natbox_out(&n, &p, t0), NATBOX_FULL);
	p = (struct natbox_packet){ 6, host(3), far(1, 1) }; /* TCP has ports of its own */
	assert_int_equal(natbox_out(&n, &p, t0), NATBOX_PASS);
}

static void errors(void **state)
{
	struct endpoint a, to = far(1, 1), other = far(1, 2);

	(void)state;
	make(AP, AP, (struct natbox_rules){ .accepts = false });
	a = out(host(5000), to, t0);
	assert_false(natbox_error(&n, 17, &a, &other, t0));
	assert_true(natbox_error(&n, 17, &a, &to, t0));
	assert_int_equal(a.port, 5000);
}

static void forgets(void **state)
{
	struct prefix keep = prefix_make(ipaddr_v4(0xC6336401), 32);
	struct endpoint a;

	(void)state;
	make(EI, AP, (struct natbox_rules){ .accepts = false });
	a = out(host(5000), far(1, 1), t0);
	(void)out(host(5000), far(2, 2), t0);
	natbox_forget(&n, &keep, 2);
	assert_int_equal(in(far(1, 1), a, t0), NATBOX_PASS);
	assert_int_equal(in(far(2, 2), a, t0), NATBOX_FILTERED);
	natbox_forget(&n, NULL, 3);
	assert_int_equal(in(far(1, 1), a, t0), NATBOX_FILTERED);
}

/* the same seed, the same decisions; another one, others */
static void seeded(void **state)
{
	struct endpoint first[20], e;
	unsigned same = 0;

	(void)state;
	make(AP, AP, (struct natbox_rules){ .accepts = false });
	for (uint16_t i = 0; i < 20; i++)
		first[i] = out(host(5000), far(1, i), t0);
	make(AP, AP, (struct natbox_rules){ .accepts = false });
	for (uint16_t i = 0; i < 20; i++) {
		e = out(host(5000), far(1, i), t0);
		assert_true(endpoint_eq(&first[i], &e));
	}
	natbox_init(&n, AP, AP, &n.rules, 8);
	for (uint16_t i = 0; i < 20; i++) {
		e = out(host(5000), far(1, i), t0);
		same += endpoint_eq(&first[i], &e);
	}
	assert_true(same < 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mapping),    cmocka_unit_test(filtering),
		cmocka_unit_test(allocators), cmocka_unit_test(counting),
		cmocka_unit_test(pools),      cmocka_unit_test(lifetimes),
		cmocka_unit_test(poison),     cmocka_unit_test(hairpin),
		cmocka_unit_test(bans),	      cmocka_unit_test(limits),
		cmocka_unit_test(errors),     cmocka_unit_test(seeded),
		cmocka_unit_test(forgets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
