/* SPDX-License-Identifier: MIT
 *
 * fuzz_messages.c - any octets to everything that takes tunnel messages
 *
 * The first octet says what is done before: bit 0 stamps a valid mac1 (without it
 * hardly anything would get past the gate), bit 1 is load, bit 2 puts the index of
 * our initiation where a reply carries it.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/cookie.h"
#include "crypto/gate.h"
#include "crypto/tunnel.h"

enum {
	ROOM = 2048,
};

static const nsec_t now = SEC(1000);

static struct node {
	struct identity id;
	struct gate *gate;
	struct tunnel *tunnel;
	struct aead_thread *thread;
	struct session *session;
	struct cookie_jar jar; /* of whoever sends to us */
	uint8_t initiation[TUNNEL_MESSAGE_MAX]; /* last one of ours */
} a, b;

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void drain(struct node *n)
{
	struct tunnel_event e;

	for (;;) {
		tunnel_poll(n->tunnel, &e, now);
		if (e.kind == TUNNEL_IDLE)
			return;
		if (e.kind == TUNNEL_SEND)
			memcpy(n->initiation, e.message, e.n);
		if (e.kind == TUNNEL_SESSION_ADD)
			n->session = e.session;
		if (e.kind == TUNNEL_SESSION_RETIRE) {
			if (n->session == e.session)
				n->session = NULL;
			session_free(e.session);
		}
	}
}

static void start(struct node *n, const struct node *peer, uint32_t slot)
{
	const struct tunnel_params p = { .self = &n->id,
					 .peer = peer->id.public_key,
					 .slot = slot };

	n->tunnel = tunnel_new(&p);
	must(n->tunnel);
}

static void connect_both(void)
{
	struct initiation i;

	tunnel_want(b.tunnel, now);
	drain(&b);
	must(!initiation_open(&a.id, b.initiation, 148, &i));
	must(!tunnel_input_initiation(a.tunnel, &i, now));
	drain(&a);
	must(!tunnel_input_response(b.tunnel, a.initiation, 92, now));
	drain(&b);
	tunnel_rehandshake(a.tunnel, true, now); /* one in flight */
	drain(&a);
}

static void setup(void)
{
	must(!key_setup() && !aead_setup("libsodium"));
	memset(a.id.private_key.b, 0x11, KEY_OCTETS);
	memset(b.id.private_key.b, 0x22, KEY_OCTETS);
	key_public_of(&a.id.private_key, &a.id.public_key);
	key_public_of(&b.id.private_key, &b.id.public_key);
	a.gate = gate_new(&a.id.public_key);
	a.thread = aead_thread_new();
	cookie_jar_init(&a.jar, &a.id.public_key);
	start(&a, &b, 1);
	start(&b, &a, 2);
	connect_both();
}

static void try_gate(const uint8_t *m, size_t n, bool load, bool stamped)
{
	const struct endpoint from = { .port = 5 };
	struct gate_result r;

	gate_check(a.gate, m, n, &from, load, now, &r);
	must(r.reply_n == 0 || (r.reply_n == 64 && stamped && load));
	must(r.verdict != DROP_NONE || n == 148 || n == 92);
}

static void try_data(const uint8_t *m, size_t n)
{
	uint8_t copy[ROOM];
	struct session_in in = { .data = copy, .n = n };
	unsigned wake = 0;

	if (!a.session)
		return;
	memcpy(copy, m, n);
	must(session_open(a.session, a.thread, &in, 1, now, &wake) == 0 ||
	     in.verdict == DROP_NONE);
	must(in.inner <= n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct initiation i;
	uint8_t m[ROOM];
	bool stamped;
	size_t n;

	if (!a.tunnel)
		setup();
	if (size < 1 || size - 1 > sizeof(m))
		return 0;
	n = size - 1;
	memcpy(m, data + 1, n);
	if (data[0] & 4 && n >= 12) {
		memcpy(m + 4, a.initiation + 4, 4);
		memcpy(m + 8, a.initiation + 4, 4);
	}
	stamped = data[0] & 1 && n > COOKIE_MACS;
	if (stamped)
		cookie_stamp(&a.jar, m, n, now);
	try_gate(m, n, data[0] & 2, stamped);
	if (initiation_open(&a.id, m, n, &i) == DROP_NONE)
		(void)tunnel_input_initiation(a.tunnel, &i, now);
	(void)tunnel_input_response(a.tunnel, m, n, now);
	drain(&a);
	try_data(m, n);
	return 0;
}
