/* SPDX-License-Identifier: MIT
 *
 * registry.h - what survives: nodes, invites and settings, in SQLite
 *
 * The only file that knows the database. WAL and full synchronisation: a commit that
 * returned survives SIGKILL and power loss. All calls are short and made from one
 * thread. Errors of the database come back as -EIO, and registry_error() says which.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/attr.h"
#include "coord/netmap.h"
#include "crypto/key.h"

struct registry;

enum {
	REGISTRY_HASH = 32,
	REGISTRY_TAGS = NETMAP_TAGS, /* octets of all tags of a node, with NUL */
	REGISTRY_POLICIES = 10, /* kept, the one in force included */
};

struct registry_node {
	uint64_t id; /* never reused */
	struct key_public machine, tunnel;
	char name[NETMAP_NAME];
	struct ipaddr v4, v6;
	bool fast_aes;
	bool waiting; /* for an administrator's approval */
	char tags[REGISTRY_TAGS]; /* "web,db" */
	uint64_t created_s, expires_s; /* since 1970; 0: never */
	uint64_t changed; /* map version of the last change to this row */
};

struct registry_relay { /* a further relay, as its operator gave it */
	uint64_t id; /* never reused */
	char name[32];
	struct key_public key;
	struct endpoint at[2]; /* IPv4, IPv6; zero: none */
	char url[NETMAP_URL];
};

struct registry_invite {
	uint8_t hash[REGISTRY_HASH]; /* of the secret, which is not stored */
	bool reusable; /* any number of times */
	unsigned uses; /* else so often; 0: once */
	uint64_t expires_s;
	char name[NETMAP_NAME]; /* wanted for the node; "": its host name */
	char tags[REGISTRY_TAGS]; /* for the node: "web,db" */
};

enum registry_use { /* what became of an invite */
	REGISTRY_USED_NOW,
	REGISTRY_UNKNOWN_INVITE,
	REGISTRY_USED_BEFORE,
	REGISTRY_EXPIRED,
	REGISTRY_BROKEN, /* database error */
};

/* registry_open() - makes or updates the schema; NULL: why is a sentence */
struct registry *registry_open(const char *path, char why[static 256]);
void registry_close(struct registry *r); /* takes NULL */

/* registry_copy() - a consistent copy of the database at path, also while a server
 * uses it; why: a sentence */
must_check bool registry_copy(const char *path, const char *to,
			      char why[static 256]);
/* registry_check() - is this a whole database of a version that we know? What nodes had
 * published is left out: since the copy was made they may have told others more */
must_check bool registry_check(const char *path, char why[static 256]);
const char *registry_error(const struct registry *r);

/* A transaction: what is between begin and commit happens whole or not at all. */
must_check int registry_begin(struct registry *r);
must_check int registry_commit(struct registry *r);
void registry_rollback(struct registry *r);

/* registry_setting() - false: not set; out has room octets */
must_check bool registry_setting(struct registry *r, const char *key, char *out,
				 size_t room);
must_check int registry_set_setting(struct registry *r, const char *key,
				    const char *value);

must_check int registry_invite_add(struct registry *r,
				   const struct registry_invite *i);
/**
 * registry_invite_use() - Take an invite, in one statement, so that of any number of
 *                         users of a one-time invite exactly one gets it
 * @out: Name and tags
 */
must_check enum registry_use registry_invite_use(struct registry *r,
						 const uint8_t *hash, uint64_t now_s,
						 struct registry_invite *out);
/* registry_invite_sweep() - forget invites that expired before */
must_check int registry_invite_sweep(struct registry *r, uint64_t before_s);

/* registry_node_add() - gives n->id; -EEXIST: a key, name or address is taken */
must_check int registry_node_add(struct registry *r, struct registry_node *n);
/* registry_node_set() - tunnel, fast_aes, waiting, expires_s, changed by id */
must_check int registry_node_set(struct registry *r, const struct registry_node *n);
/* registry_node_remove() - and remember that it was removed, in that map version */
must_check int registry_node_remove(struct registry *r, uint64_t id,
				    uint64_t version);
must_check int registry_each_node(struct registry *r,
				  void (*f)(void *owner,
					    const struct registry_node *n),
				  void *owner);
/* registry_relay_add() - gives r->id; -EEXIST: name or key is taken */
must_check int registry_relay_add(struct registry *r, struct registry_relay *relay);
/* registry_relay_remove() - by name; -ENOENT: there is none */
must_check int registry_relay_remove(struct registry *r, const char *name);
/* registry_each_relay() - by id */
must_check int registry_each_relay(struct registry *r,
				   void (*f)(void *owner,
					     const struct registry_relay *relay),
				   void *owner);

/* registry_each_removed() - the latest `max`, oldest first */
must_check int registry_each_removed(struct registry *r, unsigned max,
				     void (*f)(void *owner, uint64_t id,
					       uint64_t version),
				     void *owner);
/* A guest: a node that is a stock WireGuard, served by another node (coord/guests.h). */
must_check int registry_guest_add(struct registry *r, uint64_t node,
				  uint64_t gateway);
must_check int registry_each_guest(struct registry *r,
				   void (*f)(void *owner, uint64_t node,
					     uint64_t gateway),
				   void *owner);

/* Of a subnet behind a node; numbers are in the database. */
enum registry_route {
	REGISTRY_ROUTE_OFFERED = 0,
	REGISTRY_ROUTE_SERVED = 1, /* offered and approved */
	REGISTRY_ROUTE_KEPT = 2, /* approved, not offered now */
};

must_check int registry_route_set(struct registry *r, uint64_t node, const char *prefix,
				  enum registry_route state);
must_check int registry_route_remove(struct registry *r, uint64_t node,
				     const char *prefix);
must_check int registry_each_route(struct registry *r,
				   void (*f)(void *owner, uint64_t node,
					     const char *prefix,
					     enum registry_route state),
				   void *owner);

/* What a node has published last, as JSON, and the map version that its record had then:
 * what others hold of it is known after a restart. */
must_check int registry_published_set(struct registry *r, uint64_t node,
				      uint64_t version, const char *text);
must_check int registry_published_forget(struct registry *r, uint64_t node);
must_check int registry_each_published(struct registry *r,
				       void (*f)(void *owner, uint64_t node,
						 uint64_t version, const char *text),
				       void *owner);

/* registry_was_removed() - was this machine key a member once? */
bool registry_was_removed(struct registry *r, const struct key_public *machine);

/* registry_policy_add() - the policy in force from now on; old ones are forgotten */
must_check int registry_policy_add(struct registry *r, const char *text,
				   uint64_t since_s);
/* registry_policy_drop() - forget the newest: the one before it is in force */
must_check int registry_policy_drop(struct registry *r);
/* registry_policy() - the newest, on the heap; NULL: none. since_s may be NULL */
must_check char *registry_policy(struct registry *r, uint64_t *since_s,
				 unsigned *kept);
