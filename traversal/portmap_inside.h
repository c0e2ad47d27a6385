/* SPDX-License-Identifier: MIT
 *
 * portmap_inside.h - what the files of portmap.h share; nobody else includes it
 */
#pragma once

#include "traversal/pcp.h"
#include "traversal/portcheck.h"
#include "traversal/portmap.h"

enum {
	PORTMAP_PORT_MIN = 1024, /* security.md V-3 */
};

struct ask { /* a request until its answer */
	bool on;
	unsigned sends;
	nsec_t due;
};

struct dialect {
	bool allowed, there;
	enum portmap_state state;
	struct ask probe;
	nsec_t barred; /* until then */
	bool epoch_known;
	uint32_t epoch_s;
	nsec_t epoch_at;
};

struct portmap {
	bool running;
	struct portmap_where where;
	struct dialect d[PORTMAP_DIALECTS];
	struct pcp_nonce nonce;
	struct ipaddr natpmp_address; /* as the router said; zero: not yet */
	nsec_t started, again; /* again: ask all anew; NSEC_NEVER */
	nsec_t remade; /* last because of an epoch */

	int using; /* dialect of the request or the mapping; -1: none */
	struct ask request;
	bool held; /* there is a mapping */
	struct endpoint external;
	bool proved;
	nsec_t granted, lifetime, expires, renew;
	unsigned renewals;

	bool translates; /* PCP: the network's NAT64 */
	struct nat64 translator;

	struct portcheck check;
	nsec_t check_at;

	struct { /* to be given back */
		bool on;
		enum portmap_dialect by;
		struct endpoint external;
	} farewell;
	struct portmap_report told;
};

void portmap_ask_start(struct ask *a, nsec_t now);
/* portmap_request_start() - ask this dialect for the mapping, or for its renewal */
void portmap_request_start(struct portmap *pm, int by, nsec_t now);
/* portmap_give_back() - the mapping in hand, whatever it is */
void portmap_give_back(struct portmap *pm);
/* portmap_bar() - no more of this dialect for a while; what it gave is forgotten */
void portmap_bar(struct portmap *pm, int by, enum portmap_state why, nsec_t now);
/* portmap_renewal_failed() - the next one comes at the next eighth, or never */
void portmap_renewal_failed(struct portmap *pm);

/* portmap_write_probe() - is this dialect there? */
void portmap_write_probe(const struct portmap *pm, int by, struct portmap_action *out);
/* portmap_write_request() - lifetime 0: delete; port: suggested, or to delete */
void portmap_write_request(const struct portmap *pm, int by, uint32_t lifetime_s,
			   uint16_t port, struct portmap_action *out);
/* portmap_wish() - the external port to suggest */
uint16_t portmap_wish(const struct portmap *pm);
