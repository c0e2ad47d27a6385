/* SPDX-License-Identifier: MIT
 *
 * test_ratelimit.c - 20 a second, burst 5, per source; a full table refuses
 *
 * The steps are those of the kernel's selftest/ratelimiter.c, on a virtual clock.
 */
#include "tests/unit/unit.h"

#include "crypto/key.h"
#include "crypto/ratelimit.h"

static struct ipaddr v6(uint32_t high, uint32_t low)
{
	struct ipaddr a = { { 0x20, 0x01 } };

	for (int i = 0; i < 4; i++) {
		a.b[4 + i] = (uint8_t)(high >> (24 - 8 * i));
		a.b[12 + i] = (uint8_t)(low >> (24 - 8 * i));
	}
	return a;
}

static const struct {
	nsec_t wait;
	bool want;
} steps[] = {
	{ 0, true },	     { 0, true },  { 0, true }, { 0, true },
	{ 0, true }, /* the burst */
	{ 0, false },	     { MSEC(50), true },
	{ 0, false },	     { MSEC(100), true }, { 0, true }, { 0, false },
};

static void timed_steps(void **state)
{
	for (int family = 4; family <= 6; family += 2) {
		struct ratelimit *r = ratelimit_new();
		nsec_t now = SEC(100);
		unsigned checks = 0;

		assert_non_null(r);
		for (uint32_t i = 0; i < ARRAY_SIZE(steps); i++) {
			/* the low half of an IPv6 address does not matter */
			const struct ipaddr a = family == 4 ?
							ipaddr_v4(0x0a000001) :
							v6(1, i * 77);
			const struct ipaddr other =
				family == 4 ? ipaddr_v4(0x0a000100 + i) :
					      v6(2 + i, 0);

			now += steps[i].wait;
			assert_int_equal(ratelimit_allow(r, &a, now),
					 steps[i].want);
			assert_true(ratelimit_allow(r, &other, now));
			checks += 2;
		}
		assert_int_equal(checks, 22);
		ratelimit_free(r);
	}
}

static void capacity(void **state)
{
	struct ratelimit *r = ratelimit_new();
	struct ipaddr a = v6(0, 0);

	assert_non_null(r);
	for (uint32_t i = 0; i < RATELIMIT_SOURCES; i++) {
		a = i & 1 ? ipaddr_v4(i) : v6(i, 0);
		assert_true(ratelimit_allow(r, &a, SEC(100)));
	}
	a = v6(RATELIMIT_SOURCES + 1, 0);
	assert_false(ratelimit_allow(r, &a, SEC(100)));
	assert_false(ratelimit_allow(r, &a, SEC(101)));
	/* a second of silence frees all of them, and then they fit again */
	for (uint32_t i = 0; i < RATELIMIT_SOURCES; i++) {
		a = v6(i + 7, 0);
		assert_true(ratelimit_allow(r, &a, SEC(102) + 1));
	}
	a = ipaddr_v4(1);
	assert_false(ratelimit_allow(r, &a, SEC(102) + 1));
	ratelimit_free(r);
}

static void freed_without_use(void **state)
{
	ratelimit_free(NULL);
	ratelimit_free(ratelimit_new());
}

static int setup(void **state)
{
	return key_setup();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timed_steps),
		cmocka_unit_test(capacity),
		cmocka_unit_test(freed_without_use),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
