/* SPDX-License-Identifier: MIT
 *
 * status.c - one snapshot of the node as JSON (design.md section 6)
 */
#include "daemon/status.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "daemon/nameserver.h"
#include "daemon/figures.h"
#include "daemon/longevity.h"
#include "daemon/mapping.h"
#include "daemon/peer.h"
#include "daemon/peerrelay.h"
#include "daemon/routes.h"
#include "daemon/translator.h"
#include "daemon/uplinks.h"
#include "daemon/whereabouts.h"
#include "traversal/advice.h"

enum {
	STATUS_VERSION = 1,
	DAY_S = 86400,
	WARN_DAYS = 30, /* ahead of the end of our membership */
};

static json_t *text_or_null(const char *text)
{
	return text && *text ? json_string(text) : json_null();
}

static json_t *endpoint_json(const struct endpoint *e)
{
	char buf[ADDR_TEXT];

	return endpoint_is_zero(e) ? json_null() :
				     json_string(endpoint_text(e, buf));
}

static json_t *addresses_json(const struct ipaddr *v4, const struct ipaddr *v6)
{
	json_t *list = json_array();
	char buf[ADDR_TEXT];

	if (!ipaddr_is_zero(v4))
		json_array_append_new(list, json_string(ipaddr_text(v4, buf)));
	if (!ipaddr_is_zero(v6))
		json_array_append_new(list, json_string(ipaddr_text(v6, buf)));
	return list;
}

static const char *kind_name(const struct node *n, const struct path_choice *c)
{
	switch (c->kind) {
	case PATH_NONE:
		return "none";
	case PATH_RELAY:
		return c->relay < NETMAP_RELAYS_MAX &&
				       n->relays[c->relay].info.node ?
			       "peer-relay" : "relay";
	case PATH_DIRECT:
		return "direct";
	case PATH_TCP:
		return "tcp";
	}
	return "none";
}

/* transport_json() - how the relay of a path is reached; null: no relay */
static json_t *transport_json(const struct node *n, const struct path_choice *c)
{
	if (c->kind != PATH_RELAY || c->relay >= NETMAP_RELAYS_MAX)
		return json_null();
	return json_string(n->relays[c->relay].status.stream ? "tls" : "udp");
}

json_t *status_path(struct node *n, const struct peer *p,
		    const struct path_info *path)
{
	const struct path_choice *c = &path->choice;
	json_t *remote = path_is_direct(c) ? endpoint_json(&c->to) :
						  json_null();
	json_t *relay = c->kind == PATH_RELAY && c->relay < NETMAP_RELAYS_MAX ?
				text_or_null(n->relays[c->relay].info.name) :
				json_null();

	return json_pack("{s:s,s:o,s:o,s:o,s:f,s:i,s:f,s:I,s:s,s:b}", "kind",
			 kind_name(n, c), "remote", remote, "relay", relay,
			 "transport", transport_json(n, c), "rtt_ms", (double)path->rtt / 1e6, "mtu",
			 path->mtu ? path->mtu : n->conf.mtu, "loss",
			 path->loss, "since_s",
			 (json_int_t)(nsec_since(path->since, time_now()) /
				      SEC(1)),
			 "state", path->state ? path->state : "", "spare", path->spare);
}

/* paths_json() - all direct ones that are not dead */
static json_t *paths_json(struct node *n, const struct peer *p)
{
	struct path_info info[PATHSET_PATHS_MAX];
	unsigned count = p->paths ? pathset_paths(p->paths, info, ARRAY_SIZE(info)) : 0;
	json_t *list = json_array();

	for (unsigned i = 0; i < count; i++)
		if (strcmp(info[i].state, "dead"))
			json_array_append_new(list, status_path(n, p, &info[i]));
	return list;
}

static void current_path(const struct peer *p, struct path_info *out)
{
	if (p->paths)
		pathset_current(p->paths, out);
	else
		*out = (struct path_info){ .choice = p->use.best,
					   .state = "stock" };
}

static json_t *peer_json(struct node *n, const struct peer *p)
{
	nsec_t at = tunnel_last_handshake(p->tunnel);
	struct path_info path = { 0 };
	char key[KEY_TEXT];
	json_t *addresses = addresses_json(&p->v4, &p->v6), *allowed;
	char buf[ADDR_TEXT];

	current_path(p, &path);
	allowed = json_array();
	for (unsigned i = 0; i < p->allowed_count; i++)
		json_array_append_new(
			allowed, json_string(prefix_text(&p->allowed[i], buf)));
	return json_pack(
		"{s:s,s:s,s:o,s:o,s:b,s:b,s:o,s:I,s:I,s:o}", "name", p->name,
		"key", key_public_text(&p->key, key), "addresses", addresses,
		"routes", allowed, "online", p->online || (!p->paths && at),
		"wireguard", !p->paths, "path", status_path(n, p, &path),
		"rx_bytes", (json_int_t)atomic_load(&p->fwd->rx_octets),
		"tx_bytes", (json_int_t)atomic_load(&p->fwd->tx_octets),
		"handshake_age_s",
		at ? json_integer((json_int_t)(nsec_since(at, time_now()) /
					       SEC(1))) :
		     json_null());
}

static json_t *drops_json(struct node *n)
{
	json_t *o = json_object();
	uint64_t sum[DROP_COUNT];

	figures_drops(n, sum);
	for (int d = 1; d < DROP_COUNT; d++)
		if (sum[d])
			json_object_set_new(o, drop_name((enum drop)d),
					    json_integer((json_int_t)sum[d]));
	return o;
}

static const char *state_name(const struct node *n)
{
	if (!n->state.enrolled && !n->conf.peer_count)
		return "needs-join";
	if (!n->up)
		return "stopped";
	return n->netmap.waiting ? "waiting-for-approval" : "running";
}

json_t *status_self(struct node *n)
{
	const struct netmap_node *self = &n->netmap.self;
	char key[KEY_TEXT];

	return json_pack("{s:s,s:s,s:o,s:i}", "name",
			 self->name[0] ? self->name : n->state.hostname, "key",
			 key_public_text(&n->identity.public_key, key),
			 "addresses", addresses_json(&self->v4, &self->v6), "port",
			 n->ports[0].udp[0].port);
}

static json_t *relays_json(struct node *n)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < NETMAP_RELAYS_MAX; i++) {
		const struct relay_slot *s = &n->relays[i];

		if (s->client)
			json_array_append_new(
				list,
				json_pack("{s:s,s:b,s:f,s:b,s:b,s:o}", "name",
					  s->info.name, "peer",
					  s->info.node != 0, "rtt_ms",
					  (double)s->status.rtt / 1e6, "udp",
					  s->status.registered &&
						  !s->status.stream,
					  "tls", s->status.stream, "error",
					  s->status.registered ?
						  json_null() :
						  text_or_null(s->tls.why)));
	}
	return list;
}

/* unproven_json() - packets to addresses that only a peer's word speaks for */
static json_t *unproven_json(const struct node *n)
{
	return json_pack("{s:I,s:I}", "sent", (json_int_t)n->budget.sent,
			 "refused", (json_int_t)n->budget.refused);
}

/* offloads_json() - what device and socket do for us; gso goes when a path refuses it */
static json_t *offloads_json(const struct node *n)
{
	const struct udp *u = &n->ports[0].udp[0];

	return json_pack("{s:b,s:b,s:b,s:b}", "tun_tso", n->device.tso,
			 "tun_uso", n->device.uso, "udp_gso", (int)u->gso,
			 "udp_gro", u->gro);
}

/* When this machine stops being a member, unless it reaches the server before. */
static json_t *membership_json(const struct node *n)
{
	uint64_t now_s = (uint64_t)((int64_t)(time_wall() / SEC(1)) +
				    n->clock_offset_s);
	uint64_t ends_s = n->netmap.expires_s;
	char advice[400] = "";

	if (n->expired)
		snprintf(advice, sizeof(advice), "has expired; an administrator "
			 "brings it back with: adit-coord revive %s",
			 n->netmap.self.name);
	else if (ends_s && !n->coord_connected && ends_s < now_s + WARN_DAYS * DAY_S)
		snprintf(advice, sizeof(advice), "ends in %u days unless this machine "
			 "reaches the coordination server before: %s",
			 ends_s > now_s ? (unsigned)((ends_s - now_s) / DAY_S) : 0,
			 n->coord_why[0] ? n->coord_why : "not connected");
	return json_pack("{s:o,s:b,s:o}", "expires",
			 ends_s ? json_integer((json_int_t)ends_s) : json_null(),
			 "expired", (int)n->expired, "advice",
			 text_or_null(advice));
}

json_t *status_json(struct node *n)
{
	json_t *peers = json_array();

	for (unsigned i = 0; i < n->peer_count; i++)
		json_array_append_new(peers, peer_json(n, n->peers[i]));
	return json_pack(
		"{s:i,s:s,s:o,s:{s:o,s:b,s:o,s:o},s:b,s:o,s:o,s:o,s:s,s:i,s:o,s:I,s:o,s:o,"
		"s:o,s:o,s:o}",
		"version", STATUS_VERSION, "state", state_name(n), "self",
		status_self(n), "coord", "url", text_or_null(n->state.coord.url),
		"connected", n->coord_connected, "why", text_or_null(n->coord_why),
		"says", text_or_null(n->coord_says),
		"policy", n->netmap.rules != NULL, "relays", relays_json(n), "peers",
		peers, "drops", drops_json(n), "aead",
		aead_name(AEAD_CHACHA20_POLY1305), "workers", n->worker_count,
		"offloads", offloads_json(n), "netmap",
		(json_int_t)n->netmap.version, "names", nameserver_status(n),
		"routes", routes_status(n), "carries", peerrelay_status(n),
		"membership", membership_json(n), "unproven", unproven_json(n));
}

static const char *mapping_name(enum nat_behaviour b)
{
	switch (b) {
	case NAT_UNKNOWN:
		return "unknown";
	case NAT_ENDPOINT_INDEPENDENT:
		return "endpoint-independent";
	case NAT_ADDRESS_DEPENDENT:
		return "address-dependent";
	case NAT_ADDRESS_AND_PORT_DEPENDENT:
		return "address-and-port-dependent";
	case NAT_NONE:
		return "none";
	}
	return "unknown";
}

static json_t *portmap_json(const struct node *n)
{
	struct portmap_report v4 = mapping_report(n, false);
	struct portmap_report v6 = mapping_report(n, true);
	struct endpoint none = { .port = 0 };
	const char *text[PORTMAP_DIALECTS];

	for (int i = 0; i < PORTMAP_DIALECTS; i++)
		text[i] = portmap_state_text(v4.state[i]);
	return json_pack(
		"{s:b,s:b,s:b,s:o,s:o,s:{s:s,s:s,s:s}}", "pcp",
		v4.there[PORTMAP_PCP] || v6.there[PORTMAP_PCP], "natpmp",
		v4.there[PORTMAP_NATPMP], "upnp", v4.there[PORTMAP_UPNP],
		"external", endpoint_json(v4.proved ? &v4.external : &none),
		"external6", endpoint_json(v6.proved ? &v6.external : &none),
		"state", "pcp", text[PORTMAP_PCP], "natpmp",
		text[PORTMAP_NATPMP], "upnp", text[PORTMAP_UPNP]);
}

/* nat64_text() - the prefix of the network's translator, and how it is known */
static json_t *nat64_json(const struct node *n)
{
	static const char *const by[] = {
		[TRANSLATOR_ADVERTISED] = "advertised by a router",
		[TRANSLATOR_BY_PCP] = "named by a router's PCP",
		[TRANSLATOR_BY_NAME] = "found by " NAT64_NAME,
		[TRANSLATOR_ASSUMED] = "assumed: nobody names one",
	};
	enum translator_source how;
	const struct nat64 *t = translator_status(n, &how);
	char text[ADDR_TEXT];

	if (!t)
		return json_null();
	return json_sprintf("%s (%s)", prefix_text(&t->prefix, text), by[how]);
}

/* add_uplink() - with what servers see of its port */
static void add_uplink(json_t *list, const struct node *n, const char *name, bool usual,
		       unsigned port)
{
	const struct natcheck *check = n->check[port];
	struct endpoint none = { .port = 0 };

	json_array_append_new(
		list, json_pack("{s:s,s:b,s:o}", "name", name, "usual", usual, "public",
				endpoint_json(check ? &natcheck_last(check)->reflexive : &none)));
}

/* uplinks_json() - the usual one first; a host with one alone has but that */
static json_t *uplinks_json(const struct node *n)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < n->host_count; i++)
		if (uplinks_is_usual(n, n->hosts[i].index)) {
			add_uplink(list, n, n->hosts[i].name, true, 0);
			break;
		}
	for (unsigned i = 0; i < UPLINKS_HELD; i++) {
		const struct uplink_hold *u = uplinks_get(n, i);

		if (u && !uplinks_is_usual(n, u->index))
			add_uplink(list, n, u->name, false, PATHSET_UPLINKS + 2 * i);
	}
	return list;
}

/* seconds_json() - null: not known */
static json_t *seconds_json(unsigned s)
{
	return s ? json_integer(s) : json_null();
}

json_t *status_netcheck(struct node *n)
{
	const struct natcheck_report *r = natcheck_last(n->check[0]);
	const struct allocator *a = &r->profile.allocator;
	struct lifetime_result idle = longevity_result(n);
	json_t *v4 = json_pack(
		"{s:o,s:s,s:s,s:s,s:i,s:i,s:b,s:b,s:i,s:i,s:i,s:o,s:o,s:o,s:o}", "public",
		endpoint_json(&r->reflexive), "mapping",
		mapping_name(r->mapping), "filtering",
		mapping_name(r->filtering), "allocator",
		allocator_name(a->kind), "block", allocator_size(a), "pool",
		a->pool ? a->pool : r->measured && r->udp, "hairpin",
		r->profile.hairpin, "opener_needed", r->profile.opener_needed,
		"nat_levels", n->nat.levels, "ports_searched",
		allocator_range(a), "step", a->step, "idle_alive_s", seconds_json(idle.lived_s),
		"idle_dead_s", seconds_json(idle.died_s), "keepalive_s",
		seconds_json(n->nat.keep_s), "remembered_s",
		seconds_json((unsigned)whereabouts_age(n)));

	return json_pack(
		"{s:i,s:b,s:o,s:o,s:{s:o,s:s},s:o,s:o,s:o}",
		"version", STATUS_VERSION, "udp", r->udp, "uplinks", uplinks_json(n), "ipv4", v4, "ipv6",
		"public", endpoint_json(&r->reflexive6), "filtering", "unknown",
		"nat64", nat64_json(n), "portmap", portmap_json(n), "relays", relays_json(n));
}

static json_t *profile_json(const struct node *n)
{
	json_t *list = json_array();
	char buf[ADDR_TEXT];

	for (unsigned i = 0; i < n->local.count; i++) {
		const struct candidate *c = &n->local.c[i];

		json_array_append_new(
			list,
			json_pack("{s:s,s:s,s:b}", "kind",
				  candidate_kind_name(c->kind), "at",
				  endpoint_text(&c->at, buf), "spare", c->spare));
	}
	return json_pack("{s:s,s:s,s:b,s:b,s:b,s:o}", "nat",
			 strategy_class_name(strategy_class(&n->nat)),
			 "allocator", allocator_name(n->nat.allocator.kind),
			 "mapping_varies", n->nat.mapping_varies, "filter_independent",
			 n->nat.filter_independent, "opener_needed",
			 n->nat.opener_needed, "candidates", list);
}

static json_t *remote_json(const struct node *n, const struct peer *p)
{
	const struct netmap_node *node =
		netmap_peer_by_key(&n->netmap, &p->key);
	struct nat_profile self, peer = { .known = false };
	json_t *list = json_array();
	char buf[ADDR_TEXT];

	for (unsigned i = 0; node && i < node->candidates.count; i++) {
		const struct candidate *c = &node->candidates.c[i];

		json_array_append_new(
			list,
			json_pack("{s:s,s:s}", "kind",
				  candidate_kind_name(c->kind), "at",
				  endpoint_text(&c->at, buf)));
	}
	if (p->paths)
		pathset_nats(p->paths, &self, &peer);
	return json_pack("{s:b,s:s,s:s,s:o}", "online", p->online, "nat",
			 strategy_class_name(strategy_class(&peer)), "allocator",
			 allocator_name(peer.allocator.kind), "candidates", list);
}

static const char *advice(struct node *n, const struct peer *p,
			  const struct path_info *path, char out[static ADVICE_TEXT])
{
	struct advice_facts f = { .path = path->choice.kind,
				  .stock = !p->paths,
				  .online = p->online,
				  .port = n->ports[0].udp[0].port };

	f.udp = n->check[0] && natcheck_last(n->check[0])->udp;
	if (p->paths)
		pathset_nats(p->paths, &f.self, &f.peer);
	return advice_of(&f, out);
}

json_t *status_why(struct node *n, struct peer *p)
{
	struct pathset_trial t[64];
	struct path_info path = { 0 };
	char sentence[ADVICE_TEXT];
	json_t *tried = json_array();
	nsec_t next = NSEC_NEVER, now = time_now();
	unsigned count = 0;

	current_path(p, &path);
	if (p->paths)
		count = pathset_explain(p->paths, t, ARRAY_SIZE(t), &next);
	for (unsigned i = 0; i < count; i++)
		json_array_append_new(tried,
				      json_pack("{s:s,s:s}", "what", t[i].what,
						"outcome", t[i].outcome));
	return json_pack("{s:i,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:s}", "version",
			 STATUS_VERSION, "peer", p->name, "path",
			 status_path(n, p, &path), "paths", paths_json(n, p), "local", profile_json(n),
			 "remote", remote_json(n, p), "tried", tried,
			 "next_try_s",
			 next == NSEC_NEVER || next <= now ?
				 json_null() :
				 json_integer((json_int_t)((next - now) /
							   SEC(1))),
			 "advice", advice(n, p, &path, sentence));
}
