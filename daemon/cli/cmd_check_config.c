/* SPDX-License-Identifier: MIT
 *
 * cmd_check_config.c - adit check-config [FILE]: the file of aditd and its drop-ins
 */
#include <stdio.h>

#include "config/node_conf.h"
#include "daemon/cli/cli.h"

#define DEFAULT_FILE "/etc/adit/aditd.conf"

int cmd_check_config(const struct cli_args *a)
{
	const char *file = a->operand ? a->operand : DEFAULT_FILE;
	static struct node_conf conf; /* too large for a stack */
	char why[512];
	int err;

	node_conf_defaults(&conf);
	err = node_conf_read(&conf, file, !a->operand, why);
	node_conf_done(&conf);
	if (err < 0) {
		fprintf(stderr, "adit: %s\n", why);
		return EXIT_REFUSED;
	}
	printf("%s is good, and its drop-ins are\n", file);
	return EXIT_DONE;
}
