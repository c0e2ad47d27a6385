/* SPDX-License-Identifier: MIT
 *
 * thrift.c - is this a machine that must be sparing? battery, metered links
 *
 * /sys/class/power_supply: a "Mains" or "USB" that is online feeds the machine; a
 * "Battery" whose scope is "Device" is a mouse's or a headset's.
 */
#include "daemon/thrift.h"

#include <dirent.h>
#include <limits.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

enum {
	ATTRIBUTE_MAX = 4096,
	SUPPLIES_MAX = 64,
};

/* attribute() - the first line of a small file; "" if there is none */
static void attribute(const char *root, const char *class, const char *name,
		      const char *what, char out[static 64])
{
	char path[PATH_MAX], *text;
	size_t n;

	out[0] = 0;
	if (snprintf(path, sizeof(path), "%s/class/%s/%s/%s", root, class, name,
		     what) >= (int)sizeof(path) ||
	    file_read(path, ATTRIBUTE_MAX, &text, &n))
		return;
	snprintf(out, 64, "%.*s", (int)strcspn(text, "\n"), text);
	free(text);
}

struct power {
	bool fed, discharging;
};

static void look_at(const char *root, const char *name, struct power *p)
{
	char type[64], value[64];

	attribute(root, "power_supply", name, "type", type);
	if (!strcmp(type, "Battery")) {
		attribute(root, "power_supply", name, "scope", value);
		if (!strcmp(value, "Device"))
			return;
		attribute(root, "power_supply", name, "status", value);
		p->discharging |= !strcmp(value, "Discharging");
	} else {
		attribute(root, "power_supply", name, "online", value);
		p->fed |= !strcmp(value, "1");
	}
}

bool thrift_on_battery(const char *root)
{
	struct power p = { false, false };
	char path[PATH_MAX];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "%s/class/power_supply", root);
	d = opendir(path);
	if (!d)
		return false;
	for (unsigned i = 0; i < SUPPLIES_MAX && (e = readdir(d)); i++)
		if (e->d_name[0] != '.')
			look_at(root, e->d_name, &p);
	closedir(d);
	return p.discharging && !p.fed;
}

static bool is_wwan(const char *root, const char *interface)
{
	char path[PATH_MAX], *text;
	bool found;
	size_t n;

	if (snprintf(path, sizeof(path), "%s/class/net/%s/uevent", root,
		     interface) >= (int)sizeof(path) ||
	    file_read(path, ATTRIBUTE_MAX, &text, &n))
		return false;
	found = strstr(text, "DEVTYPE=wwan");
	free(text);
	return found;
}

bool thrift_metered(const char *root, const char *interface)
{
	char type[64];

	if (!*interface || strchr(interface, '/'))
		return false;
	attribute(root, "net", interface, "type", type);
	return atoi(type) == ARPHRD_PPP || is_wwan(root, interface);
}
