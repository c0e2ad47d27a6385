/* SPDX-License-Identifier: MIT
 *
 * channel.c - Noise_IK_25519_ChaChaPoly_BLAKE2s
 *
 * Spec: Noise revision 34, s5 (cipher, symmetric and handshake state), s7.5:
 *   IK:  <- s  ...  -> e, es, s, ss   <- e, ee, se
 * Any failure ends the channel: its secrets are wiped and it stays dead. Unlike
 * the specification's default, a Diffie-Hellman result of zero is a failure.
 */
#include "crypto/channel.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "crypto/blake2s.h"
#include "crypto/channel_fixed.h"
#include "crypto/prim.h"

enum stage {
	WRITE_FIRST,  /* client */
	READ_FIRST,   /* server */
	WRITE_SECOND, /* server */
	READ_SECOND,  /* client */
	READY,
	DEAD,
};

/* CipherState of s5.1 */
struct cipher {
	uint8_t key[PRIM_KEY]; /* secret */
	uint64_t n;
};

struct channel {
	enum stage stage;
	struct key_private s, e; /* secret */
	struct key_public s_public, e_public;
	struct key_public rs, re; /* the other's */
	uint8_t h[BLAKE2S_OCTETS];
	uint8_t ck[BLAKE2S_OCTETS]; /* secret */
	struct cipher handshake, send, receive;
};

/* ---- cipher state ---- */

static struct prim_aead aead_of(const struct cipher *c, uint8_t nonce[12],
				struct slice ad)
{
	const le64 n = le64_of(c->n);

	memset(nonce, 0, 4);
	memcpy(nonce + 4, n.b, sizeof(n.b));
	return (struct prim_aead){
		.key = c->key, .nonce = nonce, .ad = ad.p, .ad_n = ad.n
	};
}

static void cipher_seal(struct cipher *c, struct slice ad, const void *plain,
			size_t n, uint8_t *out)
{
	uint8_t nonce[PRIM_NONCE];
	const struct prim_aead a = aead_of(c, nonce, ad);

	prim_chacha_seal(&a, plain, n, out);
	c->n++;
}

/* cipher_open() - n octets with the tag; out may be the input */
static bool cipher_open(struct cipher *c, struct slice ad, const uint8_t *m,
			size_t n, uint8_t *out)
{
	uint8_t nonce[PRIM_NONCE];
	const struct prim_aead a = aead_of(c, nonce, ad);

	if (!prim_chacha_open(&a, m, n, out))
		return false;
	c->n++;
	return true;
}

/* ---- symmetric state (s5.2) ---- */

static void mix_hash(struct channel *c, const void *p, size_t n)
{
	blake2s_hash2(c->h, c->h, sizeof(c->h), p, n);
}

/* mix_key() - with the shared secret of one of our keys and one of theirs */
static bool mix_key(struct channel *c, const struct key_private *ours,
		    const struct key_public *theirs)
{
	uint8_t shared[KEY_OCTETS];

	if (!prim_x25519(shared, ours->b, theirs->b))
		return false;
	blake2s_hkdf(c->ck, shared, sizeof(shared), c->ck, c->handshake.key,
		     NULL);
	c->handshake.n = 0;
	prim_wipe(shared, sizeof(shared));
	return true;
}

/* seal_and_hash() - writes n + CHANNEL_TAG octets */
static void seal_and_hash(struct channel *c, const void *plain, size_t n,
			  uint8_t *out)
{
	cipher_seal(&c->handshake, slice_of(c->h, sizeof(c->h)), plain, n, out);
	mix_hash(c, out, n + CHANNEL_TAG);
}

/* open_and_hash() - reads n + CHANNEL_TAG octets, which out does not overlap */
static bool open_and_hash(struct channel *c, const uint8_t *m, size_t n,
			  uint8_t *out)
{
	if (!cipher_open(&c->handshake, slice_of(c->h, sizeof(c->h)), m,
			 n + CHANNEL_TAG, out))
		return false;
	mix_hash(c, m, n + CHANNEL_TAG);
	return true;
}

/* split() - the two transport ciphers; the handshake's secrets are forgotten */
static void split(struct channel *c, struct cipher *to_server,
		  struct cipher *to_client)
{
	blake2s_hkdf(c->ck, NULL, 0, to_server->key, to_client->key, NULL);
	prim_wipe(c->ck, sizeof(c->ck));
	prim_wipe(&c->handshake, sizeof(c->handshake));
	key_private_wipe(&c->e);
	key_private_wipe(&c->s);
	c->stage = READY;
}

/* ---- life ---- */

static void start(struct channel *c, struct slice prologue)
{
	static const char name[] = "Noise_IK_25519_ChaChaPoly_BLAKE2s";
	const struct key_public *server =
		c->stage == WRITE_FIRST ? &c->rs : &c->s_public;

	blake2s_hash(c->h, name, sizeof(name) - 1); /* longer than a hash */
	memcpy(c->ck, c->h, sizeof(c->ck));
	mix_hash(c, prologue.p, prologue.n);
	mix_hash(c, server->b, sizeof(server->b));
}

struct channel *channel_new_fixed(const struct channel_fixed *f)
{
	struct channel *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->stage = f->client ? WRITE_FIRST : READ_FIRST;
	c->s = *f->own_static;
	c->e = *f->ephemeral;
	key_public_of(&c->s, &c->s_public);
	key_public_of(&c->e, &c->e_public);
	if (f->client)
		c->rs = *f->server;
	start(c, f->prologue);
	return c;
}

static struct channel *channel_new(const struct key_private *own_static,
				   const struct key_public *server)
{
	static const char prologue[] = "adit coord 1";
	struct key_private ephemeral;
	struct channel *c;

	key_private_generate(&ephemeral);
	c = channel_new_fixed(&(struct channel_fixed){
		.client = server,
		.own_static = own_static,
		.server = server,
		.ephemeral = &ephemeral,
		.prologue = slice_of(prologue, sizeof(prologue) - 1),
	});
	key_private_wipe(&ephemeral);
	return c;
}

struct channel *channel_new_client(const struct key_private *machine,
				   const struct key_public *server)
{
	return channel_new(machine, server);
}

struct channel *channel_new_server(const struct key_private *server)
{
	return channel_new(server, NULL);
}

static void die(struct channel *c)
{
	prim_wipe(c, sizeof(*c));
	c->stage = DEAD;
}

void channel_free(struct channel *c)
{
	if (!c)
		return;
	prim_wipe(c, sizeof(*c));
	free(c);
}

/* ---- handshake ---- */

/* write_first() - e, es, s, ss */
static bool write_first(struct channel *c, const void *payload, size_t n,
			uint8_t *out)
{
	memcpy(out, c->e_public.b, KEY_OCTETS);
	mix_hash(c, c->e_public.b, KEY_OCTETS);
	if (!mix_key(c, &c->e, &c->rs))
		return false;
	seal_and_hash(c, c->s_public.b, KEY_OCTETS, out + 32);
	if (!mix_key(c, &c->s, &c->rs))
		return false;
	seal_and_hash(c, payload, n, out + 80);
	c->stage = READ_SECOND;
	return true;
}

static bool read_first(struct channel *c, const uint8_t *m, size_t n,
		       uint8_t *out)
{
	memcpy(c->re.b, m, KEY_OCTETS);
	mix_hash(c, c->re.b, KEY_OCTETS);
	if (!mix_key(c, &c->s, &c->re) ||
	    !open_and_hash(c, m + 32, KEY_OCTETS, c->rs.b))
		return false;
	if (!mix_key(c, &c->s, &c->rs) || !open_and_hash(c, m + 80, n, out))
		return false;
	c->stage = WRITE_SECOND;
	return true;
}

/* write_second() - e, ee, se */
static bool write_second(struct channel *c, const void *payload, size_t n,
			 uint8_t *out)
{
	memcpy(out, c->e_public.b, KEY_OCTETS);
	mix_hash(c, c->e_public.b, KEY_OCTETS);
	if (!mix_key(c, &c->e, &c->re) || !mix_key(c, &c->e, &c->rs))
		return false;
	seal_and_hash(c, payload, n, out + 32);
	split(c, &c->receive, &c->send);
	return true;
}

static bool read_second(struct channel *c, const uint8_t *m, size_t n,
			uint8_t *out)
{
	memcpy(c->re.b, m, KEY_OCTETS);
	mix_hash(c, c->re.b, KEY_OCTETS);
	if (!mix_key(c, &c->e, &c->re) || !mix_key(c, &c->s, &c->re) ||
	    !open_and_hash(c, m + 32, n, out))
		return false;
	split(c, &c->send, &c->receive);
	return true;
}

size_t channel_write_handshake(struct channel *c, const void *payload, size_t n,
			       uint8_t *out, size_t room)
{
	bool first = c->stage == WRITE_FIRST, ok;
	size_t head = first ? CHANNEL_FIRST : CHANNEL_SECOND;

	if (!first && c->stage != WRITE_SECOND)
		return 0;
	if (n > CHANNEL_PAYLOAD_MAX || room < head + n)
		return 0;
	ok = first ? write_first(c, payload, n, out)
		   : write_second(c, payload, n, out);
	if (ok)
		return head + n;
	die(c);
	return 0;
}

int channel_read_handshake(struct channel *c, const uint8_t *m, size_t n,
			   uint8_t *out, size_t room)
{
	bool first = c->stage == READ_FIRST, ok;
	size_t head = first ? CHANNEL_FIRST : CHANNEL_SECOND;

	ok = (first || c->stage == READ_SECOND) && n >= head &&
	     n - head <= CHANNEL_PAYLOAD_MAX && n - head <= room;
	if (ok)
		ok = first ? read_first(c, m, n - head, out)
			   : read_second(c, m, n - head, out);
	if (ok)
		return (int)(n - head);
	die(c);
	return -EBADMSG;
}

bool channel_ready(const struct channel *c)
{
	return c->stage == READY;
}

const struct key_public *channel_peer(const struct channel *c)
{
	return &c->rs;
}

/* ---- transport ---- */

size_t channel_seal(struct channel *c, const void *plain, size_t n,
		    uint8_t *out)
{
	if (c->stage != READY || c->send.n == UINT64_MAX)
		return 0;
	cipher_seal(&c->send, slice_of(NULL, 0), plain, n, out);
	return n + CHANNEL_TAG;
}

int channel_open(struct channel *c, uint8_t *m, size_t n)
{
	if (c->stage == READY && n >= CHANNEL_TAG && n <= INT_MAX &&
	    c->receive.n != UINT64_MAX &&
	    cipher_open(&c->receive, slice_of(NULL, 0), m, n, m))
		return (int)(n - CHANNEL_TAG);
	die(c);
	return -EBADMSG;
}
