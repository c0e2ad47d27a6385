/* SPDX-License-Identifier: MIT
 *
 * main.c - program: adit, the command line tool
 *
 * The table of commands; usage and completion words are written from it.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "daemon/cli/cli.h"
#include "daemon/cli/options.h"

static const struct cli_command commands[] = {
	{ "join", "INVITE", false, false, OPTION_HOSTNAME | OPTION_WAIT,
	  cmd_join, "become a member of a network; INVITE - reads it from stdin" },
	{ "up", NULL, false, false, 0, cmd_up, "start the tunnels" },
	{ "down", NULL, false, false, 0, cmd_down,
	  "stop the tunnels; stay a member" },
	{ "leave", NULL, false, false, 0, cmd_leave,
	  "leave the network and forget its keys" },
	{ "status", NULL, false, false, OPTION_JSON, cmd_status,
	  "this machine, its peers, and the path to each" },
	{ "ping", "PEER", false, false,
	  OPTION_COUNT | OPTION_UNTIL_DIRECT | OPTION_JSON, cmd_ping,
	  "round trips to a peer, and the path each took" },
	{ "why", "PEER", false, false, OPTION_JSON, cmd_why,
	  "why the path to a peer is what it is, and what would help" },
	{ "netcheck", NULL, false, false, OPTION_JSON, cmd_netcheck,
	  "what the NATs and firewalls around this machine do" },
	{ "set", "KEY", false, false, 0, cmd_set,
	  "change one setting of this machine; KEY is hostname,\n"
	  "        advertise-routes, accept-routes, advertise-exit, exit-node or\n"
	  "        relay", "VALUE" },
	{ "rotate-key", NULL, false, false, 0, cmd_rotate_key,
	  "replace the tunnel key now; connections go on" },
	{ "logs", NULL, false, false, OPTION_COUNT, cmd_logs,
	  "what aditd logged; -c N: the last N lines" },
	{ "dump", NULL, false, false, 0, cmd_dump,
	  "the status, tab separated, for scripts" },
	{ "bugreport", NULL, false, false, OPTION_REDACT_ADDRESSES,
	  cmd_bugreport, "one text for a report, without keys and invites" },
	{ "check-config", "FILE", true, false, 0, cmd_check_config,
	  "whether aditd would take this file; without one, its usual file" },
	{ "version", NULL, false, false, 0, cmd_version,
	  "version of adit and of the running aditd" },
	{ "complete", "COMMAND", true, true, 0, NULL, "words for the shell" },
	{ "help", NULL, false, true, 0, NULL, "this text" },
};

static const struct cli_command *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static int usage(void)
{
	puts("usage: adit [--socket PATH] COMMAND\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct cli_command *c = &commands[i];

		if (c->hidden)
			continue;
		printf("  %s%s%s%s%s", c->name, c->operand ? " " : "",
		       c->operand ? c->operand : "", c->second ? " " : "",
		       c->second ? c->second : "");
		options_usage(c);
		printf("\n        %s\n", c->help);
	}
	puts("\nPEER is a name, an address or a key. See adit(1).");
	return EXIT_DONE;
}

/* complete() - commands; with one of them, its options and the peers it may name */
static int complete(const struct cli_args *a)
{
	const struct cli_command *c = a->operand ? find(a->operand) : NULL;

	if (c) {
		options_words(c);
		if (c->operand && !strcmp(c->operand, "PEER"))
			return cmd_complete(a);
		return EXIT_DONE;
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!commands[i].hidden)
			puts(commands[i].name);
	return EXIT_DONE;
}

int main(int argc, char **argv)
{
	struct cli_args args = { .socket = CLI_SOCKET };
	const struct cli_command *c;

	signal(SIGPIPE, SIG_IGN);
	if (argc == 2 && !strcmp(argv[1], "--version"))
		return cmd_version(&args);
	c = options_parse(argv + (argc > 0), find, &args);
	if (!c)
		return EXIT_USAGE;
	if (c->run && !args.help)
		return c->run(&args);
	return strcmp(c->name, "complete") ? usage() : complete(&args);
}
