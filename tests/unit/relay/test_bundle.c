/* SPDX-License-Identifier: MIT
 *
 * test_bundle.c - frames in messages, and the queue in front of a stream
 */
#include "tests/unit/unit.h"

#include "base/udp.h"
#include "relay/backlog.h"
#include "relay/bundle.h"

static size_t put(uint8_t *m, size_t at, size_t n, uint8_t fill)
{
	m[at] = (uint8_t)(n >> 8);
	m[at + 1] = (uint8_t)n;
	memset(m + at + 2, fill, n);
	return at + 2 + n;
}

static void test_trains(void **state)
{
	static const size_t lengths[] = { 100, 100, 100, 40, 40, 100, 200, 1 };
	static const struct {
		size_t n, segment;
		uint8_t first, last;
	} want[] = { { 340, 100, 0, 3 }, { 40, 40, 4, 4 }, { 100, 100, 5, 5 },
		     { 201, 200, 6, 7 } };
	uint8_t m[2048], *train;
	size_t at = 0, n, segment;
	struct bundle b;

	for (uint8_t i = 0; i < ARRAY_SIZE(lengths); i++)
		at = put(m, at, lengths[i], i);
	bundle_init(&b, m, at);
	for (unsigned i = 0; i < ARRAY_SIZE(want); i++) {
		assert_true(bundle_next(&b, &train, &n, &segment));
		assert_int_equal(n, want[i].n);
		assert_int_equal(segment, want[i].segment);
		assert_int_equal(train[0], want[i].first);
		assert_int_equal(train[n - 1], want[i].last);
	}
	assert_false(bundle_next(&b, &train, &n, &segment));
	assert_false(b.broken);
}

static void test_bounds(void **state)
{
	static uint8_t m[BUNDLE_MESSAGE_MAX];
	size_t at = 0, n, segment, frames = 0;
	struct bundle b;
	uint8_t *train;

	while (at + 12 <= sizeof(m))
		at = put(m, at, 10, 7);
	bundle_init(&b, m, at);
	while (bundle_next(&b, &train, &n, &segment)) {
		assert_true(n / segment <= UDP_SEGMENTS_MAX);
		assert_true(n <= UDP_TRAIN_SEND);
		frames += n / segment;
	}
	assert_int_equal(frames, at / 12);
}

static void test_broken(void **state)
{
	static const struct {
		uint8_t m[8];
		size_t n;
		unsigned good; /* trains before the break */
	} rows[] = {
		{ { 0 }, 1, 0 },
		{ { 0, 0 }, 2, 0 }, /* an empty frame */
		{ { 0, 5, 1, 2, 3, 4 }, 6, 0 },
		{ { 0, 1, 9, 0 }, 4, 1 },
		{ { 0, 1, 9, 0xff, 0xff, 1 }, 6, 1 },
		{ { 0x40, 1, 9 }, 3, 0 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t m[8], *train;
		size_t n, segment;
		unsigned good = 0;
		struct bundle b;

		memcpy(m, rows[i].m, sizeof(m));
		bundle_init(&b, m, rows[i].n);
		while (bundle_next(&b, &train, &n, &segment))
			good++;
		assert_true(b.broken);
		assert_int_equal(good, rows[i].good);
	}
}

/* What is taken is what was put, in order, less the oldest. */
static void test_backlog(void **state)
{
	struct backlog q = { 0 };
	uint32_t next = 0, seen = 0, dropped = 0, seed = 1;
	uint8_t frame[1500] = { 0 };
	const uint8_t *m;
	size_t n;

	for (unsigned round = 0; round < 20000; round++) {
		seed = seed * 1664525 + 1013904223;
		memcpy(frame, &next, sizeof(next));
		next++;
		dropped += backlog_put(&q, frame, 4 + (seed >> 8) % 1400);
		if (seed % 4)
			continue;
		n = backlog_take(&q, (seed >> 4) % 5000, &m);
		for (size_t at = 0; at < n;) {
			size_t length = (size_t)m[at] << 8 | m[at + 1];
			uint32_t number;

			assert_true(length >= 4 && at + 2 + length <= n);
			memcpy(&number, m + at + 2, sizeof(number));
			assert_true(number >= seen);
			seen = number + 1;
			at += 2 + length;
		}
	}
	assert_true(dropped > 0);
	while ((n = backlog_take(&q, 65536, &m)))
		;
	assert_true(backlog_is_empty(&q));
	backlog_done(&q);
}

static void test_backlog_oldest_first(void **state)
{
	struct backlog q = { 0 };
	static uint8_t frame[1000];
	unsigned dropped = 0, held = BACKLOG_OCTETS / 1002;
	const uint8_t *m;

	for (unsigned i = 0; i < 1000; i++) {
		frame[0] = (uint8_t)(i >> 8);
		frame[1] = (uint8_t)i;
		dropped += backlog_put(&q, frame, sizeof(frame));
	}
	assert_int_equal(backlog_take(&q, 1, &m), 1002);
	assert_int_equal(m[2] << 8 | m[3], dropped);
	assert_true(1000 - dropped <= held && 1000 - dropped >= held - 1);
	assert_int_equal(backlog_put(&q, frame, 0), 1);
	assert_int_equal(backlog_put(&q, frame, BUNDLE_FRAME_MAX + 1), 1);
	backlog_done(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trains),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_backlog),
		cmocka_unit_test(test_backlog_oldest_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
