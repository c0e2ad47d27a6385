/* SPDX-License-Identifier: MIT
 *
 * cmd_set.c - adit set KEY VALUE: change one setting of the node
 */
#include "daemon/cli/ask.h"

int cmd_set(const struct cli_args *a)
{
	json_t *result = NULL;
	int status = ask(a, json_pack("{s:s,s:s,s:s}", "cmd", "set", "key",
				      a->operand, "value", a->second),
			 30, NULL, &result);

	json_decref(result);
	return status;
}
