/* SPDX-License-Identifier: MIT
 *
 * status.h - one snapshot of the node as JSON (design.md section 6)
 */
#pragma once

#include "daemon/node.h"

struct json_t;

struct json_t *status_json(struct node *n);
struct json_t *status_self(struct node *n);
struct json_t *status_netcheck(struct node *n);
struct json_t *status_why(struct node *n, struct peer *p);
struct json_t *status_path(struct node *n, const struct peer *p,
			   const struct path_info *path);
