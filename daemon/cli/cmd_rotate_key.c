/* SPDX-License-Identifier: MIT
 *
 * cmd_rotate_key.c - adit rotate-key: a new tunnel key, now
 */
#include "daemon/cli/ask.h"

int cmd_rotate_key(const struct cli_args *a)
{
	json_t *result = NULL;
	int status = ask_simple(a, "rotate-key", 30, &result);

	json_decref(result);
	return status;
}
