/* SPDX-License-Identifier: MIT
 *
 * notify.h - tell the service manager how we are: sd_notify(3)'s datagram
 */
#pragma once

/* notify_state() - "READY=1", "STOPPING=1", "WATCHDOG=1", "STATUS=..."; nothing
 * happens without NOTIFY_SOCKET in the environment */
void notify_state(const char *state);
