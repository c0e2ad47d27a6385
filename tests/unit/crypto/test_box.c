/* SPDX-License-Identifier: MIT
 *
 * test_box.c - discovery messages: who can read them, hints, replay
 */
#include "tests/unit/unit.h"

#include "crypto/box.h"

struct pair {
	struct key_private a_key, b_key;
	struct key_public a_public, b_public;
	struct box a, b;
};

static void pair_make(struct pair *p)
{
	key_private_generate(&p->a_key);
	key_private_generate(&p->b_key);
	key_public_of(&p->a_key, &p->a_public);
	key_public_of(&p->b_key, &p->b_public);
	assert_true(
		box_init(&p->a, &p->a_key, &p->a_public, &p->b_public, 1000));
	assert_true(box_init(&p->b, &p->b_key, &p->b_public, &p->a_public, 5));
}

/* seal_at() - a message of a with a chosen counter */
static size_t seal_at(struct pair *p, uint64_t counter, uint8_t *m)
{
	p->a.next_counter = counter;
	return box_seal(&p->a, 1, "ping", 4, m);
}

static enum drop open_copy(struct box *b, const uint8_t *m, size_t n)
{
	uint8_t copy[BOX_MAX + 1];
	const uint8_t *plain;
	size_t plain_n;

	memcpy(copy, m, n);
	return box_open(b, copy, n, &plain, &plain_n);
}

static void both_ways(void **state)
{
	static const size_t lengths[] = { 0, 1, 16, 100, BOX_PLAIN_MAX };
	uint8_t text[BOX_PLAIN_MAX], m[BOX_MAX];
	struct pair p;

	pair_make(&p);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)i;
	for (size_t i = 0; i < ARRAY_SIZE(lengths) * 2; i++) {
		struct box *from = i % 2 ? &p.a : &p.b;
		struct box *to = i % 2 ? &p.b : &p.a;
		const uint8_t *plain;
		size_t n = lengths[i / 2], plain_n;

		assert_int_equal(box_seal(from, 7, text, n, m),
				 n + BOX_OVERHEAD);
		assert_true(box_is(m, n + BOX_OVERHEAD));
		assert_int_equal(
			box_open(to, m, n + BOX_OVERHEAD, &plain, &plain_n),
			DROP_NONE);
		assert_int_equal(plain_n, n);
		assert_memory_equal(plain, text, n);
	}
}

static void hint_is_of_pair_direction_and_epoch(void **state)
{
	uint8_t m[BOX_MAX], hint[BOX_HINT_OCTETS], other[BOX_HINT_OCTETS];
	struct pair p;

	pair_make(&p);
	for (uint64_t epoch = 0; epoch < 3; epoch++) {
		(void)box_seal(&p.a, epoch, "x", 1, m);
		box_hint(&p.b, epoch, hint);
		assert_memory_equal(m + 4, hint, BOX_HINT_OCTETS);
		box_hint(&p.b, epoch + 1, other);
		assert_memory_not_equal(hint, other, BOX_HINT_OCTETS);
		box_hint(&p.a, epoch, other);
		assert_memory_not_equal(hint, other, BOX_HINT_OCTETS);
	}
}

static void nothing_in_clear(void **state)
{
	uint8_t one[BOX_MAX], two[BOX_MAX];
	struct pair p;
	size_t n;

	pair_make(&p);
	n = box_seal(&p.a, 1, "ping", 4, one);
	p.a.next_counter--; /* as after a clock set back */
	(void)box_seal(&p.a, 1, "ping", 4, two);
	assert_memory_equal(one, two, 20);
	assert_memory_not_equal(one + 20, two + 20, 4);
	assert_memory_not_equal(one + 24, two + 24, n - 24);
	assert_null(memmem(one, n, p.a_public.b, 8));
	assert_null(memmem(one, n, "ping", 4));
}

static void tampering_is_found(void **state)
{
	uint8_t m[BOX_MAX + 1] = { 0 };
	struct pair p;
	size_t n;

	pair_make(&p);
	n = box_seal(&p.a, 3, "synchronised", 12, m);
	for (size_t i = 0; i < n * 8; i++) {
		m[i / 8] ^= (uint8_t)(1u << i % 8);
		assert_int_equal(open_copy(&p.b, m, n), DROP_DISCO_CRYPTO);
		m[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	for (size_t i = 0; i < n; i++)
		assert_int_equal(open_copy(&p.b, m, i),
				 i < BOX_OVERHEAD ? DROP_TOO_SHORT
						  : DROP_DISCO_CRYPTO);
	assert_int_equal(open_copy(&p.b, m, BOX_MAX + 1), DROP_BAD_LENGTH);
	assert_int_equal(open_copy(&p.b, m, n), DROP_NONE);
}

static void strangers_and_mirrors(void **state)
{
	struct pair p, q;
	uint8_t m[BOX_MAX];
	size_t n;

	pair_make(&p);
	pair_make(&q);
	n = box_seal(&p.a, 1, "ping", 4, m);
	assert_int_equal(open_copy(&q.b, m, n), DROP_DISCO_CRYPTO);
	assert_int_equal(open_copy(&p.a, m, n), DROP_DISCO_CRYPTO);
	assert_int_equal(open_copy(&p.b, m, n), DROP_NONE);
}

static void replay_window(void **state)
{
	static const struct {
		uint64_t counter;
		enum drop verdict;
	} rows[] = {
		{ 0, DROP_DISCO_REPLAY }, /* 0 is nobody's */
		{ 1, DROP_NONE },
		{ 1, DROP_DISCO_REPLAY },
		{ 4, DROP_NONE },
		{ 2, DROP_NONE },
		{ 3, DROP_NONE },
		{ 3, DROP_DISCO_REPLAY },
		{ 4, DROP_DISCO_REPLAY },
		{ 100000, DROP_NONE },
		{ 4, DROP_DISCO_REPLAY },
		{ 100000 - 257, DROP_DISCO_REPLAY },
		{ 100000 - 256, DROP_NONE },
		{ 100000 - 256, DROP_DISCO_REPLAY },
		{ 100000 - 255, DROP_NONE },
		{ 100000 - 64, DROP_NONE },
		{ 100000 - 65, DROP_NONE },
		{ 100000 - 1, DROP_NONE },
		{ 100064, DROP_NONE },
		{ 100000, DROP_DISCO_REPLAY },
		{ 100000 - 1, DROP_DISCO_REPLAY },
		{ 100000 - 64, DROP_DISCO_REPLAY },
		{ 100000 - 65, DROP_DISCO_REPLAY },
		{ 100000 - 66, DROP_NONE },
		{ 100000 + 1, DROP_NONE },
		{ 100000 + 1, DROP_DISCO_REPLAY },
		{ 100064 + 256, DROP_NONE },
		{ 100064, DROP_DISCO_REPLAY },
		{ 100065, DROP_NONE },
		{ 100320 + 257, DROP_NONE },
		{ 100320, DROP_DISCO_REPLAY },
		{ 100321, DROP_NONE },
		{ UINT64_MAX, DROP_NONE },
		{ UINT64_MAX, DROP_DISCO_REPLAY },
		{ UINT64_MAX - 256, DROP_NONE },
		{ UINT64_MAX - 257, DROP_DISCO_REPLAY },
	};
	uint8_t m[BOX_MAX];
	struct pair p;

	pair_make(&p);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t n = seal_at(&p, rows[i].counter, m);

		assert_int_equal(open_copy(&p.b, m, n), rows[i].verdict);
	}
}

/* each counter of a shuffled run is taken exactly once */
static void window_against_a_list(void **state)
{
	bool seen[2000] = { false };
	uint64_t top = 0, step = 1;
	uint8_t m[BOX_MAX];
	struct pair p;

	pair_make(&p);
	for (int i = 0; i < 6000; i++) {
		uint64_t c;
		bool fresh;

		step = step * 1103515245 + 12345;
		c = 1 + top + (step >> 16) % 300;
		c = c > 290 ? c - 290 : 1;
		c = c < ARRAY_SIZE(seen) ? c : ARRAY_SIZE(seen) - 1;
		fresh = !seen[c] && c + 256 >= top;
		assert_int_equal(open_copy(&p.b, m, seal_at(&p, c, m)),
				 fresh ? DROP_NONE : DROP_DISCO_REPLAY);
		seen[c] = seen[c] || fresh;
		top = c > top ? c : top;
	}
}

static void bad_peers_are_refused(void **state)
{
	static const char *const low_order[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	static const struct box wiped;
	struct key_public bad;
	struct pair p;

	pair_make(&p);
	for (size_t i = 0; i < ARRAY_SIZE(low_order); i++) {
		assert_int_equal(unit_hex(low_order[i], bad.b, 32), 32);
		assert_false(box_init(&p.a, &p.a_key, &p.a_public, &bad, 1));
		assert_memory_equal(&p.a, &wiped, sizeof(wiped));
	}
	assert_false(box_init(&p.b, &p.b_key, &p.b_public, &p.b_public, 1));
}

static void other_protocols_are_not_boxes(void **state)
{
	uint8_t m[BOX_MAX] = { 4 };
	struct pair p;
	size_t n;

	assert_false(box_is(m, sizeof(m)));
	pair_make(&p);
	n = box_seal(&p.a, 1, "", 0, m);
	assert_true(box_is(m, n));
	assert_false(box_is(m, n - 1));
	assert_false(box_is(m, 0));
}

static int setup(void **state)
{
	return key_setup();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ways),
		cmocka_unit_test(hint_is_of_pair_direction_and_epoch),
		cmocka_unit_test(nothing_in_clear),
		cmocka_unit_test(tampering_is_found),
		cmocka_unit_test(strangers_and_mirrors),
		cmocka_unit_test(replay_window),
		cmocka_unit_test(window_against_a_list),
		cmocka_unit_test(bad_peers_are_refused),
		cmocka_unit_test(other_protocols_are_not_boxes),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
