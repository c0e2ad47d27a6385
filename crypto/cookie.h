/* SPDX-License-Identifier: MIT
 *
 * cookie.h - mac1, mac2 and cookie replies, of both sides
 *
 * Theory: mac1 is keyed by the receiver's public key: who does not know it gets
 * no answer. Under load the receiver answers with a cookie, a MAC of the
 * sender's address under a secret that changes every two minutes, sealed for
 * whoever sent that mac1; the sender then proves by mac2 that it can receive
 * where it claims to be.
 * Spec: WireGuard paper s5.4.4 and s5.4.7
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/attr.h"
#include "base/time.h"
#include "crypto/key.h"
#include "crypto/messages.h"

enum {
	COOKIE_OCTETS = 16,
	COOKIE_MACS = 32, /* mac1 and mac2 end a handshake message */
};

/* The receiving side: one per node. */
struct cookie_checker {
	uint8_t mac1_key[32];
	uint8_t seal_key[32]; /* public: derived from the public key */
	uint8_t secret[32]; /* secret, ours alone */
	nsec_t secret_made; /* 0: not yet */
};

void cookie_checker_init(struct cookie_checker *c,
			 const struct key_public *self);
void cookie_checker_wipe(struct cookie_checker *c);

/* cookie_check_mac1() - m is a whole handshake message of n > COOKIE_MACS
 * octets */
must_check bool cookie_check_mac1(const struct cookie_checker *c,
				  const uint8_t *m, size_t n);
/* cookie_check_mac2() - does it show the cookie of its source, not too old? */
must_check bool cookie_check_mac2(struct cookie_checker *c, const uint8_t *m,
				  size_t n, const struct endpoint *from,
				  nsec_t now);
/* cookie_reply() - the answer to m, whose mac1 is valid */
void cookie_reply(struct cookie_checker *c, const uint8_t *m, size_t n,
		  const struct endpoint *from, nsec_t now,
		  struct message_cookie *out);

/* The sending side: one per peer. */
struct cookie_jar {
	uint8_t mac1_key[32];
	uint8_t seal_key[32];
	uint8_t last_mac1[16]; /* of the last message sent */
	bool awaits; /* no reply to last_mac1 has come yet */
	uint8_t cookie[COOKIE_OCTETS];
	nsec_t got; /* when the cookie came; 0: none */
};

void cookie_jar_init(struct cookie_jar *j, const struct key_public *peer);
void cookie_jar_wipe(struct cookie_jar *j);

/* cookie_stamp() - fill in mac1 and mac2 at the end of a message of n octets */
void cookie_stamp(struct cookie_jar *j, uint8_t *m, size_t n, nsec_t now);
/* cookie_keep() - open a cookie reply, untrusted, and keep what it holds;
 * false: it answers nothing of ours or does not authenticate */
must_check bool cookie_keep(struct cookie_jar *j,
			    const struct message_cookie *m, nsec_t now);
