/* SPDX-License-Identifier: MIT
 *
 * trie.c - longest-prefix match on path-compressed binary tries
 *
 * Theory: a node stands for a prefix and carries its whole key, so chains of
 * nodes with one child need not exist: a node either has a value or two
 * children. A look-up goes down while the address agrees with the node, and
 * remembers the last value. Both families share the code: a key is 128 bits, an
 * IPv4 address is its first 32. Nodes are 32 octets, two to a cache line, in
 * one array, linked by index.
 */
#include "base/trie.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"

enum {
	NOWHERE = 0, /* index 0 is never used: an empty link */
	FIRST_CAPACITY = 64,
	KEY_BITS = 128,
};

struct trie_key {
	uint64_t hi, lo; /* host order, most significant bit first */
};

struct node {
	struct trie_key key; /* bits beyond `bits` are zero */
	uint32_t child[2];   /* next free node in child[0] of a free one */
	uint32_t value;	     /* TRIE_NONE: only a fork, or free */
	uint8_t bits;
};
_Static_assert(sizeof(struct node) == 32, "two nodes to a cache line");

struct family {
	struct node *nodes;
	uint32_t root;
	uint32_t used, capacity; /* nodes ever handed out, nodes of memory */
	uint32_t free_list, free_n;
};

struct trie {
	struct family v4, v6;
};

static uint64_t load_be64(const uint8_t *b)
{
	uint64_t v;

	memcpy(&v, b, sizeof(v));
	return be64toh(v);
}

static uint32_t load_be32(const uint8_t *b)
{
	uint32_t v;

	memcpy(&v, b, sizeof(v));
	return be32toh(v);
}

static struct trie_key key_of4(const uint8_t *ip)
{
	return (struct trie_key){ (uint64_t)load_be32(ip) << 32, 0 };
}

static struct trie_key key_of6(const uint8_t *ip)
{
	return (struct trie_key){ load_be64(ip), load_be64(ip + 8) };
}

static struct trie_key key_masked(struct trie_key k, unsigned bits)
{
	if (bits <= 64)
		return (struct trie_key){
			bits ? k.hi & UINT64_MAX << (64 - bits) : 0, 0
		};
	k.lo &= UINT64_MAX << (KEY_BITS - bits);
	return k;
}

/* key_bit() - bit n; for n = 128, where no child is, any */
static unsigned key_bit(struct trie_key k, unsigned n)
{
	uint64_t word = n < 64 ? k.hi : k.lo;

	return (unsigned)(word >> (~n & 63)) & 1;
}

/* key_common() - leading bits that two keys share */
static unsigned key_common(struct trie_key a, struct trie_key b)
{
	uint64_t x = a.hi ^ b.hi;

	if (x)
		return (unsigned)__builtin_clzll(x);
	x = a.lo ^ b.lo;
	return x ? 64 + (unsigned)__builtin_clzll(x) : KEY_BITS;
}

/* ---- the array of nodes ---- */

/* reserve() - memory for two more nodes, which no insertion exceeds */
static int reserve(struct family *f)
{
	uint32_t capacity = f->capacity ? f->capacity * 2 : FIRST_CAPACITY;
	struct node *nodes;

	if (f->capacity - f->used + f->free_n >= 2)
		return 0;
	if (f->capacity > UINT32_MAX / 4)
		return -ENOMEM;
	nodes = aligned_alloc(64, (size_t)capacity * sizeof(*nodes));
	if (!nodes)
		return -ENOMEM;
	if (f->used)
		memcpy(nodes, f->nodes, f->used * sizeof(*nodes));
	else
		f->used = 1; /* NOWHERE */
	nodes[NOWHERE] = (struct node){ .value = TRIE_NONE };
	free(f->nodes);
	f->nodes = nodes;
	f->capacity = capacity;
	return 0;
}

/* node_take() - a node out of what reserve() has made sure of */
static uint32_t node_take(struct family *f, struct trie_key key, unsigned bits,
			  uint32_t value)
{
	uint32_t at = f->free_list;

	if (at != NOWHERE) {
		f->free_list = f->nodes[at].child[0];
		f->free_n--;
	} else {
		at = f->used++;
	}
	f->nodes[at] = (struct node){
		.key = key_masked(key, bits),
		.value = value,
		.bits = (uint8_t)bits,
	};
	return at;
}

static void node_give(struct family *f, uint32_t at)
{
	f->nodes[at] =
		(struct node){ .child = { f->free_list }, .value = TRIE_NONE };
	f->free_list = at;
	f->free_n++;
}

/* node_under() - make `at` the child of `parent` that its key says */
static void node_under(struct family *f, uint32_t parent, uint32_t at)
{
	unsigned side = key_bit(f->nodes[at].key, f->nodes[parent].bits);

	f->nodes[parent].child[side] = at;
}

/* ---- changes ---- */

/* place() - put a new node at a link whose subtree does not hold the prefix */
static void place(struct family *f, uint32_t *link, struct trie_key key,
		  unsigned bits, uint32_t value)
{
	uint32_t old = *link, leaf = node_take(f, key, bits, value), fork;
	unsigned common;

	*link = leaf;
	if (old == NOWHERE)
		return;
	common = key_common(key, f->nodes[old].key);
	if (common >= bits) { /* the old node is inside the new prefix */
		node_under(f, leaf, old);
		return;
	}
	fork = node_take(f, key, common, TRIE_NONE);
	node_under(f, fork, old);
	node_under(f, fork, leaf);
	*link = fork;
}

static int insert(struct family *f, struct trie_key key, unsigned bits,
		  uint32_t value)
{
	uint32_t *link = &f->root;

	if (reserve(f))
		return -ENOMEM;
	while (*link != NOWHERE) {
		struct node *n = &f->nodes[*link];

		if (n->bits > bits || key_common(key, n->key) < n->bits)
			break;
		if (n->bits == bits) {
			n->value = value;
			return 0;
		}
		link = &n->child[key_bit(key, n->bits)];
	}
	place(f, link, key, bits, value);
	return 0;
}

/* tidy() - take a node without value out of the chain unless it is a fork */
static void tidy(struct family *f, uint32_t *link)
{
	uint32_t at = *link;
	struct node *n;

	if (at == NOWHERE)
		return;
	n = &f->nodes[at];
	if (n->value != TRIE_NONE)
		return;
	if (n->child[0] != NOWHERE && n->child[1] != NOWHERE)
		return;
	*link = n->child[0] != NOWHERE ? n->child[0] : n->child[1];
	node_give(f, at);
}

static void take_out(struct family *f, struct trie_key key, unsigned bits)
{
	uint32_t *link = &f->root, *parent = NULL;

	while (*link != NOWHERE) {
		struct node *n = &f->nodes[*link];

		if (n->bits >= bits)
			break;
		parent = link;
		link = &n->child[key_bit(key, n->bits)];
	}
	if (*link == NOWHERE || f->nodes[*link].bits != bits ||
	    key_common(key, f->nodes[*link].key) < bits)
		return;
	f->nodes[*link].value = TRIE_NONE;
	tidy(f, link);
	if (parent)
		tidy(f, parent);
}

/* take_out_value() - children first; the recursion is at most 129 deep */
static void take_out_value(struct family *f, uint32_t *link, uint32_t value)
{
	struct node *n;

	if (*link == NOWHERE)
		return;
	n = &f->nodes[*link];
	take_out_value(f, &n->child[0], value);
	take_out_value(f, &n->child[1], value);
	if (n->value == value)
		n->value = TRIE_NONE;
	tidy(f, link);
}

/* ---- look-up ---- */

static uint32_t find(const struct family *f, struct trie_key key)
{
	uint32_t best = TRIE_NONE;

	for (uint32_t at = f->root; at != NOWHERE;) {
		const struct node *n = &f->nodes[at];

		if (key_common(key, n->key) < n->bits)
			break;
		if (n->value != TRIE_NONE)
			best = n->value;
		at = n->child[key_bit(key, n->bits)];
	}
	return best;
}

/* ---- both families ---- */

static struct family *family_of(struct trie *t, const struct prefix *p,
				struct trie_key *key, unsigned *bits)
{
	bool v4 = prefix_is_v4(p);

	*bits = prefix_family_bits(p);
	*key = v4 ? key_of4(p->ip.b + 12) : key_of6(p->ip.b);
	*key = key_masked(*key, *bits);
	return v4 ? &t->v4 : &t->v6;
}

struct trie *trie_new(void)
{
	return calloc(1, sizeof(struct trie));
}

void trie_free(struct trie *t)
{
	if (!t)
		return;
	free(t->v4.nodes);
	free(t->v6.nodes);
	free(t);
}

int trie_insert(struct trie *t, const struct prefix *p, uint32_t value)
{
	struct trie_key key;
	unsigned bits;
	struct family *f = family_of(t, p, &key, &bits);

	return insert(f, key, bits, value);
}

void trie_remove(struct trie *t, const struct prefix *p)
{
	struct trie_key key;
	unsigned bits;
	struct family *f = family_of(t, p, &key, &bits);

	take_out(f, key, bits);
}

void trie_remove_value(struct trie *t, uint32_t value)
{
	take_out_value(&t->v4, &t->v4.root, value);
	take_out_value(&t->v6, &t->v6.root, value);
}

uint32_t trie_find4(const struct trie *t, const uint8_t ip[static 4])
{
	return find(&t->v4, key_of4(ip));
}

uint32_t trie_find6(const struct trie *t, const uint8_t ip[static 16])
{
	return find(&t->v6, key_of6(ip));
}

uint32_t trie_find(const struct trie *t, const struct ipaddr *ip)
{
	return ipaddr_is_v4(ip) ? trie_find4(t, ip->b + 12)
				: trie_find6(t, ip->b);
}

static struct prefix prefix_of(const struct node *n, bool v4)
{
	be64 hi = be64_of(n->key.hi), lo = be64_of(n->key.lo);
	struct ipaddr ip;

	if (v4)
		return prefix_make(ipaddr_from_v4(hi.b), n->bits);
	memcpy(ip.b, hi.b, 8);
	memcpy(ip.b + 8, lo.b, 8);
	return (struct prefix){ .ip = ip, .bits = n->bits };
}

static void each(const struct family *f, bool v4,
		 void (*fn)(const struct prefix *p, uint32_t value, void *arg),
		 void *arg)
{
	for (uint32_t i = 1; i < f->used; i++) {
		struct prefix p;

		if (f->nodes[i].value == TRIE_NONE)
			continue;
		p = prefix_of(&f->nodes[i], v4);
		fn(&p, f->nodes[i].value, arg);
	}
}

void trie_each(const struct trie *t,
	       void (*f)(const struct prefix *p, uint32_t value, void *arg),
	       void *arg)
{
	each(&t->v4, true, f, arg);
	each(&t->v6, false, f, arg);
}
