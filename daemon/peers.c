/* SPDX-License-Identifier: MIT
 *
 * peers.c - all peers: finding one, the schedule, routes, what is kept over a restart
 */
#include "daemon/peer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "daemon/acl.h"
#include "daemon/inside.h"
#include "daemon/routes.h"

struct peer *peers_by_key(const struct node *n, const struct key_public *k)
{
	struct peer *p = hmap_get(&n->by_key, hmap_mix(k->b, n->key_seed));

	return p && key_public_eq(&p->key, k) ? p : NULL;
}

struct peer *peers_by_slot(const struct node *n, uint32_t slot)
{
	return slot < ARRAY_SIZE(n->by_slot) ? n->by_slot[slot] : NULL;
}

struct peer *peers_by_hint(const struct node *n, const uint8_t *hint)
{
	struct peer *p = hmap_get(&n->by_hint, hmap_mix(hint, 0));

	for (unsigned i = 0; p && i < 3; i++)
		if (!memcmp(p->hints[i], hint, BOX_HINT_OCTETS))
			return p;
	return NULL;
}

static bool is_called(const struct peer *p, const char *text,
		      const struct ipaddr *ip, const struct key_public *key)
{
	if (!strcasecmp(p->name, text))
		return true;
	if (key && key_public_eq(&p->key, key))
		return true;
	return ip && (ipaddr_eq(&p->v4, ip) || ipaddr_eq(&p->v6, ip));
}

struct peer *peers_by_text(const struct node *n, const char *text)
{
	struct ipaddr ip;
	struct key_public key;
	bool is_ip = ipaddr_parse(text, &ip);
	bool is_key = key_public_parse(text, &key);

	for (unsigned i = 0; i < n->peer_count; i++)
		if (is_called(n->peers[i], text, is_ip ? &ip : NULL,
			      is_key ? &key : NULL))
			return n->peers[i];
	return NULL;
}

static enum inside_peer inside_peer_of(const struct peer *p)
{
	if (!p->id)
		return INSIDE_CONFIGURED;
	return p->paths ? INSIDE_MEMBER : INSIDE_GUEST;
}

/* publish_inside() - before the routes: who is new sends nothing that is not for us */
static void publish_inside(struct node *n)
{
	struct trie *t = n->netmap.version ? inside_new(&n->netmap) : NULL;

	for (unsigned i = 0; i < n->peer_count; i++)
		atomic_store_explicit(&n->peers[i]->fwd->is,
				      inside_peer_of(n->peers[i]),
				      memory_order_relaxed);
	if (t || !n->netmap.version)
		fwd_set_inside(&n->fwd, t);
	else
		log_error("out of memory for what this node serves; what it served "
			  "before goes on");
}

void peers_publish_routes(struct node *n)
{
	struct trie *t = trie_new();

	(void)routes_choose(n);
	publish_inside(n);
	for (unsigned i = 0; t && i < n->peer_count; i++) {
		struct peer *p = n->peers[i];

		for (unsigned k = 0; k < p->allowed_count; k++)
			if (routes_carries(p, k) &&
			    trie_insert(t, &p->allowed[k], p->fwd->slot) < 0)
				log_error("peer %s: out of memory for its "
					  "routes", p->name);
	}
	if (t)
		fwd_set_routes(&n->fwd, t);
	peers_publish_acl(n);
}

/* ---- access ---- */

static int by_id(const void *id, const void *node)
{
	uint64_t a = *(const uint64_t *)id;
	uint64_t b = ((const struct netmap_node *)node)->id;

	return a < b ? -1 : a > b;
}

static struct acl_peer acl_peer_of(const struct node *n, const struct peer *p)
{
	const struct netmap_node *m = NULL;
	struct acl_peer a = { .slot = p->fwd->slot, .exempt = !p->id,
			      .node = { .name = p->name, .v4 = p->v4,
					.v6 = p->v6 } };

	if (p->id && n->netmap.peer_count)
		m = bsearch(&p->id, n->netmap.peers, n->netmap.peer_count,
			    sizeof(*n->netmap.peers), by_id);
	if (m)
		a.node.tags = m->tags;
	a.guest = a.ours = m && m->gateway;
	return a;
}

/* FNV-1a */
static uint64_t mix(uint64_t h, const void *p, size_t n)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < n; i++)
		h = (h ^ b[i]) * 0x100000001b3u;
	return h;
}

static uint64_t fingerprint(const struct node *n, const struct acl_peer *a,
			    unsigned count)
{
	uint64_t h = mix(0xcbf29ce484222325u, &n->netmap.rules_change,
			 sizeof(n->netmap.rules_change));

	h = mix(h, &n->netmap.self.v4, sizeof(n->netmap.self.v4));
	h = mix(h, &n->netmap.self.v6, sizeof(n->netmap.self.v6));
	for (unsigned i = 0; i < count; i++) {
		const struct rules_node *r = &a[i].node;

		h = mix(h, &a[i].slot, sizeof(a[i].slot));
		h = mix(h, &a[i].exempt, sizeof(a[i].exempt));
		h = mix(h, &r->v4, sizeof(r->v4));
		h = mix(h, &r->v6, sizeof(r->v6));
		h = mix(h, r->name, strlen(r->name) + 1);
		h = mix(h, r->tags ? r->tags : "",
			r->tags ? strlen(r->tags) + 1 : 1);
	}
	return h | 1; /* 0: none were made */
}

static struct peer *peer_by_id(const struct node *n, uint64_t id)
{
	for (unsigned i = 0; i < n->peer_count; i++)
		if (n->peers[i]->id == id)
			return n->peers[i];
	return NULL;
}

/* add_guests() - behind n->peer_count entries, those whose gateway is a peer; the new
 * count. Guests of ours are peers: they are marked. */
static unsigned add_guests(const struct node *n, struct acl_peer *list)
{
	unsigned count = n->peer_count;

	for (unsigned i = 0; n->netmap.guest_count && i < n->netmap.peer_count; i++) {
		const struct netmap_node *g = &n->netmap.peers[i];
		const struct peer *p = g->gateway ? peer_by_id(n, g->gateway) : NULL;

		if (p)
			list[count++] = (struct acl_peer){
				.slot = p->fwd->slot, .guest = true,
				.node = { .name = g->name, .tags = g->tags,
					  .v4 = g->v4, .v6 = g->v6 } };
	}
	return count;
}

void peers_publish_acl(struct node *n)
{
	const struct netmap_node *self = &n->netmap.self;
	const struct rules_node us = { .name = self->name, .v4 = self->v4,
				       .v6 = self->v6 };
	struct acl_peer *list;
	unsigned count = n->peer_count + n->netmap.guest_count;
	struct acl *a = NULL;
	uint64_t made_of;

	if (!n->netmap.rules) {
		if (n->acl_made_of)
			fwd_set_acl(&n->fwd, NULL);
		n->acl_made_of = 0;
		return;
	}
	list = calloc(count + 1, sizeof(*list));
	for (unsigned i = 0; list && i < n->peer_count; i++)
		list[i] = acl_peer_of(n, n->peers[i]);
	count = list ? add_guests(n, list) : 0;
	made_of = list ? fingerprint(n, list, count) : 0;
	if (list && made_of != n->acl_made_of) {
		a = acl_new(n->netmap.rules, &us, n->netmap.overlay, list, count);
		if (a)
			fwd_set_acl(&n->fwd, a);
		else
			log_error("access policy: out of memory; the one before "
				  "goes on");
		n->acl_made_of = a ? made_of : n->acl_made_of;
	}
	free(list);
}

void peers_run_due(struct node *n, nsec_t now)
{
	struct due *d;

	while ((d = heap_first(&n->due)) && d->at <= now) {
		struct peer *p = container_of(d, struct peer, due);
		nsec_t before = d->at;

		peer_run(n, p, now);
		if (p->due.place && p->due.at <= before && p->due.at <= now) {
			/* an engine that is due again at once is our bug; do
			 * not let it spin */
			log_debug("peer %s: due again at once", p->name);
			if (heap_set(&n->due, &p->due, now + MSEC(10)) < 0)
				return;
		}
	}
	node_schedule(n);
}

static void refresh_hints_of(struct node *n, struct peer *p)
{
	for (unsigned i = 0; i < 3; i++) {
		pathset_hint(p->paths, n->epoch + i - 1, p->hints[i]);
		if (hmap_put(&n->by_hint, hmap_mix(p->hints[i], 0), p) < 0)
			log_error("peer %s: out of memory for its hint",
				  p->name);
	}
}

void peers_refresh_hints(struct node *n)
{
	hmap_clear(&n->by_hint);
	flows_sweep(&n->fwd.flows, time_now()); /* at least once an hour */
	for (unsigned i = 0; i < n->peer_count; i++)
		if (n->peers[i]->paths)
			refresh_hints_of(n, n->peers[i]);
}

void peers_save_soon(struct node *n)
{
	if (n->save_pending || !n->up)
		return;
	n->save_pending = true;
	loop_timer_at(&n->save, time_now() + MSEC(500));
}

void peers_save_now(struct node *n)
{
	struct state_peer *list = calloc(n->peer_count + 1, sizeof(*list));
	int err;

	n->save_pending = false;
	if (!list)
		return;
	for (unsigned i = 0; i < n->peer_count; i++) {
		const struct peer *p = n->peers[i];

		list[i] = (struct state_peer){ .key = p->key,
					       .remote = p->remembered,
					       .active = p->active };
		if (p->paths)
			list[i].searched = pathset_searched(p->paths);
		else
			list[i].remote = p->stock_at;
		tunnel_timestamps(p->tunnel, list[i].seen, list[i].sent);
	}
	err = state_save_peers(&n->state, list, n->peer_count);
	if (err)
		log_warn("paths.json: %s; going on without it", strerror(-err));
	free(list);
}
