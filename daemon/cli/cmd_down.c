/* SPDX-License-Identifier: MIT
 *
 * cmd_down.c - adit down: stop the tunnels
 */
#include "daemon/cli/ask.h"

int cmd_down(const struct cli_args *a)
{
	json_t *result = NULL;
	int status = ask_simple(a, "down", 30, &result);

	json_decref(result);
	return status;
}
