/* SPDX-License-Identifier: MIT
 *
 * token.c - admission to relays
 *
 * Layout: version (1), zero (7), network (8), expiry (8), node key (32), signature
 * (64). The signature covers a label, so no other signed text of the coordination
 * server can be taken for a token, and all octets in front of itself.
 */
#include "relay/token.h"

#include <string.h>

#include "base/cursor.h"

enum {
	VERSION = 1,
	SIGNED = TOKEN_OCTETS - SIGNATURE_OCTETS,
	GRACE_S = 60,
};

static const char label[16] = "adit relay tok 1";

struct signed_text {
	char label[sizeof(label)];
	uint8_t body[SIGNED];
};

static void text_of(const uint8_t *body, struct signed_text *out)
{
	memcpy(out->label, label, sizeof(label));
	memcpy(out->body, body, SIGNED);
}

void token_sign(const struct token *t, const struct sign_private *k,
		uint8_t out[static TOKEN_OCTETS])
{
	struct writer w = writer_of(out, SIGNED);
	struct signed_text text;

	writer_u8(&w, VERSION);
	writer_zero(&w, 7);
	writer_be64(&w, t->network);
	writer_be64(&w, t->expires_s);
	writer_put(&w, t->node.b, KEY_OCTETS);
	text_of(out, &text);
	sign_make(k, &text, sizeof(text), out + SIGNED);
}

uint64_t token_expiry(const uint8_t *m, size_t n)
{
	struct reader r = reader_of(m, n);

	if (n != TOKEN_OCTETS)
		return 0;
	(void)reader_take(&r, 16); /* version, zero, network */
	return reader_be64(&r);
}

bool token_check(const uint8_t *m, size_t n, const struct sign_public *k,
		 uint64_t now_s, struct token *out)
{
	struct reader r = reader_of(m, n);
	struct signed_text text;
	struct token t;

	if (n != TOKEN_OCTETS || reader_u8(&r) != VERSION)
		return false;
	(void)reader_take(&r, 7);
	t.network = reader_be64(&r);
	t.expires_s = reader_be64(&r);
	reader_copy(&r, t.node.b, KEY_OCTETS);
	if (t.expires_s > UINT64_MAX - GRACE_S || t.expires_s + GRACE_S < now_s)
		return false;
	text_of(m, &text);
	if (!sign_check(k, &text, sizeof(text), m + SIGNED))
		return false;
	*out = t;
	return true;
}
