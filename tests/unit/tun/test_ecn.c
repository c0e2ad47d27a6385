/* SPDX-License-Identifier: MIT
 *
 * test_ecn.c - the table of RFC 6040 s4.2, for both families, and the header checksum
 */
#include "tests/unit/unit.h"

#include "tun/checksum.h"
#include "tun/ecn.h"

enum {
	DROPPED = 9
};

/* [inner][outer] in the order of the field's values: Not-ECT, ECT(1), ECT(0), CE */
static const uint8_t table[4][4] = {
	{ ECN_NOT_ECT, ECN_NOT_ECT, ECN_NOT_ECT, DROPPED },
	{ ECN_ECT1, ECN_ECT1, ECN_ECT1, ECN_CE },
	{ ECN_ECT0, ECN_ECT1, ECN_ECT0, ECN_CE },
	{ ECN_CE, ECN_CE, ECN_CE, ECN_CE },
};

static void make4(uint8_t p[static 20], uint8_t tos, uint16_t salt)
{
	uint16_t sum;

	memset(p, 0, 20);
	p[0] = 0x45;
	p[1] = tos;
	p[3] = 20;
	p[4] = (uint8_t)(salt >> 8);
	p[5] = (uint8_t)salt;
	p[8] = 64;
	p[9] = 17;
	sum = (uint16_t)~checksum_fold(checksum_add(0, p, 20));
	memcpy(p + 10, &sum, 2);
}

static void follows_the_table(void **state)
{
	for (unsigned inner = 0; inner < 4; inner++)
		for (unsigned outer = 0; outer < 4; outer++) {
			const uint8_t want = table[inner][outer];
			uint8_t p4[20], p6[40] = { 0x60 | 0xb,
						   (uint8_t)(inner << 4 | 5) };

			make4(p4, (uint8_t)(0xb8 | inner), 7);
			assert_int_equal(ecn_decapsulate(p4, (uint8_t)outer),
					 want != DROPPED);
			assert_int_equal(ecn_decapsulate(p6, (uint8_t)(outer | 0x20)),
					 want != DROPPED);
			if (want == DROPPED)
				continue;
			assert_int_equal(p4[1], 0xb8 | want);
			assert_int_equal(p6[0], 0x6b);
			assert_int_equal(p6[1], want << 4 | 5);
		}
}

static void keeps_the_checksum(void **state)
{
	uint8_t p[20];

	for (unsigned salt = 0; salt < 65536; salt++) {
		make4(p, salt & 1 ? ECN_ECT0 : ECN_ECT1, (uint16_t)salt);
		assert_true(ecn_decapsulate(p, ECN_CE));
		assert_int_equal(checksum_fold(checksum_add(0, p, 20)), 0xffff);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_the_table),
		cmocka_unit_test(keeps_the_checksum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
