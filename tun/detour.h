/* SPDX-License-Identifier: MIT
 *
 * detour.h - all traffic of this host but our own through our interface: an exit node
 *
 * Theory: a routing table of our own holds default routes through the interface, and two
 * rules for each family stand before the main table. The first asks the main table for
 * anything longer than a default route (or than the halves that stand for one): attached
 * networks and whatever else the host routes by itself go before. The second sends packets
 * without our mark into our table. What carries the mark (our sockets) falls through to the
 * main table, so that our packets never enter the tunnel. Nothing of the main table is
 * changed. When the interface vanishes, its routes go with it and the rules match nothing;
 * detour_end() at the next start removes them.
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"

enum {
	DETOUR_MARK = 0xad17, /* of our sockets, unless FwMark says otherwise */
};

/**
 * detour_begin() - Make it so; does nothing for what is there already
 * @index: The interface
 * @name:  Its name: each name has a table of its own
 * @mark:  SO_MARK of our sockets, not 0
 * Return: 0 or negative errno. A host without IPv6 is no failure.
 */
must_check int detour_begin(unsigned index, const char *name, uint32_t mark);

/* detour_end() - remove the rules, ours or those left by a run that was killed; the
 * routes go too if the interface still stands; 0 or negative errno */
must_check int detour_end(const char *name, uint32_t mark);
