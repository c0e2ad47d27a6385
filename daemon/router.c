/* SPDX-License-Identifier: MIT
 *
 * router.c - this machine as the router of the subnets that it offers
 */
#include "daemon/router.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/program.h"

enum {
	LIMIT_S = 5, /* for one nft */
	SET_TEXT = NETMAP_ROUTES_MAX * (ADDR_TEXT + 2),
	RULES_TEXT = 4 * SET_TEXT + 4096,
};

struct router {
	char table[32]; /* "adit_" and the interface */
	char rules[RULES_TEXT]; /* as loaded; "": none */
	int guard; /* -1: none */
	bool refused; /* nft did not take the rules */
};

/* set_text() - approved subnets of one family, "a, b"; "" for none */
static const char *set_text(const struct node *n, bool v4, char out[static SET_TEXT])
{
	size_t at = 0;

	out[0] = 0;
	for (unsigned i = 0; i < n->netmap.self.route_count; i++) {
		const struct prefix *p = &n->netmap.self.routes[i];
		char text[ADDR_TEXT];

		if (prefix_is_v4(p) == v4 && i < NETMAP_ROUTES_MAX &&
		    !prefix_is_default(p))
			at += (size_t)snprintf(out + at, SET_TEXT - at, "%s%s",
					       at ? ", " : "",
					       prefix_text(p, text));
	}
	return out;
}

static bool is_exit(const struct node *n, bool v4)
{
	struct prefix all = prefix_default(v4);

	for (unsigned i = 0; i < n->netmap.self.route_count; i++)
		if (prefix_eq(&n->netmap.self.routes[i], &all))
			return true;
	return false;
}

/* exit_rules() - to the internet and only there: what is near this machine is reached
 * by an approved subnet (set) alone. Nobody from outside begins anything. */
static size_t exit_rules(const struct node *n, bool v4, const char *set, char *out,
			 size_t room)
{
	const char *ip = v4 ? "ip" : "ip6", *tun = n->device.name;
	const char *near = v4 ? "10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, "
				"169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16, "
				"224.0.0.0/3" :
				"fc00::/7, fe80::/10, ff00::/8, ::1";
	char overlay[ADDR_TEXT], subnets[SET_TEXT + 64] = "";

	if (!is_exit(n, v4))
		return 0;
	prefix_text(&n->netmap.overlay[v4 ? 0 : 1], overlay);
	if (*set)
		snprintf(subnets, sizeof(subnets),
			 "\t\tiifname \"%s\" %s daddr { %s } accept\n", tun, ip,
			 set);
	return (size_t)snprintf(
		out, room,
		"\tchain leave%s {\n"
		"\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
		"\t\toifname != \"%s\" %s saddr %s %s daddr != %s masquerade\n\t}\n"
		"\tchain here%s {\n"
		"\t\ttype filter hook input priority filter; policy accept;\n%s"
		"\t\tiifname \"%s\" %s daddr { %s } %s daddr != %s drop\n\t}\n"
		"\tchain beyond%s {\n"
		"\t\ttype filter hook forward priority filter; policy accept;\n%s"
		"\t\tiifname \"%s\" %s daddr { %s } drop\n"
		"\t\toifname \"%s\" %s saddr != %s ct state new,invalid,untracked drop\n\t}\n",
		ip, tun, ip, overlay, ip, overlay, ip, subnets, tun, ip, near, ip,
		overlay, ip, subnets, tun, ip, near, tun, ip, overlay);
}

/* Chain names of one family; a subnet of the other family would be no element. */
static size_t family_rules(const struct node *n, bool v4, char *out, size_t room)
{
	const char *ip = v4 ? "ip" : "ip6";
	char set[SET_TEXT], overlay[ADDR_TEXT];
	size_t at;

	set_text(n, v4, set);
	at = exit_rules(n, v4, set, out, room);
	if (!*set || at >= room)
		return at;
	out += at;
	room -= at;
	prefix_text(&n->netmap.overlay[v4 ? 0 : 1], overlay);
	return at + (size_t)snprintf(
		out, room,
		"\tchain back%s {\n"
		"\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
		"\t\t%s saddr %s %s daddr { %s } masquerade\n\t}\n"
		"\tchain behind%s {\n"
		"\t\ttype filter hook forward priority filter; policy accept;\n"
		"\t\toifname \"%s\" %s saddr { %s } ct state new,invalid,untracked drop\n\t}\n",
		ip, ip, overlay, ip, set, ip, n->device.name, ip, set);
}

static void write_rules(const struct node *n, const char *table,
			char out[static RULES_TEXT])
{
	size_t at, begin;

	at = begin = (size_t)snprintf(out, RULES_TEXT,
				      "table inet %s {}\ndelete table inet %s\n"
				      "table inet %s {\n", table, table, table);
	at += family_rules(n, true, out + at, RULES_TEXT - at);
	at += family_rules(n, false, out + at, RULES_TEXT - at);
	if (at == begin)
		out[0] = 0;
	else
		snprintf(out + at, RULES_TEXT - at, "}\n");
}

static void unload(struct router *r)
{
	if (r->rules[0] && !r->refused &&
	    program_run((const char *const[]){ "nft", "delete", "table", "inet",
					       r->table, NULL }, NULL, LIMIT_S) < 0)
		log_warn("nft: table inet %s stays; delete it by hand", r->table);
	if (r->guard >= 0)
		close(r->guard);
	r->guard = -1;
	r->rules[0] = 0;
	r->refused = false;
}

static void load(struct router *r, const char *rules)
{
	int err;

	if (r->guard < 0)
		r->guard = program_guard((const char *const[]){
			"nft", "delete", "table", "inet", r->table, NULL });
	err = r->guard < 0 ? r->guard :
			     program_run((const char *const[]){ "nft", "-f", "-",
								NULL },
					 rules, LIMIT_S);
	snprintf(r->rules, sizeof(r->rules), "%s", rules);
	r->refused = err;
	if (err)
		log_error("nft refuses our rules or is missing: hosts behind this "
			  "machine need a route to the overlay themselves");
	else
		log_info("router: table inet %s loaded", r->table);
}

static struct router *open_router(const struct node *n)
{
	struct router *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->guard = -1;
	snprintf(r->table, sizeof(r->table), "adit_%s", n->device.name);
	for (char *c = r->table; *c; c++)
		if (*c == '-' || *c == '.')
			*c = '_';
	return r;
}

void router_update(struct node *n)
{
	static char rules[RULES_TEXT];

	if (!n->router && !n->netmap.self.route_count)
		return;
	if (!n->router)
		n->router = open_router(n);
	if (!n->router)
		return;
	write_rules(n, n->router->table, rules);
	if (!strcmp(rules, n->router->rules))
		return;
	if (rules[0])
		load(n->router, rules);
	else
		unload(n->router);
}

void router_close(struct node *n)
{
	if (!n->router)
		return;
	unload(n->router);
	free(n->router);
	n->router = NULL;
}

/* forwards() - true also where the kernel does not let us look */
static bool forwards(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char c = '1';

	if (fd < 0)
		return true;
	if (read(fd, &c, 1) != 1)
		c = '1';
	close(fd);
	return c != '0';
}

const char *router_advice(const struct node *n)
{
	bool v4 = n->state.advertise_exit, v6 = false;

	for (unsigned i = 0; i < n->state.offer_count; i++) {
		v4 |= prefix_is_v4(&n->state.offers[i]);
		v6 |= !prefix_is_v4(&n->state.offers[i]);
	}
	if (v4 && !forwards("/proc/sys/net/ipv4/ip_forward"))
		return "this machine does not forward IPv4; run: sysctl -w "
		       "net.ipv4.ip_forward=1";
	if (v6 && !forwards("/proc/sys/net/ipv6/conf/all/forwarding"))
		return "this machine does not forward IPv6; run: sysctl -w "
		       "net.ipv6.conf.all.forwarding=1";
	if (n->router && n->router->refused)
		return "nft is missing or refuses our rules; install nftables, or "
		       "give the hosts of the subnet a route to the overlay";
	return NULL;
}
