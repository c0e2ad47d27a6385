/* SPDX-License-Identifier: MIT
 *
 * invite.h - the one line that joins a node: server URL, server key, one-time secret
 *
 * Text form: "adit1:" and base64url of version, key, secret, URL, checksum. The key
 * pins the server, so no certificate authority is needed and a look-alike is refused.
 */
#pragma once

#include <stdint.h>

#include "base/attr.h"
#include "crypto/key.h"

enum {
	INVITE_URL = 256,
	INVITE_SECRET_OCTETS = 16,
	INVITE_TEXT = 512,
};

struct invite {
	char url[INVITE_URL]; /* https://HOST[:PORT] */
	struct key_public server; /* coordination channel key */
	uint8_t secret[INVITE_SECRET_OCTETS];
};

void invite_text(const struct invite *i, char out[static INVITE_TEXT]);
/* invite_parse() - NUL-terminated untrusted text; NULL, or a sentence on what is wrong
 * with it and what to do (*out is then unchanged) */
must_check const char *invite_parse(const char *text, struct invite *out);
void invite_wipe(struct invite *i);
