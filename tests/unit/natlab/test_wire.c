/* SPDX-License-Identifier: MIT
 *
 * test_wire.c - delay, order, loss, duplication, rate and queue of a link
 */
#include "tests/unit/unit.h"

#include "tests/natlab/wire.h"

static struct wire w;
static uint8_t m[WIRE_PACKET];

/* drain() - everything that is due; returns the number, *swaps: of wrong order */
static unsigned drain(nsec_t now, unsigned *swaps)
{
	unsigned n = 0;
	uint32_t k, last = 0;

	*swaps = 0;
	while (wire_take(&w, m, now)) {
		memcpy(&k, m, sizeof(k));
		*swaps += k < last;
		last = k;
		n++;
	}
	return n;
}

static unsigned send(const struct wire_setup *s, unsigned count, nsec_t gap,
		     unsigned *swaps)
{
	nsec_t t = SEC(1);

	wire_done(&w);
	wire_init(&w, s, 3);
	for (uint32_t i = 0; i < count; i++, t += gap)
		wire_send(&w, &i, sizeof(i), t);
	return drain(t + SEC(60), swaps);
}

static void delay(void **state)
{
	struct wire_setup s = { .delay = MSEC(10), .jitter = MSEC(5) };
	unsigned swaps;

	(void)state;
	wire_init(&w, &s, 1);
	assert_true(wire_next(&w) == NSEC_NEVER);
	wire_send(&w, "a", 1, SEC(1));
	assert_in_range(wire_next(&w) - SEC(1), MSEC(10), MSEC(15));
	assert_int_equal(wire_take(&w, m, SEC(1) + MSEC(9)), 0);
	assert_int_equal(wire_take(&w, m, SEC(1) + MSEC(15)), 1);
	assert_int_equal(m[0], 'a');
	assert_int_equal(send(&s, 1000, USEC(100), &swaps), 1000);
	assert_int_equal(swaps, 0); /* jitter keeps the order */
}

static void chance(void **state)
{
	struct wire_setup lossy = { .loss = 10 }, twice = { .duplicate = 10 };
	struct wire_setup mixed = { .delay = MSEC(10), .reorder = 10 };
	unsigned swaps;

	(void)state;
	assert_in_range(send(&lossy, 5000, MSEC(1), &swaps), 4350, 4650);
	assert_int_equal(w.lost, 5000 - (w.order));
	assert_in_range(send(&twice, 5000, MSEC(1), &swaps), 5350, 5650);
	assert_int_equal(send(&mixed, 5000, MSEC(1), &swaps), 5000);
	assert_in_range(swaps, 300, 600);
}

static void rate(void **state)
{
	/* 1000 packets of 1000 octets at 8 Mbit/s take a second */
	struct wire_setup s = { .rate = 8, .queue = MSEC(100) };
	unsigned n = 0;

	(void)state;
	wire_init(&w, &s, 1);
	memset(m, 0, 1000);
	for (unsigned i = 0; i < 1000; i++)
		wire_send(&w, m, 1000, SEC(1));
	assert_in_range(w.count, 100, 102); /* the queue holds 100 ms */
	assert_int_equal(w.full, 1000 - w.count);
	while (wire_take(&w, m, SEC(1) + MSEC(50)))
		n++;
	assert_int_equal(n, 50);
	wire_done(&w);
}

static void bounds(void **state)
{
	struct wire_setup s = { .delay = SEC(1) };

	(void)state;
	wire_init(&w, &s, 1);
	wire_send(&w, m, 0, SEC(1));
	wire_send(&w, m, WIRE_PACKET + 1, SEC(1));
	assert_int_equal(w.count, 0);
	for (unsigned i = 0; i < WIRE_SLOTS + 10; i++)
		wire_send(&w, "x", 1, SEC(1));
	assert_int_equal(w.count, WIRE_SLOTS);
	assert_int_equal(w.full, 10);
	wire_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delay),
		cmocka_unit_test(chance),
		cmocka_unit_test(rate),
		cmocka_unit_test(bounds),
	};
	int status = cmocka_run_group_tests(tests, NULL, NULL);

	wire_done(&w);
	return status;
}
