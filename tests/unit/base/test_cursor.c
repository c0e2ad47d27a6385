/* SPDX-License-Identifier: MIT
 *
 * test_cursor.c - nothing is read or written past the end; failure sticks
 */
#include "tests/unit/unit.h"

#include "base/cursor.h"

static void writes_then_reads_the_same(void **state)
{
	uint8_t buf[32];
	struct writer w = writer_of(buf, sizeof(buf));
	struct reader r;

	(void)state;
	writer_u8(&w, 0x01);
	writer_be16(&w, 0x0203);
	writer_be32(&w, 0x04050607);
	writer_be64(&w, 0x08090a0b0c0d0e0f);
	writer_le32(&w, 0x13121110);
	assert_false(w.failed);
	assert_int_equal(writer_len(&w), 19);
	for (uint8_t i = 0; i < 19; i++)
		assert_int_equal(buf[i], i + 1);
	r = reader_of(buf, writer_len(&w));
	assert_int_equal(reader_u8(&r), 0x01);
	assert_int_equal(reader_be16(&r), 0x0203);
	assert_int_equal(reader_be32(&r), 0x04050607);
	assert_true(reader_be64(&r) == 0x08090a0b0c0d0e0f);
	assert_int_equal(reader_le32(&r), 0x13121110);
	assert_int_equal(reader_left(&r), 0);
	assert_false(r.failed);
}

static void failure_sticks(void **state)
{
	uint8_t buf[4] = { 1, 2, 3, 4 };
	struct reader r = reader_of(buf, 3);
	struct writer w = writer_of(buf, 3);

	(void)state;
	assert_int_equal(reader_be32(&r), 0);
	assert_true(r.failed);
	assert_int_equal(reader_u8(&r), 0);
	assert_null(reader_take(&r, 0));
	writer_be32(&w, 0xffffffff);
	assert_true(w.failed);
	writer_u8(&w, 9);
	assert_int_equal(buf[0], 1);
	assert_int_equal(writer_len(&w), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_then_reads_the_same),
		cmocka_unit_test(failure_sticks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
