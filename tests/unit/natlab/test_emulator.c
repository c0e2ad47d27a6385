/* SPDX-License-Identifier: MIT
 *
 * test_emulator.c - a packet through NAT and link, there and back, and what is answered
 */
#include "tests/unit/unit.h"

#include <netinet/in.h>

#include "tests/natlab/emulator.h"
#include "tun/checksum.h"

static struct emulator e;
static uint8_t m[WIRE_PACKET], back[WIRE_PACKET];
static const nsec_t t0 = SEC(50);

#define HOST   0x0A000002
#define SERVER 0xC6336401

/* udp() - a packet without a transport checksum */
static size_t udp(uint32_t from, uint16_t sport, uint32_t to, uint16_t dport, uint8_t ttl)
{
	const uint8_t fixed[] = { 0x45, 0, 0, 28, 0, 0, 0, 0, ttl, IPPROTO_UDP, 0, 0 };
	struct ipaddr a = ipaddr_v4(from), b = ipaddr_v4(to);
	uint16_t sum;

	memcpy(m, fixed, sizeof(fixed));
	memcpy(m + 12, a.b + 12, 4);
	memcpy(m + 16, b.b + 12, 4);
	memset(m + 20, 0, 8);
	m[20] = (uint8_t)(sport >> 8);
	m[21] = (uint8_t)sport;
	m[22] = (uint8_t)(dport >> 8);
	m[23] = (uint8_t)dport;
	m[25] = 8;
	sum = (uint16_t)~checksum_fold(checksum_add(0, m, 20));
	memcpy(m + 10, &sum, 2);
	return 28;
}

static void begin(struct options *o)
{
	o->nat.external = ipaddr_v4(0x0B010002);
	o->gateway = ipaddr_v4(0x0A000001);
	o->wire.delay = MSEC(10);
	o->seed = 1;
	emulator_done(&e);
	emulator_init(&e, o);
}

static void there_and_back(void **state)
{
	struct options o = { .filtering = NAT_KIND_ADDRESS_PORT };
	enum emulator_side side;
	struct packet p;
	size_t n;

	(void)state;
	begin(&o);
	n = udp(HOST, 5000, SERVER, 53, 64);
	assert_int_equal(emulator_leave(&e, m, n, back, t0), 0);
	assert_int_equal(emulator_poll(&e, m, &side, t0 + MSEC(9)), 0);
	assert_true(emulator_next(&e) == t0 + MSEC(10));
	assert_int_equal(emulator_poll(&e, m, &side, t0 + MSEC(10)), n);
	assert_int_equal(side, EMULATOR_OUTSIDE);
	assert_true(packet_read(m, n, &p));
	assert_true(ipaddr_eq(&p.from.ip, &o.nat.external));
	assert_int_equal(m[8], 63);
	n = udp(SERVER, 53, 0x0B010002, p.from.port, 64);
	emulator_arrive(&e, m, n, t0 + MSEC(30));
	assert_int_equal(emulator_poll(&e, m, &side, t0 + MSEC(40)), n);
	assert_int_equal(side, EMULATOR_INSIDE);
	assert_true(packet_read(m, n, &p));
	assert_int_equal(p.to.port, 5000);
	n = udp(SERVER, 54, 0x0B010002, 5000, 64); /* nobody asked there */
	emulator_arrive(&e, m, n, t0 + MSEC(50));
	assert_int_equal(emulator_poll(&e, m, &side, t0 + SEC(1)), 0);
	assert_int_equal(e.count.filtered, 1);
	emulator_forget(&e);
	n = udp(SERVER, 53, 0x0B010002, 5000, 64);
	emulator_arrive(&e, m, n, t0 + SEC(1));
	assert_int_equal(emulator_poll(&e, m, &side, t0 + SEC(2)), 0);
}

static void openers(void **state)
{
	struct options o = { .filtering = NAT_KIND_ADDRESS_PORT };
	enum emulator_side side;
	struct packet p;
	size_t n;

	(void)state;
	begin(&o);
	n = udp(HOST, 5000, SERVER, 53, 1); /* does not even make a mapping */
	assert_true(emulator_leave(&e, m, n, back, t0) > 0);
	assert_int_equal(e.box.created, 0);
	assert_true(packet_read(back, 56, &p) && p.error);
	n = udp(HOST, 5000, SERVER, 53, 2);
	assert_int_equal(emulator_leave(&e, m, n, back, t0), 0);
	assert_int_equal(e.box.created, 1);
	assert_int_equal(emulator_poll(&e, m, &side, t0 + SEC(1)), n);
	assert_int_equal(m[8], 1);
	/* the next router's complaint reaches the host, about the host's own packet */
	assert_true(packet_read(m, n, &p));
	n = packet_expired(&p, &(struct ipaddr){ .b = { [10] = 255, 255, 11, 1, 0, 1 } },
			   back);
	emulator_arrive(&e, back, n, t0 + SEC(1));
	assert_int_equal(emulator_poll(&e, m, &side, t0 + SEC(2)), n);
	assert_int_equal(side, EMULATOR_INSIDE);
	assert_true(packet_read(m, n, &p) && p.error);
	assert_true(ipaddr_eq(&p.from.ip, &(struct ipaddr){
		.b = { [10] = 255, 255, 10, 0, 0, 2 } }));
	/* an inbound packet whose hops end at the NAT */
	n = udp(SERVER, 53, 0x0B010002, 5000, 1);
	emulator_arrive(&e, m, n, t0 + SEC(3));
	assert_true(emulator_poll(&e, m, &side, t0 + SEC(4)) > 0);
	assert_int_equal(side, EMULATOR_OUTSIDE);
	assert_int_equal(e.count.expired, 2);
}

static void a_wire_changes_nothing(void **state)
{
	struct options o = { .seed = 1 };
	enum emulator_side side;
	uint8_t copy[28];
	size_t n;

	(void)state;
	emulator_done(&e);
	emulator_init(&e, &o);
	n = udp(HOST, 5000, SERVER, 53, 1);
	memcpy(copy, m, n);
	assert_int_equal(emulator_leave(&e, m, n, back, t0), 0);
	assert_int_equal(emulator_poll(&e, m, &side, t0), n);
	assert_memory_equal(m, copy, n);
	m[16] = 224; /* the device's own multicast */
	assert_int_equal(emulator_leave(&e, m, n, back, t0), 0);
	assert_int_equal(emulator_poll(&e, m, &side, t0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(openers),
		cmocka_unit_test(a_wire_changes_nothing),
	};
	int status = cmocka_run_group_tests(tests, NULL, NULL);

	emulator_done(&e);
	return status;
}
