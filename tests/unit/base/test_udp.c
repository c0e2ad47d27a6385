/* SPDX-License-Identifier: MIT
 *
 * test_udp.c - a train arrives as the datagrams it was made of
 */
#include "tests/unit/unit.h"

#include <poll.h>

#include "base/udp.h"

static uint8_t room[UDP_TRAIN_MAX];

static struct udp open_local(void)
{
	struct udp u;
	struct udp_params p = { .gro = true };

	assert_true(ipaddr_parse("127.0.0.1", &p.local.ip));
	assert_int_equal(udp_open(&u, &p), 0);
	return u;
}

/* receive n octets as datagrams of `segment`, in however many trains */
static void expect_train(struct udp *u, size_t n, size_t segment)
{
	size_t got = 0;

	while (got < n) {
		struct pollfd pf = { .fd = u->fd, .events = POLLIN };
		struct udp_in in = { .data = room, .room = sizeof(room) };

		assert_int_equal(poll(&pf, 1, 1000), 1);
		assert_int_equal(udp_recv(u, &in, 1), 1);
		assert_false(in.truncated);
		assert_true(in.segment == segment || in.n == in.segment);
		for (size_t i = 0; i < in.n; i++)
			assert_int_equal(in.data[i], (uint8_t)((got + i) * 7));
		got += in.n;
	}
	assert_int_equal(got, n);
}

static void trains(bool gso)
{
	struct udp a = open_local(), b = open_local();
	struct endpoint to = { .port = b.port };
	static uint8_t data[10000];
	struct udp_out out;
	unsigned sent;

	a.gso = a.gso && gso;
	assert_true(ipaddr_parse("127.0.0.1", &to.ip));
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	out = (struct udp_out){ .to = to, .data = data, .n = 10000,
				.segment = 1400, .from = to.ip };
	assert_int_equal(udp_send(&a, &out, 1, &sent), 0);
	assert_int_equal(sent, 1);
	expect_train(&b, 10000, 1400);
	udp_close(&a);
	udp_close(&b);
}

static void train_by_gso(void **state)
{
	(void)state;
	trains(true);
}

static void train_cut_here(void **state)
{
	(void)state;
	trains(false);
}

/* what the kernel dropped for want of room is told with what comes next */
static void overflow_is_told(void **state)
{
	struct udp a = open_local(), b;
	struct udp_params p = { .buffer_octets = 4096 };
	struct udp_in in = { .data = room, .room = sizeof(room) };
	struct udp_out out = { .data = room, .n = 1000 };
	unsigned sent, got = 0;

	(void)state;
	assert_true(ipaddr_parse("127.0.0.1", &p.local.ip));
	assert_int_equal(udp_open(&b, &p), 0);
	out.to = (struct endpoint){ .ip = p.local.ip, .port = b.port };
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(udp_send(&a, &out, 1, &sent), 0);
	assert_true(udp_backlog(&b) > 0);
	while (udp_recv(&b, &in, 1) == 1)
		got++;
	assert_int_equal(udp_backlog(&b), 0);
	assert_int_equal(udp_send(&a, &out, 1, &sent), 0);
	assert_int_equal(udp_recv(&b, &in, 1), 1);
	assert_true(got < 100);
	assert_int_equal(got + b.lost, 100);
	udp_close(&a);
	udp_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(overflow_is_told),
		cmocka_unit_test(train_by_gso),
		cmocka_unit_test(train_cut_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
