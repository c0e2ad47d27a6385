/* SPDX-License-Identifier: MIT
 *
 * cli.h - what a command of adit is: one row in main.c, one file cmd_<name>.c
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { /* exit status, adit(1) */
	EXIT_DONE = 0,
	EXIT_REFUSED = 1, /* or failed; one line on stderr says why */
	EXIT_USAGE = 2,
	EXIT_NO_DAEMON = 3,
	EXIT_NOT_PERMITTED = 4,
	EXIT_NEEDS_JOIN = 5,
};

#define CLI_SOCKET "/run/adit/adit.sock" /* where aditd listens by default */

struct cli_args {
	const char *socket;
	const char *operand; /* INVITE, PEER, KEY, or NULL */
	const char *second; /* VALUE, or NULL */
	const char *hostname; /* NULL: not given */
	unsigned count; /* 0: not given */
	bool wait, until_direct, json, redact_addresses, help;
};

enum cli_option { /* bits: which options a command takes */
	OPTION_HOSTNAME = 1,
	OPTION_WAIT = 2,
	OPTION_COUNT = 4,
	OPTION_UNTIL_DIRECT = 8,
	OPTION_JSON = 16,
	OPTION_REDACT_ADDRESSES = 32,
};

struct cli_command {
	const char *name;
	const char *operand; /* its name in the usage, or NULL: takes none */
	bool operand_optional;
	bool hidden; /* from the usage and completion */
	unsigned options; /* set of enum cli_option */
	int (*run)(const struct cli_args *a); /* returns the exit status; NULL: main.c */
	const char *help;
	const char *second; /* name of a second operand, or NULL: takes none */
};

int cmd_join(const struct cli_args *a);
int cmd_up(const struct cli_args *a);
int cmd_down(const struct cli_args *a);
int cmd_rotate_key(const struct cli_args *a);
int cmd_leave(const struct cli_args *a);
int cmd_status(const struct cli_args *a);
int cmd_bugreport(const struct cli_args *a);
int cmd_dump(const struct cli_args *a);
int cmd_logs(const struct cli_args *a);
int cmd_check_config(const struct cli_args *a);
int cmd_ping(const struct cli_args *a);
int cmd_why(const struct cli_args *a);
int cmd_netcheck(const struct cli_args *a);
int cmd_set(const struct cli_args *a);
int cmd_version(const struct cli_args *a);
int cmd_complete(const struct cli_args *a); /* names of peers, one a line */
