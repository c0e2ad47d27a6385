/* SPDX-License-Identifier: MIT
 *
 * cmd_up.c - adit up: start the tunnels
 */
#include "daemon/cli/ask.h"

int cmd_up(const struct cli_args *a)
{
	json_t *result = NULL;
	int status = ask_simple(a, "up", 30, &result);

	json_decref(result);
	return status;
}
