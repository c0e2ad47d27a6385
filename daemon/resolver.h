/* SPDX-License-Identifier: MIT
 *
 * resolver.h - the host's resolver learns where names of our domain are answered
 *
 * Glue: runs programs. systemd-resolved for our link, when it runs; else resolvconf;
 * else nothing, and the NSS module reads the hosts file. /etc/resolv.conf is never
 * written. What resolved knows of our link ends with the link; what resolvconf was told
 * is undone by a guard when this process ends in whatever way.
 */
#pragma once

#include <stdbool.h>

#include "base/addr.h"
#include "base/attr.h"
#include "base/loop.h"
#include "daemon/names.h"
#include "daemon/program.h"

enum resolver_way {
	RESOLVER_NSS, /* the module alone */
	RESOLVER_RESOLVED,
	RESOLVER_RESOLVCONF,
};

struct resolver {
	struct loop *loop; /* NULL: not set */
	char tun[16];
	struct endpoint at; /* our name server */
	char domain[NAMES_DOMAIN];
	char reverse[2][NAMES_ZONE];
	enum resolver_way way; /* being tried or in use */
	bool active; /* the program of that way has said yes */
	struct program program;
	char input[2 * NAMES_DOMAIN + ADDR_TEXT];
	int guard; /* -1: none */
};

/* resolver_init() - nothing told yet */
void resolver_init(struct resolver *r);

/* resolver_set() - tell where our names are answered; no-op if nothing changed */
void resolver_set(struct resolver *r, struct loop *l, const char *tun,
		  const struct endpoint *at, const struct names *z);
/* resolver_undo() - as it was before; waits at most 2 s. Safe when nothing was set */
void resolver_undo(struct resolver *r);

const char *resolver_way_name(const struct resolver *r);

/* resolver_advice() - what is missing for names to work in all programs: a sentence, or
 * NULL */
const char *resolver_advice(const struct resolver *r);
