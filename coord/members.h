/* SPDX-License-Identifier: MIT
 *
 * members.h - the nodes of the network as the server holds them, and their map versions
 *
 * Theory: one counter is the version of the map; each change to a node gives it the
 * next number. What a node that holds version V lacks is then every node whose number
 * is greater, and the ids removed since. No log is kept: the numbers are the log.
 * Rows survive in the registry with the number of their last change; online state and
 * candidates do not. So the counter starts, after a restart, above all that were ever
 * given out, and a node with a version from before gets the rows changed since, what is online now,
 * and the word that all others are offline.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/attr.h"
#include "base/time.h"
#include "coord/access.h"
#include "coord/netmap.h"
#include "coord/registry.h"
#include "coord/text.h"
#include "crypto/key.h"

struct session;

struct member_route { /* coord/routes.h */
	struct prefix prefix;
	enum registry_route state;
	bool seen; /* in the offer being taken */
};

struct member_offer { /* of a node that relays for others: coord/peerrelays.h */
	uint64_t node; /* id */
	struct key_public key;
	struct endpoint at[2]; /* IPv4, IPv6; zero: none */
	nsec_t away_since; /* 0: its node is online */
};

struct member {
	struct registry_node row;
	struct netmap_node node; /* what others see */
	uint64_t version; /* of the last change of its record, but for online */
	uint64_t presence; /* of the last change of online; 0: before this run */
	uint64_t hidden; /* when others may last have lost sight of it */
	uint64_t changed; /* what it is (tags, routes, approval): it gets a whole map */
	unsigned place; /* in all */
	struct member *gateway; /* NULL: a node; else this is its guest: guests.h */
	unsigned guests; /* it serves so many */
	bool lapsed; /* its membership has expired, and all have been told */
	struct session *session; /* NULL: offline */
	bool takes_brief; /* its program said "brief" (coord/proto.h) */
	bool heard; /* the record is what it has published, in this run or before */
	uint64_t stored; /* version of the record in the registry */
	struct text record; /* as JSON, of the version record_at */
	uint64_t record_at;
	struct member_route *routes; /* heap */
	unsigned route_count;
};

enum {
	MEMBERS_ROUTES_MAX = NETMAP_ROUTES_MAX, /* of one member */
	MEMBERS_REMOVED_MAX = 10000, /* ids remembered; nodes older than that get all */
	MEMBERS_OFFERS_MAX = 64, /* nodes that relay for others */
};

struct members {
	struct registry *registry; /* borrowed */
	struct member **all; /* by id; heap, each on the heap */
	unsigned count, room;
	uint64_t version; /* of the map */
	uint64_t boot; /* first version of this run */
	uint64_t ceiling; /* versions up to here may be used without a write */
	struct {
		uint64_t id, version;
	} *removed; /* ring in order of version; heap */
	unsigned removed_count;
	uint64_t oldest; /* deltas reach back to here */
	uint64_t network;
	struct prefix overlay[2];
	struct netmap_relay relays[NETMAP_RELAYS_MAX];
	unsigned relay_count;
	struct sign_public sign; /* whose tokens relays accept */
	struct member_offer offers[MEMBERS_OFFERS_MAX];
	unsigned offer_count;
	char offer_rule[NETMAP_NAME + 8]; /* "on", "off", "tag:NAME" */
	uint64_t relays_version; /* of the last change to relays, offers or the rule */
	struct access access;
	unsigned guests; /* in all */
};

must_check int members_load(struct members *m, struct registry *r);
void members_done(struct members *m);

struct member *members_by_machine(const struct members *m, const struct key_public *k);
struct member *members_by_tunnel(const struct members *m, const struct key_public *k);
struct member *members_by_name(const struct members *m, const char *name);
bool members_has_v4(const struct members *m, const struct ipaddr *v4);

/* members_next_version() - the number of the next change; 0: the database refused */
uint64_t members_next_version(struct members *m);
/* members_add() - a row that the registry has; NULL: no memory */
struct member *members_add(struct members *m, const struct registry_node *row);
/* members_remove() - from registry and memory; frees it; 0 or -EIO */
must_check int members_remove(struct members *m, struct member *n);
/* members_touch() - something that others see has changed, but for online */
void members_touch(struct members *m, struct member *n);
/* members_set_online() - by whether it has a session; costs the others an id, not a
 * record */
void members_set_online(struct members *m, struct member *n, bool online);
/* members_unstored() - has members_store() anything to do? */
bool members_unstored(const struct members *m);
/* members_store() - the records that have changed, with their versions: before anybody is
 * told, so that a node that says which version it holds is believed after a restart; one
 * transaction. 0 or -EIO: the next call tries again */
must_check int members_store(struct members *m);
/* members_unhear() - others will be told to forget it, which is not stored: when it
 * publishes again that is news to them, after a restart, too; 0 or -EIO */
must_check int members_unhear(struct members *m, struct member *n);
/* members_changed() - what decides whom it may reach has changed; written already */
void members_changed(struct members *m, struct member *n, uint64_t version);
/* members_relays_changed() - everybody's list of relays may be another one */
void members_relays_changed(struct members *m);
/* members_expired() - expired nodes are in nobody's map */
bool members_expired(const struct member *n, uint64_t now_s);

/* members_can_delta() - does the difference to this version exist? */
bool members_can_delta(const struct members *m, uint64_t version);

/* members_sees() - may the one know of the other? members_settle() comes before */
bool members_sees(const struct members *m, const struct member *viewer,
		  const struct member *n, uint64_t now_s);
/* members_sees_by() - the same by another policy's answers; who waits for approval sees
 * nobody and is seen by nobody */
bool members_sees_by(const struct members *m, const struct access *a,
		     const struct member *viewer, const struct member *n,
		     uint64_t now_s);
/* members_settle() - after members or policy have changed, before maps are made */
void members_settle(struct members *m);

struct members_part { /* a netmap message */
	const char *text; /* JSON; until send() returns */
	size_t n; /* 0: no memory; those that follow must not be sent either */
	bool full, first; /* of a whole map; of its parts or a delta's */
};

/**
 * members_policy_map() - What a new policy changes for a node that holds m->version - 1,
 *                        or whatever `from` says, of the old one
 * @before: The access that was in force, with all members of now in it
 */
void members_policy_map(struct members *m, const struct access *before,
			const struct member *viewer, uint64_t from, uint64_t now_s,
			void (*send)(void *owner, const struct members_part *part),
			void *owner);

/**
 * members_map() - The netmap messages for one node; none if nothing has changed for it
 * @from: Version that it holds; a whole map if members_can_delta() says no
 * @send: Called once or, for a big map, several times
 * Return: something was sent
 */
bool members_map(struct members *m, const struct member *viewer, uint64_t from,
		 uint64_t now_s,
		 void (*send)(void *owner, const struct members_part *part), void *owner);
