/* SPDX-License-Identifier: MIT
 *
 * relay_world.c - a relay's engine and three clients, wired in memory
 */
#include "tests/unit/relay/relay_world.h"

#include <stdlib.h>

struct endpoint at(uint32_t ip, uint16_t port)
{
	return (struct endpoint){ .ip = ipaddr_v4(ip), .port = port };
}

/* is_admitted() - all but the one that the world names */
static bool is_admitted(void *owner, const struct key_public *node)
{
	const struct world *w = owner;

	return !key_public_eq(node, &w->unwanted);
}

void start_server(struct world *w, uint8_t secret)
{
	struct relay_server_params p = { .key = w->relay_key,
					 .coord = w->coord_public,
					 .network = NETWORK,
					 .clients_max = 64,
					 .seed = 9,
					 .admits = is_admitted,
					 .owner = w };

	memset(p.secret, secret, sizeof(p.secret));
	w->server = relay_server_new(&p);
	assert_non_null(w->server);
}

void give_token(struct world *w, unsigned i, const struct token *t)
{
	uint8_t octets[TOKEN_OCTETS];

	token_sign(t, &w->coord, octets);
	relay_client_set_token(w->node[i].client, octets, sizeof(octets),
			       w->now);
}

void give_good_token(struct world *w, unsigned i)
{
	give_token(w, i,
		   &(struct token){ w->node[i].public, NETWORK, WALL + 3600 });
}

static void add_node(struct world *w, unsigned i)
{
	struct node *n = &w->node[i];
	struct relay_client_params p;

	key_private_generate(&n->key);
	key_public_of(&n->key, &n->public);
	n->at = at(0xc6336400 + i, 40000);
	p = (struct relay_client_params){ .self_private = &n->key,
					  .self = n->public,
					  .relay = w->relay_public,
					  .at = { w->relay_at },
					  .seed = 100 + i };
	n->client = relay_client_new(&p);
	assert_non_null(n->client);
}

struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	assert_int_equal(key_setup(), 0);
	w->now = SEC(1);
	w->relay_at = at(0xcb007101, 3478);
	key_private_generate(&w->relay_key);
	key_public_of(&w->relay_key, &w->relay_public);
	sign_generate(&w->coord, &w->coord_public);
	start_server(w, 1);
	for (unsigned i = 0; i < CLIENTS; i++)
		add_node(w, i);
	return w;
}

void world_free(struct world *w)
{
	for (unsigned i = 0; i < CLIENTS; i++)
		relay_client_free(w->node[i].client);
	relay_server_free(w->server);
	free(w);
}

void fly(struct world *w, const struct endpoint *from,
		const struct endpoint *to, const void *m, size_t n)
{
	for (unsigned i = 0; i < FLIGHT; i++) {
		struct packet *p = &w->flight[i];

		if (p->due)
			continue;
		*p = (struct packet){ w->now + ONE_WAY, *from, *to, n, { 0 } };
		memcpy(p->m, m, n);
		return;
	}
	fail_msg("too many packets in flight");
}

void arrive_at_server(struct world *w, struct packet *p)
{
	struct relay_in in = { .data = p->m,
			       .n = p->n,
			       .segment = p->n,
			       .from = { .remote = p->from } };

	if (!w->server)
		return;
	w->batch.n = 0;
	relay_server_input(w->server, &in, &w->batch, w->now, WALL);
	for (unsigned i = 0; i < w->batch.n; i++)
		fly(w, &w->relay_at, &w->batch.out[i].to.remote,
		    w->batch.out[i].data, w->batch.out[i].n);
}

static void arrive_at_node(struct world *w, struct node *n, struct packet *p)
{
	size_t header;

	if (!relay_is_data(p->m, p->n, &header)) {
		n->verdict = relay_client_input(n->client, p->m, p->n, &p->from,
						w->now);
		return;
	}
	n->got++;
	n->last_header = header;
	n->last_n = p->n - header;
	assert_true(n->last_n <= sizeof(n->last));
	memcpy(n->last, p->m + header, n->last_n);
	n->known = relay_client_sender(n->client, p->m, p->n, &n->sender);
}

static void arrive(struct world *w, struct packet p)
{
	if (endpoint_eq(&p.to, &w->relay_at)) {
		arrive_at_server(w, &p);
		return;
	}
	for (unsigned i = 0; i < CLIENTS; i++)
		if (endpoint_eq(&p.to, &w->node[i].at))
			arrive_at_node(w, &w->node[i], &p);
}

void step(struct world *w)
{
	static const uint8_t fresh[32] = { 5 };
	struct relay_client_send s;

	w->now += MSEC(1);
	for (unsigned i = 0; i < FLIGHT; i++) {
		struct packet p = w->flight[i];

		if (!p.due || p.due > w->now)
			continue;
		w->flight[i].due = 0;
		arrive(w, p);
	}
	if (w->server && relay_server_next_expiry(w->server) <= w->now)
		relay_server_tick(w->server, fresh, w->now, WALL);
	for (unsigned i = 0; i < CLIENTS; i++) {
		struct node *n = &w->node[i];

		if (relay_client_next_expiry(n->client) > w->now)
			continue;
		while (relay_client_poll(n->client, &s, w->now)) {
			w->sent++;
			fly(w, &n->at, &s.to, s.message, s.n);
		}
		assert_true(relay_client_next_expiry(n->client) > w->now);
	}
}

void run(struct world *w, nsec_t t)
{
	for (nsec_t end = w->now + t; w->now < end;)
		step(w);
}

bool registered(const struct world *w, unsigned i)
{
	struct relay_client_status s;

	(void)relay_client_status(w->node[i].client, &s);
	return s.registered;
}

/* send_data() - returns octets of header; 0: not registered */
size_t send_data(struct world *w, unsigned i, unsigned to, const char *text)
{
	uint8_t m[128];
	struct endpoint e;
	size_t h = relay_client_header(w->node[i].client, &w->node[to].public, m,
				       &e, w->now);

	if (!h)
		return 0;
	relay_client_traffic(w->node[i].client, w->now);
	memcpy(m + h, text, strlen(text));
	fly(w, &w->node[i].at, &e, m, h + strlen(text));
	return h;
}

uint64_t drops(const struct world *w, enum drop d)
{
	return relay_server_drops(w->server)->n[d];
}

struct world *two_registered(void)
{
	struct world *w = world_new();

	give_good_token(w, 0);
	give_good_token(w, 1);
	run(w, MSEC(60));
	assert_true(registered(w, 0) && registered(w, 1));
	return w;
}
