/* SPDX-License-Identifier: MIT
 *
 * cmd_why.c - adit why: what was tried for a peer, what came of it, what would help
 */
#include <stdio.h>
#include <string.h>

#include "daemon/cli/ask.h"

/* print_facts() - "title:" and a line per member that has a short text */
static void print_facts(const char *title, const json_t *facts)
{
	const char *name;
	json_t *value;
	char text[SHOW_CELL], label[SHOW_CELL];

	if (!json_object_size(facts))
		return;
	show_cell(title, 0, SHOW_BOLD);
	putchar('\n');
	json_object_foreach((json_t *)facts, name, value) {
		if (json_is_object(value) || json_is_array(value))
			continue;
		show_text(name, label, sizeof(label));
		printf("  %s: %s\n", label, show_member(facts, name, text));
	}
}

static void print_tried(const json_t *tried)
{
	char what[SHOW_CELL], outcome[SHOW_CELL];
	const json_t *t;
	size_t i;

	if (json_array_size(tried)) {
		show_cell("tried", 0, SHOW_BOLD);
		putchar('\n');
	}
	json_array_foreach(tried, i, t)
		printf("  %s: %s\n", show_member(t, "what", what),
		       show_member(t, "outcome", outcome));
}

/* print_paths() - where more than one stands ready */
static void print_paths(const json_t *paths)
{
	char text[SHOW_CELL], rtt[SHOW_CELL], state[SHOW_CELL];
	const json_t *p;
	size_t i;

	if (json_array_size(paths) < 2)
		return;
	show_cell("paths", 0, SHOW_BOLD);
	putchar('\n');
	json_array_foreach(paths, i, p)
		printf("  %s  %s  %s\n", show_path(p, text),
		       show_rtt(json_object_get(p, "rtt_ms"), rtt),
		       show_member(p, "state", state));
}

static void print_why(const json_t *why)
{
	const json_t *path = json_object_get(why, "path");
	const char *advice = json_string_value(json_object_get(why, "advice"));
	char peer[SHOW_CELL], text[SHOW_CELL], rtt[SHOW_CELL], long_text[512];

	show_cell(show_member(why, "peer", peer), 0, SHOW_BOLD);
	printf("  %s  %s\n", show_path(path, text),
	       show_rtt(json_object_get(path, "rtt_ms"), rtt));
	print_facts("here", json_object_get(why, "local"));
	print_facts("there", json_object_get(why, "remote"));
	print_paths(json_object_get(why, "paths"));
	print_tried(json_object_get(why, "tried"));
	if (strcmp(show_member(why, "next_try_s", text), "-"))
		printf("next try in %s s\n", text);
	if (advice)
		printf("%s\n", show_text(advice, long_text, sizeof(long_text)));
}

int cmd_why(const struct cli_args *a)
{
	json_t *result = NULL;
	int status = ask(a,
			 json_pack("{s:s,s:s}", "cmd", "why", "peer",
				   a->operand),
			 15, NULL, &result);

	if (status == EXIT_DONE && a->json)
		status = show_json(result);
	else if (status == EXIT_DONE)
		print_why(result);
	json_decref(result);
	return status;
}
