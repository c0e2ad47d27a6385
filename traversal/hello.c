/* SPDX-License-Identifier: MIT
 *
 * hello.c - peers of one LAN find each other without a server: when to call
 */
#include "traversal/hello.h"

#include "base/attr.h"

static const nsec_t gaps[] = { MSEC(250), MSEC(500), SEC(1), SEC(2), SEC(4),
			       SEC(8),	  SEC(15),   SEC(30), SEC(60) };

struct ipaddr hello_group(bool v6)
{
	static const uint8_t group[16] = { 0xff, 0x12, [14] = 0xad, [15] = 0x17 };

	return v6 ? ipaddr_from_v6(group) : ipaddr_v4(0xefffad17);
}

void hello_again(struct hello *h)
{
	*h = (struct hello){ 0 };
}

bool hello_due(const struct hello *h, nsec_t now)
{
	return now >= h->due;
}

void hello_sent(struct hello *h, nsec_t now)
{
	h->due = nsec_add(now, gaps[h->sent]);
	if (h->sent + 1 < ARRAY_SIZE(gaps))
		h->sent++;
}

bool hello_believed(const struct endpoint *from, const struct prefix *on_link,
		    unsigned count)
{
	bool link_local = ipaddr_class(&from->ip) == ADDR_CLASS_LINK_LOCAL;

	if (!ipaddr_is_v4(&from->ip))
		return link_local && from->scope != 0;
	for (unsigned i = 0; i < count; i++)
		if (prefix_is_v4(&on_link[i]) &&
		    prefix_contains(&on_link[i], &from->ip))
			return true;
	return false;
}
