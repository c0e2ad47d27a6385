/* SPDX-License-Identifier: MIT
 *
 * options.h - the options of all commands in one table: parse, usage, completion
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "daemon/cli/cli.h"

/**
 * options_parse() - All arguments behind the program's name
 * @find: Gives the row of a command's name, or NULL
 * @out:  Zeroed by the caller; strings are borrowed from argv
 * Return: the command (the first word; "status" if there is none), or NULL after one
 * line on stderr
 */
must_check const struct cli_command *
options_parse(char **argv, const struct cli_command *(*find)(const char *name),
	      struct cli_args *out);

/* options_usage() - " [--json]..." of one command, on stdout */
void options_usage(const struct cli_command *c);
/* options_words() - one option a line, on stdout */
void options_words(const struct cli_command *c);
