/* SPDX-License-Identifier: MIT
 *
 * watchdog.h - tell the service manager that packets move, or could
 *
 * A worker that sleeps is well: the kernel wakes it. One that is awake must come to
 * another turn before the next look. The control thread proves itself by looking.
 */
#pragma once

#include "daemon/node.h"

/* watchdog_start() - if the service manager waits for us; 0 or -ENOMEM */
must_check int watchdog_start(struct node *n);
void watchdog_stop(struct node *n);

/* watchdog_well() - whether every worker moved since the last call, or sleeps */
must_check bool watchdog_well(struct node *n);
