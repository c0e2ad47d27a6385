/* SPDX-License-Identifier: MIT
 *
 * test_detour.c - everything but our own packets, begun and ended: in a network namespace
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tun/detour.h"

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

static void run(const char *command)
{
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

/* A host with a LAN, a router there and a tunnel. */
static int host(void)
{
	int fd;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	fd = tun_open("ad0");
	assert_true(fd >= 0);
	run("ip link add lan0 type veth peer name lan1 && ip link set lan1 up && ip link set lan0 up && ip link set ad0 up && "
	    "ip addr add 192.0.2.2/24 dev lan0 && ip addr add 100.64.0.1/32 dev ad0 && "
	    "ip route add default via 192.0.2.1");
	return fd;
}

static void all_but_marked(void **state)
{
	int fd = host();
	unsigned index = if_nametoindex("ad0");

	(void)state;
	assert_true(shows("ip route get 8.8.8.8", "dev lan0"));
	assert_int_equal(detour_begin(index, "ad0", 7), 0);
	assert_int_equal(detour_begin(index, "ad0", 7), 0); /* twice is once */
	assert_true(shows("ip route get 8.8.8.8", "dev ad0"));
	assert_true(shows("ip route get 8.8.8.8 mark 7", "dev lan0"));
	assert_true(shows("ip route get 8.8.8.8 mark 8", "dev ad0"));
	assert_true(shows("ip route get 192.0.2.9", "dev lan0")); /* attached */
	run("ip route add 10.0.0.0/8 via 192.0.2.1");
	assert_true(shows("ip route get 10.1.1.1", "dev lan0"));
	run("ip route add 0.0.0.0/1 via 192.0.2.1"); /* another's half of all */
	assert_true(shows("ip route get 8.8.8.8", "dev ad0"));
	assert_int_equal(detour_end("ad0", 7), 0);
	assert_true(shows("ip route get 8.8.8.8", "dev lan0"));
	assert_false(shows("ip rule", "proto 173"));
	assert_false(shows("ip -6 rule", "proto 173"));
	assert_int_equal(detour_end("ad0", 7), 0); /* nothing left: no failure */
	close(fd);
}

/* What a killed run leaves: no route, and rules that the next one removes. */
static void after_a_crash(void **state)
{
	int fd = host();

	(void)state;
	assert_int_equal(detour_begin(if_nametoindex("ad0"), "ad0", 7), 0);
	close(fd); /* the interface vanishes with its process */
	assert_true(shows("ip rule", "not from all fwmark 0x7"));
	assert_true(shows("ip route get 8.8.8.8", "dev lan0"));
	assert_int_equal(detour_end("ad0", 7), 0);
	assert_false(shows("ip rule", "fwmark"));
	assert_true(detour_begin(99, "ad0", 7) < 0); /* no such interface */
}

static void two_networks(void **state)
{
	int fd = host(), other = tun_open("ad1");

	(void)state;
	assert_true(other >= 0);
	run("ip link set ad1 up && ip addr add 100.65.0.1/32 dev ad1");
	assert_int_equal(detour_begin(if_nametoindex("ad0"), "ad0", 7), 0);
	assert_int_equal(detour_begin(if_nametoindex("ad1"), "ad1", 7), 0);
	assert_int_equal(detour_end("ad0", 7), 0);
	assert_true(shows("ip route get 8.8.8.8", "dev ad1"));
	assert_int_equal(detour_end("ad1", 7), 0);
	assert_true(shows("ip route get 8.8.8.8", "dev lan0"));
	close(fd);
	close(other);
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
		cmocka_unit_test(all_but_marked),
		cmocka_unit_test(after_a_crash),
		cmocka_unit_test(two_networks),
	};

	if (!possible()) {
		printf("1..0 # SKIP needs root, /dev/net/tun and ip(8)\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
