/* SPDX-License-Identifier: MIT
 *
 * peers.c - all peers: finding one, the schedule, routes, what is kept over a restart
 */
#include "daemon/peer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
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

void peers_publish_routes(struct node *n)
{
	struct trie *t = trie_new();

	(void)routes_choose(n);
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
		if (!p->paths)
			list[i].remote = p->stock_at;
		tunnel_timestamps(p->tunnel, list[i].seen, list[i].sent);
	}
	err = state_save_peers(&n->state, list, n->peer_count);
	if (err)
		log_warn("paths.json: %s; going on without it", strerror(-err));
	free(list);
}
