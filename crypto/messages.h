/* SPDX-License-Identifier: MIT
 *
 * messages.h - the tunnel protocol on one page: WireGuard, byte for byte
 *
 * Spec: "WireGuard: Next Generation Kernel Network Tunnel" (Donenfeld, NDSS 2017),
 * sections given per line. The second construction (AES-256-GCM) uses the same
 * layouts under type numbers of its own and is never seen by a stock WireGuard.
 */
#pragma once

#include "base/time.h"
#include "base/wire.h"

enum message_type { /* s5.4; little-endian 32 bits: three zero octets follow */
	MESSAGE_INITIATION = 1,
	MESSAGE_RESPONSE = 2,
	MESSAGE_COOKIE = 3,
	MESSAGE_DATA = 4,
	MESSAGE_AES_INITIATION = 0x41, /* ours: same layouts, AES-256-GCM */
	MESSAGE_AES_RESPONSE = 0x42,
};

#define sealed_octets(n) ((n) + 16)

struct message_initiation { /* s5.4.2 */
	le32 type;
	le32 sender;
	uint8_t ephemeral[32];
	uint8_t sealed_static[sealed_octets(32)];
	uint8_t sealed_timestamp[sealed_octets(12)];
	uint8_t mac1[16];
	uint8_t mac2[16];
};
WIRE_SIZE(struct message_initiation, 148);

struct message_response { /* s5.4.3 */
	le32 type;
	le32 sender;
	le32 receiver;
	uint8_t ephemeral[32];
	uint8_t sealed_nothing[sealed_octets(0)];
	uint8_t mac1[16];
	uint8_t mac2[16];
};
WIRE_SIZE(struct message_response, 92);

struct message_cookie { /* s5.4.7 */
	le32 type;
	le32 receiver;
	uint8_t nonce[24];
	uint8_t sealed_cookie[sealed_octets(16)];
};
WIRE_SIZE(struct message_cookie, 64);

struct message_data { /* s5.4.6; the sealed packet and its tag follow */
	le32 type;
	le32 receiver;
	le64 counter;
};
WIRE_SIZE(struct message_data, 16);

enum {
	MESSAGE_DATA_MIN = 32, /* a keepalive: header and tag */
	MESSAGE_DATA_OVERHEAD = 32,
	MESSAGE_PADDING = 16, /* inner packets are padded to this, never past MTU */
	REPLAY_WINDOW = 8128, /* counters; RFC 6479 ring of 8192 */
};

/* s6.1 and s6.5; kernel values where the paper leaves room */
#define REKEY_AFTER_MESSAGES  (UINT64_C(1) << 60)
#define REJECT_AFTER_MESSAGES (UINT64_MAX - REPLAY_WINDOW - 1)
#define REKEY_AFTER_TIME      SEC(120)
#define REJECT_AFTER_TIME     SEC(180)
#define REKEY_TIMEOUT	      SEC(5)
#define REKEY_TIMEOUT_JITTER  MSEC(333)
#define REKEY_ATTEMPT_TIME    SEC(90)
#define KEEPALIVE_TIMEOUT     SEC(10)
#define COOKIE_SECRET_AGE     SEC(120)
#define COOKIE_USE_AGE	      SEC(115)
#define INITIATION_MIN_GAP    MSEC(20) /* per peer: 50 a second */
