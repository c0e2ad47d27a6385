/* SPDX-License-Identifier: MIT
 *
 * cookie.c - mac1, mac2 and cookie replies
 */
#include "crypto/cookie.h"

#include <string.h>

#include "base/rand.h"
#include "base/wire.h"
#include "crypto/blake2s.h"
#include "crypto/prim.h"

static void label_key(uint8_t out[static 32], const char label[static 8],
		      const struct key_public *k)
{
	blake2s_hash2(out, label, 8, k->b, sizeof(k->b));
}

void cookie_checker_init(struct cookie_checker *c,
			 const struct key_public *self)
{
	*c = (struct cookie_checker){ .secret_made = 0 };
	label_key(c->mac1_key, "mac1----", self);
	label_key(c->seal_key, "cookie--", self);
}

void cookie_checker_wipe(struct cookie_checker *c)
{
	prim_wipe(c, sizeof(*c));
}

bool cookie_check_mac1(const struct cookie_checker *c, const uint8_t *m,
		       size_t n)
{
	uint8_t mac[BLAKE2S_MAC];

	blake2s_mac(mac, c->mac1_key, 32, m, n - COOKIE_MACS);
	return prim_eq(mac, m + n - COOKIE_MACS, sizeof(mac));
}

/* make_cookie() - the MAC of a source address under the secret of the moment */
static void make_cookie(struct cookie_checker *c, const struct endpoint *from,
			nsec_t now, uint8_t out[static COOKIE_OCTETS])
{
	uint8_t where[sizeof(from->ip.b) + sizeof(be16)];
	const be16 port = be16_of(from->port);

	if (!c->secret_made ||
	    nsec_since(c->secret_made, now) >= COOKIE_SECRET_AGE) {
		rand_bytes(c->secret, sizeof(c->secret));
		c->secret_made = now;
	}
	memcpy(where, from->ip.b, sizeof(from->ip.b));
	memcpy(where + sizeof(from->ip.b), port.b, sizeof(port.b));
	blake2s_mac(out, c->secret, sizeof(c->secret), where, sizeof(where));
}

bool cookie_check_mac2(struct cookie_checker *c, const uint8_t *m, size_t n,
		       const struct endpoint *from, nsec_t now)
{
	uint8_t cookie[COOKIE_OCTETS], mac[BLAKE2S_MAC];

	make_cookie(c, from, now, cookie);
	blake2s_mac(mac, cookie, sizeof(cookie), m, n - BLAKE2S_MAC);
	return prim_eq(mac, m + n - BLAKE2S_MAC, sizeof(mac));
}

void cookie_reply(struct cookie_checker *c, const uint8_t *m, size_t n,
		  const struct endpoint *from, nsec_t now,
		  struct message_cookie *out)
{
	const struct prim_aead aead = { c->seal_key, out->nonce,
					m + n - COOKIE_MACS, BLAKE2S_MAC };
	uint8_t cookie[COOKIE_OCTETS];

	make_cookie(c, from, now, cookie);
	out->type = le32_of(MESSAGE_COOKIE);
	memcpy(out->receiver.b, m + sizeof(le32), sizeof(le32));
	rand_bytes(out->nonce, sizeof(out->nonce));
	prim_xchacha_seal(&aead, cookie, sizeof(cookie), out->sealed_cookie);
}

void cookie_jar_init(struct cookie_jar *j, const struct key_public *peer)
{
	*j = (struct cookie_jar){ .got = 0 };
	label_key(j->mac1_key, "mac1----", peer);
	label_key(j->seal_key, "cookie--", peer);
}

void cookie_jar_wipe(struct cookie_jar *j)
{
	prim_wipe(j, sizeof(*j));
}

void cookie_stamp(struct cookie_jar *j, uint8_t *m, size_t n, nsec_t now)
{
	uint8_t *mac1 = m + n - COOKIE_MACS;
	uint8_t *mac2 = m + n - BLAKE2S_MAC;

	blake2s_mac(mac1, j->mac1_key, 32, m, n - COOKIE_MACS);
	memcpy(j->last_mac1, mac1, sizeof(j->last_mac1));
	j->awaits = true;
	if (j->got && nsec_since(j->got, now) < COOKIE_USE_AGE)
		blake2s_mac(mac2, j->cookie, sizeof(j->cookie), m,
			    n - BLAKE2S_MAC);
	else
		memset(mac2, 0, BLAKE2S_MAC);
}

bool cookie_keep(struct cookie_jar *j, const struct message_cookie *m,
		 nsec_t now)
{
	const struct prim_aead aead = { j->seal_key, m->nonce, j->last_mac1,
					sizeof(j->last_mac1) };
	uint8_t cookie[COOKIE_OCTETS];

	if (!j->awaits ||
	    !prim_xchacha_open(&aead, m->sealed_cookie,
			       sizeof(m->sealed_cookie), cookie))
		return false;
	memcpy(j->cookie, cookie, sizeof(cookie));
	j->got = now;
	j->awaits = false;
	return true;
}
