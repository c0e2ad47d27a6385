/* SPDX-License-Identifier: MIT
 *
 * cmd_join.c - adit join: become a member by an invite
 *
 * "adit join -" reads the invite from stdin: arguments are visible to every user of
 * the machine, and the invite holds a secret until it is used.
 */
#include <stdio.h>
#include <string.h>

#include "daemon/cli/ask.h"
#include "daemon/cli/starter.h"

enum {
	INVITE_LINE = 4096, /* octets at most; longer ones are refused by aditd */
	TIMEOUT_S = 60,
	WAIT_TIMEOUT_S = 300,
};

/* read_invite() - one line of stdin, without white space around it */
static const char *read_invite(char *line, size_t room)
{
	char *p = line, *end;

	if (!fgets(line, (int)room, stdin))
		return NULL;
	p += strspn(p, " \t\r\n");
	end = p + strlen(p);
	while (end > p && strchr(" \t\r\n", end[-1]))
		*--end = 0;
	return *p ? p : NULL;
}

static void print_joined(const json_t *result)
{
	const json_t *addresses = json_object_get(result, "addresses");
	char name[SHOW_CELL], text[SHOW_CELL];
	const json_t *address;
	size_t i;

	printf("joined as %s", show_member(result, "name", name));
	json_array_foreach(addresses, i, address)
		if (json_is_string(address))
			printf(" %s", show_text(json_string_value(address),
						text, sizeof(text)));
	putchar('\n');
}

int cmd_join(const struct cli_args *a)
{
	const char *invite = a->operand;
	char line[INVITE_LINE];
	json_t *result = NULL;
	int status;

	if (!strcmp(invite, "-"))
		invite = read_invite(line, sizeof(line));
	if (!invite) {
		fputs("adit: no invite on stdin; make one with: adit-coord "
		      "invite\n", stderr);
		return EXIT_REFUSED;
	}
	starter_run(a);
	status = ask(a,
		     json_pack("{s:s,s:s,s:s?,s:b}", "cmd", "join", "invite",
			       invite, "hostname", a->hostname, "wait",
			       (int)a->wait),
		     a->wait ? WAIT_TIMEOUT_S : TIMEOUT_S, NULL, &result);
	if (status == EXIT_DONE)
		print_joined(result);
	json_decref(result);
	return status;
}
