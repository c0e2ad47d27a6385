/* SPDX-License-Identifier: MIT
 *
 * test_disco.c - layouts, what is ignored, what is refused
 */
#include "tests/unit/unit.h"

#include "traversal/disco.h"

struct row {
	struct disco_message m;
	const char *hex;
};

static void check_row(const struct row *row)
{
	uint8_t want[DISCO_MAX], got[DISCO_MAX], again[DISCO_MAX];
	size_t n = unit_hex(row->hex, want, sizeof(want));
	struct disco_message back;

	assert_int_equal(disco_write(&row->m, got), n);
	assert_memory_equal(got, want, n);
	assert_int_equal(disco_read(want, n, &back), DROP_NONE);
	assert_int_equal(disco_write(&back, again), n);
	assert_memory_equal(again, want, n);
	got[1] = 200; /* a newer version */
	got[n] = 0xff; /* with more at its end */
	assert_int_equal(disco_read(got, n + 1, &back), DROP_NONE);
	if (row->m.type == DISCO_CAND) {
		n -= 14; /* older peers leave the allocator out */
		assert_int_equal(disco_read(want, n, &back), DROP_NONE);
		assert_int_equal(back.nat.allocator.kind, ALLOCATOR_UNKNOWN);
	}
	for (size_t cut = 0; cut < n; cut++)
		assert_int_equal(disco_read(want, cut, &back), DROP_MALFORMED);
}

static void layouts(void **state)
{
	static const struct row rows[] = {
		{ { .type = DISCO_PING, .flags = DISCO_PING_CHOSEN,
		    .txid = 0x0102030405060708, .generation = 9 },
		  "01010002 0102030405060708 00000009" },
		{ { .type = DISCO_PONG, .txid = 1, .generation = 2,
		    .observed = { .ip = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255,
					    255, 192, 0, 2, 1 } },
				  .port = 0x1234 } },
		  "02010000 0000000000000001 00000002"
		  "00000000000000000000ffffc0000201 1234" },
		{ { .type = DISCO_CAND, .instance = 3, .generation = 4, .ack = 5,
		    .nat = { .known = true, .opener_needed = true,
			     .public_hop = 2,
			     .keep_s = 14 } },
		  "03010000 0000000000000003 00000004 00000005 09020e00 00"
		  "000000000000000000000000 0000" },
		{ { .type = DISCO_CAND, .instance = 3, .generation = 4, .ack = 5,
		    .nat = { .known = true, .mapping_varies = true,
			     .hairpin = true, .levels = 2,
			     .allocator = { .kind = ALLOCATOR_PORT_SET,
					    .low = 4096, .high = 65535,
					    .mask = 0xff0, .bits = 0x120,
					    .pool = 1 } } },
		  "03010000 0000000000000003 00000004 00000005 03000000 00"
		  "0401 0000 1000 ffff 0ff0 0120 01 02" },
		{ { .type = DISCO_SCAN, .plan = 7, .sockets = 256, .how = DISCO_HOW_BRACKET,
		    .at = { .ip = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255,
				      192, 0, 2, 1 } }, .port = 0x1234 } },
		  "06010000 00000007 00000000000000000000ffffc0000201 1234 0100"
		  "01000000" },
		{ { .type = DISCO_WIN, .plan = 8,
		    .window = { .ip = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255,
					  192, 0, 2, 1 } },
				.low = 0x1000, .high = 0x1004 } },
		  "07010000 00000008 00000000000000000000ffffc0000201 1000 1004" },
		{ { .type = DISCO_STOP, .plan = 9 }, "08010000 00000009" },
		{ { .type = DISCO_CROSS, .plan = 6, .step = DISCO_STEP_READY,
		    .at = { .ip = { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255,
				      192, 0, 2, 1 } }, .port = 0x1234 } },
		  "09010000 00000006 00000000000000000000ffffc0000201 1234 0100" },
		{ { .type = DISCO_STREAM, .binding = { 1, 2, [31] = 3 } },
		  "0a010000 0102000000000000 0000000000000000 0000000000000000"
		  "0000000000000003" },
		{ { .type = DISCO_GO, .plan = 6, .round = 1 },
		  "04010000 00000006 01000000" },
		{ { .type = DISCO_OPENED, .plan = 6, .round = 2 },
		  "05010000 00000006 02000000" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_row(&rows[i]);
}

static void keepalives_are_bounded(void **state)
{
	static const uint8_t said[][2] = { { 0, 0 }, { 1, 10 }, { 14, 14 }, { 255, 55 } };
	struct disco_message m = { .type = DISCO_CAND }, back;
	uint8_t buf[DISCO_MAX];
	size_t n;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(said); i++) {
		m.nat.keep_s = said[i][0];
		n = disco_write(&m, buf);
		assert_int_equal(disco_read(buf, n, &back), DROP_NONE);
		assert_int_equal(back.nat.keep_s, said[i][1]);
	}
}

static void unknown_types(void **state)
{
	const uint8_t zero[40] = { 0 }, high[40] = { 11 };
	struct disco_message m = { .plan = 77 };

	(void)state;
	assert_int_equal(disco_read(zero, sizeof(zero), &m), DROP_DISCO_TYPE);
	assert_int_equal(disco_read(high, sizeof(high), &m), DROP_DISCO_TYPE);
	assert_int_equal(m.plan, 77);
}

static void the_longest_fits(void **state)
{
	struct disco_message m = { .type = DISCO_CAND }, back;
	struct candidate c = { .kind = CANDIDATE_REFLEXIVE };
	uint8_t buf[DISCO_MAX];
	size_t n;

	(void)state;
	assert_true(endpoint_parse("192.0.2.1:5000", &c.at));
	for (int i = 0; i < CANDIDATES_MAX; i++, c.at.port++)
		assert_true(candidate_add(&m.candidates, &c));
	n = disco_write(&m, buf);
	assert_in_range(n, 1, BOX_PLAIN_MAX);
	assert_int_equal(disco_read(buf, n, &back), DROP_NONE);
	assert_int_equal(back.candidates.count, CANDIDATES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layouts),
		cmocka_unit_test(keepalives_are_bounded),
		cmocka_unit_test(unknown_types),
		cmocka_unit_test(the_longest_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
