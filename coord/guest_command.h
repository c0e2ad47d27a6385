/* SPDX-License-Identifier: MIT
 *
 * guest_command.h - adit-coord wg-peer add | list | remove
 */
#pragma once

#include "coord/settings.h"

int guest_command(const struct settings *s, int argc, char **argv);
