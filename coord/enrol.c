/* SPDX-License-Identifier: MIT
 *
 * enrol.c - join by invite, login by key
 *
 * Taking the invite and adding the node are one transaction: a crash between them
 * leaves the invite unused. A member that joins again (the welcome was lost, or its
 * membership has expired) keeps its id, name and addresses.
 */
#include "coord/enrol.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coord/invite.h"
#include "coord/ipam.h"
#include "coord/name.h"
#include "coord/proto.h"
#include "crypto/blake2s.h"

static const char database[] = "the coordination server's database refused; its "
			       "administrator finds the reason in its log";

void enrol_invite_hash(const uint8_t *secret, uint8_t out[static REGISTRY_HASH])
{
	static const uint8_t label[] = "adit invite 1";

	/* 128 random bits: a plain hash cannot be searched. */
	blake2s_keyed(out, REGISTRY_HASH, label, sizeof(label) - 1, secret,
		      INVITE_SECRET_OCTETS);
}

static const char *use_text(enum registry_use use)
{
	switch (use) {
	case REGISTRY_UNKNOWN_INVITE:
		return "the server does not know this invite; have a new one made "
		       "with adit-coord invite";
	case REGISTRY_USED_BEFORE:
		return "this invite has been used; each lets in one node, have "
		       "another made with adit-coord invite";
	case REGISTRY_EXPIRED:
		return "this invite has expired; have a new one made with "
		       "adit-coord invite";
	case REGISTRY_BROKEN:
		return database;
	case REGISTRY_USED_NOW:
		break;
	}
	return NULL;
}

static const char *use_invite(const struct enrol *e, struct registry_invite *out,
			      const char **code)
{
	uint8_t secret[INVITE_SECRET_OCTETS], hash[REGISTRY_HASH];
	enum registry_use use = REGISTRY_UNKNOWN_INVITE;
	size_t n = 0;

	if (proto_octets(e->message, "secret", secret, sizeof(secret), &n) &&
	    n == sizeof(secret)) {
		enrol_invite_hash(secret, hash);
		use = registry_invite_use(e->members->registry, hash, e->now_s,
					  out);
	}
	secret_wipe(secret, sizeof(secret));
	*code = use == REGISTRY_BROKEN ? "database" : "invite";
	return use_text(use);
}

static void choose_name(const struct members *m, const char *wanted,
			char out[static NETMAP_NAME])
{
	char base[NETMAP_NAME];

	name_sanitise(wanted, base);
	memcpy(out, base, NETMAP_NAME);
	for (unsigned i = 2; members_by_name(m, out); i++)
		name_variant(base, i, out);
}

static bool is_taken(void *owner, const struct ipaddr *v4)
{
	return members_has_v4(owner, v4);
}

bool enrol_addresses(struct members *m, struct registry_node *row)
{
	char text[16] = "0";
	uint32_t last;

	(void)!registry_setting(m->registry, "last_host", text, sizeof(text));
	last = (uint32_t)strtoul(text, NULL, 10);
	if (!ipam_next(m->overlay, &last, is_taken, m, &row->v4, &row->v6))
		return false;
	snprintf(text, sizeof(text), "%u", last);
	return registry_set_setting(m->registry, "last_host", text) == 0;
}

/* Inside a transaction. */
static const char *add_row(const struct enrol *e, struct registry_node *row,
			   const char **code)
{
	struct registry_invite invite = { 0 };
	const char *hostname = proto_text(e->message, "hostname");
	const char *why = use_invite(e, &invite, code);

	if (why)
		return why;
	*code = "full";
	if (!enrol_addresses(e->members, row))
		return "the overlay range has no free address; its administrator "
		       "must remove nodes or choose a larger range";
	choose_name(e->members, invite.name[0] ? invite.name :
				hostname ? hostname : "", row->name);
	row->machine = *e->machine;
	row->waiting = e->approve;
	memcpy(row->tags, invite.tags, sizeof(row->tags));
	row->created_s = e->now_s;
	row->fast_aes = proto_bool(e->message, "fast_aes");
	row->changed = members_next_version(e->members);
	*code = "database";
	return row->changed && !registry_node_add(e->members->registry, row) ?
		       NULL : database;
}

static const char *add_member(const struct enrol *e, struct registry_node *row,
			      struct member **out, const char **code)
{
	struct registry *r = e->members->registry;
	const char *why;

	*code = "database";
	if (registry_begin(r))
		return database;
	why = add_row(e, row, code);
	if (!why && registry_commit(r))
		why = database;
	if (why) {
		registry_rollback(r);
		return why;
	}
	*out = members_add(e->members, row);
	return *out ? NULL : database;
}

/* Another node's tunnel key is refused, and its owner is not touched. */
static const char *tunnel_key(const struct enrol *e, struct key_public *out,
			      const char **code)
{
	const struct member *holder;

	*code = "request";
	if (!proto_key(e->message, "tunnel", out) || key_public_is_zero(out))
		return "the request has no tunnel key; update adit on this machine";
	holder = members_by_tunnel(e->members, out);
	if (holder && memcmp(&holder->row.machine, e->machine, KEY_OCTETS))
		return "another node has this tunnel key; if the state folder was "
		       "copied from another machine, remove it here and join "
		       "with a new invite";
	return NULL;
}

/* What a login may change of its own row. */
static const char *update_row(const struct enrol *e, struct member *n,
			      struct registry_node *row, const char **code)
{
	row->fast_aes = proto_bool(e->message, "fast_aes");
	if (!memcmp(&row->tunnel, &n->row.tunnel, KEY_OCTETS) &&
	    row->fast_aes == n->row.fast_aes &&
	    row->expires_s == n->row.expires_s)
		return NULL;
	*code = "database";
	row->changed = members_next_version(e->members);
	if (!row->changed || registry_node_set(e->members->registry, row))
		return database;
	n->row = *row;
	n->node.key = row->tunnel;
	n->node.fast_aes = row->fast_aes;
	n->version = row->changed;
	return NULL;
}

static const char *revive(const struct enrol *e, struct member *n,
			  struct registry_node *row, const char **code)
{
	struct registry_invite invite;
	const char *why = use_invite(e, &invite, code);

	if (why)
		return why;
	row->expires_s = 0;
	return update_row(e, n, row, code);
}

const char *enrol_join(const struct enrol *e, struct member **out,
		       const char **code)
{
	struct member *n = members_by_machine(e->members, e->machine);
	struct registry_node row = { 0 };
	const char *why;

	if (n)
		row = n->row;
	why = tunnel_key(e, &row.tunnel, code);
	if (why)
		return why;
	if (!n)
		return add_member(e, &row, out, code);
	why = members_expired(n, e->now_s) ? revive(e, n, &row, code) :
					     update_row(e, n, &row, code);
	if (!why)
		*out = n;
	return why;
}

const char *enrol_login(const struct enrol *e, struct member **out,
			const char **code)
{
	struct member *n = members_by_machine(e->members, e->machine);
	struct registry_node row;
	const char *why;

	*code = "member";
	if (!n && registry_was_removed(e->members->registry, e->machine)) {
		*code = "removed";
		return "this node was removed from the network";
	}
	if (!n)
		return "this machine is no member of the network; join with an "
		       "invite from adit-coord invite";
	*code = "expired";
	if (members_expired(n, e->now_s))
		return "this node's membership has expired; an administrator brings it "
		       "back with adit-coord revive";
	row = n->row;
	why = tunnel_key(e, &row.tunnel, code);
	if (!why)
		why = update_row(e, n, &row, code);
	if (!why)
		*out = n;
	return why;
}
