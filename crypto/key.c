/* SPDX-License-Identifier: MIT
 *
 * key.c - keys: made, compared, written, forgotten
 */
#include "crypto/key.h"

#include <string.h>

#include "base/rand.h"
#include "crypto/prim.h"

int key_setup(void)
{
	return prim_setup();
}

/* key_private_generate() - clamped as in RFC 7748 s5, like wg(8)'s */
void key_private_generate(struct key_private *out)
{
	rand_bytes(out->b, sizeof(out->b));
	out->b[0] &= 248;
	out->b[31] = (uint8_t)((out->b[31] & 127) | 64);
}

void key_public_of(const struct key_private *k, struct key_public *out)
{
	prim_x25519_public(out->b, k->b);
}

bool key_public_eq(const struct key_public *a, const struct key_public *b)
{
	return prim_eq(a->b, b->b, KEY_OCTETS);
}

bool key_public_is_zero(const struct key_public *k)
{
	return prim_is_zero(k->b, KEY_OCTETS);
}

void key_private_wipe(struct key_private *k)
{
	prim_wipe(k, sizeof(*k));
}

void key_psk_wipe(struct key_psk *k)
{
	prim_wipe(k, sizeof(*k));
}

bool key_private_parse(const char *text, struct key_private *out)
{
	return prim_base64_parse(text, out->b, KEY_OCTETS);
}

bool key_public_parse(const char *text, struct key_public *out)
{
	return prim_base64_parse(text, out->b, KEY_OCTETS);
}

bool key_psk_parse(const char *text, struct key_psk *out)
{
	return prim_base64_parse(text, out->b, KEY_OCTETS);
}

const char *key_public_text(const struct key_public *k,
			    char buf[static KEY_TEXT])
{
	prim_base64_write(k->b, KEY_OCTETS, buf, KEY_TEXT);
	return buf;
}

const char *key_public_short(const struct key_public *k,
			     char buf[static KEY_SHORT_TEXT])
{
	char text[KEY_TEXT];

	key_public_text(k, text);
	memcpy(buf, text, KEY_SHORT_TEXT - 1);
	buf[KEY_SHORT_TEXT - 1] = '\0';
	return buf;
}

const char *key_private_text(const struct key_private *k,
			     char buf[static KEY_TEXT])
{
	prim_base64_write(k->b, KEY_OCTETS, buf, KEY_TEXT);
	return buf;
}

void sign_generate(struct sign_private *sk, struct sign_public *pk)
{
	uint8_t seed[32];

	rand_bytes(seed, sizeof(seed));
	prim_ed25519_from_seed(sk->b, seed);
	prim_ed25519_public(sk->b, pk->b);
	prim_wipe(seed, sizeof(seed));
}

void sign_public_of(const struct sign_private *sk, struct sign_public *out)
{
	prim_ed25519_public(sk->b, out->b);
}

void sign_make(const struct sign_private *sk, const void *m, size_t n,
	       uint8_t out[static SIGNATURE_OCTETS])
{
	prim_ed25519_sign(sk->b, m, n, out);
}

bool sign_check(const struct sign_public *pk, const void *m, size_t n,
		const uint8_t sig[static SIGNATURE_OCTETS])
{
	return prim_ed25519_check(pk->b, m, n, sig);
}

bool sign_public_parse(const char *text, struct sign_public *out)
{
	return prim_base64_parse(text, out->b, KEY_OCTETS);
}

const char *sign_public_text(const struct sign_public *k,
			     char buf[static KEY_TEXT])
{
	prim_base64_write(k->b, KEY_OCTETS, buf, KEY_TEXT);
	return buf;
}

void sign_private_wipe(struct sign_private *k)
{
	prim_wipe(k, sizeof(*k));
}

void secret_wipe(void *p, size_t n)
{
	prim_wipe(p, n);
}

bool secret_eq(const void *a, const void *b, size_t n)
{
	return prim_eq(a, b, n);
}
