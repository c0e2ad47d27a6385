/* SPDX-License-Identifier: MIT
 *
 * test_tai64n.c - stamps only grow, and tell little
 */
#include "tests/unit/unit.h"

#include "crypto/tai64n.h"

static void assert_stamp(const uint8_t *got, const char *hex)
{
	uint8_t want[TAI64N_OCTETS];

	unit_hex(hex, want, sizeof(want));
	assert_memory_equal(got, want, sizeof(want));
}

static void known(void **state)
{
	uint8_t s[TAI64N_OCTETS] = { 0 };

	/* the epoch of TAI64 is ten seconds before 1970 UTC, as counted then */
	tai64n_next(s, 0);
	assert_stamp(s, "400000000000000a00000000");
	tai64n_next(s, SEC(1) + 0x1234567);
	assert_stamp(s, "400000000000000b01000000");
}

/* A clock that stands still or was set back gives one step more each time. */
static void only_greater(void **state)
{
	static const nsec_t clocks[] = { SEC(5), SEC(5), SEC(5) + 1, SEC(4),
					 0, SEC(6), SEC(6) + TAI64N_STEP,
					 SEC(7) - 1, SEC(7) - 1, SEC(7) - 1 };
	uint8_t s[TAI64N_OCTETS] = { 0 }, last[TAI64N_OCTETS];

	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		memcpy(last, s, sizeof(s));
		tai64n_next(s, clocks[i]);
		assert_true(tai64n_greater(s, last));
		assert_false(tai64n_greater(last, s));
		assert_false(tai64n_greater(s, s));
	}
}

static void carries(void **state)
{
	uint8_t s[TAI64N_OCTETS];

	unit_hex("400000000000000a3b000000", s, sizeof(s)); /* 0.99 s */
	tai64n_next(s, 0);
	assert_stamp(s, "400000000000000b00000000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known),
		cmocka_unit_test(only_greater),
		cmocka_unit_test(carries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
