/* SPDX-License-Identifier: MIT
 *
 * noise.h - the handshake IKpsk2, created and consumed
 *
 * Theory: four functions, one per message and side, each a row of token blocks
 * in the order of the pattern (-> e, es, s, ss, timestamp; <- e, ee, se, psk,
 * nothing). Every token mixes into the chaining key or the hash; a wrong key
 * anywhere shows when the next sealed field is opened. The type, the indices
 * and the macs of a message are the caller's.
 * Spec: Noise revision 34 s5, s7.5, s9; WireGuard paper s5.4.2, s5.4.3
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "crypto/tunnel.h"

/* Two nodes that know each other. */
struct noise_pair {
	const struct identity *self; /* borrowed */
	struct key_public peer;
	uint8_t static_static[32]; /* secret: their X25519, computed once */
	struct key_psk psk;
	enum aead_suite suite;
};

struct noise { /* an initiation of ours that awaits its answer; secret */
	uint8_t hash[32], chaining_key[32];
	struct key_private ephemeral;
};

struct noise_keys { /* secret */
	uint8_t send[32], receive[32];
};

/* noise_pair_init() - false if the peer's key is of low order or our own */
must_check bool noise_pair_init(struct noise_pair *p,
				const struct tunnel_params *from);

/* noise_create_initiation() - fills the sealed fields of out; *n is for the
 * answer */
must_check bool noise_create_initiation(struct noise *n,
					const struct noise_pair *p,
					const uint8_t timestamp[static 12],
					struct message_initiation *out);
/* noise_consume_initiation() - m is untrusted; false: does not authenticate */
must_check bool noise_consume_initiation(const struct identity *self,
					 enum aead_suite suite,
					 const struct message_initiation *m,
					 struct initiation *out);
must_check bool noise_create_response(const struct initiation *i,
				      const struct noise_pair *p,
				      struct message_response *out,
				      struct noise_keys *keys);
/* noise_consume_response() - m is untrusted; false: does not authenticate, *n
 * is unchanged and may await another */
must_check bool noise_consume_response(const struct noise *n,
				       const struct noise_pair *p,
				       const struct message_response *m,
				       struct noise_keys *keys);
void noise_wipe(struct noise *n);
