/* SPDX-License-Identifier: MIT
 *
 * cmd_logs.c - adit logs: what aditd told the journal
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/cli/cli.h"

int cmd_logs(const struct cli_args *a)
{
	char lines[16];

	if (a->count) {
		snprintf(lines, sizeof(lines), "%u", a->count);
		execlp("journalctl", "journalctl", "--unit=aditd", "--no-pager",
		       "--lines", lines, (char *)NULL);
	} else {
		execlp("journalctl", "journalctl", "--unit=aditd", "--no-pager",
		       "--boot", (char *)NULL);
	}
	fputs("adit: journalctl is missing; aditd writes its log to standard "
	      "error\n", stderr);
	return EXIT_REFUSED;
}
