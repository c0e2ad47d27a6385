/* SPDX-License-Identifier: MIT
 *
 * test_netconf.c - made, made again, undone: in a network namespace of its own
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tun/netconf.h"

static int tun_open(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (fd >= 0 && ioctl(fd, TUNSETIFF, &ifr) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* The wish of most tests. */
struct wish {
	struct netconf_want want;
	struct prefix routes[4];
};

static void wish_address(struct wish *w, const char *ip, unsigned bits)
{
	unsigned i = w->want.address_count++;

	assert_true(ipaddr_parse(ip, &w->want.address_ips[i]));
	w->want.addresses[i] = prefix_make(w->want.address_ips[i], bits);
}

static void wish_route(struct wish *w, const char *prefix)
{
	assert_true(prefix_parse(prefix, &w->routes[w->want.route_count++]));
	w->want.routes = w->routes;
}

static void wish_all(struct wish *w)
{
	memset(w, 0, sizeof(*w));
	w->want.mtu = 1400;
	wish_address(w, "100.64.0.1", 32);
	wish_address(w, "fd00:ad17::1", 128);
	wish_route(w, "100.64.0.0/24");
	wish_route(w, "10.99.0.0/16");
	wish_route(w, "fd00:ad17::/48");
}

static void run(const char *command)
{
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

static bool shows(const char *command, const char *text)
{
	char out[4096];
	FILE *f = popen(command, "r");
	size_t n;

	assert_non_null(f);
	n = fread(out, 1, sizeof(out) - 1, f);
	out[n] = '\0';
	pclose(f);
	return strstr(out, text) != NULL;
}

struct fixture {
	int tun;
	unsigned index;
	struct netconf *nc;
	struct wish wish;
	char why[256];
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int err = 0;

	assert_non_null(f);
	assert_int_equal(unshare(CLONE_NEWNET), 0); /* the last one vanishes */
	f->tun = tun_open("ad0");
	assert_true(f->tun >= 0);
	f->index = if_nametoindex("ad0");
	f->nc = netconf_new(f->index, &err);
	assert_non_null(f->nc);
	wish_all(&f->wish);
	assert_int_equal(netconf_apply(f->nc, &f->wish.want, f->why), 0);
	(void)netconf_ready(f->nc);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	netconf_free(f->nc);
	close(f->tun);
	free(f);
	return 0;
}

static void everything_is_there(void)
{
	assert_true(shows("ip link show ad0", "mtu 1400"));
	assert_true(shows("ip link show ad0", "UP"));
	assert_true(shows("ip addr show ad0", "inet 100.64.0.1/32"));
	assert_true(shows("ip addr show ad0", "inet6 fd00:ad17::1/128"));
	assert_true(shows("ip route show dev ad0", "100.64.0.0/24"));
	assert_true(shows("ip route show dev ad0", "10.99.0.0/16"));
	assert_true(shows("ip -6 route show dev ad0", "fd00:ad17::/48"));
}

static void test_made(void **state)
{
	struct fixture *f = *state;
	struct host_address got[8];
	unsigned mine = 0;
	int n = netconf_host_addresses(0, got, 8);

	everything_is_there();
	for (int i = 0; i < n; i++) {
		mine += got[i].index == f->index;
		assert_true(got[i].tunnel);
	}
	assert_int_equal(mine, 2);
	assert_int_equal(netconf_host_addresses(f->index, got, 8), 0);
	assert_int_equal(netconf_host_addresses(0, got, 1), 1);
}

static void test_differences(void **state)
{
	struct fixture *f = *state;
	struct wish w = { .want.mtu = 1300 };

	run("ip addr add 192.0.2.77/32 dev ad0"); /* somebody else's */
	run("ip route add 198.51.100.0/24 dev ad0");
	wish_address(&w, "100.64.0.2", 32);
	wish_address(&w, "fd00:ad17::1", 128);
	wish_route(&w, "10.99.0.0/16");
	wish_route(&w, "10.99.0.0/16"); /* twice is once */
	wish_route(&w, "10.98.0.0/16");
	assert_int_equal(netconf_apply(f->nc, &w.want, f->why), 0);
	assert_true(shows("ip link show ad0", "mtu 1300"));
	assert_false(shows("ip addr show ad0", "100.64.0.1/32"));
	assert_true(shows("ip addr show ad0", "100.64.0.2/32"));
	assert_true(shows("ip addr show ad0", "192.0.2.77/32"));
	assert_true(shows("ip addr show ad0", "fd00:ad17::1/128"));
	assert_false(shows("ip route show dev ad0", "100.64.0.0/24"));
	assert_true(shows("ip route show dev ad0", "10.98.0.0/16"));
	assert_true(shows("ip route show dev ad0", "10.99.0.0/16"));
	assert_true(shows("ip route show dev ad0", "198.51.100.0/24"));
	assert_false(shows("ip -6 route show dev ad0", "fd00:ad17::/48"));
	assert_int_equal(netconf_ready(f->nc), NETCONF_NOTHING);
}

static void test_repair(void **state)
{
	static const char *const harm[] = {
		"ip addr del 100.64.0.1/32 dev ad0",
		"ip addr del fd00:ad17::1/128 dev ad0",
		"ip route del 10.99.0.0/16 dev ad0",
		"ip -6 route del fd00:ad17::/48 dev ad0",
		"ip link set ad0 mtu 1350",
		"ip link set ad0 down",
		"ip addr flush dev ad0",
	};
	struct fixture *f = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(harm); i++) {
		struct pollfd p = { .fd = netconf_fd(f->nc), .events = POLLIN };

		run(harm[i]);
		assert_int_equal(poll(&p, 1, 1000), 1);
		assert_int_equal(netconf_ready(f->nc), NETCONF_REPAIRED);
		everything_is_there();
		assert_int_equal(netconf_ready(f->nc), NETCONF_NOTHING);
	}
}

static void test_no_endless_fight(void **state)
{
	struct fixture *f = *state;
	unsigned repaired = 0;

	for (unsigned i = 0; i < 25; i++) {
		(void)!system("ip route del 10.99.0.0/16 dev ad0 2>/dev/null");
		repaired += netconf_ready(f->nc) == NETCONF_REPAIRED;
	}
	assert_int_equal(repaired, 20);
	assert_false(shows("ip route show dev ad0", "10.99.0.0/16"));
}

static void test_undo(void **state)
{
	struct fixture *f = *state;
	struct host_address got[8];

	run("ip addr add 192.0.2.77/32 dev ad0");
	run("ip link set ad0 up");
	netconf_free(f->nc);
	f->nc = NULL;
	assert_false(shows("ip addr show ad0", "100.64.0.1"));
	assert_false(shows("ip addr show ad0", "fd00:ad17::1"));
	assert_true(shows("ip addr show ad0", "192.0.2.77"));
	assert_false(shows("ip route show dev ad0", "10.99.0.0/16"));
	assert_false(shows("ip link show ad0", "UP"));
	assert_int_equal(netconf_host_addresses(0, got, 8), 0);
}

static const struct host_address *find(const struct host_address *h, int n,
				       const char *name)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(h[i].name, name))
			return &h[i];
	return NULL;
}

static void test_host_addresses(void **state)
{
	struct fixture *f = *state;
	struct host_address got[16];
	const struct host_address *h;
	struct prefix lan;
	int n;

	run("ip link add name lan0 type veth peer name lan1");
	run("ip addr add 192.0.2.9/24 dev lan0");
	run("ip addr add 2001:db8::9/64 nodad preferred_lft 0 dev lan0");
	run("ip addr add 169.254.7.7/16 dev lan0");
	run("ip addr add 203.0.113.5/24 dev lan1"); /* down: not told */
	run("ip link set lan0 up");
	run("ip link add name inner type bridge");
	run("ip addr add 172.17.0.1/16 dev inner && ip link set inner up");
	n = netconf_host_addresses(f->index, got, 16);
	assert_int_equal(n, 3);
	h = find(got, n, "lan0");
	assert_non_null(h);
	assert_true(prefix_parse("192.0.2.0/24", &lan));
	assert_true(prefix_eq(&h->on_link, &lan));
	assert_false(h->tunnel || h->bridge_of_containers || h->deprecated);
	h = find(got, n, "inner");
	assert_non_null(h);
	assert_true(h->bridge_of_containers);
	for (int i = 0; i < n; i++)
		assert_int_equal(got[i].deprecated, !ipaddr_is_v4(&got[i].ip));
	assert_null(find(got, n, "lan1"));
}

/* calls to peers go where neighbours are, and nowhere else */
static void test_host_links(void **state)
{
	struct fixture *f = *state;
	unsigned got[16];

	run("ip link add name lan0 type veth peer name lan1");
	run("ip link set lan0 up");
	run("ip link add name docker0 type bridge && ip link set docker0 up");
	run("ip link add name inner type veth peer name container");
	run("ip link set inner master docker0 && ip link set inner up");
	run("ip tuntap add dev other mode tun && ip link set other up");
	assert_int_equal(netconf_host_links(f->index, got, 16), 1);
	assert_int_equal(got[0], if_nametoindex("lan0"));
	run("ip link set lan0 down && ip link set lan1 up");
	assert_int_equal(netconf_host_links(f->index, got, 16), 1);
	assert_int_equal(got[0], if_nametoindex("lan1"));
	assert_int_equal(netconf_host_links(got[0], got, 16), 0);
}

static void test_network_changed(void **state)
{
	static const struct {
		const char *command;
		unsigned expect;
	} rows[] = {
		{ "ip link add name lan0 type veth peer name lan1",
		  NETCONF_NETWORK_CHANGED },
		{ "ip link set lan0 up", NETCONF_NETWORK_CHANGED },
		{ "ip addr add 192.0.2.9/24 dev lan0 valid_lft 900 preferred_lft 900",
		  NETCONF_NETWORK_CHANGED },
		{ "ip addr change 192.0.2.9/24 dev lan0 valid_lft 1800 "
		  "preferred_lft 1800",
		  NETCONF_NOTHING },
		{ "ip route add 198.51.100.0/24 dev lan0", NETCONF_NOTHING },
		{ "ip route add default dev lan0", NETCONF_NETWORK_CHANGED },
		{ "ip route del default", NETCONF_NETWORK_CHANGED },
		{ "ip addr del 192.0.2.9/24 dev lan0",
		  NETCONF_NETWORK_CHANGED },
		{ "ip link del lan0", NETCONF_NETWORK_CHANGED },
	};
	struct fixture *f = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		run(rows[i].command);
		if (netconf_ready(f->nc) != rows[i].expect)
			fail_msg("wrong event after: %s", rows[i].command);
	}
}

static void test_route_conflict(void **state)
{
	static const struct {
		const char *prefix;
		bool conflict;
	} rows[] = {
		{ "192.0.2.0/25", true },  { "192.0.0.0/8", true },
		{ "192.0.3.0/24", false }, { "100.64.0.0/10", false },
		{ "2001:db8::/32", true }, { "2001:db9::/32", false },
	};
	struct fixture *f = *state;
	struct prefix p;

	run("ip link add name lan0 type veth peer name lan1");
	run("ip link set lan0 up && ip link set lan1 up");
	run("ip addr add 192.0.2.9/24 dev lan0");
	run("ip addr add 2001:db8::9/64 nodad dev lan0");
	run("ip route add default dev lan0");
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_true(prefix_parse(rows[i].prefix, &p));
		if (netconf_route_conflict(&p, f->index, f->why) !=
		    rows[i].conflict)
			fail_msg("wrong for %s", rows[i].prefix);
	}
	assert_true(prefix_parse("100.64.0.0/10", &p));
	assert_true(netconf_route_conflict(&p, 0, f->why));
	assert_non_null(strstr(f->why, "ad0"));
}

static void test_refused(void **state)
{
	struct fixture *f = *state;
	int err = 0;

	run("ip link add name lan0 type veth peer name lan1 && ip link set lan0 up");
	run("ip route add 10.77.0.0/16 dev lan0");
	wish_route(&f->wish, "10.77.0.0/16");
	assert_int_equal(netconf_apply(f->nc, &f->wish.want, f->why), -EEXIST);
	assert_non_null(strstr(f->why, "10.77.0.0/16"));
	everything_is_there(); /* the rest was done */
	f->wish.want.route_count = NETCONF_ROUTES_MAX + 1;
	assert_int_equal(netconf_apply(f->nc, &f->wish.want, f->why), -E2BIG);
	assert_null(netconf_new(9999, &err));
	assert_int_equal(err, -ENODEV);
}

/* our own routes are no news, however many */
static void test_many_routes(void **state)
{
	static struct prefix many[NETCONF_ROUTES_MAX];
	struct fixture *f = *state;
	struct wish w = { .want.mtu = 1400, .want.routes = many };

	for (unsigned i = 0; i < NETCONF_ROUTES_MAX; i++)
		many[i] = prefix_make(ipaddr_v4(10u << 24 | i << 8), 24);
	w.want.route_count = NETCONF_ROUTES_MAX;
	assert_int_equal(netconf_apply(f->nc, &w.want, f->why), 0);
	assert_true(shows("ip route show 10.15.255.0/24", "dev ad0"));
	w.want.route_count = 1;
	assert_int_equal(netconf_apply(f->nc, &w.want, f->why), 0);
	assert_false(shows("ip route show 10.15.255.0/24", "dev ad0"));
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(netconf_ready(f->nc), NETCONF_NOTHING);
}

static void test_no_ipv6(void **state)
{
	struct fixture *f = *state;

	run("echo 1 > /proc/sys/net/ipv6/conf/ad0/disable_ipv6");
	(void)netconf_ready(f->nc);
	assert_int_equal(netconf_apply(f->nc, &f->wish.want, f->why), 0);
	assert_true(shows("ip addr show ad0", "inet 100.64.0.1/32"));
}

static bool possible(void)
{
	int fd;

	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0)
		return false;
	fd = tun_open("ad0");
	if (fd >= 0)
		close(fd);
	return fd >= 0 && system("ip link show lo >/dev/null 2>&1") == 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_made, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_differences, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_repair, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_endless_fight, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_undo, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_host_addresses, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_host_links, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_network_changed, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_route_conflict, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_refused, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_many_routes, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_no_ipv6, set_up,
						tear_down),
	};

	if (!possible()) {
		printf("1..0 # SKIP needs root, /dev/net/tun and ip(8)\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
