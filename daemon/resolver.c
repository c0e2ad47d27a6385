/* SPDX-License-Identifier: MIT
 *
 * resolver.c - the host's resolver learns where names of our domain are answered
 */
#include "daemon/resolver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"

#define RESOLVED_SOCKET "/run/systemd/resolve/io.systemd.Resolve"
#define NSSWITCH_PATH "/etc/nsswitch.conf"

enum {
	DNS_PORT = 53,
	UNDO_S = 2,
	NSSWITCH_MAX = 64 * 1024, /* octets */
};

void resolver_init(struct resolver *r)
{
	*r = (struct resolver){ .guard = -1 };
}

/* ---- systemd-resolved ---- */

static bool start_resolved(struct resolver *r, void (*done)(struct program *, bool))
{
	char server[ADDR_TEXT], reverse[2][NAMES_ZONE + 1] = { "", "" };
	unsigned zones = 0;

	if (access(RESOLVED_SOCKET, F_OK) < 0 || !program_found("resolvectl"))
		return false;
	if (r->at.port == DNS_PORT)
		ipaddr_text(&r->at.ip, server);
	else
		endpoint_text(&r->at, server);
	for (unsigned i = 0; i < 2; i++)
		if (r->reverse[i][0])
			snprintf(reverse[zones++], sizeof(reverse[0]), "~%s",
				 r->reverse[i]);
	r->way = RESOLVER_RESOLVED;
	program_add(&r->program, (const char *const[]){
		"resolvectl", "dns", r->tun, server, NULL }, NULL);
	/* A name without "~" is searched, and routed to this link as well. */
	program_add(&r->program, (const char *const[]){
		"resolvectl", "domain", r->tun, r->domain,
		zones > 0 ? reverse[0] : NULL,
		zones > 1 ? reverse[1] : NULL, NULL }, NULL);
	program_add(&r->program, (const char *const[]){
		"resolvectl", "default-route", r->tun, "no", NULL }, NULL);
	return program_start(&r->program, r->loop, done) == 0;
}

/* ---- resolvconf ---- */

static void record_name(const struct resolver *r, char out[static 24])
{
	snprintf(out, 24, "%s.adit", r->tun);
}

/* resolv.conf has no place for a port. */
static bool start_resolvconf(struct resolver *r,
			     void (*done)(struct program *, bool))
{
	char record[24], server[ADDR_TEXT];

	if (r->at.port != DNS_PORT || !program_found("resolvconf"))
		return false;
	record_name(r, record);
	if (r->guard < 0)
		r->guard = program_guard((const char *const[]){
			"resolvconf", "-d", record, NULL });
	if (r->guard < 0)
		return false; /* what a crash would leave behind stays undone */
	snprintf(r->input, sizeof(r->input), "nameserver %s\nsearch %s\n",
		 ipaddr_text(&r->at.ip, server), r->domain);
	r->way = RESOLVER_RESOLVCONF;
	program_add(&r->program, (const char *const[]){
		"resolvconf", "-a", record, NULL }, r->input);
	return program_start(&r->program, r->loop, done) == 0;
}

static void close_guard(struct resolver *r)
{
	if (r->guard >= 0)
		close(r->guard);
	r->guard = -1;
}

/* ---- in that order ---- */

static void on_done(struct program *p, bool ok);

static void try_after(struct resolver *r, enum resolver_way refused)
{
	r->program.count = 0;
	if (refused == RESOLVER_NSS && start_resolved(r, on_done))
		return;
	r->program.count = 0;
	if (refused != RESOLVER_RESOLVCONF && start_resolvconf(r, on_done))
		return;
	r->program.count = 0;
	close_guard(r);
	r->way = RESOLVER_NSS;
	r->active = true;
}

static void on_done(struct program *p, bool ok)
{
	struct resolver *r = container_of(p, struct resolver, program);

	r->active = ok;
	if (ok) {
		log_info("names under %s: by %s", r->domain,
			 resolver_way_name(r));
		return;
	}
	log_warn("names: %s refused; going on without it", resolver_way_name(r));
	try_after(r, r->way);
}

void resolver_set(struct resolver *r, struct loop *l, const char *tun,
		  const struct endpoint *at, const struct names *z)
{
	char reverse[2][NAMES_ZONE];

	for (unsigned i = 0; i < 2; i++)
		names_reverse_zone(&z->overlay[i], reverse[i]);
	if (r->loop && endpoint_eq(at, &r->at) && !strcmp(tun, r->tun) &&
	    !strcmp(z->domain, r->domain) &&
	    !memcmp(reverse, r->reverse, sizeof(reverse)))
		return;
	program_stop(&r->program);
	r->loop = l;
	r->at = *at;
	r->active = false;
	snprintf(r->tun, sizeof(r->tun), "%s", tun);
	snprintf(r->domain, sizeof(r->domain), "%s", z->domain);
	memcpy(r->reverse, reverse, sizeof(reverse));
	try_after(r, RESOLVER_NSS);
}

void resolver_undo(struct resolver *r)
{
	bool told = r->active || r->program.pid;

	program_stop(&r->program);
	if (r->loop && told && r->way == RESOLVER_RESOLVED &&
	    program_run((const char *const[]){ "resolvectl", "revert", r->tun,
					       NULL }, NULL, UNDO_S) < 0)
		log_warn("names: resolvectl revert %s failed; what it knows "
			 "ends with the interface", r->tun);
	close_guard(r); /* resolvconf -d */
	r->loop = NULL;
	r->active = false;
}

const char *resolver_way_name(const struct resolver *r)
{
	switch (r->way) {
	case RESOLVER_NSS:
		return "nss";
	case RESOLVER_RESOLVED:
		return "systemd-resolved";
	case RESOLVER_RESOLVCONF:
		return "resolvconf";
	}
	return "";
}

/* has_word() - a whole word in the line's blank-separated list */
static bool has_word(const char *line, size_t n, const char *word)
{
	size_t length = strlen(word);

	for (size_t i = 0; i + length <= n; i++) {
		bool begins = i == 0 || strchr(" \t:", line[i - 1]);
		bool ends = i + length == n || strchr(" \t[", line[i + length]);

		if (begins && ends && !strncmp(line + i, word, length))
			return true;
	}
	return false;
}

static bool module_in_use(void)
{
	char *text, *line;
	bool found = false;
	size_t n;

	if (file_read(NSSWITCH_PATH, NSSWITCH_MAX, &text, &n) < 0)
		return false;
	for (line = text; *line; line += n + (line[n] == '\n')) {
		n = strcspn(line, "\n");
		found |= !strncmp(line, "hosts:", 6) && has_word(line, n, "adit");
	}
	free(text);
	return found;
}

const char *resolver_advice(const struct resolver *r)
{
	if (!r->loop || r->way != RESOLVER_NSS || !r->active)
		return NULL;
	if (!module_in_use())
		return "names do not work yet: install libnss-adit, or put adit "
		       "[NOTFOUND=return] before dns in the hosts line of "
		       NSSWITCH_PATH;
	return "programs that do not ask the C library (dig, some static ones) "
	       "need systemd-resolved or resolvconf for these names";
}
