/* SPDX-License-Identifier: MIT
 *
 * test_places.c - networks remembered: the table, its file, and files that somebody broke
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/places.h"

static struct place place(unsigned i)
{
	struct place p = { .router = { 2, 0, 0, 0, (uint8_t)(i >> 8), (uint8_t)i },
			   .seen_s = 1000 + i };

	assert_true(prefix_parse("192.168.1.0/24", &p.subnet));
	assert_true(ipaddr_parse("203.0.113.7", &p.external));
	p.nat = (struct nat_profile){ .known = true, .mapping_varies = true, .levels = 1,
				      .public_hop = 3 };
	p.nat.allocator = (struct allocator){ .kind = ALLOCATOR_SEQUENTIAL, .step = 2,
					      .pool = 1 };
	p.idle = (struct lifetime_result){ 30, 45 };
	p.idle_seen_s = 77;
	return p;
}

static void the_last_visited_stands_first(void **state)
{
	struct places *p = calloc(1, sizeof(*p));
	struct place one;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		one = place(i);
		places_put(p, &one);
	}
	assert_int_equal(p->count, 3);
	assert_int_equal(p->list[0].router[5], 2);
	one = place(0);
	one.seen_s = 5;
	places_put(p, &one);
	assert_int_equal(p->count, 3);
	assert_int_equal(p->list[0].seen_s, 5);
	assert_int_equal(p->list[1].router[5], 2);
	assert_int_equal(p->list[2].router[5], 1);
	free(p);
}

static void the_longest_unvisited_gives_way(void **state)
{
	struct places *p = calloc(1, sizeof(*p));
	struct place first = place(0), last = place(PLACES_MAX);

	(void)state;
	for (unsigned i = 0; i <= PLACES_MAX; i++) {
		struct place one = place(i);

		places_put(p, &one);
	}
	assert_int_equal(p->count, PLACES_MAX);
	assert_null(places_find(p, first.router, &first.subnet));
	assert_ptr_equal(places_find(p, last.router, &last.subnet), &p->list[0]);
	free(p);
}

static void another_subnet_is_another_place(void **state)
{
	struct places *p = calloc(1, sizeof(*p));
	struct place one = place(1);

	(void)state;
	places_put(p, &one);
	assert_true(prefix_parse("192.168.0.0/16", &one.subnet));
	assert_null(places_find(p, one.router, &one.subnet));
	free(p);
}

static void the_file_says_the_same(void **state)
{
	struct places *a = calloc(1, sizeof(*a)), *b = calloc(1, sizeof(*b));
	struct place full = place(1), bare = { .router = { 2 } };
	char *text;

	(void)state;
	assert_true(prefix_parse("fd00::/64", &bare.subnet));
	bare.nat.known = true;
	places_put(a, &bare);
	places_put(a, &full);
	text = places_text(a);
	assert_non_null(text);
	assert_true(places_read(text, strlen(text), b));
	assert_int_equal(b->count, 2);
	assert_memory_equal(&b->list[0].nat, &full.nat, sizeof(full.nat));
	assert_memory_equal(b->list[0].router, full.router, 6);
	assert_true(prefix_eq(&b->list[0].subnet, &full.subnet));
	assert_true(ipaddr_eq(&b->list[0].external, &full.external));
	assert_int_equal(b->list[0].seen_s, full.seen_s);
	assert_int_equal(b->list[0].idle_seen_s, 77);
	assert_int_equal(b->list[0].idle.lived_s, 30);
	assert_int_equal(b->list[0].idle.died_s, 45);
	assert_true(ipaddr_is_zero(&b->list[1].external));
	assert_false(b->list[1].nat.mapping_varies);
	free(text);
	free(a);
	free(b);
}

static void all_fit_into_the_file(void **state)
{
	struct places *a = calloc(1, sizeof(*a)), *b = calloc(1, sizeof(*b));
	char *text;

	(void)state;
	for (unsigned i = 0; i < PLACES_MAX; i++) {
		struct place one = place(i);

		assert_true(prefix_parse("2001:db8:1111:2222:3333:4444::/96", &one.subnet));
		assert_true(ipaddr_parse("2001:db8:1111:2222:3333:4444:5555:6666",
					 &one.external));
		one.seen_s = one.idle_seen_s = 1ull << 40;
		places_put(a, &one);
	}
	text = places_text(a);
	assert_in_range(strlen(text), 1000, PLACES_OCTETS);
	assert_true(places_read(text, strlen(text), b));
	assert_int_equal(b->count, PLACES_MAX);
	free(text);
	free(a);
	free(b);
}

/* count_with() - entries read from a good file in which `from` became `to` */
static unsigned count_with(const char *from, const char *to)
{
	struct places *p = calloc(1, sizeof(*p));
	struct place one = place(1);
	char *text, *at, edited[4096];
	unsigned count;

	places_put(p, &one);
	text = places_text(p);
	at = strstr(text, from);
	assert_non_null(at);
	snprintf(edited, sizeof(edited), "%.*s%s%s", (int)(at - text), text, to,
		 at + strlen(from));
	assert_true(places_read(edited, strlen(edited), p));
	count = p->count;
	free(text);
	free(p);
	return count;
}

static void wrong_entries_are_left_out(void **state)
{
	static const char *const edit[][2] = {
		{ "02:00:00:00:00:01", "02:00:00:00:00" },
		{ "02:00:00:00:00:01", "02:00:00:00:00:xy" },
		{ "02:00:00:00:00:01", "02:00:00:00:00:01 " },
		{ "192.168.1.0/24", "192.168.1.0/240" },
		{ "\"192.168.1.0/24\"", "7" },
		{ "203.0.113.7", "203.0.113.700" },
		{ "\"kind\": 2", "\"kind\": 7" },
		{ "\"kind\": 2", "\"kind\": -1" },
		{ "\"step\": 2", "\"step\": 40000" },
		{ "\"step\": 2", "\"step\": \"2\"" },
		{ "\"step\": 2", "\"pets\": 2" },
		{ "\"pool\": 1", "\"pool\": 256" },
		{ "\"levels\": 1", "\"levels\": 5" },
		{ "\"public_hop\": 3", "\"public_hop\": 9" },
		{ "\"idle_alive\": 30", "\"idle_alive\": 3601" },
		{ "\"idle_dead\": 45", "\"idle_dead\": -1" },
		{ "\"seen\": 1001", "\"seen\": -1" },
		{ "\"seen\": 1001", "\"seen\": 1.5" },
		/* a block that is no block: it would be searched for nothing */
		{ "\"kind\": 2", "\"kind\": 3" },
	};

	(void)state;
	assert_int_equal(count_with("\"step\": 2", "\"step\": 3"), 1);
	for (unsigned i = 0; i < sizeof(edit) / sizeof(edit[0]); i++)
		if (count_with(edit[i][0], edit[i][1]) != 0)
			fail_msg("taken: %s", edit[i][1]);
}

static void what_is_no_such_file(void **state)
{
	static const char *const text[] = {
		"", "{}", "[]", "null", "{\"places\":7}", "{\"places\":[],\"places\":[]}",
		"{\"places\":[", "\xff\xfe",
	};
	static const char nobody[] = "{\"places\":[7,[],{},null]}";
	struct places *p = calloc(1, sizeof(*p));

	(void)state;
	for (unsigned i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		p->count = 3;
		if (places_read(text[i], strlen(text[i]), p) || p->count)
			fail_msg("taken: %s", text[i]);
	}
	assert_true(places_read(nobody, strlen(nobody), p));
	assert_int_equal(p->count, 0);
	free(p);
}

static void the_same_twice_is_one(void **state)
{
	struct places *p = calloc(1, sizeof(*p));
	struct place one = place(1);
	char *text, *entry, *end, twice[8192];

	(void)state;
	places_put(p, &one);
	text = places_text(p);
	entry = strchr(strchr(text, '['), '{');
	end = strrchr(text, ']');
	snprintf(twice, sizeof(twice), "{\"places\":[%.*s,%.*s]}", (int)(end - entry), entry,
		 (int)(end - entry), entry);
	assert_true(places_read(twice, strlen(twice), p));
	assert_int_equal(p->count, 1);
	free(text);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_visited_stands_first),
		cmocka_unit_test(the_longest_unvisited_gives_way),
		cmocka_unit_test(another_subnet_is_another_place),
		cmocka_unit_test(the_file_says_the_same),
		cmocka_unit_test(all_fit_into_the_file),
		cmocka_unit_test(wrong_entries_are_left_out),
		cmocka_unit_test(what_is_no_such_file),
		cmocka_unit_test(the_same_twice_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
