/* SPDX-License-Identifier: MIT
 *
 * test_trie.c - longest-prefix match: nested prefixes, removal, a naive list
 *
 * The cases are those that WireGuard's self-test of its allowed-IPs trie covers
 * (nesting over nine IPv4 and five IPv6 lengths, host bits set, replaced
 * owners, removal, depth, enumeration, random comparison), with addresses of
 * our own.
 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "base/rand.h"
#include "base/trie.h"

enum {
	A,
	B,
	C,
	D,
	E,
	F,
	G,
	H
}; /* owners */

struct entry {
	const char *prefix; /* host bits may be set */
	uint32_t value;
};

struct lookup {
	const char *ip;
	uint32_t value;
};

static const struct entry nested[] = {
	{ "10.77.4.0/20", A },
	{ "10.77.4.0/24", A },
	{ "2001:db8:7::a1fe:c08:90ab:cd47/128", A },
	{ "2001:db8:7:5555::/64", C }, /* replaced below */
	{ "2001:db8:7:5555:1:2:3:4/64", C },
	{ "::/0", B },
	{ "0.0.0.0/0", B },
	{ "8.8.8.8/0", D }, /* the same as the line above, host bits set */
	{ "2001:db8:9:9::1/32", B },
	{ "2001:db8:7:5555:4000::17/98", D },
	{ "10.77.4.99/32", A },
	{ "10.77.4.128/25", H },
	{ "10.77.4.66/27", E },
	{ "10.77.200.9/16", F },
	{ "10.77.4.170/29", G },
	{ "10.77.4.181/30", G },
	{ "172.20.0.0/30", H },
	{ "172.20.0.4/30", G },
	{ "172.20.0.8/29", E },
	{ "172.20.0.16/29", C },
};

static const struct lookup nested_lookups[] = {
	{ "10.77.4.20", A },
	{ "10.77.4.110", A },
	{ "10.77.4.63", A },
	{ "10.77.4.64", E },
	{ "10.77.4.95", E },
	{ "10.77.4.96", A },
	{ "10.77.4.99", A },
	{ "10.77.4.128", H },
	{ "10.77.4.167", H },
	{ "10.77.4.168", G },
	{ "10.77.4.175", G },
	{ "10.77.4.176", H },
	{ "10.77.4.180", G },
	{ "10.77.4.183", G },
	{ "10.77.4.184", H },
	{ "10.77.15.255", A },
	{ "10.77.16.0", F },
	{ "10.78.0.0", D },
	{ "172.20.0.3", H },
	{ "172.20.0.4", G },
	{ "172.20.0.15", E },
	{ "172.20.0.23", C },
	{ "172.20.0.24", D },
	{ "2001:db8:7::a1fe:c08:90ab:cd47", A },
	{ "2001:db8:7::a1fe:c08:90ab:cd46", B },
	{ "2001:db8:7:5555:ffff::1", C },
	{ "2001:db8:7:5555:4000::3fff:ffff", D },
	{ "2001:db8:7:5555:4000::4000:0", C },
	{ "2001:db8:7:5556::", B },
	{ "2001:db9::", B },
	{ "ffff::", B },
	{ "::", B },
};

static struct prefix prefix_of(const char *text)
{
	struct prefix p;

	assert_true(prefix_parse(text, &p));
	return p;
}

static void add(struct trie *t, const char *text, uint32_t value)
{
	struct prefix p = prefix_of(text);

	assert_int_equal(trie_insert(t, &p, value), 0);
}

static uint32_t find(const struct trie *t, const char *text)
{
	struct ipaddr ip;

	assert_true(ipaddr_parse(text, &ip));
	return trie_find(t, &ip);
}

static struct trie *nested_trie(void)
{
	struct trie *t = trie_new();

	assert_non_null(t);
	for (size_t i = 0; i < ARRAY_SIZE(nested); i++)
		add(t, nested[i].prefix, nested[i].value);
	return t;
}

static void empty_has_nothing(void **state)
{
	struct trie *t = trie_new();
	struct prefix p = prefix_of("10.0.0.0/8");

	assert_non_null(t);
	assert_int_equal(find(t, "10.0.0.1"), TRIE_NONE);
	assert_int_equal(find(t, "::1"), TRIE_NONE);
	trie_remove(t, &p);
	trie_remove_value(t, A);
	trie_free(t);
	trie_free(NULL);
}

static void longest_prefix_wins(void **state)
{
	struct trie *t = nested_trie();

	for (size_t i = 0; i < ARRAY_SIZE(nested_lookups); i++)
		assert_int_equal(find(t, nested_lookups[i].ip),
				 nested_lookups[i].value);
	trie_free(t);
}

static void host_bits_are_masked(void **state)
{
	struct trie *t = trie_new();
	struct prefix p = { .bits = 96 + 24 };

	p.ip = ipaddr_v4(0xC0000263); /* 192.0.2.99/24, as no parser makes it */
	assert_int_equal(trie_insert(t, &p, A), 0);
	assert_int_equal(find(t, "192.0.2.0"), A);
	assert_int_equal(find(t, "192.0.3.0"), TRIE_NONE);
	p.ip = ipaddr_v4(0xC0000207);
	trie_remove(t, &p);
	assert_int_equal(find(t, "192.0.2.0"), TRIE_NONE);
	trie_free(t);
}

static void inserting_again_moves(void **state)
{
	struct trie *t = trie_new();

	add(t, "10.1.0.0/16", A);
	add(t, "10.1.2.0/24", A);
	add(t, "10.1.2.3/24", B);
	assert_int_equal(find(t, "10.1.2.3"), B);
	trie_remove_value(t, A);
	assert_int_equal(find(t, "10.1.2.3"), B);
	assert_int_equal(find(t, "10.1.3.3"), TRIE_NONE);
	trie_free(t);
}

static void removed_owner_is_gone(void **state)
{
	static const struct lookup after[] = {
		{ "10.77.4.20", TRIE_NONE },
		{ "10.77.4.99", TRIE_NONE },
		{ "1.0.0.0", TRIE_NONE },
		{ "255.255.255.255", TRIE_NONE },
		{ "2001:db8:7::a1fe:c08:90ab:cd47", TRIE_NONE },
		{ "8000::", TRIE_NONE },
		{ "10.77.4.64", E },
		{ "10.77.4.168", G },
		{ "2001:db8:7:5555::1", C },
	};
	struct trie *t = nested_trie();

	trie_remove_value(t, A);
	trie_remove_value(t, B);
	trie_remove_value(t, D);
	trie_remove_value(t, F);
	for (size_t i = 0; i < ARRAY_SIZE(after); i++)
		assert_int_equal(find(t, after[i].ip), after[i].value);
	trie_free(t);
}

/* the /16 goes, the /24 inside it stays, and the other way round */
static void nested_removal(void **state)
{
	struct trie *t = trie_new();

	add(t, "192.168.0.0/16", A);
	add(t, "192.168.0.0/24", A);
	trie_remove_value(t, A);
	assert_int_equal(find(t, "192.168.0.1"), TRIE_NONE);
	add(t, "192.168.0.0/16", A);
	add(t, "192.168.0.0/24", B);
	trie_remove_value(t, A);
	assert_int_equal(find(t, "192.168.0.1"), B);
	assert_int_equal(find(t, "192.168.1.1"), TRIE_NONE);
	trie_free(t);
}

static void single_prefixes_go(void **state)
{
	struct trie *t = nested_trie();
	struct prefix p = prefix_of("10.77.4.0/24");

	trie_remove(t, &p);
	assert_int_equal(find(t, "10.77.4.20"), A); /* by the /20 */
	p = prefix_of("10.77.4.0/20");
	trie_remove(t, &p);
	assert_int_equal(find(t, "10.77.4.20"), F);
	assert_int_equal(find(t, "10.77.4.128"), H);
	p = prefix_of("10.77.4.0/23"); /* not there */
	trie_remove(t, &p);
	p = prefix_of("0.0.0.0/0");
	trie_remove(t, &p);
	assert_int_equal(find(t, "10.78.0.0"), TRIE_NONE);
	assert_int_equal(find(t, "10.77.16.0"), F);
	trie_free(t);
}

/* 128 addresses that differ from zero in one bit each: the deepest chain */
static void deepest_chain(void **state)
{
	struct trie *t = trie_new();
	struct prefix p = { .bits = 128 };

	for (unsigned i = 0; i < 128; i++) {
		memset(&p.ip, 0, sizeof(p.ip));
		p.ip.b[i / 8] = (uint8_t)(0x80 >> i % 8);
		assert_int_equal(trie_insert(t, &p, i), 0);
	}
	for (unsigned i = 0; i < 128; i++) {
		memset(&p.ip, 0, sizeof(p.ip));
		p.ip.b[i / 8] = (uint8_t)(0x80 >> i % 8);
		assert_int_equal(trie_find6(t, p.ip.b), i);
		trie_remove_value(t, i);
		assert_int_equal(trie_find6(t, p.ip.b), TRIE_NONE);
	}
	trie_free(t);
}

struct census {
	unsigned n, owned;
	bool seen[16];
};

static const char *const wanted[] = {
	"10.5.0.0/16",	 "10.5.6.0/24",	      "10.5.6.7/32",
	"2001:db8::/32", "2001:db8:1:2::/64",
};

static void count(const struct prefix *p, uint32_t value, void *arg)
{
	struct census *c = arg;
	char text[ADDR_TEXT];

	c->n++;
	if (value != A)
		return;
	c->owned++;
	prefix_text(p, text);
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (!strcmp(text, wanted[i]))
			c->seen[i] = true;
}

static void enumeration(void **state)
{
	struct trie *t = trie_new();
	struct census c = { 0 };

	add(t, "10.5.9.9/16", A);
	add(t, "10.5.6.9/24", A);
	add(t, "10.5.6.7/32", A);
	add(t, "2001:db8:9::/32", A);
	add(t, "2001:db8:1:2:3::/64", A);
	add(t, "10.5.7.0/24", B);
	add(t, "0.0.0.0/0", B);
	add(t, "10.5.8.0/24", A);
	add(t, "10.5.8.0/24", C);
	trie_each(t, count, &c);
	assert_int_equal(c.n, 8);
	assert_int_equal(c.owned, ARRAY_SIZE(wanted));
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		assert_true(c.seen[i]);
	trie_free(t);
}

/* ---- random, against a list that is searched from end to end ---- */

enum {
	VALUES = 2000,
	MUTATED = 40,
	LIST_MAX = VALUES * 2,
	LOOKUPS = 100000
};

/* Prefixes as octets and mask, in two words each, in no byte order at all. */
struct words {
	uint64_t w[2];
};

struct entry_words {
	struct words ip, mask;
	unsigned bits;
};

struct list {
	struct entry_words fast[LIST_MAX];
	struct prefix p[LIST_MAX];
	uint32_t value[LIST_MAX];
	size_t n;
};

static struct words words_of(const struct ipaddr *ip)
{
	struct words w;

	memcpy(&w, ip->b, sizeof(w));
	return w;
}

static struct entry_words entry_words_of(const struct prefix *p)
{
	struct ipaddr mask = { { 0 } };

	for (unsigned i = 0; i < p->bits; i++)
		mask.b[i / 8] |= (uint8_t)(0x80 >> i % 8);
	return (struct entry_words){ words_of(&p->ip), words_of(&mask),
				     p->bits };
}

static void list_insert(struct list *l, const struct prefix *p, uint32_t value)
{
	size_t i = 0;

	while (i < l->n && !prefix_eq(&l->p[i], p))
		i++;
	assert_true(i < LIST_MAX);
	l->p[i] = *p;
	l->fast[i] = entry_words_of(p);
	l->value[i] = value;
	l->n += i == l->n;
}

static uint32_t list_find(const struct list *l, const struct ipaddr *ip)
{
	const struct words a = words_of(ip);
	uint32_t best = TRIE_NONE;
	unsigned bits = 0; /* no /0 in the list */

	for (size_t i = 0; i < l->n; i++) {
		const struct entry_words *e = &l->fast[i];

		if (e->bits > bits && !((a.w[0] ^ e->ip.w[0]) & e->mask.w[0]) &&
		    !((a.w[1] ^ e->ip.w[1]) & e->mask.w[1])) {
			bits = e->bits;
			best = l->value[i];
		}
	}
	return best;
}

static void list_remove_value(struct list *l, uint32_t value)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (l->value[i] == value)
			continue;
		l->p[kept] = l->p[i];
		l->fast[kept] = l->fast[i];
		l->value[kept++] = l->value[i];
	}
	l->n = kept;
}

static struct ipaddr random_ip(struct prng *g, bool v4)
{
	struct ipaddr ip;

	if (v4)
		return ipaddr_v4((uint32_t)prng_u64(g));
	for (int i = 0; i < 16; i++)
		ip.b[i] = (uint8_t)prng_u64(g);
	ip.b[0] |= 0x20; /* never IPv4-mapped */
	return ip;
}

/* mutated() - a near relation of an address: late bits flipped */
static struct ipaddr mutated(struct prng *g, struct ipaddr ip, bool v4)
{
	unsigned first = v4 ? 96 : 3;
	unsigned from = first + prng_below(g, 128 - first);

	for (unsigned i = from; i < 128; i++)
		if (prng_u64(g) & 1)
			ip.b[i / 8] ^= (uint8_t)(0x80 >> i % 8);
	return ip;
}

static void add_both(struct trie *t, struct list *l, struct prefix p,
		     uint32_t value)
{
	assert_int_equal(trie_insert(t, &p, value), 0);
	list_insert(l, &p, value);
}

static void fill(struct trie *t, struct list *l, struct prng *g, bool v4)
{
	unsigned max = v4 ? 32 : 128;

	for (uint32_t v = 0; v < VALUES; v++)
		add_both(t, l,
			 prefix_make(random_ip(g, v4), 1 + prng_below(g, max)),
			 v);
	for (uint32_t i = 0; i < MUTATED; i++) {
		struct ipaddr near = random_ip(g, v4);

		for (int j = 0; j < 40; j++)
			add_both(t, l,
				 prefix_make(mutated(g, near, v4),
					     1 + prng_below(g, max)),
				 prng_below(g, VALUES));
	}
}

static struct ipaddr probe(struct list *l, struct prng *g, bool v4)
{
	if (!l->n || prng_below(g, 4) == 0)
		return random_ip(g, v4);
	return mutated(g, l->p[prng_below(g, (uint32_t)l->n)].ip, v4);
}

static void compare(struct trie *t, struct list *l, struct prng *g, bool v4,
		    int lookups)
{
	for (int i = 0; i < lookups; i++) {
		struct ipaddr ip = probe(l, g, v4);

		assert_int_equal(trie_find(t, &ip), list_find(l, &ip));
	}
}

static void none(const struct prefix *p, uint32_t value, void *arg)
{
	fail();
}

static void random_family(bool v4)
{
	struct prng g = { 20 + v4 };
	struct trie *t = trie_new();
	struct list *l = calloc(1, sizeof(*l));

	assert_non_null(t);
	assert_non_null(l);
	fill(t, l, &g, v4);
	compare(t, l, &g, v4, LOOKUPS);
	for (uint32_t i = 0; i < 300; i++) { /* single prefixes */
		size_t at = prng_below(&g, (uint32_t)l->n);

		trie_remove(t, &l->p[at]);
		l->n--;
		l->p[at] = l->p[l->n];
		l->fast[at] = l->fast[l->n];
		l->value[at] = l->value[l->n];
		compare(t, l, &g, v4, 20);
	}
	for (uint32_t v = 0; v < VALUES; v++) {
		trie_remove_value(t, v);
		list_remove_value(l, v);
		compare(t, l, &g, v4, 10);
	}
	trie_each(t, none, NULL);
	trie_free(t);
	free(l);
}

static void random_v4(void **state)
{
	random_family(true);
}

static void random_v6(void **state)
{
	random_family(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_has_nothing),
		cmocka_unit_test(longest_prefix_wins),
		cmocka_unit_test(host_bits_are_masked),
		cmocka_unit_test(inserting_again_moves),
		cmocka_unit_test(removed_owner_is_gone),
		cmocka_unit_test(nested_removal),
		cmocka_unit_test(single_prefixes_go),
		cmocka_unit_test(deepest_chain),
		cmocka_unit_test(enumeration),
		cmocka_unit_test(random_v4),
		cmocka_unit_test(random_v6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
