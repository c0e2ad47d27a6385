/* SPDX-License-Identifier: MIT
 *
 * test_thrift.c - laptops, desktops, mice and modems, as /sys shows them
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "daemon/thrift.h"

static char root[64];

/* put() - "class/power_supply/BAT0/status" */
static void put(const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	for (char *p = path + strlen(root) + 1; (p = strchr(p, '/')); p++) {
		*p = 0;
		(void)!mkdir(path, 0700);
		*p = '/';
	}
	assert_int_equal(file_replace(path, text, strlen(text), 0600), 0);
}

static int setup(void **state)
{
	(void)state;
	strcpy(root, "/tmp/adit-thrift-XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r '%s'", root);
	return system(command);
}

static void batteries(void **state)
{
	(void)state;
	assert_false(thrift_on_battery(root)); /* a server, a container */
	put("class/power_supply/hid-mouse/type", "Battery\n");
	put("class/power_supply/hid-mouse/scope", "Device\n");
	put("class/power_supply/hid-mouse/status", "Discharging\n");
	assert_false(thrift_on_battery(root));
	put("class/power_supply/BAT0/type", "Battery\n");
	put("class/power_supply/BAT0/status", "Discharging\n");
	assert_true(thrift_on_battery(root));
	put("class/power_supply/AC/type", "Mains\n");
	put("class/power_supply/AC/online", "0\n");
	assert_true(thrift_on_battery(root));
	put("class/power_supply/AC/online", "1\n");
	assert_false(thrift_on_battery(root)); /* weak charger: fed all the same */
	put("class/power_supply/AC/online", "0\n");
	put("class/power_supply/BAT0/status", "Full\n");
	assert_false(thrift_on_battery(root));
}

static void links(void **state)
{
	(void)state;
	put("class/net/eth0/type", "1\n");
	put("class/net/eth0/uevent", "INTERFACE=eth0\nIFINDEX=2\n");
	put("class/net/wwan0/type", "1\n");
	put("class/net/wwan0/uevent", "DEVTYPE=wwan\nINTERFACE=wwan0\n");
	put("class/net/ppp0/type", "512\n");
	assert_false(thrift_metered(root, "eth0"));
	assert_true(thrift_metered(root, "wwan0"));
	assert_true(thrift_metered(root, "ppp0"));
	assert_false(thrift_metered(root, "none"));
	assert_false(thrift_metered(root, ""));
	assert_false(thrift_metered(root, "../net/ppp0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(batteries, setup, teardown),
		cmocka_unit_test_setup_teardown(links, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
