/* SPDX-License-Identifier: MIT
 *
 * settings.h - what adit-coord is told: flags, and the same names in a file
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/attr.h"
#include "base/log.h"
#include "coord/invite.h"

struct settings {
	char config[PATH_MAX];
	char state[PATH_MAX];
	char socket[108];
	char url[INVITE_URL]; /* "": made of the address */
	bool listen_given;
	struct endpoint listen;
	uint16_t udp_port; /* and the next one */
	struct endpoint relay[2]; /* public, IPv4 and IPv6; zero: from the URL */
	bool overlay_given[2];
	struct prefix overlay[2]; /* IPv4, IPv6; only at the first start */
	enum log_level log_level;
	char metrics[108]; /* "": off */
};

void settings_defaults(struct settings *s);

/* settings_set() - by name as in --NAME; NULL, or a sentence */
must_check const char *settings_set(struct settings *s, const char *name,
				    const char *value);

/* settings_read() - a file and its drop-ins (base/dropin.h): lines "name = value", "#"
 * begins a comment; false: why says file, line and reason */
must_check bool settings_read(struct settings *s, const char *path,
			      char why[static 512]);
