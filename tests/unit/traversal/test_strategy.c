/* SPDX-License-Identifier: MIT
 *
 * test_strategy.c - class pairs, brackets, the walk of probes, and what advice says
 */
#include "tests/unit/unit.h"

#include "traversal/advice.h"
#include "traversal/birthday.h"
#include "traversal/bracket.h"

#define RANGE(k, lo, hi) { .kind = ALLOCATOR_##k, .low = lo, .high = hi, .pool = 1 }
#define HARD .known = true, .mapping_varies = true

static const struct nat_profile unknown = { .known = false };
static const struct nat_profile open = { .known = true, .filter_independent = true };
static const struct nat_profile easy = { .known = true };
static const struct nat_profile shy = { .known = true, .no_scan = true };
static const struct nat_profile counter = { HARD,
	.allocator = { .kind = ALLOCATOR_SEQUENTIAL, .step = 1, .pool = 1 } };
static const struct nat_profile block = { HARD, .allocator = RANGE(BLOCK, 2048, 3071) };
static const struct nat_profile pf = { HARD, .allocator = RANGE(HIGH, 50001, 65535) };
static const struct nat_profile wide = { HARD, .allocator = RANGE(RANDOM, 1024, 65535) };
static const struct nat_profile pool = { HARD,
	.allocator = { .kind = ALLOCATOR_RANDOM, .low = 1024, .high = 65535, .pool = 4 } };

static void test_pairs(void **state)
{
	static const struct {
		const struct nat_profile *a, *b;
		enum strategy_kind kind;
		unsigned fans;
	} rows[] = {
		{ &unknown, &wide, STRATEGY_PUNCH },
		{ &open, &wide, STRATEGY_PUNCH },
		{ &easy, &easy, STRATEGY_PUNCH },
		{ &easy, &counter, STRATEGY_BRACKET, 3 },
		{ &easy, &block, STRATEGY_SCAN, 32 },
		{ &easy, &pf, STRATEGY_SCAN, 128 },
		{ &easy, &wide, STRATEGY_SCAN, 256 },
		{ &easy, &pool, STRATEGY_SCAN, 256 },
		{ &shy, &block, STRATEGY_PUNCH },
		{ &counter, &block, STRATEGY_RELAY },
		{ &counter, &counter, STRATEGY_COUNTERS },
		{ &wide, &wide, STRATEGY_RELAY },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct strategy s = strategy_of(rows[i].a, rows[i].b);
		struct strategy t = strategy_of(rows[i].b, rows[i].a);

		assert_int_equal(s.kind, rows[i].kind);
		assert_int_equal(t.kind, rows[i].kind);
		if (!rows[i].fans)
			continue;
		assert_int_equal(s.fans, rows[i].fans);
		assert_int_equal(t.fans, rows[i].fans);
		assert_true(s.easy && !t.easy);
	}
}

static void test_fans_are_a_quarter_at_most(void **state)
{
	struct allocator a = RANGE(BLOCK, 4096, 4127);

	assert_int_equal(strategy_fans(&a), 8);
	a.high = 4096;
	assert_int_equal(strategy_fans(&a), 1);
}

static void test_brackets(void **state)
{
	static const struct {
		uint16_t first, last;
		int step;
		bool good;
		uint16_t low, high;
	} rows[] = {
		{ 5000, 5002, 1, true, 4999, 5003 },
		{ 5002, 5000, -1, true, 4999, 5003 },
		{ 5000, 5004, 2, true, 4998, 5006 },
		{ 5000, 5029, 1, true, 4999, 5030 },
		{ 5000, 5030, 1, false },
		{ 65535, 1024, 1, false },
		{ 65534, 65535, 1, true, 65533, 65535 },
		{ 1024, 1026, 1, true, 1024, 1027 },
		{ 80, 82, 1, false },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct endpoint a = { ipaddr_v4(0xcb007101), rows[i].first, 0 };
		struct endpoint b = { a.ip, rows[i].last, 0 };
		struct bracket_window w;
		struct allocator range;

		assert_int_equal(bracket_window(&a, &b, rows[i].step, &w),
				 rows[i].good);
		if (!rows[i].good)
			continue;
		assert_int_equal(w.low, rows[i].low);
		assert_int_equal(w.high, rows[i].high);
		assert_true(bracket_range(&w, &range));
		b.ip = ipaddr_v4(0xcb007102);
		assert_false(bracket_window(&a, &b, rows[i].step, &w));
	}
}

/* what a hostile peer may send as a window */
static void test_bad_windows(void **state)
{
	static const struct bracket_window rows[] = {
		{ .low = 0, .high = 0 }, { .low = 80, .high = 81 },
		{ .low = 2000, .high = 1999 }, { .low = 1024, .high = 65535 },
		{ .low = 2000, .high = 2000 + BRACKET_MAX },
	};
	struct allocator a;

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		assert_false(bracket_range(&rows[i], &a));
}

/* every port once, at the pace, and never more than the budget */
static void test_walk(void **state)
{
	static const struct allocator ranges[] = {
		RANGE(BLOCK, 2048, 2048), RANGE(BLOCK, 2048, 3071),
		RANGE(HIGH, 50001, 65535), RANGE(RANDOM, 1024, 65535),
		{ .kind = ALLOCATOR_PORT_SET, .low = 4096, .high = 65535,
		  .mask = 0xff0, .bits = 0x120 },
	};
	struct ipaddr ip = ipaddr_v4(0xcb007101);
	struct prng g = { 7 };

	for (unsigned i = 0; i < ARRAY_SIZE(ranges); i++) {
		static bool seen[65536];
		struct birthday b;
		struct endpoint to;
		unsigned count = 0, range = allocator_range(&ranges[i]);
		nsec_t now = SEC(1);

		memset(seen, 0, sizeof(seen));
		birthday_begin(&b, &ip, &ranges[i], 1, &g, now);
		for (; !birthday_done(&b); now += MSEC(1)) {
			if (!birthday_poll(&b, &to, now))
				continue;
			assert_false(seen[to.port]);
			assert_in_range(to.port, ranges[i].low, ranges[i].high);
			seen[to.port] = true;
			count++;
		}
		assert_int_equal(count, range < 1200 ? range : 1200);
		assert_true(nsec_since(SEC(1), now) > MSEC(10) * (count - 1));
		assert_int_equal(birthday_next(&b), NSEC_NEVER);
	}
}

static void test_advice(void **state)
{
	static const struct {
		struct advice_facts f;
		const char *part;
	} rows[] = {
		{ { .path = PATH_DIRECT }, "nothing to do" },
		{ { .path = PATH_NONE }, "offline" },
		{ { .path = PATH_NONE, .stock = true }, "WireGuard peer" },
		{ { .path = PATH_RELAY, .online = true }, "no UDP answer" },
		{ { .path = PATH_RELAY, .udp = true }, "not measured yet" },
		{ { .path = PATH_TCP, .udp = true }, "between the two: let UDP" },
		{ { .path = PATH_TCP, .self = { .no_udp = true } }, "TCP, since" },
		{ { .path = PATH_RELAY, .udp = true, .peer = { .no_udp = true } },
		  "reaches the peer" },
		{ { .path = PATH_RELAY, .udp = true, .self = { .known = true } },
		  "has not said" },
	};
	static const struct {
		const struct nat_profile *a, *b;
		const char *part;
	} pairs[] = {
		{ &easy, &easy, "both NATs can be punched" },
		{ &easy, &wide, "the peer's NAT takes a random port" },
		{ &block, &easy, "the NAT here takes a port from a small block" },
		{ &shy, &wide, "PortScan = off forbids it here" },
		{ &pf, &shy, "PortScan = off forbids it at the peer" },
		{ &counter, &wide, "the NAT here counts up" },
		{ &counter, &pool, "no search can meet; forward UDP port 24100" },
	};
	char out[ADVICE_TEXT];

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		assert_non_null(strstr(advice_of(&rows[i].f, out), rows[i].part));
	for (unsigned i = 0; i < ARRAY_SIZE(pairs); i++) {
		struct advice_facts f = { .path = PATH_RELAY, .online = true,
					  .udp = true, .port = 24100,
					  .self = *pairs[i].a,
					  .peer = *pairs[i].b };

		assert_non_null(strstr(advice_of(&f, out), pairs[i].part));
		f.self.levels = 2; /* a carrier's NAT: the router here has no say */
		assert_null(strstr(advice_of(&f, out), "forward"));
		assert_non_null(strstr(out, "ask the provider"));
		assert_true(strlen(out) < ADVICE_TEXT - 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_fans_are_a_quarter_at_most),
		cmocka_unit_test(test_brackets),
		cmocka_unit_test(test_bad_windows),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_advice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
