/* SPDX-License-Identifier: MIT
 *
 * whereabouts.c - in which network we are, and what we remember of it
 */
#include "daemon/whereabouts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "daemon/discovery.h"
#include "daemon/peer.h"
#include "tun/gateway.h"

#define AGAIN MSEC(200) /* nobody may have asked for the router's Ethernet address yet */

enum {
	LOOKS = 10,
	NAT_GOOD_S = 30 * 24 * 3600, /* a NAT seldom changes, and is measured anew anyway */
	IDLE_GOOD_S = 24 * 3600,
};

struct whereabouts {
	struct node *node;
	struct places places;
	struct place here; /* router and subnet hold if known */
	bool known, remembered; /* which place it is; what its NAT was */
	bool dirty;
	unsigned looks;
	struct loop_timer timer;
};

static uint64_t wall_s(void)
{
	return time_wall() / SEC(1);
}

static bool is_young(uint64_t seen_s, uint64_t good_s)
{
	uint64_t now = wall_s();

	return seen_s <= now && now - seen_s < good_s;
}

/* subnet_of() - our subnet on that interface which holds the gateway */
static bool subnet_of(const struct node *n, const struct gateway *g, struct prefix *out)
{
	for (unsigned i = 0; i < n->host_count; i++) {
		const struct host_address *h = &n->hosts[i];

		if (h->index != g->index || !prefix_contains(&h->on_link, &g->ip))
			continue;
		*out = h->on_link;
		return true;
	}
	return false;
}

/* find_here() - 0; -ENOENT: not to be told, now at least */
static int find_here(const struct node *n, struct place *out)
{
	struct gateway g;
	int err = gateway_find(false, n->device.index, &g);

	if (err)
		return err;
	*out = (struct place){ 0 };
	if (!subnet_of(n, &g, &out->subnet))
		return -ENOENT;
	return gateway_hardware(&g, out->router);
}

static bool is_here(const struct whereabouts *w, const struct place *p)
{
	return w->known && !memcmp(p->router, w->here.router, 6) &&
	       prefix_eq(&p->subnet, &w->here.subnet);
}

/* arrive() - true: something is remembered that was not in use yet */
static bool arrive(struct whereabouts *w, const struct place *here)
{
	const struct place *p = places_find(&w->places, here->router, &here->subnet);

	if (is_here(w, here))
		return false;
	w->here = p ? *p : *here;
	w->known = true;
	w->remembered = p && is_young(p->seen_s, NAT_GOOD_S);
	if (w->remembered)
		log_debug("we have been in this network before");
	return w->remembered;
}

static void look(struct whereabouts *w, nsec_t now)
{
	struct place here;
	int err = find_here(w->node, &here);

	if (!err && arrive(w, &here))
		discovery_local_changed(w->node, now);
	if (err == -ENOENT && ++w->looks < LOOKS)
		loop_timer_at(&w->timer, nsec_add(now, AGAIN));
}

static void on_timer(struct loop_timer *t, nsec_t now)
{
	look(container_of(t, struct whereabouts, timer), now);
}

void whereabouts_look(struct node *n, nsec_t now)
{
	struct whereabouts *w = n->whereabouts;

	if (!w)
		return;
	w->known = w->remembered = false;
	w->looks = 0;
	loop_timer_at(&w->timer, NSEC_NEVER);
	look(w, now);
}

bool whereabouts_recall(const struct node *n, const struct ipaddr *external,
			struct nat_profile *out)
{
	const struct whereabouts *w = n->whereabouts;

	if (!w || !w->remembered ||
	    (!ipaddr_is_zero(external) && !ipaddr_eq(external, &w->here.external)))
		return false;
	*out = w->here.nat;
	return true;
}

bool whereabouts_idle(const struct node *n, struct lifetime_result *out)
{
	const struct whereabouts *w = n->whereabouts;

	if (!w || !w->known || !w->here.idle.lived_s || !is_young(w->here.idle_seen_s, IDLE_GOOD_S))
		return false;
	*out = w->here.idle;
	return true;
}

/* keep() - what is known of here, in the table, and soon in the file */
static void keep(struct whereabouts *w)
{
	places_put(&w->places, &w->here);
	w->dirty = true;
	peers_save_soon(w->node);
}

/* measured() - what is a measurement in a profile */
static struct nat_profile measured(const struct nat_profile *nat)
{
	struct nat_profile m = *nat;

	m.no_scan = m.no_udp = false;
	m.keep_s = 0;
	return m;
}

void whereabouts_learn(struct node *n, const struct nat_profile *nat,
		       const struct ipaddr *external)
{
	struct whereabouts *w = n->whereabouts;
	struct nat_profile m = measured(nat);

	if (!w || !w->known || !nat->known)
		return;
	w->remembered = false; /* now it is known */
	if (ipaddr_eq(&w->here.external, external) && !memcmp(&w->here.nat, &m, sizeof(m)) &&
	    is_young(w->here.seen_s, IDLE_GOOD_S))
		return;
	if (!ipaddr_eq(&w->here.external, external))
		w->here.idle = (struct lifetime_result){ 0, 0 };
	w->here.nat = m;
	w->here.seen_s = wall_s();
	w->here.external = *external;
	keep(w);
}

void whereabouts_learn_idle(struct node *n, const struct lifetime_result *idle)
{
	struct whereabouts *w = n->whereabouts;

	if (!w || !w->known || !w->here.nat.known || !idle->lived_s)
		return;
	w->here.idle = *idle;
	w->here.idle_seen_s = wall_s();
	keep(w);
}

void whereabouts_save(struct node *n)
{
	struct whereabouts *w = n->whereabouts;
	char path[PATH_MAX], *text;
	int err = -ENOMEM;

	if (!w || !w->dirty)
		return;
	w->dirty = false;
	text = places_text(&w->places);
	if (text)
		err = file_replace(state_path(&n->state, "places.json", path), text,
				   strlen(text), 0600);
	if (err)
		log_warn("places.json: %s; this network's NAT will be measured before it is "
			 "known again", strerror(-err));
	free(text);
}

uint64_t whereabouts_age(const struct node *n)
{
	const struct whereabouts *w = n->whereabouts;
	uint64_t now = wall_s();

	if (!w || !w->remembered || w->here.seen_s > now)
		return 0;
	return now - w->here.seen_s + 1;
}

static void load(struct whereabouts *w)
{
	char path[PATH_MAX], *text;
	size_t octets;
	int err = file_read(state_path(&w->node->state, "places.json", path), PLACES_OCTETS,
			    &text, &octets);

	if (err == -ENOENT)
		return;
	if (!err && places_read(text, octets, &w->places)) {
		free(text);
		return;
	}
	if (!err)
		free(text);
	log_warn("places.json: %s; beginning a new one", err ? strerror(-err) : "not readable");
}

int whereabouts_start(struct node *n, nsec_t now)
{
	struct whereabouts *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->node = n;
	if (loop_timer_init(&n->loop, &w->timer, on_timer)) {
		free(w);
		return -ENOMEM;
	}
	n->whereabouts = w;
	load(w);
	whereabouts_look(n, now);
	return 0;
}

void whereabouts_stop(struct node *n)
{
	struct whereabouts *w = n->whereabouts;

	if (!w)
		return;
	whereabouts_save(n);
	n->whereabouts = NULL;
	loop_timer_done(&w->timer);
	free(w);
}
