/* SPDX-License-Identifier: MIT
 *
 * relays.c - our registrations at the relays of the netmap
 */
#include "daemon/relays.h"

#include <string.h>

#include "base/log.h"
#include "daemon/discovery.h"
#include "daemon/notes.h"
#include "daemon/peer.h"
#include "daemon/streams.h"

static void close_slot(struct relay_slot *s)
{
	streams_close(s);
	relay_client_free(s->client);
	*s = (struct relay_slot){ 0 };
}

static void open_slot(struct node *n, unsigned slot, const struct netmap_relay *r,
		      nsec_t now)
{
	struct relay_slot *s = &n->relays[slot];
	struct relay_client_params p = {
		.self_private = &n->identity.private_key,
		.self = n->identity.public_key,
		.relay = r->key,
		.at = { r->at[0], r->at[1] },
		.seed = rand_u64(),
	};

	s->client = relay_client_new(&p);
	if (!s->client) {
		log_error("relay %s: out of memory", r->name);
		return;
	}
	s->info = *r;
	relay_client_set_families(s->client, true, atomic_load(&n->ports[1].open),
				  now);
	if (n->token_n)
		relay_client_set_token(s->client, n->token, n->token_n, now);
}

static bool same_relay(const struct netmap_relay *a, const struct netmap_relay *b)
{
	return a->id == b->id && key_public_eq(&a->key, &b->key) &&
	       endpoint_eq(&a->at[0], &b->at[0]) &&
	       endpoint_eq(&a->at[1], &b->at[1]) && !strcmp(a->url, b->url);
}

/* place_in_netmap() - of a slot's relay; -1: it is there no more */
static int place_in_netmap(const struct node *n, const struct relay_slot *s)
{
	for (unsigned i = 0; i < n->netmap.relay_count; i++)
		if (same_relay(&s->info, &n->netmap.relays[i]))
			return (int)i;
	return -1;
}

static bool has_slot(const struct node *n, const struct netmap_relay *r)
{
	for (unsigned i = 0; i < NETMAP_RELAYS_MAX; i++)
		if (n->relays[i].client && same_relay(&n->relays[i].info, r))
			return true;
	return false;
}

static unsigned free_slot(const struct node *n)
{
	unsigned i = 0;

	while (n->relays[i].client)
		i++;
	return i;
}

/* peers_look_again() - for another way than the slots that have closed */
static void peers_look_again(struct node *n, nsec_t now)
{
	for (unsigned i = 0; i < n->peer_count; i++)
		if (n->peers[i]->paths) {
			relays_tell(n, n->peers[i], now);
			peer_run(n, n->peers[i], now);
		}
}

/* close_gone() - and what went through them looks for another way */
static bool close_gone(struct node *n, nsec_t now)
{
	unsigned gone = 0;

	for (unsigned i = 0; i < NETMAP_RELAYS_MAX; i++) {
		struct relay_slot *s = &n->relays[i];

		if (!s->client || place_in_netmap(n, s) >= 0)
			continue;
		log_info("relay %s: no longer listed", s->info.name);
		close_slot(s);
		gone++;
	}
	if (gone)
		peers_look_again(n, now);
	return gone;
}

void relays_update(struct node *n, nsec_t now)
{
	bool changed = close_gone(n, now);

	for (unsigned i = 0; i < n->netmap.relay_count; i++) {
		const struct netmap_relay *r = &n->netmap.relays[i];

		if (has_slot(n, r))
			continue;
		open_slot(n, free_slot(n), r, now);
		changed = true;
	}
	if (changed)
		discovery_servers(n, now); /* they are our STUN servers */
	relays_run(n, now);
}

static void send_control(struct node *n, unsigned slot,
			 const struct relay_client_send *out)
{
	node_send(n, out->stream ? WORKER_STREAM_PORT + slot :
				   node_main_port(&out->to),
		  &out->to, 0, out->message, out->n);
}

void relays_close(struct node *n)
{
	struct relay_client_send out;

	for (unsigned i = 0; i < NETMAP_RELAYS_MAX; i++) {
		struct relay_slot *s = &n->relays[i];

		if (!s->client)
			continue;
		relay_client_leave(s->client, time_now());
		if (relay_client_poll(s->client, &out, time_now()))
			send_control(n, i, &out);
		close_slot(s);
	}
}

void relays_abandon(struct node *n, nsec_t now)
{
	secret_wipe(n->token, sizeof(n->token));
	n->token_n = 0;
	for (unsigned i = 0; i < NETMAP_RELAYS_MAX; i++)
		if (n->relays[i].client)
			close_slot(&n->relays[i]);
	peers_look_again(n, now);
}

void relays_set_token(struct node *n, const uint8_t *token, size_t octets,
		      nsec_t now)
{
	if (octets > sizeof(n->token))
		return;
	memcpy(n->token, token, octets);
	n->token_n = octets;
	for (unsigned i = 0; i < NETMAP_RELAYS_MAX; i++)
		if (n->relays[i].client)
			relay_client_set_token(n->relays[i].client, token,
					       octets, now);
	relays_run(n, now);
}

static unsigned peer_rtt_ms(const struct netmap_node *node, uint32_t relay)
{
	for (unsigned i = 0; i < NETMAP_PEER_RELAYS_MAX; i++)
		if (node->peer_rtt[i].relay == relay)
			return node->peer_rtt[i].ms;
	return 0;
}

/* pair_rtt() - ours plus the peer's round trip to a relay; 0: not known */
static nsec_t pair_rtt(const struct node *n, const struct peer *p, unsigned slot)
{
	const struct relay_slot *s = &n->relays[slot];
	const struct netmap_node *node =
		netmap_peer_by_key(&n->netmap, &p->key);
	int place = place_in_netmap(n, s);
	unsigned theirs = 0;

	if (node && place >= 0)
		theirs = s->info.node ? peer_rtt_ms(node, s->info.id) :
					node->relay_rtt_ms[place];
	return theirs && s->status.rtt ? s->status.rtt + MSEC(theirs) : 0;
}

static enum pathset_relay_kind kind_of(const struct relay_slot *s)
{
	if (s->status.stream)
		return PATHSET_RELAY_TLS;
	return s->info.node ? PATHSET_RELAY_PEER : PATHSET_RELAY_UDP;
}

void relays_tell(struct node *n, struct peer *p, nsec_t now)
{
	for (unsigned i = 0; i < NETMAP_RELAYS_MAX; i++) {
		const struct relay_slot *s = &n->relays[i];

		pathset_set_relay_kind(p->paths, i, kind_of(s));
		pathset_set_relay(p->paths, i, s->status.registered,
				  s->client ? pair_rtt(n, p, i) : 0, now);
	}
}

static uint16_t rtt_ms(const struct relay_slot *s)
{
	nsec_t ms = s->status.rtt / MSEC(1) + 1;

	return (uint16_t)(ms > 9999 ? 9999 : ms);
}

void relays_rtts(const struct node *n, struct coord_client_rtts *out)
{
	unsigned count = 0;

	memset(out, 0, sizeof(*out));
	for (unsigned i = 0; i < NETMAP_RELAYS_MAX; i++) {
		const struct relay_slot *s = &n->relays[i];
		int place = s->client && s->status.registered ?
				    place_in_netmap(n, s) : -1;

		if (place < 0)
			continue;
		if (!s->info.node)
			out->servers[place] = rtt_ms(s);
		else if (count < NETMAP_PEER_RELAYS_MAX)
			out->peers[count++] = (struct netmap_rtt){ s->info.id,
								   rtt_ms(s) };
	}
}

static void log_slot(const struct relay_slot *s)
{
	char at[ADDR_TEXT];

	if (s->status.stream)
		log_info("relay %s: registered, over TLS", s->info.name);
	else if (s->status.registered)
		log_info("relay %s: registered, we are %s", s->info.name,
			 endpoint_text(&s->status.observed[0], at));
	else if (s->status.denied)
		log_warn("relay %s refuses us: %s; others are used", s->info.name,
			 s->status.denied);
	else
		log_warn("relay %s: no answer, trying again", s->info.name);
}

/* slot_changed() - registration, channels or our observed address */
static void slot_changed(struct node *n, struct relay_slot *s, nsec_t now)
{
	bool before = s->status.registered, tls = s->status.stream, moved;
	const char *denied = s->status.denied;

	s->changes = relay_client_status(s->client, &s->status);
	moved = before != s->status.registered || tls != s->status.stream;
	if (moved || (s->status.denied && s->status.denied != denied))
		log_slot(s);
	discovery_local_changed(n, now);
	if (moved && s->status.registered && !s->status.stream && !s->info.node)
		discovery_relay_back(n, now);
	for (unsigned i = 0; i < n->peer_count; i++) {
		struct peer *p = n->peers[i];

		if (!p->paths)
			continue;
		if (moved)
			relays_tell(n, p, now);
		peer_refresh_egress(n, p, now);
		peer_run(n, p, now);
	}
}

static void poll_slot(struct node *n, unsigned slot, nsec_t now)
{
	struct relay_client_send out;

	while (relay_client_poll(n->relays[slot].client, &out, now))
		send_control(n, slot, &out);
	streams_keep(n, slot, now);
}

void relays_run(struct node *n, nsec_t now)
{
	for (unsigned i = 0; i < NETMAP_RELAYS_MAX; i++) {
		struct relay_slot *s = &n->relays[i];
		struct relay_client_status st;

		if (!s->client)
			continue;
		poll_slot(n, i, now);
		if (relay_client_status(s->client, &st) != s->changes) {
			slot_changed(n, s, now);
			poll_slot(n, i, now);
		}
		s->status.rtt = st.rtt;
	}
	node_schedule(n);
}

nsec_t relays_next_expiry(const struct node *n)
{
	nsec_t at = NSEC_NEVER;

	for (unsigned i = 0; i < NETMAP_RELAYS_MAX; i++)
		if (n->relays[i].client)
			at = nsec_min(at, relay_client_next_expiry(
						  n->relays[i].client));
	return at;
}

int relays_slot_by_from(const struct node *n, const struct endpoint *from)
{
	for (int i = 0; i < NETMAP_RELAYS_MAX; i++)
		if (n->relays[i].client &&
		    (endpoint_eq(&n->relays[i].info.at[0], from) ||
		     endpoint_eq(&n->relays[i].info.at[1], from)))
			return i;
	return -1;
}

void relays_input(struct node *n, uint8_t *m, size_t octets, unsigned port,
		  const struct endpoint *from, nsec_t now)
{
	bool stream = port >= WORKER_STREAM_PORT;
	int slot = stream ? (int)(port - WORKER_STREAM_PORT) :
			    relays_slot_by_from(n, from);
	struct pathset_source src = { .relayed = true, .socket = port,
				      .from = *from };
	size_t header;
	enum drop d;

	if (slot < 0 || !n->relays[slot].client) {
		drop_count(&n->drops, DROP_RELAY_UNREGISTERED);
		return;
	}
	src.relay = (unsigned)slot;
	if (stream) /* for the gate, which counts by source */
		src.from = n->relays[slot].info.at[0];
	if (relay_is_data(m, octets, &header)) {
		notes_message(n, m + header, octets - header, &src, now);
		return;
	}
	d = relay_client_input(n->relays[slot].client, m, octets,
			       stream ? NULL : from, now);
	if (d != DROP_NONE)
		drop_count(&n->drops, d);
	relays_run(n, now);
}

/* frame_header() - of a message that is no traffic by itself */
static size_t frame_header(struct node *n, unsigned slot, const struct key_public *peer,
			   uint8_t out[static RELAY_HEADER_MAX], struct endpoint *to,
			   nsec_t now)
{
	if (slot >= NETMAP_RELAYS_MAX || !n->relays[slot].client)
		return 0;
	return relay_client_header(n->relays[slot].client, peer, out, to, now);
}

size_t relays_header(struct node *n, unsigned slot, const struct key_public *peer,
		     uint8_t out[static RELAY_HEADER_MAX], struct endpoint *to,
		     nsec_t now)
{
	size_t h = frame_header(n, slot, peer, out, to, now);

	if (h)
		relays_traffic(n, slot, now);
	return h;
}

void relays_send(struct node *n, unsigned slot, const struct key_public *peer,
		 const uint8_t *m, size_t octets, nsec_t now)
{
	uint8_t frame[RELAY_HEADER_MAX + BOX_MAX];
	struct endpoint to;
	size_t h = frame_header(n, slot, peer, frame, &to, now);

	if (!h || octets > BOX_MAX) {
		drop_count(&n->drops, DROP_NO_PATH);
		return;
	}
	memcpy(frame + h, m, octets);
	node_send(n, relays_port(n, slot), &to, 0, frame, h + octets);
}

unsigned relays_port(const struct node *n, unsigned slot)
{
	struct relay_client_status st;

	(void)relay_client_status(n->relays[slot].client, &st);
	return st.stream ? WORKER_STREAM_PORT + slot : node_main_port(&st.at);
}

void relays_traffic(struct node *n, unsigned slot, nsec_t now)
{
	if (slot < NETMAP_RELAYS_MAX && n->relays[slot].client)
		relay_client_traffic(n->relays[slot].client, now);
}

void relays_network_changed(struct node *n, nsec_t now)
{
	for (unsigned i = 0; i < NETMAP_RELAYS_MAX; i++)
		if (n->relays[i].client)
			relay_client_network_changed(n->relays[i].client, now);
	relays_run(n, now);
}
