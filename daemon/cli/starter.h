/* SPDX-License-Identifier: MIT
 *
 * starter.h - start aditd before a join, so that joining is one command
 */
#pragma once

#include "daemon/cli/cli.h"

/* starter_run() - where root asks at the daemon's usual place, systemd runs this machine
 * and no aditd answers: systemctl enable --now aditd. Failures show up when aditd is
 * asked; systemctl says its own on stderr */
void starter_run(const struct cli_args *a);
