/* SPDX-License-Identifier: MIT
 *
 * thrift.h - is this a machine that must be sparing? battery, metered links
 */
#pragma once

#include <stdbool.h>

/* thrift_on_battery() - it has a battery of its own, which gives current now
 * @root: "/sys", or a folder like it */
bool thrift_on_battery(const char *root);

/* thrift_metered() - is this interface a mobile network's (WWAN) or dialled (PPP)? Those
 * who pay by the octet over another one say so by adit set relay off */
bool thrift_metered(const char *root, const char *interface);
