/* SPDX-License-Identifier: MIT
 *
 * dropin.h - the drop-ins of a configuration file: every .conf of FILE.d, by name
 */
#pragma once

#include "base/attr.h"

/**
 * dropin_each() - Call read(owner, path) for each, until one does not return 0
 * @file: "/etc/adit/coord.conf"; its drop-ins are /etc/adit/coord.conf.d/[!.]*.conf
 * Return: what read() returned last; 0 where there is no folder; -errno when it cannot
 * be listed
 */
must_check int dropin_each(const char *file, void *owner,
			   int (*read)(void *owner, const char *path));
