/* SPDX-License-Identifier: MIT
 *
 * test_text.c - JSON as text that grows
 */
#include "tests/unit/unit.h"

#include <string.h>

#include "coord/text.h"

static void grows_as_it_is_added_to(void **state)
{
	struct text t = { 0 }, copy = { 0 };

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		text_add_number(&t, 1234567890);
	assert_int_equal(t.n, 10000);
	assert_memory_equal(t.p + 9990, "1234567890", 10);
	text_add_text(&copy, &t);
	text_add_string(&copy, "end");
	assert_int_equal(copy.n, 10003);
	assert_memory_equal(copy.p, t.p, t.n);
	assert_memory_equal(copy.p + t.n, "end", 3);
	text_clear(&t);
	assert_int_equal(t.n, 0);
	text_add(&t, "", 0);
	assert_int_equal(t.n, 0);
	text_done(&t);
	text_done(&t);
	text_done(&copy);
}

static void writes_json_without_blanks(void **state)
{
	struct text t = { 0 };

	(void)state;
	text_add_json(&t, json_pack("{s:i,s:[s,b]}", "a", 1, "b", "x\"", 1));
	text_add_json(&t, json_null());
	assert_int_equal(t.n, strlen("{\"a\":1,\"b\":[\"x\\\"\",true]}null"));
	assert_memory_equal(t.p, "{\"a\":1,\"b\":[\"x\\\"\",true]}null", t.n);
	assert_false(t.failed);
	text_done(&t);
}

static void a_failure_stays(void **state)
{
	struct text t = { 0 }, whole = { 0 };

	(void)state;
	text_add_json(&t, NULL); /* no memory, where it was made */
	assert_true(t.failed);
	text_add_string(&t, "more");
	assert_int_equal(t.n, 0);
	text_add_text(&whole, &t);
	assert_true(whole.failed);
	text_clear(&t);
	text_add_string(&t, "more");
	assert_false(t.failed);
	assert_int_equal(t.n, 4);
	text_done(&t);
	text_done(&whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_as_it_is_added_to),
		cmocka_unit_test(writes_json_without_blanks),
		cmocka_unit_test(a_failure_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
