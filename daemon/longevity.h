/* SPDX-License-Identifier: MIT
 *
 * longevity.h - how long our NAT keeps idle mappings, measured beside everything else (glue
 * around lifetime.h)
 */
#pragma once

#include "daemon/node.h"
#include "traversal/lifetime.h"

must_check int longevity_start(struct node *n); /* 0 or -ENOMEM */
void longevity_stop(struct node *n);

/* longevity_look() - a check of our NAT is complete: measure, unless that was done here
 * within the last hours, or is remembered, or nothing stands between us and the world */
void longevity_look(struct node *n, nsec_t now);
/* longevity_forget() - we are in another network */
void longevity_forget(struct node *n);
/* longevity_result() - zeroes until something is known */
struct lifetime_result longevity_result(const struct node *n);
