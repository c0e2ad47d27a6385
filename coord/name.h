/* SPDX-License-Identifier: MIT
 *
 * name.h - names of nodes: one DNS label, RFC 1123 section 2.1, lower case
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "coord/netmap.h"

/* name_valid() - 1..63 of a-z, 0-9, "-", neither first nor last a "-" */
bool name_valid(const char *name);
/* name_sanitise() - the label nearest to untrusted text; "node" if nothing is left.
 * "Web Server.example.org" becomes "web-server" */
void name_sanitise(const char *text, char out[static NETMAP_NAME]);
/* name_variant() - "web" and 2 become "web-2", cut so that it stays a label;
 * out is another place than name */
void name_variant(const char *name, unsigned number, char out[static NETMAP_NAME]);
