/* SPDX-License-Identifier: MIT
 *
 * hostsum.h - has the host's network changed, apart from our interface?
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "tun/netlink.h"

struct hostsum {
	unsigned except; /* our interface */
	uint64_t sum;
};

/* hostsum_concerns() - does an item of this sort decide on candidates? */
bool hostsum_concerns(const struct netlink_item *it);

/**
 * hostsum_look() - Look again and remember
 *
 * Cost: three dumps.
 * Return: true if it is another one than before, or cannot be known
 */
bool hostsum_look(struct hostsum *h, struct netlink *nl);
