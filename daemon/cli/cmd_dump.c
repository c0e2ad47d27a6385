/* SPDX-License-Identifier: MIT
 *
 * cmd_dump.c - adit dump: the status as lines of tab separated columns, for scripts
 *
 * First a line of this machine: name, key, addresses, state, server's URL, connected.
 * Then one for each peer: name, key, addresses, online, kind of path, remote, relay, round
 * trip in ms, received octets, sent octets, handshake age in s. Addresses are joined by
 * commas; what is missing is "-". Columns are added at the end only.
 */
#include <stdio.h>

#include "daemon/cli/ask.h"

static void print_cell(const json_t *object, const char *name, char end)
{
	char text[SHOW_CELL];

	printf("%s%c", show_member(object, name, text), end);
}

static void print_addresses(const json_t *object)
{
	const json_t *all = json_object_get(object, "addresses"), *one;
	char text[SHOW_CELL];
	size_t i;

	json_array_foreach(all, i, one)
		printf("%s%s", i ? "," : "",
		       show_text(json_is_string(one) ? json_string_value(one) :
						       "-",
				 text, sizeof(text)));
	fputs(json_array_size(all) ? "\t" : "-\t", stdout);
}

static void print_peer(const json_t *peer)
{
	const json_t *path = json_object_get(peer, "path");

	print_cell(peer, "name", '\t');
	print_cell(peer, "key", '\t');
	print_addresses(peer);
	print_cell(peer, "online", '\t');
	print_cell(path, "kind", '\t');
	print_cell(path, "remote", '\t');
	print_cell(path, "relay", '\t');
	print_cell(path, "rtt_ms", '\t');
	print_cell(peer, "rx_bytes", '\t');
	print_cell(peer, "tx_bytes", '\t');
	print_cell(peer, "handshake_age_s", '\n');
}

int cmd_dump(const struct cli_args *a)
{
	json_t *status = NULL, *peer;
	const json_t *self, *coord;
	int code = ask_simple(a, "status", 30, &status);
	size_t i;

	if (code)
		return code;
	self = json_object_get(status, "self");
	coord = json_object_get(status, "coord");
	print_cell(self, "name", '\t');
	print_cell(self, "key", '\t');
	print_addresses(self);
	print_cell(status, "state", '\t');
	print_cell(coord, "url", '\t');
	print_cell(coord, "connected", '\n');
	json_array_foreach(json_object_get(status, "peers"), i, peer)
		print_peer(peer);
	json_decref(status);
	return EXIT_DONE;
}
