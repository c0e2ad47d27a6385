/* SPDX-License-Identifier: MIT
 *
 * enrol.h - may this machine key come in, and as whom? join by invite, login by key
 *
 * No connections here: members, registry and one untrusted message. The machine key is
 * the channel's and has been proved.
 */
#pragma once

#include <stdint.h>

#include <jansson.h>

#include "base/attr.h"
#include "coord/members.h"
#include "crypto/key.h"

struct enrol {
	struct members *members;
	const struct key_public *machine; /* proved by the channel */
	const json_t *message; /* join or login */
	uint64_t now_s;
	bool approve; /* new nodes wait for an administrator's approval */
};

/* enrol_join(), enrol_login() - NULL and *out; or a sentence for the user and *code:
 * "invite", "member", "removed", "expired", "request", "full", "database" */
must_check const char *enrol_join(const struct enrol *e, struct member **out,
				  const char **code);
must_check const char *enrol_login(const struct enrol *e, struct member **out,
				   const char **code);

/* enrol_addresses() - the next free pair into the row; false: none, or the database refused */
must_check bool enrol_addresses(struct members *m, struct registry_node *row);

/* enrol_invite_hash() - what is stored of an invite's secret */
void enrol_invite_hash(const uint8_t *secret, uint8_t out[static REGISTRY_HASH]);
