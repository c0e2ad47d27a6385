/* SPDX-License-Identifier: MIT
 *
 * test_replay.c - a counter is accepted once; the 48,813 checks of WireGuard's table
 *
 * The case list is that of the kernel's selftest/counter.c, as data.
 */
#include "tests/unit/unit.h"

#include "base/attr.h"
#include "crypto/messages.h"
#include "crypto/replay.h"

#define W     ((uint64_t)REPLAY_WINDOW)
#define LIMIT (W + 1)

static struct replay window;
static unsigned checks;

static void check(uint64_t counter, bool want)
{
	checks++;
	assert_int_equal(replay_accept(&window, counter), want);
}

static void fixed_steps(void)
{
	static const struct {
		uint64_t counter;
		bool want;
	} steps[] = {
		{ 0, true }, /* a fresh window */
		{ 1, true },
		{ 1, false },
		{ 9, true }, /* ahead, then fill the gap */
		{ 8, true },
		{ 7, true },
		{ 7, false },
		{ LIMIT, true }, /* the edge of the window */
		{ LIMIT - 1, true },
		{ LIMIT - 1, false },
		{ LIMIT - 2, true },
		{ 2, true },
		{ 2, false },
		{ LIMIT + 16, true },
		{ 3, false }, /* now too old */
		{ LIMIT + 16, false },
		{ LIMIT * 4, true },
		{ LIMIT * 4 - (LIMIT - 1), true }, /* the oldest that counts */
		{ 10, false },
		{ LIMIT * 4 - LIMIT, false },
		{ LIMIT * 4 - (LIMIT + 1), false },
		{ LIMIT * 4 - (LIMIT - 2), true },
		{ LIMIT * 4 + 1 - LIMIT, false },
		{ 0, false },
		{ REJECT_AFTER_MESSAGES, false }, /* the end of a session */
		{ REJECT_AFTER_MESSAGES - 1, true },
		{ REJECT_AFTER_MESSAGES, false },
		{ REJECT_AFTER_MESSAGES - 1, false },
		{ REJECT_AFTER_MESSAGES - 2, true },
		{ REJECT_AFTER_MESSAGES + 1, false },
		{ REJECT_AFTER_MESSAGES + 2, false },
		{ REJECT_AFTER_MESSAGES - 2, false },
		{ REJECT_AFTER_MESSAGES - 3, true },
		{ 0, false },
	};

	window = (struct replay){ .ahead = 0 };
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		check(steps[i].counter, steps[i].want);
}

/* A run of fresh counters from one to the other, then up to two more checks. */
struct sweep {
	uint64_t from, to;
	struct {
		uint64_t counter;
		bool want;
	} then[2];
	unsigned thens;
};

static void run_sweep(const struct sweep *s)
{
	window = (struct replay){ .ahead = 0 };
	for (uint64_t c = s->from;; c += s->from < s->to ? 1 : UINT64_MAX) {
		check(c, true);
		if (c == s->to)
			break;
	}
	for (unsigned i = 0; i < s->thens; i++)
		check(s->then[i].counter, s->then[i].want);
}

static void kernel_table(void **state)
{
	static const struct sweep sweeps[] = {
		{ 1, W, { { 0, true }, { 0, false } }, 2 },
		{ 2, W + 1, { { 1, true }, { 0, false } }, 2 },
		{ W, 0, { { 0, false } }, 0 },
		{ W + 1, 1, { { 0, false } }, 1 },
		{ W, 1, { { W + 1, true }, { 0, false } }, 2 },
		{ W, 1, { { 0, true }, { W + 1, true } }, 2 },
	};

	(void)state;
	checks = 0;
	fixed_steps();
	for (size_t i = 0; i < ARRAY_SIZE(sweeps); i++)
		run_sweep(&sweeps[i]);
	assert_int_equal(checks, 48813);
}

/* Reordering up to 8,000 deep loses nothing and lets nothing pass twice. */
static void deep_reordering(void **state)
{
	enum { DEPTH = 8000, ROUNDS = 5 };

	(void)state;
	window = (struct replay){ .ahead = 0 };
	for (uint64_t r = 0; r < ROUNDS; r++)
		for (uint64_t i = DEPTH; i-- > 0;)
			assert_true(replay_accept(&window, r * DEPTH + i));
	for (uint64_t i = 0; i < ROUNDS * DEPTH; i++)
		assert_false(replay_accept(&window, i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernel_table),
		cmocka_unit_test(deep_reordering),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
