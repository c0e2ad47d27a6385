/* SPDX-License-Identifier: MIT
 *
 * run.h - the server program: state, keys, server, relay and admin socket put together
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "coord/settings.h"

/* run_server() - until SIGTERM or SIGINT; false: why is a sentence */
must_check bool run_server(const struct settings *s, char why[static 512]);
