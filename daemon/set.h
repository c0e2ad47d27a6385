/* SPDX-License-Identifier: MIT
 *
 * set.h - `adit set`: what this machine decides for itself, kept in node.json
 *
 *   advertise-routes  PREFIX,... or "" for none
 *   accept-routes     on or off; off at first: routes of others are a local choice
 */
#pragma once

#include "daemon/node.h"

enum {
	SET_WHY = 512,
};

/* set_apply() - check, take effect, keep; false: why is a sentence, nothing changed */
bool set_apply(struct node *n, const char *name, const char *value,
	       char why[static SET_WHY]);
