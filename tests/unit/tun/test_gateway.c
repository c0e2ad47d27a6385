/* SPDX-License-Identifier: MIT
 *
 * test_gateway.c - the ways out of a host, in a network namespace of its own; and that a
 * socket bound to one of them leaves by it (base/udp.h)
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/udp.h"
#include "tun/gateway.h"

static void run(const char *command)
{
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

/* Two wires whose far ends are in this namespace too, so that nothing needs answering. */
static int set_up(void **state)
{
	(void)state;
	assert_int_equal(unshare(CLONE_NEWNET), 0); /* the last one vanishes */
	run("ip link set lo up");
	run("ip link add up0 type veth peer name far0 && ip link set far0 up");
	run("ip link add up1 type veth peer name far1 && ip link set far1 up");
	run("ip addr add 11.0.0.2/24 dev up0 && ip link set up0 up");
	run("ip addr add 11.0.1.2/24 dev up1 && ip link set up1 up");
	run("ip addr add 11.0.1.3/24 dev up1");
	run("ip route add default via 11.0.0.1 dev up0 metric 100");
	run("ip route add default via 11.0.1.1 dev up1 metric 600");
	return 0;
}

static void the_usual_one_stands_first(void **state)
{
	struct uplink u[UPLINKS_MAX];
	unsigned up0 = if_nametoindex("up0"), up1 = if_nametoindex("up1");

	(void)state;
	assert_int_equal(gateway_uplinks(0, u), 2);
	assert_int_equal(u[0].index, up0);
	assert_int_equal(u[1].index, up1);
	assert_true(u[0].v4 && !u[0].v6);
	run("ip route add default via 11.0.1.1 dev up1 metric 50");
	assert_int_equal(gateway_uplinks(0, u), 2);
	assert_int_equal(u[0].index, up1);
	assert_int_equal(gateway_uplinks(up1, u), 1);
	assert_int_equal(u[0].index, up0);
}

static void families_and_tables(void **state)
{
	struct uplink u[UPLINKS_MAX];

	(void)state;
	run("ip -6 addr add 2001:db8::2/64 dev up1 nodad");
	run("ip -6 route add default via 2001:db8::1 dev up1 metric 1");
	run("ip route add default dev far0 table 99"); /* not the main one */
	run("ip route add unreachable default metric 4000000");
	assert_int_equal(gateway_uplinks(0, u), 2);
	assert_int_equal(u[0].index, if_nametoindex("up1"));
	assert_true(u[0].v4 && u[0].v6);
	run("ip route flush table main");
	run("ip -6 route flush table main");
	assert_int_equal(gateway_uplinks(0, u), 0);
}

/* what went out by an interface so far */
static unsigned long sent_by(const char *name)
{
	char command[128];
	unsigned long n = 0;
	FILE *f;

	snprintf(command, sizeof(command),
		 "ip -s link show dev %s | tail -n 1 | awk '{ print $2 }'", name);
	f = popen(command, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu", &n), 1);
	pclose(f);
	return n;
}

/* send_some() - to somewhere far; neighbours are made up, so that nobody is asked */
static void send_some(struct udp *u, const struct udp_out *o)
{
	unsigned sent;

	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(udp_send(u, o, 1, &sent), 0);
}

static void its_ethernet_address(void **state)
{
	struct gateway g = { .index = if_nametoindex("up0") };
	uint8_t hardware[6];

	(void)state;
	assert_true(ipaddr_parse("11.0.0.7", &g.ip));
	assert_int_equal(gateway_hardware(&g, hardware), -ENOENT);
	run("ip neigh add 11.0.0.7 lladdr 02:00:00:00:07:01 dev up0 nud permanent");
	run("ip neigh add 11.0.0.7 lladdr 02:00:00:00:07:02 dev up1 nud permanent");
	assert_int_equal(gateway_hardware(&g, hardware), 0);
	assert_memory_equal(hardware, "\2\0\0\0\7\1", 6);
	run("ip neigh change 11.0.0.7 dev up0 nud failed");
	assert_int_equal(gateway_hardware(&g, hardware), -ENOENT);
}

static void a_bound_socket_leaves_by_its_uplink(void **state)
{
	struct udp_params p = { .device = "up1" };
	struct udp_out o = { .data = (const uint8_t *)"x", .n = 1 };
	unsigned long before;
	struct udp u;

	(void)state;
	run("ip neigh add 11.0.0.1 lladdr 02:00:00:00:00:01 dev up0 nud permanent");
	run("ip neigh add 11.0.1.1 lladdr 02:00:00:00:00:02 dev up1 nud permanent");
	assert_true(endpoint_parse("11.9.0.2:3478", &o.to));
	assert_int_equal(udp_open(&u, &p), 0);
	before = sent_by("up1");
	send_some(&u, &o);
	assert_true(sent_by("up1") >= before + 5);
	udp_close(&u);
	p.device = "up9";
	assert_int_equal(udp_open(&u, &p), -ENODEV);
	assert_int_equal(u.fd, -1);
}

/* an answer leaves by the interface and from the address that the question came to */
static void an_answer_leaves_from_where_it_came(void **state)
{
	struct udp_params p = { .gro = false };
	struct udp_out o = { .data = (const uint8_t *)"x", .n = 1 };
	unsigned long before;
	struct udp u;

	(void)state;
	run("ip neigh add 11.0.1.1 lladdr 02:00:00:00:00:02 dev up1 nud permanent");
	assert_true(endpoint_parse("11.9.0.2:3478", &o.to));
	assert_true(ipaddr_parse("11.0.1.3", &o.from));
	o.index = if_nametoindex("up1");
	assert_int_equal(udp_open(&u, &p), 0);
	before = sent_by("up1");
	send_some(&u, &o);
	assert_true(sent_by("up1") >= before + 5);
	udp_close(&u);
}

static bool may_run(void)
{
	return geteuid() == 0 && unshare(CLONE_NEWNET) == 0 &&
	       system("ip link add up0 type veth peer name far0 2>/dev/null") == 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_usual_one_stands_first, set_up),
		cmocka_unit_test_setup(families_and_tables, set_up),
		cmocka_unit_test_setup(its_ethernet_address, set_up),
		cmocka_unit_test_setup(a_bound_socket_leaves_by_its_uplink, set_up),
		cmocka_unit_test_setup(an_answer_leaves_from_where_it_came, set_up),
	};

	if (!may_run()) {
		puts("1..0 # SKIP needs root and network namespaces");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
