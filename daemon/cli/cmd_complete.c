/* SPDX-License-Identifier: MIT
 *
 * cmd_complete.c - adit complete: names of peers for the shell's completion
 */
#include <stdio.h>
#include <string.h>

#include "daemon/cli/ask.h"

int cmd_complete(const struct cli_args *a)
{
	json_t *result = NULL;
	int status = ask_simple(a, "status", 2, &result);
	const json_t *peers = json_object_get(result, "peers");
	char name[SHOW_CELL];
	const json_t *peer;
	size_t i;

	json_array_foreach(peers, i, peer)
		if (strcmp(show_member(peer, "name", name), "-"))
			puts(name);
	json_decref(result);
	return status;
}
