/* SPDX-License-Identifier: MIT
 *
 * cmd_status.c - adit status: this machine, and a line per peer with path and reason
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "daemon/cli/ask.h"

enum column {
	COLUMN_NAME,
	COLUMN_ADDRESS,
	COLUMN_PATH,
	COLUMN_RTT,
	COLUMN_WHY,
	COLUMN_COUNT,
};

struct row {
	char cell[COLUMN_COUNT][SHOW_CELL];
	enum show_colour colour; /* of the path */
};

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

static const char *first_address(const json_t *node, char buf[static SHOW_CELL])
{
	const json_t *all = json_object_get(node, "addresses");
	const char *text = json_string_value(json_array_get(all, 0));

	return show_text(text ? text : "-", buf, SHOW_CELL);
}

/* reason() - a clause on why this path; what aditd says wins */
static const char *reason(const json_t *peer, const json_t *path)
{
	const char *said = text_of(path, "reason");
	const char *kind = text_of(path, "kind");

	if (*said)
		return said;
	if (json_is_false(json_object_get(peer, "online")))
		return "offline";
	if (!strcmp(kind, "none"))
		return "no path yet";
	if (!strcmp(kind, "tcp"))
		return "UDP does not get through; ask: adit why NAME";
	if (!strcmp(kind, "relay"))
		return "no direct path yet; ask: adit why NAME";
	return "";
}

static enum show_colour colour_of(const json_t *path)
{
	const char *kind = text_of(path, "kind");

	if (!strcmp(kind, "direct"))
		return SHOW_GREEN;
	return !strcmp(kind, "none") || !*kind ? SHOW_RED : SHOW_YELLOW;
}

static void fill_row(struct row *r, const json_t *peer)
{
	const json_t *path = json_object_get(peer, "path");

	show_member(peer, "name", r->cell[COLUMN_NAME]);
	first_address(peer, r->cell[COLUMN_ADDRESS]);
	show_path(path, r->cell[COLUMN_PATH]);
	show_rtt(json_object_get(path, "rtt_ms"), r->cell[COLUMN_RTT]);
	show_text(reason(peer, path), r->cell[COLUMN_WHY], SHOW_CELL);
	r->colour = colour_of(path);
}

static void print_row(const struct row *r, const unsigned *width)
{
	for (unsigned c = 0; c < COLUMN_COUNT; c++) {
		bool last = c == COLUMN_COUNT - 1;

		show_cell(r->cell[c], last ? 0 : width[c] + 2,
			  c == COLUMN_PATH ? r->colour : SHOW_PLAIN);
	}
	putchar('\n');
}

static void print_rows(const struct row *rows, size_t n)
{
	unsigned width[COLUMN_COUNT] = { 0 };

	for (size_t i = 0; i < n; i++)
		for (unsigned c = 0; c < COLUMN_COUNT; c++) {
			unsigned w = show_columns(rows[i].cell[c]);

			width[c] = w > width[c] ? w : width[c];
		}
	for (size_t i = 0; i < n; i++)
		print_row(&rows[i], width);
}

static bool print_peers(const json_t *peers)
{
	static const struct row head = {
		{ "NAME", "ADDRESS", "PATH", "RTT", "WHY" }, SHOW_PLAIN
	};
	size_t n = json_array_size(peers);
	struct row *rows = calloc(n + 1, sizeof(*rows));

	if (!rows)
		return false;
	rows[0] = head;
	for (size_t i = 0; i < n; i++)
		fill_row(&rows[i + 1], json_array_get(peers, i));
	if (n)
		print_rows(rows, n + 1);
	else
		puts("no peers yet; invite one with: adit-coord invite");
	free(rows);
	return true;
}

static void print_self(const json_t *status)
{
	const json_t *self = json_object_get(status, "self");
	const json_t *coord = json_object_get(status, "coord");
	char name[SHOW_CELL], address[SHOW_CELL], url[SHOW_CELL];
	const char *why = json_string_value(json_object_get(coord, "why"));
	const char *says = json_string_value(json_object_get(coord, "says"));
	bool connected = json_is_true(json_object_get(coord, "connected"));

	show_cell(show_member(self, "name", name), 0, SHOW_BOLD);
	printf("  %s", first_address(self, address));
	if (strcmp(show_member(coord, "url", url), "-"))
		printf("  %s %s", connected ? "connected to" : "cannot reach",
		       url);
	if (!connected && why)
		printf(": %s", why);
	puts("");
	if (says && !json_is_true(json_object_get(
			    json_object_get(status, "membership"), "expired")))
		printf("the server says: %s\n", says);
	puts("");
}

/* print_advice() - what keeps names or routes from working, as aditd says */
static void print_advice(const json_t *status, const char *part)
{
	const char *advice = text_of(json_object_get(status, part), "advice");
	char line[256];

	if (advice && *advice && strcmp(advice, "-"))
		printf("\n%s: %s\n", part, show_text(advice, line, sizeof(line)));
}

/* print_carried() - what this machine relays for others, if it does */
static void print_carried(const json_t *status)
{
	const json_t *o = json_object_get(status, "carries");
	double today = json_number_value(json_object_get(o, "today"));
	json_int_t nodes = json_integer_value(json_object_get(o, "clients"));

	if (!strcmp(text_of(o, "state"), "on"))
		printf("\nrelays for others: %lld nodes are registered, %.1f MB "
		       "today\n", (long long)nodes, today / 1e6);
}

static int print_status(const json_t *status)
{
	const char *state = text_of(status, "state");

	if (!strcmp(state, "needs-join")) {
		puts("this machine is not a member of a network; join with: "
		     "adit join INVITE");
		return EXIT_DONE;
	}
	print_self(status);
	if (!strcmp(state, "stopped")) {
		puts("stopped; start with: adit up");
		return EXIT_DONE;
	}
	if (!strcmp(state, "waiting-for-approval")) {
		puts("waiting for approval: an administrator lets this node in "
		     "with adit-coord approve");
		return EXIT_DONE;
	}
	if (!print_peers(json_object_get(status, "peers"))) {
		fputs("adit: out of memory\n", stderr);
		return EXIT_REFUSED;
	}
	print_advice(status, "membership");
	print_advice(status, "names");
	print_advice(status, "routes");
	print_carried(status);
	return EXIT_DONE;
}

int cmd_status(const struct cli_args *a)
{
	json_t *result = NULL;
	int status = ask_simple(a, "status", 15, &result);

	if (status == EXIT_DONE)
		status = a->json ? show_json(result) : print_status(result);
	json_decref(result);
	return status;
}
