/* SPDX-License-Identifier: MIT
 *
 * policy_command.h - adit-coord policy check, set, show, rollback
 */
#pragma once

#include "coord/settings.h"

/* policy_command() - argv[0] is "policy"; an exit status, what is wrong on stderr */
int policy_command(const struct settings *s, int argc, char **argv);
