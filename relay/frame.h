/* SPDX-License-Identifier: MIT
 *
 * frame.h - the relay protocol on one page, version 1
 *
 * Every frame is a UDP datagram whose first octet is FRAME_MAGIC: no tunnel message
 * (1..4, 0x41, 0x42), no STUN (0..3), no discovery (0xad). A sequence number is
 * nowhere: the carried messages have their own. Octets behind a frame's end are
 * ignored, frames of unknown types counted and dropped, zero members not read.
 *
 *   client                                relay
 *     HELLO ------------------------------>           nothing is kept
 *     <------------------------- CHALLENGE            cookie = MAC(secret, source)
 *     REGISTER --------------------------->           cookie, token, proof of key
 *     <--------------------------- WELCOME  or DENIED
 *     PING ------------------------------->  keepalive and probe of life
 *     <------------------------------ PONG
 *     OPEN(key) -------------------------->
 *     <--------------- PEER(channel, key)  or ABSENT; also unasked, before the first
 *     ACK -------------------------------->  data of a sender; repeated until ACK
 *     DATA(channel), DATA_KEYED(key) <----> the relay writes the receiver's channel
 *     <----------------------------- RESET  "I do not know you": answers any frame of
 *                                           an address that is not registered
 *
 * A channel number belongs to one client and one direction-less pair: "my channel 5"
 * names one peer, to send to and to hear from.
 *
 * RESET to a PING is a CHALLENGE as well, and bound to the PING by its transaction
 * id, so one more round trip registers again. RESET to anything else is 8 octets and
 * proves nothing: the client only pings at once.
 *
 * No answer is longer than its request before the address is proved. mac members are
 * keyed BLAKE2 over all octets in front of them (relay/proof.h): REGISTER under the
 * static key of the pair (node key, relay key), all others under a session key that
 * REGISTER's transaction id and time of issue make fresh.
 */
#pragma once

#include <stdint.h>

#include "base/wire.h"

enum {
	FRAME_MAGIC = 0xae,
	FRAME_VERSION = 1,
	FRAME_MAC = 16,
	FRAME_TXID = 8,
	FRAME_COOKIE = 16,
};

enum frame_type {
	FRAME_DATA = 1,
	FRAME_DATA_KEYED = 2,
	FRAME_HELLO = 3,
	FRAME_CHALLENGE = 4,
	FRAME_REGISTER = 5,
	FRAME_WELCOME = 6,
	FRAME_DENIED = 7,
	FRAME_PING = 8,
	FRAME_PONG = 9,
	FRAME_OPEN = 10,
	FRAME_PEER = 11,
	FRAME_ABSENT = 12,
	FRAME_ACK = 13,
	FRAME_RESET = 14,
	FRAME_LEAVE = 15,
};

enum frame_denial { /* DENIED: why */
	FRAME_DENIED_TOKEN = 1, /* forged, expired, or of another network */
	FRAME_DENIED_PROOF = 2, /* the MAC is not by the token's key */
	FRAME_DENIED_FULL = 3,
	FRAME_DENIED_RULE = 4, /* the relay's operator does not let it in */
	FRAME_DENIED_QUOTA = 5, /* its quota, or that of all, is used up */
};

struct frame_header { /* FRAME_DATA: the carried message follows */
	uint8_t magic;
	uint8_t type;
	uint8_t zero[2];
	be32 channel; /* the client's own number; 0: none */
};
WIRE_SIZE(struct frame_header, 8);

struct frame_keyed { /* the carried message follows */
	struct frame_header header;
	uint8_t peer[32]; /* to the relay: receiver; to a client: sender */
};
WIRE_SIZE(struct frame_keyed, 40);

struct frame_hello {
	struct frame_header header;
	uint8_t txid[FRAME_TXID]; /* by the client, random */
	be16 version; /* highest that the client speaks */
	uint8_t zero[30]; /* as long as the answer */
};
WIRE_SIZE(struct frame_hello, 48);

struct frame_challenge { /* also FRAME_RESET in answer to a PING */
	struct frame_header header;
	uint8_t txid[FRAME_TXID];
	be64 issued; /* by the relay's clock; opaque to the client */
	uint8_t cookie[FRAME_COOKIE];
	be16 version; /* that the relay will speak */
	uint8_t zero[6];
};
WIRE_SIZE(struct frame_challenge, 48);

struct frame_register { /* the token and a mac follow */
	struct frame_header header;
	uint8_t txid[FRAME_TXID]; /* of the CHALLENGE */
	be64 issued;
	uint8_t cookie[FRAME_COOKIE];
	uint8_t instance[8]; /* random, of this run of the client */
	be16 version;
	be16 token_octets;
	uint8_t zero[4];
};
WIRE_SIZE(struct frame_register, 56);

struct frame_endpoint { /* IPv4 as ::ffff:a.b.c.d */
	uint8_t ip[16];
	be16 port;
};
WIRE_SIZE(struct frame_endpoint, 18);

struct frame_welcome {
	struct frame_header header;
	uint8_t txid[FRAME_TXID];
	struct frame_endpoint observed;
	be16 version;
	be32 lifetime_s; /* of the registration, by its token */
	be16 silence_s; /* a client not heard for so long is forgotten */
	uint8_t zero[6];
	uint8_t mac[FRAME_MAC];
};
WIRE_SIZE(struct frame_welcome, 64);

struct frame_denied {
	struct frame_header header;
	uint8_t txid[FRAME_TXID];
	be16 reason; /* enum frame_denial */
	uint8_t zero[6];
};
WIRE_SIZE(struct frame_denied, 24);

struct frame_ping {
	struct frame_header header;
	uint8_t txid[FRAME_TXID];
	uint8_t zero[32];
	uint8_t mac[FRAME_MAC];
};
WIRE_SIZE(struct frame_ping, 64);

struct frame_pong {
	struct frame_header header;
	uint8_t txid[FRAME_TXID];
	struct frame_endpoint observed;
	uint8_t zero[14];
	uint8_t mac[FRAME_MAC];
};
WIRE_SIZE(struct frame_pong, 64);

struct frame_peer { /* OPEN, PEER, ABSENT, ACK; channel in the header but for OPEN */
	struct frame_header header;
	uint8_t zero[8];
	uint8_t peer[32];
	uint8_t mac[FRAME_MAC];
};
WIRE_SIZE(struct frame_peer, 64);

struct frame_leave {
	struct frame_header header;
	uint8_t txid[FRAME_TXID];
	uint8_t mac[FRAME_MAC];
};
WIRE_SIZE(struct frame_leave, 32);

/* frame_is() - does it begin like a frame of ours, header complete? */
static inline int frame_is(const uint8_t *m, uint64_t n)
{
	return n >= sizeof(struct frame_header) && m[0] == FRAME_MAGIC;
}

static inline struct frame_header frame_header_of(enum frame_type t, uint32_t ch)
{
	return (struct frame_header){ .magic = FRAME_MAGIC,
				      .type = (uint8_t)t,
				      .channel = be32_of(ch) };
}
