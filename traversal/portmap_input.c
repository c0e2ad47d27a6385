/* SPDX-License-Identifier: MIT
 *
 * portmap_input.c - what the router answers, and what to think of it
 */
#include "traversal/portmap_inside.h"

#include <string.h>

#include "traversal/natpmp.h"

#define REMAKE_GAP SEC(5) /* between two mappings made because of an epoch */

enum {
	LIFETIME_MIN_S = 10, /* a router that gives less is not worth its traffic */
	LIFETIME_MAX_S = 86400,
	EPOCH_SLACK_S = 2,
};

static enum portmap_state judge(const struct endpoint *external, nsec_t lifetime)
{
	if (ipaddr_class(&external->ip) != ADDR_CLASS_GLOBAL)
		return PORTMAP_BAD_ADDRESS;
	if (external->port < PORTMAP_PORT_MIN)
		return PORTMAP_BAD_PORT;
	return lifetime < SEC(LIFETIME_MIN_S) ? PORTMAP_REFUSED : PORTMAP_MADE;
}

/* grant() - the router has made, or renewed, the mapping; lifetime 0: for good */
static void grant(struct portmap *pm, const struct endpoint *external,
		  uint32_t lifetime_s, nsec_t now)
{
	bool for_good = pm->using == PORTMAP_UPNP && !lifetime_s;
	nsec_t lifetime = SEC(for_good		       ? PORTMAP_LIFETIME_S :
			      lifetime_s > LIFETIME_MAX_S ? LIFETIME_MAX_S :
							    lifetime_s);
	enum portmap_state state = judge(external, lifetime);
	bool changed = !pm->held || !endpoint_eq(external, &pm->external);

	pm->request.on = false;
	pm->external = *external;
	if (state != PORTMAP_MADE) {
		portmap_give_back(pm);
		portmap_bar(pm, pm->using, state, now);
		return;
	}
	pm->held = true;
	pm->granted = now;
	pm->lifetime = lifetime;
	pm->expires = for_good ? NSEC_NEVER : now + lifetime;
	pm->renew = now + lifetime / 2;
	pm->renewals = 0;
	if (changed)
		pm->proved = false;
	if (!pm->proved) {
		pm->d[pm->using].state = PORTMAP_MADE;
		pm->check_at = NSEC_NEVER;
		portcheck_start(&pm->check, external, now);
	}
}

static void refused(struct portmap *pm, int by, nsec_t now)
{
	if (pm->using == by && pm->request.on)
		portmap_bar(pm, by, PORTMAP_REFUSED, now);
}

/* remake() - the router has forgotten us, or so it seems */
static void remake(struct portmap *pm, int by, nsec_t now)
{
	if (!pm->held || pm->using != by || pm->request.on ||
	    (pm->remade && nsec_since(pm->remade, now) < REMAKE_GAP))
		return;
	pm->remade = now;
	pm->proved = false;
	pm->d[by].state = PORTMAP_MADE;
	portcheck_stop(&pm->check);
	portmap_request_start(pm, by, now);
}

/* epoch_went_back() - RFC 6887 s8.5; NAT-PMP has the lower bound only (RFC 6886 s3.6) */
static bool epoch_went_back(struct dialect *d, uint32_t epoch_s, bool both, nsec_t now)
{
	uint64_t mine = nsec_since(d->epoch_at, now) / SEC(1);
	uint64_t before = d->epoch_s;
	uint64_t theirs = epoch_s > before ? epoch_s - before : 0;
	bool back;

	if (!d->epoch_known)
		back = false;
	else if (epoch_s < before && (!both || before - epoch_s > 1))
		back = true;
	else if (theirs + EPOCH_SLACK_S < mine - mine / (both ? 16 : 8))
		back = true;
	else
		back = both && mine + EPOCH_SLACK_S < theirs - theirs / 16;
	d->epoch_known = true;
	d->epoch_s = epoch_s;
	d->epoch_at = now;
	return back;
}

void portmap_doubt(struct portmap *pm, nsec_t now)
{
	if (!pm->held)
		return;
	if (pm->using == PORTMAP_UPNP)
		remake(pm, PORTMAP_UPNP, now);
	else if (!pm->d[pm->using].probe.on)
		portmap_ask_start(&pm->d[pm->using].probe, now);
}

/* announced() - the router speaks up unasked, and not by what holds our mapping */
static void announced(struct portmap *pm, int by, nsec_t now)
{
	if (pm->using != by && !pm->d[by].probe.on)
		portmap_doubt(pm, now);
}

static void answered(struct portmap *pm, int by)
{
	struct dialect *d = &pm->d[by];

	d->probe.on = false;
	d->there = true;
	if (d->state == PORTMAP_ASKING || d->state == PORTMAP_SILENT)
		d->state = PORTMAP_THERE;
}

static enum drop take_pcp_map(struct portmap *pm, const struct pcp_response *r,
			      nsec_t now)
{
	if (pm->using != PORTMAP_PCP || !pm->request.on ||
	    memcmp(r->map.nonce.b, pm->nonce.b, sizeof(pm->nonce.b)) ||
	    r->map.protocol != PCP_UDP || r->map.internal_port != pm->where.port)
		return DROP_PORTMAP_UNEXPECTED;
	if (epoch_went_back(&pm->d[PORTMAP_PCP], r->epoch_s, true, now))
		pm->proved = false;
	if (r->result == PCP_SUCCESS) {
		pm->translates = r->translates;
		pm->translator = r->translator;
		grant(pm, &r->map.external, r->lifetime_s, now);
	} else {
		refused(pm, PORTMAP_PCP, now);
	}
	return DROP_NONE;
}

static enum drop take_pcp(struct portmap *pm, const uint8_t *m, size_t n, nsec_t now)
{
	struct pcp_response r;
	enum drop d = pcp_parse(m, n, &r);

	if (d != DROP_NONE)
		return d;
	if (!pm->d[PORTMAP_PCP].allowed)
		return DROP_PORTMAP_UNEXPECTED;
	if (r.opcode == PCP_MAP)
		return take_pcp_map(pm, &r, now);
	if (r.result != PCP_SUCCESS)
		return DROP_NONE;
	announced(pm, PORTMAP_PCP, now);
	answered(pm, PORTMAP_PCP);
	if (epoch_went_back(&pm->d[PORTMAP_PCP], r.epoch_s, true, now))
		remake(pm, PORTMAP_PCP, now);
	return DROP_NONE;
}

/* take_address() - the router's own external address */
static void take_address(struct portmap *pm, const struct ipaddr *ip, nsec_t now)
{
	struct endpoint e = { .ip = *ip, .port = pm->external.port };

	pm->natpmp_address = *ip;
	announced(pm, PORTMAP_NATPMP, now);
	answered(pm, PORTMAP_NATPMP);
	if (pm->held && pm->using == PORTMAP_NATPMP && !pm->request.on &&
	    !ipaddr_eq(ip, &pm->external.ip))
		grant(pm, &e, (uint32_t)(pm->lifetime / SEC(1)), now);
}

static void take_natpmp_map(struct portmap *pm, const struct natpmp_response *r,
			    nsec_t now)
{
	struct endpoint e = { .ip = pm->natpmp_address,
			      .port = r->external_port };

	if (r->result == NATPMP_SUCCESS && ipaddr_is_zero(&e.ip))
		return; /* the address was lost: both are asked again */
	if (r->result == NATPMP_SUCCESS)
		grant(pm, &e, r->lifetime_s, now);
	else
		refused(pm, PORTMAP_NATPMP, now);
}

static enum drop take_natpmp(struct portmap *pm, const uint8_t *m, size_t n, nsec_t now)
{
	struct natpmp_response r;
	enum drop d = natpmp_parse(m, n, &r);
	bool back, asked = pm->using == PORTMAP_NATPMP && pm->request.on;

	if (d != DROP_NONE)
		return d;
	if (!pm->d[PORTMAP_NATPMP].allowed ||
	    (r.opcode == NATPMP_MAP_UDP &&
	     (!asked || r.internal_port != pm->where.port)) ||
	    (r.opcode == NATPMP_ADDRESS && r.result != NATPMP_SUCCESS))
		return DROP_PORTMAP_UNEXPECTED;
	back = epoch_went_back(&pm->d[PORTMAP_NATPMP], r.epoch_s, false, now);
	if (back && asked)
		pm->proved = false;
	if (r.opcode == NATPMP_ADDRESS)
		take_address(pm, &r.address, now);
	else
		take_natpmp_map(pm, &r, now);
	if (back && !asked)
		remake(pm, PORTMAP_NATPMP, now);
	return DROP_NONE;
}

enum drop portmap_input(struct portmap *pm, const uint8_t *m, size_t n,
			const struct endpoint *from, nsec_t now)
{
	if (!pm->running || !ipaddr_eq(&from->ip, &pm->where.gateway) ||
	    from->port != PCP_PORT)
		return DROP_PORTMAP_UNEXPECTED;
	if (n && m[0] == NATPMP_VERSION)
		return take_natpmp(pm, m, n, now);
	return take_pcp(pm, m, n, now);
}

enum drop portmap_stun_input(struct portmap *pm, const uint8_t *m, size_t n,
			     const struct endpoint *from, nsec_t now)
{
	return portcheck_input(&pm->check, m, n, from, now);
}

void portmap_upnp_done(struct portmap *pm, enum portmap_job_kind kind,
		       const struct portmap_answer *a, nsec_t now)
{
	struct dialect *d = &pm->d[PORTMAP_UPNP];

	if (!pm->running || !d->allowed)
		return;
	if (kind == PORTMAP_FIND && d->probe.on) {
		d->probe.on = false;
		if (a->ok)
			answered(pm, PORTMAP_UPNP);
		else if (d->state == PORTMAP_ASKING)
			d->state = PORTMAP_SILENT;
	}
	if (kind != PORTMAP_MAP || pm->using != PORTMAP_UPNP || !pm->request.on)
		return;
	pm->request.on = false;
	if (a->ok)
		grant(pm, &a->external, a->lifetime_s, now);
	else if (pm->held)
		portmap_renewal_failed(pm);
	else
		portmap_bar(pm, PORTMAP_UPNP, PORTMAP_REFUSED, now);
}

