/* SPDX-License-Identifier: MIT
 *
 * portmap.h - ENGINE: one port of ours, kept open at the router
 *
 * Theory: three protocols ask a home router for the same thing: PCP (RFC 6887), NAT-PMP
 * (RFC 6886), UPnP IGD. All three are asked at once whether they are there; then one
 * mapping is made by the best that answered, because routers keep one table behind
 * all three and let them spoil each other's entries. Does it not come about, or does no
 * packet from outside arrive through it (portcheck.h), the next one has its turn. One
 * engine keeps one port of one family at one gateway; for IPv6 it asks by PCP or UPnP
 * for a pinhole. Lifetime 7200 s, renewed at 1/2, 3/4 and 7/8; a request is sent
 * at 0, 0.25, 0.75 and 1.75 s and given up at 3.75 s. When the router's epoch goes back it
 * has forgotten us, and the mapping is made again (RFC 6887 s8.5, RFC 6886 s3.6).
 *
 * The router is not trusted: only what it says from the gateway's address and port, to a
 * request of ours, counts; an external address that is not global, a port below 1024 and a
 * lifetime of nothing are refused, and the mapping is given back (security.md V-3, V-55).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/drop.h"
#include "base/nat64.h"
#include "base/time.h"
#include "traversal/stun.h"

enum portmap_dialect { /* best first */
	PORTMAP_PCP,
	PORTMAP_NATPMP,
	PORTMAP_UPNP,
	PORTMAP_DIALECTS,
};

enum portmap_state { /* of one dialect */
	PORTMAP_OFF, /* not asked */
	PORTMAP_ASKING,
	PORTMAP_SILENT, /* no answer */
	PORTMAP_THERE, /* it answers */
	PORTMAP_REFUSED, /* it answers, and makes no mapping */
	PORTMAP_BAD_ADDRESS, /* external address not global, or not what the world sees */
	PORTMAP_BAD_PORT, /* external port below 1024 */
	PORTMAP_CLOSED, /* mapped, but nothing from outside arrives */
	PORTMAP_MADE, /* mapped, not proved yet */
	PORTMAP_OPEN, /* mapped and proved */
};

enum {
	PORTMAP_LIFETIME_S = 7200, /* asked for */
	PORTMAP_MESSAGE_MAX = STUN_MAX,
};

const char *portmap_dialect_name(enum portmap_dialect d); /* "PCP" */
const char *portmap_state_text(enum portmap_state s); /* "no answer" */

struct portmap;

struct portmap *portmap_new(uint64_t seed); /* NULL: no memory */
void portmap_free(struct portmap *pm); /* takes NULL */

struct portmap_where {
	struct ipaddr gateway;
	struct ipaddr local; /* our address towards it */
	uint16_t port; /* local port to keep open */
	bool allowed[PORTMAP_DIALECTS]; /* what may be asked */
	uint8_t fresh[12]; /* unpredictable: PCP's nonce, if the place is a new one */
};

/* portmap_start() - at this gateway; nothing that we already have there is lost, else all
 * begins anew. Also after any change of the network: what we have is asked and proved
 * again */
void portmap_start(struct portmap *pm, const struct portmap_where *w, nsec_t now);
/* portmap_stop() - give the mapping back: poll until there is nothing more to send */
void portmap_stop(struct portmap *pm);
/* portmap_set_servers() - STUN endpoints that prove a mapping */
void portmap_set_servers(struct portmap *pm, const struct endpoint *s, unsigned n,
			 nsec_t now);

enum portmap_action_kind {
	PORTMAP_TELL_ROUTER, /* send message from local's address to `to` */
	PORTMAP_TELL_SERVER, /* send message from the mapped socket to `to` */
	PORTMAP_RUN_UPNP, /* do the job; tell portmap_upnp_done() */
};

enum portmap_job_kind {
	PORTMAP_FIND, /* is there a UPnP gateway? */
	PORTMAP_MAP,
	PORTMAP_UNMAP, /* portmap_upnp_done() need not be told */
};

struct portmap_job {
	enum portmap_job_kind kind;
	struct ipaddr gateway, local;
	uint16_t internal_port, external_port; /* external: suggested, or to delete */
	uint32_t lifetime_s;
};

struct portmap_action {
	enum portmap_action_kind kind;
	struct endpoint to;
	size_t n;
	uint8_t message[PORTMAP_MESSAGE_MAX];
	struct portmap_job job;
};

/* portmap_poll() - true: do this */
bool portmap_poll(struct portmap *pm, struct portmap_action *out, nsec_t now);
nsec_t portmap_next_expiry(const struct portmap *pm);

/* portmap_input() - octets that came to the router's socket or by multicast, untrusted;
 * DROP_NONE, DROP_PORTMAP_MALFORMED, DROP_PORTMAP_UNEXPECTED */
must_check enum drop portmap_input(struct portmap *pm, const uint8_t *m, size_t n,
				   const struct endpoint *from, nsec_t now);
/* portmap_doubt() - the router may have started anew: PCP and NAT-PMP are asked for the
 * epoch, UPnP has none and is asked for the mapping */
void portmap_doubt(struct portmap *pm, nsec_t now);

/* portmap_stun_input() - a STUN message at the mapped socket; see portcheck_input() */
must_check enum drop portmap_stun_input(struct portmap *pm, const uint8_t *m, size_t n,
					const struct endpoint *from, nsec_t now);

struct portmap_answer { /* of UPnP, from a child that parsed the router's words */
	bool ok;
	struct endpoint external; /* of MAP */
	uint32_t lifetime_s; /* of MAP; 0: for good */
};
void portmap_upnp_done(struct portmap *pm, enum portmap_job_kind kind,
		       const struct portmap_answer *a, nsec_t now);

struct portmap_report {
	bool there[PORTMAP_DIALECTS]; /* answers */
	enum portmap_state state[PORTMAP_DIALECTS];
	int using; /* enum portmap_dialect; -1: no mapping */
	struct endpoint external; /* zero: no mapping */
	bool proved; /* a packet from outside came through it: may be advertised */
	bool translates; /* the router names a NAT64 (RFC 7225); IPv6 only */
	struct nat64 translator;
};

/* portmap_report() - changed: external or proved, since the last call here */
struct portmap_report portmap_report(struct portmap *pm, bool *changed);
