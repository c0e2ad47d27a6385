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
	while (a->cached)
		json_decref(a->cache[--a->cached].rules);
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

/* FNV-1a */
static uint64_t hash_of(uint64_t h, const void *p, size_t n)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < n; i++)
		h = (h ^ b[i]) * 0x100000001b3u;
	return h;
}

static uint64_t rules_hash(const struct rules *r)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (unsigned i = 0; i < r->source_count; i++)
		h = hash_of(h, &r->sources[i].hash, sizeof(r->sources[i].hash));
	h = hash_of(h, &r->source_count, sizeof(r->source_count));
	for (unsigned i = 0; i < r->net_count; i++)
		h = hash_of(h, &r->nets[i].hash, sizeof(r->nets[i].hash));
	for (unsigned i = 0; i < r->allow_count; i++) {
		const struct rules_allow *a = &r->allow[i];
		const uint64_t words[2] = {
			(uint64_t)a->source << 32 | (uint32_t)a->net,
			(uint64_t)a->protocol << 32 |
				(uint32_t)a->first << 16 | a->last,
		};

		h = hash_of(h, words, sizeof(words));
	}
	return h;
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

json_t *access_rules(struct access *a, const struct member *n,
		     struct member *const *all, unsigned count)
{
	struct rules_node node = access_node(n), *guests;
	struct rules *r;
	json_t *o = NULL;
	uint64_t hash;

	if (!a->policy)
		return json_null();
	guests = guests_of(n, all, count, &node.guest_count);
	node.guests = guests;
	r = policy_compile(a->policy, &node);
	free(guests);
	if (!r)
		return json_object();
	hash = rules_hash(r);
	for (unsigned i = 0; i < a->cached && !o; i++)
		if (a->cache[i].hash == hash)
			o = json_incref(a->cache[i].rules);
	if (!o)
		o = rules_json(r);
	else
		hash = 0;
	if (o && hash && a->cached < ACCESS_CACHE) {
		a->cache[a->cached].hash = hash;
		a->cache[a->cached++].rules = json_incref(o);
	}
	rules_free(r);
	return o ? o : json_object();
}

void access_done(struct access *a)
{
	forget_rules(a);
	free(a->matrix);
	policy_free(a->policy);
	*a = (struct access){ 0 };
}
