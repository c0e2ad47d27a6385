/* SPDX-License-Identifier: MIT
 *
 * candidates.c - at which endpoints we may be reached, and what stands before them
 */
#include "daemon/candidates.h"

#include "daemon/cross.h"
#include "daemon/direct.h"
#include "daemon/hops.h"
#include "daemon/longevity.h"
#include "daemon/mapping.h"
#include "daemon/uplinks.h"
#include "daemon/whereabouts.h"

static void add(struct candidate_list *l, const struct endpoint *at,
		enum candidate_kind kind, bool attested)
{
	struct candidate c = { .at = *at, .kind = kind, .attested = attested };

	candidate_add(l, &c);
}

static void add_spare(struct candidate_list *l, const struct endpoint *at,
		      enum candidate_kind kind)
{
	struct candidate c = { .at = *at, .kind = kind, .spare = true };

	c.attested = kind == CANDIDATE_REFLEXIVE;
	candidate_add(l, &c);
}

static void add_hosts(struct node *n, struct candidate_list *l)
{
	for (unsigned i = 0; i < n->host_count; i++) {
		const struct host_address *h = &n->hosts[i];
		bool v4 = ipaddr_is_v4(&h->ip);
		bool global = ipaddr_class(&h->ip) == ADDR_CLASS_GLOBAL;
		struct endpoint e = { .ip = h->ip,
				      .port = n->ports[v4 ? 0 : 1].udp[0].port };

		if (h->tunnel || h->bridge_of_containers || h->deprecated ||
		    !e.port ||
		    ipaddr_class(&h->ip) == ADDR_CLASS_LINK_LOCAL)
			continue;
		if (global && uplinks_port(n, h)) {
			e.port = uplinks_port(n, h);
			add_spare(l, &e, v4 ? CANDIDATE_PUBLIC : CANDIDATE_V6);
		} else if (v4)
			add(l, &e, global ? CANDIDATE_PUBLIC : CANDIDATE_LAN,
			    false);
		else
			add(l, &e, global ? CANDIDATE_V6 : CANDIDATE_LAN, false);
	}
}

static bool is_host(const struct node *n, const struct ipaddr *ip)
{
	for (unsigned i = 0; i < n->host_count; i++)
		if (ipaddr_eq(&n->hosts[i].ip, ip))
			return true;
	return false;
}

static void add_reflexive(struct node *n, struct candidate_list *l,
			  const struct endpoint *e)
{
	if (!endpoint_is_zero(e) && !is_host(n, &e->ip))
		add(l, e, CANDIDATE_REFLEXIVE, true);
}

/* take_profile() - what our NAT does: as measured, until then as remembered of this place */
static void take_profile(struct node *n, const struct natcheck_report *r)
{
	bool running = natcheck_running(n->check[0]); /* r may be of another network */
	struct ipaddr external = running ? (struct ipaddr){ 0 } : r->reflexive.ip;

	n->nat = r->profile;
	n->filtering = r->filtering;
	if (running || !r->profile.known)
		whereabouts_recall(n, &external, &n->nat);
}

static void add_reflexives(struct node *n, struct candidate_list *l)
{
	for (int i = WORKER_PORTS_MAX - 1; i >= 0; i--) {
		const struct natcheck_report *r;
		bool changed;

		if (!n->check[i])
			continue;
		r = natcheck_report(n->check[i], &changed);
		if (uplinks_is_slot(i)) {
			if (!endpoint_is_zero(&r->reflexive) && !is_host(n, &r->reflexive.ip))
				add_spare(l, &r->reflexive, CANDIDATE_REFLEXIVE);
			continue;
		}
		add_reflexive(n, l, &r->reflexive);
		add_reflexive(n, l, &r->reflexive6);
		if (i == 0) {
			take_profile(n, r);
		}
	}
	n->nat.no_scan = !n->conf.port_scan;
	n->nat.no_udp = n->no_udp;
	for (unsigned i = 0; i < NETMAP_RELAYS_MAX; i++)
		if (n->relays[i].status.registered && !n->relays[i].info.node)
			for (unsigned f = 0; f < 2; f++)
				add_reflexive(n, l,
					      &n->relays[i].status.observed[f]);
}

/* add_static() - where the NAT gives each peer another port, an administrator may have
 * forwarded ours: a peer's ping finds out */
static void add_static(struct node *n, struct candidate_list *l)
{
	struct endpoint e = { .port = n->ports[0].udp[0].port };

	if (!n->nat.known || !n->nat.mapping_varies || !n->check[0])
		return;
	e.ip = natcheck_last(n->check[0])->reflexive.ip;
	if (!ipaddr_is_zero(&e.ip) && !is_host(n, &e.ip))
		add(l, &e, CANDIDATE_STATIC, true);
}

/* judge_udp() - do our relays hear us by TLS alone? Without any, what was so stays */
static void judge_udp(struct node *n)
{
	bool tls = false;

	for (unsigned i = 0; i < NETMAP_RELAYS_MAX; i++) {
		const struct relay_client_status *s = &n->relays[i].status;

		if (n->relays[i].info.node)
			continue; /* it may be next door */
		if (s->registered && !s->stream) {
			n->no_udp = false;
			return;
		}
		tls |= s->registered;
	}
	n->no_udp |= tls;
}

/* add_levels() - what the routers on the way, and the nearest one's word, say of our NATs */
static void add_levels(struct node *n)
{
	struct ladder_result hops = hops_result(n);
	struct portmap_report map = mapping_report(n, false);
	struct lifetime_result lived;
	bool inner = hops.carrier;

	for (unsigned i = 0; i < n->host_count; i++) /* the carrier's NAT is our first */
		if (ipaddr_class(&n->hosts[i].ip) == ADDR_CLASS_SHARED &&
		    !n->hosts[i].tunnel)
			inner = false;
	for (unsigned i = 0; i < PORTMAP_DIALECTS; i++)
		inner |= map.state[i] == PORTMAP_BAD_ADDRESS;
	lived = longevity_result(n);
	n->nat.keep_s = (uint8_t)lifetime_keepalive(&lived);
	if (n->nat.levels == 0)
		return; /* no NAT */
	n->nat.public_hop = hops.public_hop;
	if (inner)
		n->nat.levels = 2;
}

void candidates_gather(struct node *n, struct candidate_list *out)
{
	judge_udp(n);
	add_hosts(n, out);
	mapping_candidates(n, out);
	add_reflexives(n, out);
	add_levels(n);
	add_static(n, out);
	cross_candidates(n, out);
	direct_candidates(n, out);
}
