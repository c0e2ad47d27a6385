/* SPDX-License-Identifier: MIT
 *
 * admin.h - the admin socket of adit-coord: one JSON line asks, one answers
 *
 * The form is that of daemon/ctl.h. Root and the server's own user may do everything
 * (SO_PEERCRED), whoever else may open the socket may ask for status.
 */
#pragma once

#include <stdint.h>

#include <jansson.h>

#include "base/attr.h"
#include "base/loop.h"
#include "coord/invite.h"
#include "coord/policy.h"
#include "coord/registry.h"
#include "coord/server.h"
#include "crypto/key.h"

enum {
	/* octets of a request: a policy, each line of it with two more as JSON */
	ADMIN_LINE_MAX = 2 * POLICY_TEXT_MAX + 4096,
	ADMIN_USES_MAX = 1000000, /* of an invite */
	ADMIN_CONNECTIONS_MAX = 16,
	ADMIN_READERS_MAX = 8, /* of these, who may only read: they cannot lock root out */
	ADMIN_INVITE_S = 24 * 3600, /* an invite's life by default */
};

struct admin;

struct admin_params {
	struct loop *loop;
	const char *path; /* of the socket; its folder is made */
	struct server *server; /* borrowed for life, as the rest */
	struct registry *registry;
	const struct key_public *key; /* for invites */
	struct sign_public sign; /* of tokens: what further relays are told */
	const char *url;
};

/* admin_new() - NULL: why is a sentence */
struct admin *admin_new(const struct admin_params *p, char why[static 256]);
void admin_free(struct admin *a); /* takes NULL; removes the socket */

/**
 * admin_ask() - The other end: send one request and wait for its answer
 * @request: Borrowed
 * @why: On failure a sentence
 * Return: "result" as a new reference, or NULL
 */
json_t *admin_ask(const char *path, const json_t *request, char why[static 512]);
