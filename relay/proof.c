/* SPDX-License-Identifier: MIT
 *
 * proof.c - what authenticates relay control frames
 */
#include "relay/proof.h"

#include <string.h>

#include "crypto/blake2s.h"
#include "crypto/prim.h"

_Static_assert((int)FRAME_MAC == (int)BLAKE2S_MAC, "mac octets");
_Static_assert((int)FRAME_COOKIE == (int)BLAKE2S_MAC, "cookie octets");

static const char pair_label[16] = "adit relay pair1";

struct pair_text {
	char label[16];
	struct key_public node, relay;
};

struct session_text {
	uint8_t txid[FRAME_TXID];
	be64 issued;
};

struct cookie_text {
	uint8_t ip[16];
	be16 port;
	uint8_t txid[FRAME_TXID];
	be64 issued;
};

bool proof_pair(const struct key_private *self, const struct key_public *other,
		const struct key_public *node, const struct key_public *relay,
		struct proof_key *out)
{
	struct pair_text text = { .node = *node, .relay = *relay };
	uint8_t shared[PRIM_KEY];

	memcpy(text.label, pair_label, sizeof(text.label));
	if (!prim_x25519(shared, self->b, other->b))
		return false;
	blake2s_keyed(out->b, sizeof(out->b), shared, sizeof(shared), &text,
		      sizeof(text));
	secret_wipe(shared, sizeof(shared));
	return true;
}

void proof_session(const struct proof_key *pair, const uint8_t txid[static FRAME_TXID],
		   be64 issued, struct proof_key *out)
{
	struct session_text text = { .issued = issued };

	memcpy(text.txid, txid, FRAME_TXID);
	blake2s_keyed(out->b, sizeof(out->b), pair->b, sizeof(pair->b), &text,
		      sizeof(text));
}

void proof_put(const struct proof_key *k, void *m, size_t n)
{
	blake2s_mac((uint8_t *)m + n, k->b, sizeof(k->b), m, n);
}

bool proof_check(const struct proof_key *k, const void *m, size_t n)
{
	uint8_t mac[FRAME_MAC];

	blake2s_mac(mac, k->b, sizeof(k->b), m, n);
	return secret_eq(mac, (const uint8_t *)m + n, FRAME_MAC);
}

void proof_cookie(const struct proof_key *secret, const struct endpoint *e,
		  const uint8_t txid[static FRAME_TXID], be64 issued,
		  uint8_t out[static FRAME_COOKIE])
{
	struct cookie_text text = { .port = be16_of(e->port),
				    .issued = issued };

	memcpy(text.ip, e->ip.b, sizeof(text.ip));
	memcpy(text.txid, txid, FRAME_TXID);
	blake2s_mac(out, secret->b, sizeof(secret->b), &text, sizeof(text));
}
