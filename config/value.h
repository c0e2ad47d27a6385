/* SPDX-License-Identifier: MIT
 *
 * value.h - typed values: one text form per type, one sentence per refusal
 *
 * Every function takes NUL-terminated untrusted text. On false *out is unchanged and
 * `why` holds one sentence, "what is wrong; allowed is ...". Refused text is quoted cut
 * short and without control characters; text that may be a secret is never quoted.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/attr.h"
#include "base/time.h"
#include "crypto/key.h"

enum {
	VALUE_WHY = 256, /* octets of a refusal, with NUL */
};

/* value_quote() - printable ASCII of text, at most 40 characters, for messages */
const char *value_quote(const char *text, char buf[static 48]);

/* value_bool() - yes, no, true, false, on, off, 1, 0 */
must_check bool value_bool(const char *text, bool *out,
			   char why[static VALUE_WHY]);

/* value_number() - lo..hi, decimal or 0x hexadecimal, no sign */
must_check bool value_number(const char *text, uint64_t lo, uint64_t hi,
			     uint64_t *out, char why[static VALUE_WHY]);

/* value_duration() - number and unit: 90s, 15m, 24h, 7d, 2w; 1 second to 10 years */
must_check bool value_duration(const char *text, nsec_t *out,
			       char why[static VALUE_WHY]);

/* value_port() - 1..65535, or 0 where `zero` says that it has a meaning */
must_check bool value_port(const char *text, bool zero, uint16_t *out,
			   char why[static VALUE_WHY]);

/* value_endpoint() - 192.0.2.1:51820 or [2001:db8::1]:51820; no names */
must_check bool value_endpoint(const char *text, struct endpoint *out,
			       char why[static VALUE_WHY]);

/* value_address() - one address with the length of its network: 10.0.0.1/24 */
must_check bool value_address(const char *text, struct ipaddr *ip,
			      struct prefix *out, char why[static VALUE_WHY]);

/**
 * value_prefixes() - Comma-separated prefixes, appended to a list
 * @text:  "10.0.0.0/8, fd00::/8"; empty adds none (wg(8))
 * @room:  Of the list
 * @count: In: prefixes there; out: with the new ones. Unchanged on false
 */
must_check bool value_prefixes(const char *text, struct prefix *list,
			       unsigned room, unsigned *count,
			       char why[static VALUE_WHY]);

must_check bool value_key_private(const char *text, struct key_private *out,
				  char why[static VALUE_WHY]);
must_check bool value_key_public(const char *text, struct key_public *out,
				 char why[static VALUE_WHY]);
must_check bool value_key_psk(const char *text, struct key_psk *out,
			      char why[static VALUE_WHY]);

/* value_nearest() - the name in names[0..n) that text most likely meant, or NULL */
const char *value_nearest(const char *text, const char *const *names, size_t n);
