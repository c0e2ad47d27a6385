/* SPDX-License-Identifier: MIT
 *
 * test_nat64.c - the table of RFC 6052 section 2.4, and everything that lies
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>

#include "base/nat64.h"
#include "base/rand.h"

static struct ipaddr ip(const char *text)
{
	struct ipaddr a;

	assert_true(ipaddr_parse(text, &a));
	return a;
}

static bool make(const char *prefix, struct nat64 *out)
{
	struct prefix p;

	assert_true(prefix_parse(prefix, &p));
	return nat64_make(&p, out);
}

static void table_of_rfc_6052(void **state)
{
	static const struct {
		const char *prefix, *address;
	} rows[] = {
		{ "2001:db8::/32", "2001:db8:c000:221::" },
		{ "2001:db8:100::/40", "2001:db8:1c0:2:21::" },
		{ "2001:db8:122::/48", "2001:db8:122:c000:2:2100::" },
		{ "2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::" },
		{ "2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::" },
		{ "2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33" },
		{ "64:ff9b::/96", "64:ff9b::192.0.2.33" },
	};
	struct ipaddr v4 = ip("192.0.2.33");

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ipaddr want = ip(rows[i].address), got, back;
		struct nat64 t;

		assert_true(make(rows[i].prefix, &t));
		got = nat64_embed(&t, &v4);
		assert_true(ipaddr_eq(&got, &want));
		assert_true(nat64_extract(&t, &got, &back));
		assert_true(ipaddr_eq(&back, &v4));
	}
}

static void prefixes_that_are_none(void **state)
{
	static const char *const wrong[] = {
		"2001:db8::/33", "2001:db8::/31", "2001:db8::/72", "2001:db8::/128",
		"10.0.0.0/8",	 "2001:db8:0:0:100::/96",
		"::/96",	 "ff02::/96",	  "fe80::/64", "::1/96",
	};
	struct nat64 t;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_false(make(wrong[i], &t));
}

/* a resolver that translates, one that does not, one that answers nonsense */
static void found_by_name(void **state)
{
	struct ipaddr none[] = { ip("192.0.0.170"), ip("192.0.0.171"),
				 ip("2001:db8::1") };
	struct ipaddr some[] = { ip("192.0.0.170"), ip("2001:db8:64::c000:ab") };
	struct ipaddr odd[] = { ip("2001:db8:122:3c0:0:aa::") };
	struct nat64 t, want;

	(void)state;
	assert_false(nat64_find(none, ARRAY_SIZE(none), &t));
	assert_false(nat64_find(NULL, 0, &t));
	assert_true(nat64_find(some, ARRAY_SIZE(some), &t));
	assert_true(make("2001:db8:64::/96", &want));
	assert_true(prefix_eq(&t.prefix, &want.prefix));
	assert_true(nat64_find(odd, 1, &t));
	assert_true(make("2001:db8:122:300::/56", &want));
	assert_true(prefix_eq(&t.prefix, &want.prefix));
}

static void advertised(void **state)
{
	/* lifetime 600 s (75 units of 8 s), length code 0: 96 bits */
	uint8_t o[16] = { 38, 2, 75 >> 5, (75 & 31) << 3, 0x20, 1, 0xd, 0xb8 };
	unsigned lifetime = 0;
	struct nat64 t;

	(void)state;
	assert_true(nat64_advertised(o, sizeof(o), &t, &lifetime));
	assert_int_equal(lifetime, 600);
	assert_int_equal(t.prefix.bits, 96);
	o[3] |= 5;
	assert_true(nat64_advertised(o, sizeof(o), &t, &lifetime));
	assert_int_equal(t.prefix.bits, 32);
	for (size_t n = 0; n < sizeof(o); n++)
		assert_false(nat64_advertised(o, n, &t, &lifetime));
	o[3] |= 7; /* a length that there is not */
	assert_false(nat64_advertised(o, sizeof(o), &t, &lifetime));
	o[3] &= 0xf8;
	o[1] = 3;
	assert_false(nat64_advertised(o, sizeof(o), &t, &lifetime));
	o[1] = 2;
	o[4] = 0xff; /* multicast */
	assert_false(nat64_advertised(o, sizeof(o), &t, &lifetime));
}

/* whatever is found takes any address there and back */
static void there_and_back(void **state)
{
	struct prng g = { 3 };

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		struct ipaddr a, v4 = ipaddr_v4(prng_below(&g, UINT32_MAX)), back, in;
		struct nat64 t;
		struct prefix p;

		for (unsigned k = 0; k < 16; k++)
			a.b[k] = (uint8_t)prng_below(&g, 256);
		p = prefix_make(a, 32 + 8 * prng_below(&g, 9));
		if (!nat64_make(&p, &t))
			continue;
		in = nat64_embed(&t, &v4);
		assert_true(nat64_extract(&t, &in, &back));
		assert_true(ipaddr_eq(&back, &v4));
		assert_int_equal(t.prefix.bits <= 64 ? in.b[8] : 0, 0);
	}
}

/* another thread may hold any that there ever was: they stay, and are bounded */
static void entered_and_left(void **state)
{
	const struct nat64 *first;
	struct nat64 t;
	char text[ADDR_TEXT];
	int err = 0;

	(void)state;
	assert_null(nat64_here());
	assert_true(make("64:ff9b::/96", &t));
	assert_int_equal(nat64_enter(&t), 0);
	first = nat64_here();
	assert_true(prefix_eq(&first->prefix, &t.prefix));
	nat64_leave();
	assert_null(nat64_here());
	for (unsigned i = 0; i < 100 && !err; i++) {
		snprintf(text, sizeof(text), "2001:db8:%x::/96", i + 1);
		assert_true(make(text, &t));
		err = nat64_enter(&t);
	}
	assert_int_equal(err, -ENOSPC);
	assert_true(make("64:ff9b::/96", &t));
	assert_int_equal(nat64_enter(&t), 0);
	assert_ptr_equal(nat64_here(), first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(advertised),
		cmocka_unit_test(entered_and_left),
		cmocka_unit_test(found_by_name),
		cmocka_unit_test(prefixes_that_are_none),
		cmocka_unit_test(table_of_rfc_6052),
		cmocka_unit_test(there_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
