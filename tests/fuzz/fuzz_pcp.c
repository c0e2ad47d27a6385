/* SPDX-License-Identifier: MIT
 *
 * fuzz_pcp.c - a router's datagrams, to the codec and to an engine that waits for them
 */
#include <stdlib.h>

#include "traversal/pcp.h"
#include "traversal/portmap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct portmap_where w = { .gateway = ipaddr_v4(0x0a000001),
				   .local = ipaddr_v4(0x0a000002),
				   .port = 24100,
				   .allowed = { true, true, true },
				   .fresh = "abcdefghijkl" };
	struct endpoint from = { .ip = w.gateway, .port = 5351 };
	struct portmap *pm = portmap_new(1);
	struct pcp_response r;
	struct portmap_action a;
	nsec_t now = SEC(1000);

	if (!pm)
		return 0;
	(void)pcp_parse(data, size, &r);
	portmap_start(pm, &w, now);
	for (unsigned i = 0; i < 4000; i++) {
		if (portmap_poll(pm, &a, now))
			continue;
		(void)portmap_input(pm, data, size, &from, now);
		now = nsec_max(now + MSEC(1),
			       nsec_min(portmap_next_expiry(pm), now + SEC(60)));
		i += 50;
	}
	portmap_free(pm);
	return 0;
}
