/* SPDX-License-Identifier: MIT
 *
 * stun.h - STUN messages (RFC 8489) with the behaviour discovery attributes (RFC 5780)
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/drop.h"
#include "base/wire.h"

enum {
	STUN_MAGIC_COOKIE = 0x2112A442, /* RFC 8489 s5 */
	STUN_TXID_OCTETS = 12, /* RFC 8489 s5 */
	STUN_HEADER_OCTETS = 20,
	STUN_MAX = 548, /* octets of any message that we write or accept */
	STUN_DEFAULT_PORT = 3478, /* RFC 8489 s18.6 */
};

enum stun_class {
	STUN_REQUEST,
	STUN_INDICATION,
	STUN_SUCCESS,
	STUN_ERROR,
};

struct stun_txid {
	uint8_t b[STUN_TXID_OCTETS];
};

/* A Binding message, parsed. Absent endpoints are all zero. */
struct stun_message {
	enum stun_class class;
	struct stun_txid txid;
	struct endpoint mapped; /* XOR-MAPPED-ADDRESS, else MAPPED-ADDRESS */
	struct endpoint other; /* OTHER-ADDRESS, RFC 5780 s7.4 */
	struct endpoint origin; /* RESPONSE-ORIGIN, RFC 5780 s7.3 */
	bool change_ip, change_port; /* CHANGE-REQUEST, RFC 5780 s7.2 */
	uint16_t response_port; /* RESPONSE-PORT, RFC 5780 s7.5; 0: none */
	size_t padding; /* octets of PADDING, RFC 5780 s7.6 */
	size_t filler; /* requests we write: octets of SOFTWARE, any server takes it */
	unsigned error; /* ERROR-CODE, 0: none */
	uint16_t unknown[8]; /* comprehension-required attributes not known */
	unsigned unknown_count;
	bool classic; /* RFC 3489 client: no magic cookie; answer without XOR */
	uint8_t classic_id[4]; /* first 4 octets of its 16-octet transaction id */
};

/* stun_is() - do these octets begin a STUN message? (leading bits, length, cookie) */
bool stun_is(const uint8_t *m, size_t n);

/* stun_is_classic() - a Binding request of an RFC 3489 client? Only servers ask: it has
 * no cookie, so it can be told from our other protocols by its type and length alone */
bool stun_is_classic(const uint8_t *m, size_t n);

/**
 * stun_parse() - A Binding request, response or error
 * @m: n octets, untrusted
 * Return: DROP_NONE, DROP_STUN_MALFORMED (also: method is not Binding, FINGERPRINT wrong)
 */
must_check enum drop stun_parse(const uint8_t *m, size_t n, struct stun_message *out);

/* stun_write() - into out (STUN_MAX of room) with FINGERPRINT, but for classic
 * clients; returns octets */
size_t stun_write(const struct stun_message *m, uint8_t *out);
