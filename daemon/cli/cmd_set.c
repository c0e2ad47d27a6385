/* SPDX-License-Identifier: MIT
 *
 * cmd_set.c - adit set: what this machine decides for itself
 */
#include "daemon/cli/ask.h"

int cmd_set(const struct cli_args *a)
{
	json_t *result = NULL;
	int status = ask(a, json_pack("{s:s,s:s,s:s}", "cmd", "set", "name",
				      a->operand, "value", a->value),
			 15, NULL, &result);

	json_decref(result);
	return status;
}
