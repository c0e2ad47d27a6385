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

void relays_update(struct node *n, nsec_t now)
{
	bool changed = false;

	for (unsigned i = 0; i < NETMAP_RELAYS_MAX; i++) {
		struct relay_slot *s = &n->relays[i];
		bool wanted = i < n->netmap.relay_count;

		if (s->client && wanted &&
		    same_relay(&s->info, &n->netmap.relays[i]))
			continue;
		changed |= s->client || wanted;
		if (s->client)
			close_slot(s);
		if (wanted)
			open_slot(n, i, &n->netmap.relays[i], now);
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

/* pair_rtt() - ours plus the peer's round trip to a relay; 0: not known */
static nsec_t pair_rtt(const struct node *n, const struct peer *p, unsigned slot)
{
	const struct netmap_node *node =
		netmap_peer_by_key(&n->netmap, &p->key);
	nsec_t ours = n->relays[slot].status.rtt;

	if (!node || !ours || !node->relay_rtt_ms[slot])
		return 0;
	return ours + MSEC(node->relay_rtt_ms[slot]);
}

void relays_tell(struct node *n, struct peer *p, nsec_t now)
{
	for (unsigned i = 0; i < NETMAP_RELAYS_MAX; i++)
		pathset_set_relay(p->paths, i, n->relays[i].status.registered,
				  pair_rtt(n, p, i), now);
}

static void log_slot(const struct relay_slot *s)
{
	char at[ADDR_TEXT];

	if (s->status.stream)
		log_info("relay %s: registered, over TLS", s->info.name);
	else if (s->status.registered)
		log_info("relay %s: registered, we are %s", s->info.name,
			 endpoint_text(&s->status.observed[0], at));
	else
		log_warn("relay %s: no answer, trying again", s->info.name);
}

/* slot_changed() - registration, channels or our observed address */
static void slot_changed(struct node *n, struct relay_slot *s, nsec_t now)
{
	bool before = s->status.registered, tls = s->status.stream;

	s->changes = relay_client_status(s->client, &s->status);
	if (before != s->status.registered || tls != s->status.stream)
		log_slot(s);
	discovery_local_changed(n, now);
	for (unsigned i = 0; i < n->peer_count; i++) {
		struct peer *p = n->peers[i];

		if (!p->paths)
			continue;
		if (before != s->status.registered)
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

size_t relays_header(struct node *n, unsigned slot, const struct key_public *peer,
		     uint8_t out[static RELAY_HEADER_MAX], struct endpoint *to,
		     nsec_t now)
{
	if (slot >= NETMAP_RELAYS_MAX || !n->relays[slot].client)
		return 0;
	return relay_client_header(n->relays[slot].client, peer, out, to, now);
}

void relays_send(struct node *n, unsigned slot, const struct key_public *peer,
		 const uint8_t *m, size_t octets, nsec_t now)
{
	uint8_t frame[RELAY_HEADER_MAX + BOX_MAX];
	struct endpoint to;
	size_t h = relays_header(n, slot, peer, frame, &to, now);

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
