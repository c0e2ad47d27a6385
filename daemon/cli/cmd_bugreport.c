/* SPDX-License-Identifier: MIT
 *
 * cmd_bugreport.c - adit bugreport: one text that a stranger may read
 *
 * Facts of aditd (status, netcheck, why of each peer) and of the machine (kernel,
 * interfaces, routes, the unit, the end of the journal), each passed through redact.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/attr.h"
#include "daemon/cli/ask.h"
#include "daemon/cli/redact.h"

enum {
	LINE_MAX_OCTETS = 4096,
	WHY_PEERS_MAX = 20,
};

static void print_redacted(const struct redact *r, const char *text)
{
	size_t room = strlen(text) * 3 + 64;
	char *out = malloc(room);

	if (!out)
		return;
	redact_text(r, text, out, room);
	fputs(out, stdout);
	free(out);
}

static void print_json(const struct redact *r, const char *title, const json_t *o)
{
	char *text = o ? json_dumps(o, JSON_INDENT(1)) : NULL;

	printf("\n== %s\n", title);
	if (text)
		print_redacted(r, text);
	puts(text ? "" : "(no answer)");
	free(text);
}

static void print_command(const struct redact *r, const char *command)
{
	char line[LINE_MAX_OCTETS], whole[LINE_MAX_OCTETS + 16];
	FILE *f;

	printf("\n== %s\n", command);
	fflush(stdout);
	snprintf(whole, sizeof(whole), "%s 2>&1", command);
	f = popen(whole, "r"); /* fixed commands of this file only */
	while (f && fgets(line, sizeof(line), f))
		print_redacted(r, line);
	if (f)
		pclose(f);
}

static void print_whys(const struct cli_args *a, const struct redact *r,
		       const json_t *status)
{
	const json_t *peers = json_object_get(status, "peers"), *peer;
	size_t i;

	json_array_foreach(peers, i, peer) {
		json_t *why = NULL;
		const char *name =
			json_string_value(json_object_get(peer, "name"));

		if (i == WHY_PEERS_MAX || !name)
			return;
		if (ask(a, json_pack("{s:s,s:s}", "cmd", "why", "peer", name),
			10, NULL, &why) == EXIT_DONE)
			print_json(r, "adit why", why);
		json_decref(why);
	}
}

static void print_node(const struct cli_args *a, const struct redact *r)
{
	json_t *status = NULL, *netcheck = NULL;

	if (ask_simple(a, "status", 10, &status) == EXIT_DONE) {
		print_json(r, "adit status --json", status);
		if (ask_simple(a, "netcheck", 30, &netcheck) == EXIT_DONE)
			print_json(r, "adit netcheck --json", netcheck);
		print_whys(a, r, status);
	} else {
		puts("\n== adit status --json\n(no answer of aditd)");
	}
	json_decref(status);
	json_decref(netcheck);
}

int cmd_bugreport(const struct cli_args *a)
{
	static const char *const commands[] = {
		"cat /etc/os-release",
		"ip -brief link",
		"ip address show dev adit0",
		"ip route show table all dev adit0",
		"ip -6 route show table all dev adit0",
		"systemctl show --no-pager --property=ActiveState,SubState,"
		"NRestarts,Result,StatusText aditd",
		"journalctl --unit=aditd --no-pager --output=short-iso "
		"--lines=300",
	};
	struct redact r = { .addresses = a->redact_addresses };
	struct utsname u;

	if (getrandom(&r.seed, sizeof(r.seed), 0) != sizeof(r.seed))
		r.seed = (uint64_t)getpid();
	printf("adit %s\n", ADIT_VERSION);
	if (uname(&u) == 0)
		printf("%s %s %s\n", u.sysname, u.release, u.machine);
	printf("keys and invites are taken out%s\n",
	       r.addresses ? ", addresses too" : "; addresses are not: "
						 "--redact-addresses does that");
	print_node(a, &r);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		print_command(&r, commands[i]);
	return EXIT_DONE;
}
