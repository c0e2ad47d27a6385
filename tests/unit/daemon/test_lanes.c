/* SPDX-License-Identifier: MIT
 *
 * test_lanes.c - bulk flows keep to their lanes, all else to the first
 */
#include "tests/unit/unit.h"

#include <netinet/in.h>
#include <string.h>

#include "daemon/lanes.h"

enum { HEAD4 = 20, HEAD6 = 40, ROOM = 64 };

static struct lanes l;
static nsec_t now;

static int fresh(void **state)
{
	(void)state;
	memset(&l, 0, sizeof(l));
	l.count = LANES_MAX;
	now = SEC(1000);
	return 0;
}

/* ends_v4() - from 10.0.0.A to 10.0.0.B, ports too */
static void ends_v4(uint8_t p[static ROOM], uint8_t protocol, unsigned from, unsigned to)
{
	memset(p, 0, ROOM);
	p[0] = 0x45;
	p[9] = protocol;
	p[12] = p[16] = 10;
	p[15] = (uint8_t)from;
	p[19] = (uint8_t)to;
	p[HEAD4] = (uint8_t)(from >> 8);
	p[HEAD4 + 1] = (uint8_t)from;
	p[HEAD4 + 2] = (uint8_t)(to >> 8);
	p[HEAD4 + 3] = (uint8_t)to;
}

static void ends_v6(uint8_t p[static ROOM], uint8_t protocol, unsigned from, unsigned to)
{
	memset(p, 0, ROOM);
	p[0] = 0x60;
	p[6] = protocol;
	p[8] = p[24] = 0xfd;
	p[23] = (uint8_t)from;
	p[39] = (uint8_t)to;
	p[HEAD6 + 1] = (uint8_t)from;
	p[HEAD6 + 3] = (uint8_t)to;
}

static void send_bulk(const uint8_t *p, unsigned packets)
{
	for (unsigned i = 0; i < packets; i++)
		lanes_sent(&l, p, 16 * 1024, now);
}

static void answers_of_a_bulk_flow_leave_the_first(void **state)
{
	uint8_t there[ROOM], back[ROOM], ping[ROOM];

	(void)state;
	ends_v4(there, IPPROTO_TCP, 1, 2);
	ends_v4(back, IPPROTO_TCP, 2, 1);
	ends_v4(ping, IPPROTO_ICMP, 2, 1);
	lanes_sent(&l, there, 100, now);
	assert_int_equal(lanes_choose(&l, back, ROOM, now), 0);
	send_bulk(there, 2);
	assert_in_range(lanes_choose(&l, back, ROOM, now), 1, LANES_MAX - 1);
	assert_int_equal(lanes_choose(&l, ping, ROOM, now), 0);
	ends_v6(there, IPPROTO_TCP, 1, 2);
	ends_v6(back, IPPROTO_TCP, 2, 1);
	assert_int_equal(lanes_choose(&l, back, ROOM, now), 0);
	send_bulk(there, 2);
	assert_in_range(lanes_choose(&l, back, ROOM, now), 1, LANES_MAX - 1);
}

static void little_now_and_then_is_not_bulk(void **state)
{
	uint8_t there[ROOM], back[ROOM];

	(void)state;
	ends_v4(there, IPPROTO_TCP, 1, 2);
	ends_v4(back, IPPROTO_TCP, 2, 1);
	for (unsigned i = 0; i < 100; i++, now += LANES_WINDOW)
		lanes_sent(&l, there, LANES_BULK - 1, now);
	assert_int_equal(lanes_choose(&l, back, ROOM, now), 0);
	send_bulk(there, 2);
	now += LANES_LINGER - 1;
	assert_int_not_equal(lanes_choose(&l, back, ROOM, now), 0);
	now += 1;
	assert_int_equal(lanes_choose(&l, back, ROOM, now), 0);
}

/* Bulk flows share the others; each stays in its own. */
static void bulk_flows_spread(void **state)
{
	unsigned seen[LANES_MAX] = { 0 };

	(void)state;
	for (unsigned i = 0; i < 70; i++) {
		uint8_t there[ROOM], back[ROOM];
		unsigned lane;

		ends_v4(there, IPPROTO_TCP, 1000 + i * 2, 1);
		ends_v4(back, IPPROTO_TCP, 1, 1000 + i * 2);
		send_bulk(there, 2);
		lane = lanes_choose(&l, back, ROOM, now);
		assert_in_range(lane, 1, LANES_MAX - 1);
		assert_int_equal(lanes_choose(&l, back, ROOM, now), lane);
		seen[lane]++;
	}
	for (unsigned i = 1; i < LANES_MAX; i++)
		assert_in_range(seen[i], 2, 30);
}

static void blind_writer_spares_the_first(void **state)
{
	uint8_t p[ROOM];

	(void)state;
	ends_v4(p, IPPROTO_TCP, 1, 2);
	l.blind = true;
	assert_in_range(lanes_choose(&l, p, ROOM, now), 1, LANES_MAX - 1);
	l.count = 1;
	assert_int_equal(lanes_choose(&l, p, ROOM, now), 0);
	l.count = 0;
	assert_int_equal(lanes_choose(&l, p, ROOM, now), 0);
}

/* A fragment's ports are not there to be read, and nothing is read behind n octets. */
static void bad_input(void **state)
{
	uint8_t p[ROOM];

	(void)state;
	for (unsigned first = 0; first < 256; first++)
		for (size_t n = 0; n < ROOM; n++) {
			uint8_t *exact = test_malloc(n ? n : 1);

			memset(exact, (int)first, n ? n : 1);
			lanes_sent(&l, exact, n, now);
			assert_in_range(lanes_choose(&l, exact, n, now), 0, 7);
			test_free(exact);
		}
	fresh(NULL);
	ends_v4(p, IPPROTO_UDP, 1, 2);
	p[6] = 0x20;
	send_bulk(p, 2);
	p[HEAD4 + 1] = 77;
	assert_int_not_equal(lanes_choose(&l, p, ROOM, now), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(answers_of_a_bulk_flow_leave_the_first, fresh),
		cmocka_unit_test_setup(little_now_and_then_is_not_bulk, fresh),
		cmocka_unit_test_setup(bulk_flows_spread, fresh),
		cmocka_unit_test_setup(blind_writer_spares_the_first, fresh),
		cmocka_unit_test_setup(bad_input, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
