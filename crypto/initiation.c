/* SPDX-License-Identifier: MIT
 *
 * initiation.c - the first half of answering a handshake: who is it?
 */
#include <string.h>

#include "crypto/noise.h"
#include "crypto/tunnel.h"

enum drop initiation_open(const struct identity *self, const uint8_t *m,
			  size_t n, struct initiation *out)
{
	struct message_initiation in;
	enum aead_suite suite;

	if (n < sizeof(in))
		return DROP_TOO_SHORT;
	if (n > sizeof(in))
		return DROP_MALFORMED;
	memcpy(&in, m, sizeof(in));
	if (le32_get(in.type) == MESSAGE_INITIATION)
		suite = AEAD_CHACHA20_POLY1305;
	else if (le32_get(in.type) == MESSAGE_AES_INITIATION)
		suite = AEAD_AES_256_GCM;
	else
		return DROP_MALFORMED;
	return noise_consume_initiation(self, suite, &in, out) ?
		       DROP_NONE :
		       DROP_HANDSHAKE_CRYPTO;
}
