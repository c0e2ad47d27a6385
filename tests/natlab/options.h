/* SPDX-License-Identifier: MIT
 *
 * options.h - natlab's command line: a table of rows, each with its own bounds
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "tests/natlab/natbox.h"
#include "tests/natlab/wire.h"

enum {
	OPTIONS_NAME = 64,
	OPTIONS_WHY = 200, /* room for a refusal */
};

struct options {
	char inside_ns[OPTIONS_NAME], inside[OPTIONS_NAME]; /* namespace "": ours */
	char outside_ns[OPTIONS_NAME], outside[OPTIONS_NAME];
	struct ipaddr gateway; /* the NAT's inner address */
	enum nat_kind mapping, filtering;
	struct natbox_rules nat; /* external all 0: no NAT, a wire */
	struct wire_setup wire;
	struct prefix keep; /* sessions with these remote addresses outlast SIGHUP; 0: none */
	uint64_t seed;
	bool help;
};

/* options_parse() - false: refused, and `why` says in one line what and what is allowed */
bool options_parse(int argc, char **argv, struct options *out,
		   char why[static OPTIONS_WHY]);
void options_help(FILE *to);
