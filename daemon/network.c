/* SPDX-License-Identifier: MIT
 *
 * network.c - the coordination server's part: enrolment, the netmap, its peers
 */
#include "daemon/network.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/resident.h"
#include "daemon/admission.h"
#include "daemon/cross.h"
#include "daemon/discovery.h"
#include "daemon/enrolment.h"
#include "daemon/host.h"
#include "daemon/nameserver.h"
#include "daemon/peer.h"
#include "daemon/peerrelay.h"
#include "daemon/relays.h"
#include "daemon/router.h"
#include "daemon/routes.h"
#include "relay/token.h"

enum {
	EAGER_PEERS = 64, /* in a network of at most so many, paths are found ahead */
	CLOCK_WORTH = 120, /* seconds of difference worth a word */
};

/* ---- the netmap's peers ---- */

static enum aead_suite suite_for(const struct node *n,
				 const struct netmap_node *peer)
{
	return n->netmap.self.fast_aes && peer->fast_aes ?
		       AEAD_AES_256_GCM :
		       AEAD_CHACHA20_POLY1305;
}

static struct peer *add_peer(struct node *n, const struct netmap_node *node)
{
	struct prefix allowed[ROUTES_ALLOWED_MAX];
	unsigned own;
	struct peer_new_params p = {
		.name = node->name,
		.key = node->key,
		.id = node->id,
		.suite = suite_for(n, node),
		.stock = node->gateway != 0,
		.allowed = allowed,
		.allowed_count = routes_allowed(n, node, allowed, &own),
	};
	struct peer *peer = peer_new(n, &p);

	if (!peer) {
		log_warn("peer %s: its key or our memory forbids it; skipped",
			 node->name);
		return NULL;
	}
	peer->own_count = own;
	peer->v4 = node->v4;
	peer->v6 = node->v6;
	return peer;
}

static void update_peer(struct node *n, struct peer *p,
			const struct netmap_node *node, nsec_t now)
{
	struct prefix allowed[ROUTES_ALLOWED_MAX];
	unsigned own, count = routes_allowed(n, node, allowed, &own);
	struct prefix *copy;

	snprintf(p->name, sizeof(p->name), "%s", node->name);
	if (node->online && !p->online && p->paths) {
		peer_hurry(n, p, now);
		if (n->netmap.peer_count <= EAGER_PEERS)
			pathset_traffic(p->paths, now); /* a path before it is used */
	}
	p->online = node->online;
	p->v4 = node->v4;
	p->v6 = node->v6;
	if (count != p->allowed_count ||
	    memcmp(p->allowed, allowed, count * sizeof(*allowed))) {
		copy = calloc(count + 1, sizeof(*copy));
		if (copy) {
			memcpy(copy, allowed, count * sizeof(*allowed));
			free(p->allowed);
			p->allowed = copy;
			p->allowed_count = count;
			p->own_count = own;
			p->carries = 0;
		}
	}
	if (!p->paths)
		return;
	pathset_set_remote(p->paths, &node->candidates, node->generation, now);
	relays_tell(n, p, now);
}

static void remember(struct node *n, struct peer *p,
		     const struct state_peer *s, nsec_t now)
{
	tunnel_timestamps_restore(p->tunnel, s->seen, s->sent);
	p->remembered = s->remote;
	if (p->paths)
		pathset_set_searched(p->paths, &s->searched);
	if (!p->paths && endpoint_is_zero(&p->stock_at))
		p->stock_at = s->remote;
	if (s->active) {
		peer_activate(n, p, now);
		tunnel_rehandshake(p->tunnel, true, now);
	}
}

/* greet_peers() - new peers learn our side and what we remember of them */
static void greet_peers(struct node *n, struct peer **fresh, unsigned count,
			nsec_t now)
{
	struct state_peer *list;
	unsigned known;

	if (!count)
		return;
	if (state_load_peers(&n->state, &list, &known) < 0)
		known = 0;
	for (unsigned i = 0; i < count; i++) {
		fresh[i]->fresh = true;
		if (fresh[i]->paths)
			discovery_tell(n, fresh[i], now);
	}
	for (unsigned i = 0; i < known; i++) {
		struct peer *p = peers_by_key(n, &list[i].key);

		if (p && p->fresh)
			remember(n, p, &list[i], now);
	}
	for (unsigned i = 0; i < count; i++)
		fresh[i]->fresh = false;
	free(list);
}

/* is_elsewhere() - a guest that another node serves: reached through that */
static bool is_elsewhere(const struct node *n, const struct netmap_node *node)
{
	return node->gateway && node->gateway != n->netmap.self.id;
}

/* What goes over to the tunnel of a peer's next key. */
struct heir {
	uint64_t id;
	struct endpoint remote;
	struct pathset_pair searched;
	bool active;
};

/* inherit() - a peer with a new key is where it was; we call, since it cannot know that we
 * have learned of the key */
static void inherit(struct node *n, const struct heir *h, unsigned count, nsec_t now)
{
	for (unsigned i = 0; i < count; i++)
		for (unsigned k = 0; k < n->peer_count; k++) {
			struct peer *p = n->peers[k];

			if (p->id != h[i].id)
				continue;
			p->remembered = h[i].remote;
			if (p->paths)
				pathset_set_searched(p->paths, &h[i].searched);
			if (h[i].active)
				peer_activate(n, p, now);
			if (h[i].active)
				tunnel_rehandshake(p->tunnel, true, now);
		}
}

static struct pathset_pair searched(const struct peer *p)
{
	return p->paths ? pathset_searched(p->paths) : (struct pathset_pair){ 0 };
}

/* remove_gone() - out[]: those that come again with another key; their number */
static unsigned remove_gone(struct node *n, struct heir *out)
{
	unsigned heirs = 0;
	bool any = false;

	for (unsigned i = n->peer_count; i-- > 0;) {
		struct peer *p = n->peers[i];
		const struct netmap_node *node =
			netmap_peer_by_key(&n->netmap, &p->key);

		if (p->id && (!node || node->id != p->id ||
			      is_elsewhere(n, node))) {
			log_info("peer %s: removed", p->name);
			out[heirs++] = (struct heir){ p->id, p->remembered, searched(p),
						      p->active };
			peer_free(n, p);
			any = true;
		}
	}
	if (any) /* before a new peer takes a slot that was theirs */
		peers_publish_routes(n);
	return heirs;
}

void network_apply(struct node *n, nsec_t now)
{
	struct peer **fresh;
	struct heir *heirs;
	unsigned count = 0, heir_count;

	if (!n->up || !n->netmap.version)
		return;
	fresh = calloc(n->netmap.peer_count + 1, sizeof(*fresh));
	heirs = calloc(n->peer_count + 1, sizeof(*heirs));
	if (!fresh || !heirs) {
		free(fresh);
		free(heirs);
		return;
	}
	heir_count = remove_gone(n, heirs);
	relays_update(n, now);
	for (unsigned i = 0; i < n->netmap.peer_count; i++) {
		const struct netmap_node *node = &n->netmap.peers[i];
		struct peer *p = peers_by_key(n, &node->key);

		if ((p && !p->id) || is_elsewhere(n, node))
			continue; /* configured by hand: that wins */
		if (!p && (p = add_peer(n, node)))
			fresh[count++] = p;
		if (p)
			update_peer(n, p, node, now);
	}
	peers_refresh_hints(n);
	peerrelay_update(n, now);
	peers_publish_routes(n);
	host_configure(n);
	nameserver_update(n);
	router_update(n);
	greet_peers(n, fresh, count, now);
	inherit(n, heirs, heir_count, now);
	free(fresh);
	free(heirs);
	for (unsigned i = 0; i < n->peer_count; i++)
		peer_run(n, n->peers[i], now);
}

/* ---- stock peers ---- */

void network_stock_peers(struct node *n, nsec_t now)
{
	struct peer **fresh = calloc(n->conf.peer_count + 1, sizeof(*fresh));
	unsigned count = 0;

	for (unsigned i = 0; fresh && i < n->conf.peer_count; i++) {
		const struct node_conf_peer *c = &n->conf.peers[i];
		char name[NETMAP_NAME] = "wg-", text[KEY_SHORT_TEXT];
		struct peer_new_params p = {
			.name = name,
			.key = c->key,
			.stock = true,
			.psk = c->psk,
			.keepalive = SEC(c->keepalive_s),
			.allowed = c->allowed,
			.allowed_count = c->allowed_count,
		};
		struct peer *peer;

		snprintf(name, sizeof(name), "wg-%s",
			 key_public_short(&c->key, text));
		peer = peer_new(n, &p);
		key_psk_wipe(&p.psk);
		if (!peer) {
			log_error("peer %s: its key is not usable", name);
			continue;
		}
		peer->stock_at = c->at;
		if (c->keepalive_s)
			tunnel_want(peer->tunnel, now);
		fresh[count++] = peer;
	}
	greet_peers(n, fresh, count, now);
	for (unsigned i = 0; i < count; i++) {
		peer_refresh_egress(n, fresh[i], now);
		peer_run(n, fresh[i], now);
	}
	free(fresh);
	if (n->conf.peer_count) {
		peers_publish_routes(n);
		host_configure(n);
	}
}

/* ---- the server ---- */

static void on_state(void *owner, bool connected, const char *why)
{
	struct node *n = owner;

	if (n->coord_connected != connected)
		log_info("coordination server: %s%s%s",
			 connected ? "connected" : "disconnected",
			 connected || !why ? "" : ": ",
			 connected || !why ? "" : why);
	else if (!connected && why && strcmp(why, n->coord_why))
		log_warn("coordination server: %s", why);
	snprintf(n->coord_why, sizeof(n->coord_why), "%s",
		 connected || !why ? "" : why);
	n->coord_connected = connected;
	if (connected && n->expired) {
		n->expired = false;
		n->coord_says[0] = 0;
	}
	if (connected)
		discovery_local_changed(n, time_now());
	else
		admission_recall(n);
	enrolment_progress(n, connected ? NULL : why);
}

static void on_joined(void *owner)
{
	struct node *n = owner;

	n->state.enrolled = true;
	n->state.joining = false;
	secret_wipe(n->state.coord.secret, sizeof(n->state.coord.secret));
	if (state_save(&n->state) < 0)
		log_error("node.json cannot be written: this node will have to "
			  "join again after a restart");
	log_info("joined the network of %s", n->state.coord.url);
}

static void on_warned(void *owner, const char *text)
{
	struct node *n = owner;

	log_warn("coordination server: %s", text);
	snprintf(n->coord_says, sizeof(n->coord_says), "%s", text);
}

static void on_refused(void *owner, const char *why)
{
	struct node *n = owner;

	snprintf(n->coord_says, sizeof(n->coord_says), "%s", why);

	log_error("coordination server: refused: %s", why);
	admission_forget(n);
	if (n->state.joining) {
		n->state.joining = false;
		invite_wipe(&n->state.coord);
		if (state_save(&n->state) < 0)
			log_error("node.json cannot be written");
	}
	enrolment_refused(n, why);
}

static void on_expired(void *owner, const char *why)
{
	struct node *n = owner;

	n->expired = true;
	snprintf(n->coord_says, sizeof(n->coord_says), "%s", why);
	admission_forget(n);
}

void network_save(struct node *n)
{
	char path[PATH_MAX];
	int err;

	n->netmap_unsaved = false;
	err = netmap_save(&n->netmap,
			  state_path(&n->state, "netmap.json", path));
	if (err)
		log_warn("netmap.json: %s; a restart without the server will "
			 "use an older one", strerror(-err));
}

static void on_netmap(void *owner)
{
	struct node *n = owner;

	n->netmap_unsaved = true;
	if (!n->netmap_saved) { /* the first: a start needs one at all */
		n->netmap_saved = true;
		network_save(n);
		resident_trim(); /* joining took TLS and JSON */
	}
	peers_save_soon(n);
	network_apply(n, time_now());
	enrolment_joined(n);
}

/* learn_clock() - a token is fresh when it comes: its expiry tells the server's time, by
 * which all nodes count hint epochs, whatever their own clocks say */
static void learn_clock(struct node *n, uint64_t expiry_s)
{
	int64_t ours = (int64_t)(time_wall() / SEC(1));
	int64_t off = (int64_t)expiry_s - TOKEN_LIFETIME_S - ours;

	if (!expiry_s || expiry_s > UINT32_MAX)
		return; /* not a token, or of no century of ours */
	if (off > CLOCK_WORTH || off < -CLOCK_WORTH)
		log_warn("our clock and the server's are %lld s apart; set it",
			 (long long)off);
	n->clock_offset_s = off;
	discovery_run(n, time_now());
}

static void on_seen(void *owner, const struct endpoint *at)
{
	cross_seen(owner, at, time_now());
}

static void on_token(void *owner, const uint8_t *token, size_t octets)
{
	learn_clock(owner, token_expiry(token, octets));
	admission_set(owner, token, octets);
}

static void on_signal(void *owner, const struct key_public *from,
		      const uint8_t *m, size_t octets)
{
	struct node *n = owner;
	struct peer *p = peers_by_key(n, from);
	struct pathset_source src = { .relayed = true };
	uint8_t copy[BOX_MAX];
	enum drop d;

	if (!p || !p->paths || octets > sizeof(copy))
		return;
	memcpy(copy, m, octets);
	d = pathset_input(p->paths, &src, copy, octets, n->epoch, time_now());
	if (d != DROP_NONE)
		drop_count(&n->drops, d);
	peer_run(n, p, time_now());
}

static void choose_hostname(const struct node *n, char out[static NETMAP_NAME])
{
	if (n->state.hostname[0])
		snprintf(out, NETMAP_NAME, "%s", n->state.hostname);
	else if (gethostname(out, NETMAP_NAME - 1) < 0)
		snprintf(out, NETMAP_NAME, "node");
	out[NETMAP_NAME - 1] = 0;
}

void network_start(struct node *n)
{
	struct coord_client_params p = {
		.loop = &n->loop,
		.machine = &n->state.machine,
		.tunnel = n->identity.public_key,
		.server = n->state.coord.server,
		.enrolled = n->state.enrolled,
		.fast_aes = aead_fast_aes(),
		.netmap = &n->netmap,
		.mark = n->conf.mark,
		.proxy = &n->proxy,
		.owner = n,
		.state_changed = on_state,
		.joined = on_joined,
		.refused = on_refused,
		.expired = on_expired,
		.warned = on_warned,
		.netmap_changed = on_netmap,
		.seen = on_seen,
		.token = on_token,
		.signal = on_signal,
	};

	if (n->coord || (!n->state.enrolled && !n->state.joining))
		return;
	snprintf(p.url, sizeof(p.url), "%s", n->state.coord.url);
	memcpy(p.invite_secret, n->state.coord.secret, sizeof(p.invite_secret));
	choose_hostname(n, p.hostname);
	n->coord = coord_client_new(&p);
	secret_wipe(p.invite_secret, sizeof(p.invite_secret));
	if (n->coord)
		routes_tell_offer(n);
	else
		log_error("coordination server: out of memory");
}

void network_stop(struct node *n)
{
	coord_client_free(n->coord);
	n->coord = NULL;
	n->coord_connected = false;
	n->coord_says[0] = 0;
}

static void already_in(const struct node *n, char why[static 512])
{
	if (n->expired)
		snprintf(why, 512, "this node's membership of the network of %.200s has "
			 "expired; there, adit-coord revive %.64s brings it back; for "
			 "another network run adit leave first", n->state.coord.url,
			 n->netmap.self.name);
	else
		snprintf(why, 512, "this node is already in the network of %.300s; run "
			 "adit leave first", n->state.coord.url);
}

int network_join(struct node *n, const char *invite, const char *hostname,
		 char why[static 512])
{
	struct invite i;
	const char *wrong = invite_parse(invite, &i);
	int err;

	if (wrong) {
		snprintf(why, 512, "%s", wrong);
		return -EINVAL;
	}
	if (n->state.enrolled) {
		already_in(n, why);
		return -EEXIST;
	}
	network_stop(n);
	n->state.coord = i;
	n->state.joining = true;
	n->state.down = false;
	if (hostname)
		snprintf(n->state.hostname, sizeof(n->state.hostname), "%s",
			 hostname);
	err = state_save(&n->state);
	if (err) {
		n->state.joining = false;
		snprintf(why, 512, "cannot write to %.300s: %s; make room and "
			 "join again", n->state.dir, strerror(-err));
		return err;
	}
	network_start(n);
	return 0;
}

static void (*leave_done)(struct node *n, bool ok);

static void on_left(void *owner, bool ok)
{
	leave_done(owner, ok);
}

void network_leave(struct node *n, void (*done)(struct node *n, bool ok))
{
	leave_done = done;
	if (n->coord)
		coord_client_leave(n->coord, on_left);
	else
		done(n, false);
}
