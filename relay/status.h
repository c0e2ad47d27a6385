/* SPDX-License-Identifier: MIT
 *
 * status.h - `adit-relay status`: a running relay's figures, read from its socket
 *
 * The relay answers on STATE/status.sock with the page that Prometheus gets; here it
 * becomes a few lines, or one JSON object.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/* status_write() - page: NUL-terminated; what is no figure of a relay is left out */
void status_write(const char *page, bool json, FILE *out);

/* status_command() - argv[0] is "status"; returns the exit status */
int status_command(int argc, char **argv);
