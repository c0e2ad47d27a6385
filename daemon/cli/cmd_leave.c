/* SPDX-License-Identifier: MIT
 *
 * cmd_leave.c - adit leave: no longer a member, keys forgotten
 */
#include "daemon/cli/ask.h"

int cmd_leave(const struct cli_args *a)
{
	json_t *result = NULL;
	int status = ask_simple(a, "leave", 30, &result);

	json_decref(result);
	return status;
}
