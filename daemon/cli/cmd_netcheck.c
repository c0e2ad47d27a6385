/* SPDX-License-Identifier: MIT
 *
 * cmd_netcheck.c - adit netcheck: the NATs and firewalls around this machine
 */
#include <stdio.h>

#include "base/attr.h"
#include "daemon/cli/ask.h"

struct fact {
	const char *member, *label;
};

static void print_facts(const json_t *object, const struct fact *facts,
			size_t n)
{
	char text[SHOW_CELL];

	for (size_t i = 0; i < n; i++)
		if (json_object_get(object, facts[i].member))
			printf("  %-14s %s\n", facts[i].label,
			       show_member(object, facts[i].member, text));
}

static void heading(const char *text)
{
	show_cell(text, 0, SHOW_BOLD);
	putchar('\n');
}

/* print_uplinks() - where there is a choice */
static void print_uplinks(const json_t *uplinks)
{
	char name[SHOW_CELL], seen[SHOW_CELL];
	const json_t *u;
	size_t i;

	if (json_array_size(uplinks) < 2)
		return;
	heading("uplinks");
	json_array_foreach(uplinks, i, u)
		printf("  %-14s %s, seen at %s\n", show_member(u, "name", name),
		       json_is_true(json_object_get(u, "usual")) ? "usual" : "spare",
		       show_member(u, "public", seen));
}

static void print_relays(const json_t *relays)
{
	char name[SHOW_CELL], rtt[SHOW_CELL];
	const json_t *r;
	size_t i;

	if (json_array_size(relays))
		heading("relays");
	json_array_foreach(relays, i, r)
		printf("  %-14s %s%s\n", show_member(r, "name", name),
		       show_rtt(json_object_get(r, "rtt_ms"), rtt),
		       json_is_false(json_object_get(r, "udp")) ? " (no UDP)" :
								  "");
}

static void print_netcheck(const json_t *n)
{
	static const struct fact whole[] = { { "udp", "UDP" },
					     { "nat64", "NAT64" } };
	static const struct fact family[] = {
		{ "public", "public" },	      { "mapping", "mapping" },
		{ "filtering", "filtering" }, { "allocator", "ports" },
		{ "hairpin", "hairpin" },     { "nat_levels", "NAT levels" },
		{ "opener_needed", "opener needed" },
		{ "idle_alive_s", "idle alive, s" },
		{ "idle_dead_s", "idle dead, s" },
		{ "keepalive_s", "keepalive, s" },
		{ "remembered_s", "remembered, s" },
	};
	static const struct fact portmap[] = { { "pcp", "PCP" },
					       { "natpmp", "NAT-PMP" },
					       { "upnp", "UPnP" } };
	static const struct fact mapped[] = { { "external", "mapped IPv4" },
					      { "external6", "mapped IPv6" } };
	const json_t *map = json_object_get(n, "portmap");
	const json_t *state = json_object_get(map, "state");

	heading("network");
	print_facts(n, whole, ARRAY_SIZE(whole));
	print_uplinks(json_object_get(n, "uplinks"));
	heading("IPv4");
	print_facts(json_object_get(n, "ipv4"), family, ARRAY_SIZE(family));
	heading("IPv6");
	print_facts(json_object_get(n, "ipv6"), family, ARRAY_SIZE(family));
	heading("port mapping");
	print_facts(state ? state : map, portmap, ARRAY_SIZE(portmap));
	print_facts(map, mapped, ARRAY_SIZE(mapped));
	print_relays(json_object_get(n, "relays"));
}

int cmd_netcheck(const struct cli_args *a)
{
	json_t *result = NULL;
	int status = ask_simple(a, "netcheck", 60, &result);

	if (status == EXIT_DONE && a->json)
		status = show_json(result);
	else if (status == EXIT_DONE)
		print_netcheck(result);
	json_decref(result);
	return status;
}
