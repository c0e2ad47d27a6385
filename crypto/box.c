/* SPDX-License-Identifier: MIT
 *
 * box.c - sealed discovery messages between two nodes
 *
 * Layout: [magic 4][hint 8][nonce: counter 8, random 4][sealed n][tag 16],
 * big-endian.
 *   secret          = KDF1(Hash("adit discovery 1"), X25519(self, peer))
 *   key, hint key   = KDF2(secret, sender's public || receiver's public)
 *   hint            = SipHash-2-4(hint key, epoch)
 *   sealed, tag     = ChaCha20-Poly1305(key, nonce, plain, ad = magic || hint)
 * The counter makes nonces unique; the random octets keep them so if the
 * sender's clock was set back over a restart.
 */
#include "crypto/box.h"

#include <assert.h>
#include <string.h>

#include "base/rand.h"
#include "base/wire.h"
#include "crypto/blake2s.h"
#include "crypto/prim.h"

struct box_header {
	be32 magic;
	uint8_t hint[BOX_HINT_OCTETS];
	be64 counter;
	uint8_t random[4];
};
WIRE_SIZE(struct box_header, BOX_OVERHEAD - PRIM_TAG);

enum {
	AD_OCTETS = 4 + BOX_HINT_OCTETS, /* magic and hint */
	WINDOW = 256, /* counters below the highest that may still come */
};

/* ---- keys ---- */

static void direction_keys(const uint8_t secret[32],
			   const struct key_public *sender,
			   const struct key_public *receiver, uint8_t key[32],
			   uint8_t hint_key[16])
{
	uint8_t who[2 * KEY_OCTETS], out2[BLAKE2S_OCTETS];

	memcpy(who, sender->b, KEY_OCTETS);
	memcpy(who + KEY_OCTETS, receiver->b, KEY_OCTETS);
	blake2s_hkdf(secret, who, sizeof(who), key, out2, NULL);
	memcpy(hint_key, out2, 16);
	prim_wipe(out2, sizeof(out2));
}

bool box_init(struct box *b, const struct key_private *self,
	      const struct key_public *self_public,
	      const struct key_public *peer, uint64_t counter)
{
	static const char label[] = "adit discovery 1";
	uint8_t label_hash[BLAKE2S_OCTETS], shared[KEY_OCTETS], secret[32];

	box_wipe(b);
	if (key_public_eq(self_public, peer) ||
	    !prim_x25519(shared, self->b, peer->b))
		return false;
	blake2s_hash(label_hash, label, sizeof(label) - 1);
	blake2s_hkdf(label_hash, shared, sizeof(shared), secret, NULL, NULL);
	direction_keys(secret, self_public, peer, b->seal_key,
		       b->seal_hint_key);
	direction_keys(secret, peer, self_public, b->open_key,
		       b->open_hint_key);
	b->next_counter = counter ? counter : 1; /* 0 is nobody's */
	prim_wipe(shared, sizeof(shared));
	prim_wipe(secret, sizeof(secret));
	return true;
}

void box_wipe(struct box *b)
{
	prim_wipe(b, sizeof(*b));
}

static void hint_of(const uint8_t hint_key[16], uint64_t epoch,
		    uint8_t out[static BOX_HINT_OCTETS])
{
	const be64 m = be64_of(epoch);
	const be64 hint = be64_of(prim_siphash(hint_key, &m, sizeof(m)));

	memcpy(out, hint.b, BOX_HINT_OCTETS);
}

void box_hint(const struct box *b, uint64_t epoch,
	      uint8_t out[static BOX_HINT_OCTETS])
{
	hint_of(b->open_hint_key, epoch, out);
}

/* ---- the replay window ---- */

/* window_shift() - move the bits of 256 counters up by `by` */
static void window_shift(uint64_t seen[4], uint64_t by)
{
	unsigned words = (unsigned)(by / 64), bits = by % 64;

	if (by >= WINDOW) {
		memset(seen, 0, WINDOW / 8);
		return;
	}
	for (int i = 3; i >= 0; i--) {
		int from = i - (int)words;
		uint64_t hi = from >= 0 ? seen[from] : 0;
		uint64_t lo = from >= 1 ? seen[from - 1] : 0;

		seen[i] = bits ? hi << bits | lo >> (64 - bits) : hi;
	}
}

/* window_accept() - false: seen before, or too old to know. Bit i of the window
 * is the counter i + 1 below the highest. */
static bool window_accept(struct box *b, uint64_t counter)
{
	uint64_t below;

	if (counter > b->seen_top) {
		uint64_t by = counter - b->seen_top;

		window_shift(b->seen, by);
		if (by <= WINDOW)
			b->seen[(by - 1) / 64] |= UINT64_C(1) << (by - 1) % 64;
		b->seen_top = counter;
		return true;
	}
	below = b->seen_top - counter;
	if (below == 0 || below > WINDOW || counter == 0)
		return false;
	if (b->seen[(below - 1) / 64] >> (below - 1) % 64 & 1)
		return false;
	b->seen[(below - 1) / 64] |= UINT64_C(1) << (below - 1) % 64;
	return true;
}

/* ---- messages ---- */

bool box_is(const uint8_t *m, size_t n)
{
	const struct box_header *h = (const void *)m;

	return n >= BOX_OVERHEAD && be32_get(h->magic) == BOX_MAGIC;
}

static struct prim_aead aead_of(const uint8_t *key, const uint8_t *m)
{
	return (struct prim_aead){
		.key = key,
		.nonce = m + AD_OCTETS,
		.ad = m,
		.ad_n = AD_OCTETS,
	};
}

size_t box_seal(struct box *b, uint64_t epoch, const void *plain, size_t n,
		uint8_t *out)
{
	struct box_header h = {
		.magic = be32_of(BOX_MAGIC),
		.counter = be64_of(b->next_counter++),
	};
	struct prim_aead a = aead_of(b->seal_key, out);

	assert(n <= BOX_PLAIN_MAX);
	hint_of(b->seal_hint_key, epoch, h.hint);
	rand_bytes(h.random, sizeof(h.random));
	memcpy(out, &h, sizeof(h));
	prim_chacha_seal(&a, plain, n, out + sizeof(h));
	return n + BOX_OVERHEAD;
}

enum drop box_open(struct box *b, uint8_t *m, size_t n, const uint8_t **plain,
		   size_t *plain_n)
{
	const struct box_header *h = (const void *)m;
	struct prim_aead a;
	uint8_t *sealed;

	if (n < BOX_OVERHEAD)
		return DROP_TOO_SHORT;
	if (n > BOX_MAX)
		return DROP_BAD_LENGTH;
	a = aead_of(b->open_key, m);
	sealed = m + sizeof(*h);
	if (!prim_chacha_open(&a, sealed, n - sizeof(*h), sealed))
		return DROP_DISCO_CRYPTO;
	if (!window_accept(b, be64_get(h->counter)))
		return DROP_DISCO_REPLAY;
	*plain = sealed;
	*plain_n = n - BOX_OVERHEAD;
	return DROP_NONE;
}
