/* SPDX-License-Identifier: MIT
 *
 * test_ladder.c - what the hops on the way out say, and hops that say nothing or lie
 */
#include "tests/unit/unit.h"

#include "base/rand.h"
#include "traversal/ladder.h"

#define T0 SEC(50)

/* answer() - hop by hop: an address, "*" for silence, "!" for the server */
static struct ladder_result climb(const char *const *hops, nsec_t *took)
{
	struct ladder l;
	nsec_t now = T0;
	unsigned ttl, sent = 0;

	ladder_start(&l, now);
	while (!ladder_done(&l)) {
		assert_true(ladder_next(&l) != NSEC_NEVER);
		while (ladder_poll(&l, &ttl, now)) {
			const char *hop = hops[ttl - 1];
			struct ipaddr ip;

			assert_in_range(ttl, 1, LADDER_RUNGS);
			assert_true(++sent <= 2 * LADDER_RUNGS);
			if (hop[0] == '!') {
				ladder_end(&l, ttl);
			} else if (hop[0] != '*') {
				assert_true(ipaddr_parse(hop, &ip));
				ladder_hop(&l, ttl, &ip);
			}
		}
		now = nsec_max(now, ladder_next(&l) == NSEC_NEVER ? now :
								    ladder_next(&l));
		assert_true(now < T0 + SEC(2));
	}
	*took = now - T0;
	assert_true(ladder_next(&l) == NSEC_NEVER);
	return ladder_result(&l);
}

static void ways_out(void **state)
{
	static const struct {
		const char *hops[LADDER_RUNGS];
		unsigned public_hop;
		bool carrier, waits;
	} rows[] = {
		{ { "192.168.1.1", "192.0.2.1", "192.0.2.9", "!", "!", "!", "!", "!" },
		  2, false, false },
		{ { "192.168.1.1", "100.64.0.1", "100.64.9.9", "203.0.113.1",
		    "203.0.113.2", "!", "!", "!" }, 4, true, false },
		{ { "10.1.0.1", "10.2.0.1", "10.3.0.1", "198.51.100.1", "*", "!",
		    "!", "!" }, 4, false, false },
		{ { "192.168.1.1", "*", "203.0.113.1", "!", "!", "!", "!", "!" },
		  3, false, true },
		{ { "*", "*", "*", "*", "*", "*", "*", "*" }, 0, false, true },
		{ { "*", "!", "!", "!", "!", "!", "!", "!" }, 0, false, true },
		{ { "!", "!", "!", "!", "!", "!", "!", "!" }, 0, false, false },
		{ { "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5",
		    "10.0.0.6", "10.0.0.7", "10.0.0.8" }, 0, false, false },
		/* lies: no place for a router */
		{ { "127.0.0.1", "224.0.0.1", "0.0.0.0", "255.255.255.255", "!",
		    "!", "!", "!" }, 0, false, false },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		nsec_t took;
		struct ladder_result r = climb(rows[i].hops, &took);

		assert_int_equal(r.public_hop, rows[i].public_hop);
		assert_int_equal(r.carrier, rows[i].carrier);
		assert_int_equal(took > 0, rows[i].waits);
	}
}

/* what was never sent is not answered, and the first answer counts */
static void forged_answers(void **state)
{
	struct ladder l;
	struct ipaddr public = ipaddr_v4(0xc0000201), inner = ipaddr_v4(0x0a000001);
	unsigned ttl;

	(void)state;
	ladder_start(&l, T0);
	ladder_hop(&l, 1, &public);
	ladder_hop(&l, 0, &public);
	ladder_hop(&l, LADDER_RUNGS + 1, &public);
	ladder_end(&l, 99);
	assert_int_equal(ladder_result(&l).public_hop, 0);
	assert_true(ladder_poll(&l, &ttl, T0));
	assert_int_equal(ttl, 1);
	ladder_hop(&l, 1, &inner);
	ladder_hop(&l, 1, &public);
	assert_int_equal(ladder_result(&l).public_hop, 0);
	ladder_stop(&l);
	ladder_hop(&l, 1, &public);
	assert_false(ladder_poll(&l, &ttl, T0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forged_answers),
		cmocka_unit_test(ways_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
