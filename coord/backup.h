/* SPDX-License-Identifier: MIT
 *
 * backup.h - the server's whole state in one file, and back (glue)
 *
 * The file is one JSON object: "format": "adit-coord backup", "version": 1, "files":
 * {name: base64}. It holds the server's secret keys: it is written 0600, and whoever
 * has it is the server.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"

/**
 * backup_write() - State folder to FILE, while the server runs or not
 * @state: The folder; the work in it is done as its owner when root asks
 * @why:   On failure: one sentence
 */
must_check bool backup_write(const char *state, const char *file,
			     char why[static 512]);

/**
 * backup_restore() - FILE to state folder; the server must not run
 * @replace: Whether a network that is there may be lost; else it is refused
 * The database is checked before anything is replaced.
 */
must_check bool backup_restore(const char *state, const char *file, bool replace,
			       char why[static 512]);
