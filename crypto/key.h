/* SPDX-License-Identifier: MIT
 *
 * key.h - one struct type per role of key
 *
 * A node has a machine key (the coordination channel) and a tunnel key (WireGuard
 * and discovery); both are X25519. Servers sign with Ed25519. Public keys compare in
 * constant time; private ones cannot be compared or printed. The text form is
 * wg(8)'s: 44 characters of base64.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

enum {
	KEY_OCTETS = 32,
	KEY_TEXT = 45, /* base64 with NUL */
	KEY_SHORT_TEXT = 9, /* first 8 characters, for logs */
	SIGNATURE_OCTETS = 64,
};

struct key_private {
	uint8_t b[KEY_OCTETS];
};
struct key_public {
	uint8_t b[KEY_OCTETS];
};
struct key_psk { /* WireGuard's preshared key; all zero: none */
	uint8_t b[KEY_OCTETS];
};
struct sign_private {
	uint8_t b[64];
};
struct sign_public {
	uint8_t b[KEY_OCTETS];
};

/* key_setup() - once per process, before any other call; 0 or -EIO */
must_check int key_setup(void);

void key_private_generate(struct key_private *out);
void key_public_of(const struct key_private *k, struct key_public *out);
bool key_public_eq(const struct key_public *a, const struct key_public *b);
bool key_public_is_zero(const struct key_public *k);
void key_private_wipe(struct key_private *k);
void key_psk_wipe(struct key_psk *k);

/* Text forms. Parsers take NUL-terminated untrusted text; *out is unchanged on false. */
must_check bool key_private_parse(const char *text, struct key_private *out);
must_check bool key_public_parse(const char *text, struct key_public *out);
must_check bool key_psk_parse(const char *text, struct key_psk *out);
const char *key_public_text(const struct key_public *k, char buf[static KEY_TEXT]);
const char *key_public_short(const struct key_public *k,
			     char buf[static KEY_SHORT_TEXT]);
/* key_private_text() - for the 0600 state file only; the caller wipes buf */
const char *key_private_text(const struct key_private *k,
			     char buf[static KEY_TEXT]);

/* Ed25519 (RFC 8032). */
void sign_generate(struct sign_private *sk, struct sign_public *pk);
void sign_public_of(const struct sign_private *sk, struct sign_public *out);
void sign_make(const struct sign_private *sk, const void *m, size_t n,
	       uint8_t out[static SIGNATURE_OCTETS]);
must_check bool sign_check(const struct sign_public *pk, const void *m, size_t n,
			   const uint8_t sig[static SIGNATURE_OCTETS]);
must_check bool sign_public_parse(const char *text, struct sign_public *out);
const char *sign_public_text(const struct sign_public *k,
			     char buf[static KEY_TEXT]);
void sign_private_wipe(struct sign_private *k);

/* secret_wipe() - overwrite, not optimised away */
void secret_wipe(void *p, size_t n);
/* secret_eq() - compare n octets in constant time */
bool secret_eq(const void *a, const void *b, size_t n);
