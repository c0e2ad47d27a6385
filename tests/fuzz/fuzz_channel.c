/* SPDX-License-Identifier: MIT
 *
 * fuzz_channel.c - any octets at each step of the coordination channel
 *
 * Input: first octet: the step; the rest is the message, or, with bit 7 set, is
 * XORed over the genuine one. Keys are fixed, so that a corpus stays valid.
 */
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "crypto/channel_fixed.h"

enum step {
	FIRST,
	SECOND,
	TRANSPORT,
	STEPS
};

enum {
	ROOM = 8192,
	GENUINE = 5
}; /* GENUINE: octets of every true payload */

static const struct key_private keys[4] = {
	{ { 8 } }, { { 16 } }, { { 24 } }, { { 32 } }
};

static void need(bool ok)
{
	if (!ok)
		abort();
}

static struct channel *end_new(bool client)
{
	struct key_public server;
	struct channel *c;

	need(key_setup() == 0);
	key_public_of(&keys[1], &server);
	c = channel_new_fixed(&(struct channel_fixed){
		.client = client,
		.own_static = &keys[!client],
		.server = client ? &server : NULL,
		.ephemeral = &keys[2 + !client],
		.prologue = slice_of("fuzz", 4),
	});
	need(c);
	return c;
}

/* spoil() - the input instead of the message or over it; returns octets */
static size_t spoil(uint8_t *m, size_t n, const uint8_t *data, size_t size,
		    bool over)
{
	if (size > ROOM)
		size = ROOM;
	if (!over) {
		memcpy(m, data, size);
		return size;
	}
	for (size_t i = 0; i < size && i < n; i++)
		m[i] ^= data[i];
	return n;
}

/* judge() - only the genuine message may be taken */
static void judge(const uint8_t *m, size_t n, const uint8_t *genuine,
		  size_t genuine_n, int got)
{
	bool same = n == genuine_n && !memcmp(m, genuine, n);

	need(same ? got == GENUINE : got < 0);
}

static void run(enum step step, bool over, const uint8_t *data, size_t size)
{
	static uint8_t m[ROOM], genuine[ROOM], out[ROOM];
	struct channel *client = end_new(true), *server = end_new(false);
	struct channel *reader = step == SECOND ? client : server;
	size_t n, spoilt;

	n = channel_write_handshake(client, "hello", GENUINE, m, ROOM);
	if (step != FIRST) {
		need(channel_read_handshake(server, m, n, out, ROOM) ==
		     GENUINE);
		n = channel_write_handshake(server, "there", GENUINE, m, ROOM);
	}
	if (step == TRANSPORT) {
		need(channel_read_handshake(client, m, n, out, ROOM) ==
		     GENUINE);
		n = channel_seal(client, "again", GENUINE, m);
	}
	memcpy(genuine, m, n);
	spoilt = spoil(m, n, data, size, over);
	memcpy(out, m, spoilt);
	judge(m, spoilt, genuine, n,
	      step == TRANSPORT
		      ? channel_open(reader, out, spoilt)
		      : channel_read_handshake(reader, m, spoilt, out, ROOM));
	channel_free(client);
	channel_free(server);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size)
		run((enum step)((data[0] & 127) % STEPS), data[0] & 128,
		    data + 1, size - 1);
	return 0;
}
