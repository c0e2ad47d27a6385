/* SPDX-License-Identifier: MIT
 *
 * notify.h - tell the service manager how we are: sd_notify(3)'s datagram
 */
#pragma once

#include "base/time.h"

/* notify_state() - "READY=1", "STOPPING=1", "WATCHDOG=1", "STATUS=..."; nothing
 * happens without NOTIFY_SOCKET in the environment */
void notify_state(const char *state);

/* notify_watchdog() - how often "WATCHDOG=1" is due, half of what the service manager
 * waits (WATCHDOG_USEC, sd_watchdog_enabled(3)); 0: it does not wait for any */
nsec_t notify_watchdog(void);
