/* SPDX-License-Identifier: MIT
 *
 * access.c - the policy in force: who may know of whom, and what each node lets in
 */
#include "coord/access.h"

#include <stdlib.h>
#include <string.h>

#include "coord/members.h"

bool access_see(const struct access *a, unsigned i, unsigned k)
{
	if (!a->policy)
		return true;
	return a->matrix && i < a->count && k < a->count &&
	       policy_bit(a->matrix + i * policy_row(a->count), k);
}

struct rules_node access_node(const struct member *n)
{
	return (struct rules_node){
		.name = n->row.name,
		.tags = n->node.tags,
		.v4 = n->row.v4,
		.v6 = n->row.v6,
		.routes = n->node.routes,
		.route_count = n->node.route_count,
	};
}

static struct rules_node *nodes_of(struct member *const *all, unsigned count)
{
	struct rules_node *nodes = calloc(count + 1, sizeof(*nodes));

	for (unsigned i = 0; nodes && i < count; i++)
		nodes[i] = access_node(all[i]);
	return nodes;
}

static void forget_rules(struct access *a)
{
	while (a->cached) {
		a->cached--;
		free(a->cache[a->cached].kind);
		text_done(&a->cache[a->cached].rules);
		a->cache[a->cached].kind = NULL;
	}
}

void access_settle(struct access *a, struct member *const *all, unsigned count)
{
	struct rules_node *nodes;

	if (!a->stale)
		return;
	forget_rules(a);
	free(a->matrix);
	a->matrix = NULL;
	a->count = count;
	a->stale = false;
	if (!a->policy)
		return;
	nodes = nodes_of(all, count);
	if (nodes)
		a->matrix = policy_matrix(a->policy, nodes, count);
	a->stale = !a->matrix;
	free(nodes);
}

bool access_test(const struct policy *p, struct member *const *all, unsigned count,
		 struct policy_error *why)
{
	struct rules_node *nodes = nodes_of(all, count);
	bool ok = nodes && policy_test(p, nodes, count, why);

	free(nodes);
	return ok;
}

/* guests_of() - heap; NULL: none, or no memory: then they are out of reach */
static struct rules_node *guests_of(const struct member *n, struct member *const *all,
				    unsigned count, unsigned *found)
{
	struct rules_node *guests = NULL;

	*found = 0;
	if (n->guests)
		guests = calloc(n->guests, sizeof(*guests));
	for (unsigned i = 0; guests && i < count && *found < n->guests; i++)
		if (all[i]->gateway == n)
			guests[(*found)++] = access_node(all[i]);
	return guests;
}

static void compile(const struct access *a, const struct member *n,
		    struct member *const *all, unsigned count, struct text *out)
{
	struct rules_node node = access_node(n), *guests;
	struct rules *r;

	guests = guests_of(n, all, count, &node.guest_count);
	node.guests = guests;
	r = policy_compile(a->policy, &node);
	free(guests);
	text_add_json(out, r ? rules_json(r) : json_object());
	rules_free(r);
}

/* of_kind() - the rules of nodes of this kind; takes it. NULL: as many kinds are kept as
 * may be, or no memory */
static const struct text *of_kind(struct access *a, uint64_t *kind,
				  const struct member *n, struct member *const *all,
				  unsigned count)
{
	size_t octets = policy_kind_words(a->policy) * sizeof(*kind);
	struct text *rules = NULL;

	for (unsigned i = 0; kind && i < a->cached && !rules; i++)
		if (!memcmp(a->cache[i].kind, kind, octets))
			rules = &a->cache[i].rules;
	if (!kind || rules || a->cached == ACCESS_CACHE) {
		free(kind);
		return rules;
	}
	rules = &a->cache[a->cached].rules;
	compile(a, n, all, count, rules);
	if (rules->failed) {
		text_done(rules);
		free(kind);
		return NULL;
	}
	a->cache[a->cached++].kind = kind;
	return rules;
}

void access_rules(struct access *a, const struct member *n,
		  struct member *const *all, unsigned count, struct text *out)
{
	const struct text *shared = NULL;
	struct rules_node node = access_node(n);

	if (!a->policy) {
		text_add_string(out, "null");
		return;
	}
	/* What lies behind a node makes its rules its own. */
	if (!node.route_count && !n->guests)
		shared = of_kind(a, policy_kind(a->policy, &node), n, all, count);
	if (shared)
		text_add_text(out, shared);
	else
		compile(a, n, all, count, out);
}

void access_done(struct access *a)
{
	forget_rules(a);
	free(a->matrix);
	policy_free(a->policy);
	*a = (struct access){ 0 };
}
