/* SPDX-License-Identifier: MIT
 *
 * cmd_version.c - adit version: of this tool, and of the daemon if it answers
 */
#include <stdio.h>
#include <unistd.h>

#include "daemon/cli/ask.h"

int cmd_version(const struct cli_args *a)
{
	json_t *result = NULL;
	char text[SHOW_CELL];

	printf("adit %s\n", ADIT_VERSION);
	if (access(a->socket, F_OK) < 0)
		return EXIT_DONE; /* no daemon: no fault */
	if (ask_simple(a, "version", 5, &result) == EXIT_DONE)
		printf("aditd %s\n", show_member(result, "aditd", text));
	json_decref(result);
	return EXIT_DONE;
}
