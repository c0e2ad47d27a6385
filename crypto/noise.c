/* SPDX-License-Identifier: MIT
 *
 * noise.c - the handshake IKpsk2: a row of tokens per message and side
 */
#include "crypto/noise.h"

#include <string.h>

#include "crypto/blake2s.h"
#include "crypto/prim.h"

static const char *const constructions[AEAD_SUITES] = {
	[AEAD_CHACHA20_POLY1305] = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s",
	[AEAD_AES_256_GCM] = "Noise_IKpsk2_25519_AESGCM_BLAKE2s",
};

static const char identifier[] = "WireGuard v1 zx2c4 Jason@zx2c4.com";

/* What both sides carry from token to token. */
struct state {
	uint8_t hash[32], chaining_key[32], key[32];
	enum aead_suite suite;
	bool failed; /* sticky: key of low order, or a field does not open */
};

static void mix_hash(struct state *s, const void *p, size_t n)
{
	blake2s_hash2(s->hash, s->hash, sizeof(s->hash), p, n);
}

/* start() - the protocol's name, the identifier and the responder's static
 * key */
static struct state start(enum aead_suite suite,
			  const struct key_public *responder)
{
	struct state s = { .suite = suite };

	blake2s_hash(s.chaining_key, constructions[suite],
		     strlen(constructions[suite]));
	memcpy(s.hash, s.chaining_key, sizeof(s.hash));
	mix_hash(&s, identifier, strlen(identifier));
	mix_hash(&s, responder->b, sizeof(responder->b));
	return s;
}

/* token_e() - an ephemeral key: into both, as every psk pattern does (Noise
 * s9.2) */
static void token_e(struct state *s, const uint8_t ephemeral[static 32])
{
	blake2s_hkdf(s->chaining_key, ephemeral, 32, s->chaining_key, NULL,
		     NULL);
	mix_hash(s, ephemeral, 32);
}

/* mix_key() - a shared secret; the sealed field that follows uses s->key */
static void mix_key(struct state *s, const uint8_t shared[static 32])
{
	blake2s_hkdf(s->chaining_key, shared, 32, s->chaining_key, s->key,
		     NULL);
}

/* token_dh() - es, ee, se: agree, then mix */
static void token_dh(struct state *s, const struct key_private *k,
		     const uint8_t u[static 32])
{
	uint8_t shared[32];

	if (!prim_x25519(shared, k->b, u))
		s->failed = true;
	mix_key(s, shared);
	prim_wipe(shared, sizeof(shared));
}

static void token_psk(struct state *s, const struct key_psk *psk)
{
	uint8_t temp[32];

	blake2s_hkdf(s->chaining_key, psk->b, sizeof(psk->b), s->chaining_key,
		     temp, s->key);
	mix_hash(s, temp, sizeof(temp));
	prim_wipe(temp, sizeof(temp));
}

static const uint8_t nonce_zero[PRIM_NONCE];

/* seal() - n octets under s->key, bound to the hash so far */
static void seal(struct state *s, const void *plain, size_t n, uint8_t *out)
{
	const struct prim_aead a = { s->key, nonce_zero, s->hash,
				     sizeof(s->hash) };

	switch (s->suite) {
	case AEAD_CHACHA20_POLY1305:
	case AEAD_SUITES:
		prim_chacha_seal(&a, plain, n, out);
		break;
	case AEAD_AES_256_GCM:
		prim_aesgcm_seal(&a, plain, n, out);
		break;
	}
	mix_hash(s, out, sealed_octets(n));
}

/* open_field() - the inverse of seal(): n octets come out */
static void open_field(struct state *s, const uint8_t *sealed, size_t n,
		       uint8_t *out)
{
	const struct prim_aead a = { s->key, nonce_zero, s->hash,
				     sizeof(s->hash) };
	bool ok = false;

	if (s->failed)
		return;
	switch (s->suite) {
	case AEAD_CHACHA20_POLY1305:
	case AEAD_SUITES:
		ok = prim_chacha_open(&a, sealed, sealed_octets(n), out);
		break;
	case AEAD_AES_256_GCM:
		ok = prim_aesgcm_open(&a, sealed, sealed_octets(n), out);
		break;
	}
	s->failed = !ok;
	mix_hash(s, sealed, sealed_octets(n));
}

/* split() - the transport keys, in the order initiator's, responder's */
static void split(const struct state *s, uint8_t *initiators,
		  uint8_t *responders)
{
	blake2s_hkdf(s->chaining_key, NULL, 0, initiators, responders, NULL);
}

bool noise_pair_init(struct noise_pair *p, const struct tunnel_params *from)
{
	if (key_public_eq(&from->peer, &from->self->public_key))
		return false;
	p->self = from->self;
	p->peer = from->peer;
	p->psk = from->psk;
	p->suite = from->suite;
	return prim_x25519(p->static_static, from->self->private_key.b,
			   from->peer.b);
}

bool noise_create_initiation(struct noise *n, const struct noise_pair *p,
			     const uint8_t timestamp[static 12],
			     struct message_initiation *out)
{
	struct state s = start(p->suite, &p->peer);
	bool ok;

	key_private_generate(&n->ephemeral);
	prim_x25519_public(out->ephemeral, n->ephemeral.b);
	token_e(&s, out->ephemeral);

	token_dh(&s, &n->ephemeral, p->peer.b); /* es */

	seal(&s, p->self->public_key.b, KEY_OCTETS, out->sealed_static);

	mix_key(&s, p->static_static); /* ss */

	seal(&s, timestamp, 12, out->sealed_timestamp);

	memcpy(n->hash, s.hash, sizeof(n->hash));
	memcpy(n->chaining_key, s.chaining_key, sizeof(n->chaining_key));
	ok = !s.failed;
	prim_wipe(&s, sizeof(s));
	return ok;
}

bool noise_consume_initiation(const struct identity *self,
			      enum aead_suite suite,
			      const struct message_initiation *m,
			      struct initiation *out)
{
	struct state s = start(suite, &self->public_key);
	struct initiation i = { .suite = suite };
	bool ok;

	memcpy(i.ephemeral, m->ephemeral, sizeof(i.ephemeral));
	token_e(&s, m->ephemeral);

	token_dh(&s, &self->private_key, m->ephemeral); /* es */

	open_field(&s, m->sealed_static, KEY_OCTETS, i.sender.b);

	if (!s.failed)
		token_dh(&s, &self->private_key, i.sender.b); /* ss */

	open_field(&s, m->sealed_timestamp, sizeof(i.timestamp), i.timestamp);

	memcpy(i.hash, s.hash, sizeof(i.hash));
	memcpy(i.chaining_key, s.chaining_key, sizeof(i.chaining_key));
	i.sender_index = le32_get(m->sender);
	ok = !s.failed;
	if (ok)
		*out = i;
	prim_wipe(&i, sizeof(i));
	prim_wipe(&s, sizeof(s));
	return ok;
}

bool noise_create_response(const struct initiation *i,
			   const struct noise_pair *p,
			   struct message_response *out,
			   struct noise_keys *keys)
{
	struct state s = { .suite = i->suite };
	struct key_private ephemeral;
	bool ok;

	memcpy(s.hash, i->hash, sizeof(s.hash));
	memcpy(s.chaining_key, i->chaining_key, sizeof(s.chaining_key));

	key_private_generate(&ephemeral);
	prim_x25519_public(out->ephemeral, ephemeral.b);
	token_e(&s, out->ephemeral);

	token_dh(&s, &ephemeral, i->ephemeral); /* ee */

	token_dh(&s, &ephemeral, p->peer.b); /* se */

	token_psk(&s, &p->psk);

	seal(&s, NULL, 0, out->sealed_nothing);

	split(&s, keys->receive, keys->send);
	ok = !s.failed;
	key_private_wipe(&ephemeral);
	prim_wipe(&s, sizeof(s));
	return ok;
}

bool noise_consume_response(const struct noise *n, const struct noise_pair *p,
			    const struct message_response *m,
			    struct noise_keys *keys)
{
	struct state s = { .suite = p->suite };
	uint8_t nothing[1];
	bool ok;

	memcpy(s.hash, n->hash, sizeof(s.hash));
	memcpy(s.chaining_key, n->chaining_key, sizeof(s.chaining_key));

	token_e(&s, m->ephemeral);

	token_dh(&s, &n->ephemeral, m->ephemeral); /* ee */

	token_dh(&s, &p->self->private_key, m->ephemeral); /* se */

	token_psk(&s, &p->psk);

	open_field(&s, m->sealed_nothing, 0, nothing);

	ok = !s.failed;
	if (ok)
		split(&s, keys->send, keys->receive);
	prim_wipe(&s, sizeof(s));
	return ok;
}

void noise_wipe(struct noise *n)
{
	prim_wipe(n, sizeof(*n));
}
