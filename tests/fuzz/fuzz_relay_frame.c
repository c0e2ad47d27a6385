/* SPDX-License-Identifier: MIT
 *
 * fuzz_relay_frame.c - relay frames, as train to the server and one by one to a client
 *
 * The first octet is the segment size; frames of a registered and of an unknown source
 * are tried. Answers to an unproved source may not be longer than what it sent.
 */
#include <stdlib.h>
#include <string.h>

#include "relay/client.h"
#include "relay/server.h"
#include "relay/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct world {
	bool ready;
	struct relay_server *server;
	struct relay_client *client;
	struct key_private key;
	struct relay_batch batch;
	struct endpoint relay, node, stranger;
} w;

static void to_server(uint8_t *m, size_t n, size_t segment,
		      const struct endpoint *from)
{
	struct relay_in in = { .data = m, .n = n, .segment = segment,
			       .from = { .remote = *from } };

	w.batch.n = 0;
	relay_server_input(w.server, &in, &w.batch, SEC(5), 1000);
}

static void register_node(void)
{
	struct relay_client_send s;
	enum drop d;

	while (relay_client_poll(w.client, &s, SEC(5))) {
		to_server(s.message, s.n, s.n, &w.node);
		for (unsigned i = 0; i < w.batch.n; i++) {
			d = relay_client_input(w.client, w.batch.out[i].data,
					       w.batch.out[i].n, &w.relay,
					       SEC(5));
			(void)d;
		}
	}
}

static void set_up(void)
{
	struct relay_server_params sp = { .clients_max = 16, .seed = 1 };
	struct relay_client_params cp = { .seed = 2 };
	struct sign_private coord;
	struct token t = { .expires_s = 5000 };
	uint8_t octets[TOKEN_OCTETS];

	if (key_setup())
		abort();
	w.relay = (struct endpoint){ .ip = ipaddr_v4(0xcb007101), .port = 1 };
	w.node = (struct endpoint){ .ip = ipaddr_v4(0xcb007102), .port = 2 };
	w.stranger = (struct endpoint){ .ip = ipaddr_v4(0xcb007103), .port = 3 };
	key_private_generate(&sp.key);
	sign_generate(&coord, &sp.coord);
	key_private_generate(&w.key);
	cp.self_private = &w.key;
	key_public_of(&w.key, &cp.self);
	key_public_of(&sp.key, &cp.relay);
	cp.at[0] = w.relay;
	w.server = relay_server_new(&sp);
	w.client = relay_client_new(&cp);
	if (!w.server || !w.client)
		abort();
	t.node = cp.self;
	token_sign(&t, &coord, octets);
	relay_client_set_token(w.client, octets, sizeof(octets), SEC(5));
	register_node();
	w.ready = true;
}

static void check_stranger(const uint8_t *data, size_t n, size_t segment)
{
	uint8_t m[4096];
	size_t out = 0;

	memcpy(m, data, n);
	to_server(m, n, segment, &w.stranger);
	for (unsigned i = 0; i < w.batch.n; i++)
		out += w.batch.out[i].n;
	if (out > n)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct key_public sender;
	struct relay_client_status st;
	uint8_t m[4096];
	size_t segment, header;
	enum drop d;

	if (!w.ready)
		set_up();
	if (size < 2 || size > sizeof(m))
		return 0;
	segment = data[0] ? data[0] : size;
	check_stranger(data + 1, size - 1, segment);
	memcpy(m, data + 1, size - 1);
	to_server(m, size - 1, segment, &w.node);
	d = relay_client_input(w.client, data + 1, size - 1, &w.relay, SEC(5));
	(void)d;
	(void)relay_is_data(data + 1, size - 1, &header);
	(void)relay_client_sender(w.client, data + 1, size - 1, &sender);
	(void)relay_client_status(w.client, &st);
	if (!st.registered)
		abort();
	return 0;
}
