/* SPDX-License-Identifier: MIT
 *
 * settings.h - what adit-relay is told by flags and files
 *
 * Flags win over the files, a drop-in (FILE.d/NAME.conf) over FILE; allow-from and
 * allow-node add up. A mistake is said on standard error, with file and line.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "base/scrape.h"
#include "relay/service.h"

enum {
	SETTINGS_PATH = 1024,
	SETTINGS_USAGE = 2, /* exit status */
};

struct settings {
	struct relay_service_params service; /* its key is not set here */
	char state[SETTINGS_PATH];
	bool check, have_coord_key;
	uint16_t tls_port;
	char metrics[SCRAPE_AT]; /* "": no metrics */
	enum log_level level;
};

/* settings_read() - by main's arguments; ends the program after --help and --version.
 * Return: exit status; 0: out is filled */
int settings_read(int argc, char **argv, struct settings *out);
/* settings_socket() - where `adit-relay status` asks */
const char *settings_socket(const struct settings *s, char path[static SCRAPE_AT]);
