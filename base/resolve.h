/* SPDX-License-Identifier: MIT
 *
 * resolve.h - names to addresses without blocking the loop
 *
 * getaddrinfo(3) respects nsswitch, hosts and DNS64 but blocks, so it runs in a helper
 * thread that lives for one question. A literal address never gets here.
 */
#pragma once

#include "base/addr.h"
#include "base/attr.h"
#include "base/loop.h"

enum {
	RESOLVE_MAX = 8, /* addresses kept */
	RESOLVE_NAME = 256,
};

struct resolve;

/* resolve_start() - answered() comes once, from the loop; n 0: why says the reason.
 * NULL: no memory or no thread. The question is freed after answered(). */
struct resolve *resolve_start(struct loop *l, const char *name,
			      void (*answered)(void *owner, const struct ipaddr *a,
					       unsigned n, const char *why),
			      void *owner);
void resolve_cancel(struct resolve *r); /* takes NULL; answered() will not come */

/* resolve_wait() - the same, blocking: for programs that start; number of addresses */
unsigned resolve_wait(const char *name, struct ipaddr out[static RESOLVE_MAX]);
