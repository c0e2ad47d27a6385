/* SPDX-License-Identifier: MIT
 *
 * access.h - the policy in force: who may know of whom, and what each node lets in
 *
 * A node learns only of peers that it may talk to in some direction. The answer for all
 * pairs is a bit matrix, made anew when a member comes, goes or changes what it is.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "coord/policy.h"
#include "coord/text.h"

struct member;

enum {
	ACCESS_CACHE = 64, /* distinct rules kept as text */
};

struct access {
	struct policy *policy; /* NULL: every member may reach every other */
	uint64_t version; /* of the map in which the policy came or went */
	uint64_t *matrix; /* rows by member's place; NULL without policy */
	unsigned count; /* members in it */
	bool stale;
	struct {
		uint64_t *kind; /* policy_kind(); heap */
		struct text rules;
	} cache[ACCESS_CACHE]; /* nodes of one kind share their rules */
	unsigned cached;
};

/* access_see() - may the members at these places know of each other? */
bool access_see(const struct access *a, unsigned i, unsigned k);

/* access_settle() - make the matrix if it is stale; no memory: nobody sees anybody */
void access_settle(struct access *a, struct member *const *all, unsigned count);

/* access_rules() - adds those of one of all members, as JSON; null without a policy. Out
 * of memory: rules that allow nothing */
void access_rules(struct access *a, const struct member *n,
		  struct member *const *all, unsigned count, struct text *out);

/* access_node() - a member as the policy looks at it; borrowed */
struct rules_node access_node(const struct member *n);

/* access_test() - do the tests of this policy hold with these members? */
must_check bool access_test(const struct policy *p, struct member *const *all,
			    unsigned count, struct policy_error *why);

void access_done(struct access *a);
