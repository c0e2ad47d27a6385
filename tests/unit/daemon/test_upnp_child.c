/* SPDX-License-Identifier: MIT
 *
 * test_upnp_child.c - what the UPnP child may say, and nothing else
 */
#include "tests/unit/unit.h"

#include "daemon/upnp_child.h"

static void test_lines(void **state)
{
	static const struct {
		const char *line;
		enum portmap_job_kind kind;
		bool good, ok;
	} rows[] = {
		{ "found\n", PORTMAP_FIND, true, true },
		{ "failed 0\n", PORTMAP_FIND, true, false },
		{ "mapped 203.0.113.5 24100 7200\n", PORTMAP_MAP, true, true },
		{ "mapped 203.0.113.5 0 0\n", PORTMAP_MAP, true, true },
		{ "failed 718\n", PORTMAP_MAP, true, false },
		{ "unmapped\n", PORTMAP_UNMAP, true, true },
		{ "found", PORTMAP_FIND, false, false },
		{ "found\n", PORTMAP_MAP, false, false },
		{ "mapped 203.0.113.5 24100 7200\n", PORTMAP_FIND, false, false },
		{ "mapped 203.0.113.5 65536 7200\n", PORTMAP_MAP, false, false },
		{ "mapped 203.0.113.5 -1 7200\n", PORTMAP_MAP, false, false },
		{ "mapped 203.0.113 24100 7200\n", PORTMAP_MAP, false, false },
		{ "mapped 203.0.113.5 24100\n", PORTMAP_MAP, false, false },
		{ "mapped 203.0.113.5 24100 7200 x\n", PORTMAP_MAP, false, false },
		{ "mapped 203.0.113.5 24100 99999999999\n", PORTMAP_MAP, false,
		  false },
		{ "\n", PORTMAP_FIND, false, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct portmap_answer a = { .ok = false };
		bool good = upnp_child_parse(rows[i].line, strlen(rows[i].line),
					     rows[i].kind, &a);

		if (good != rows[i].good || a.ok != rows[i].ok)
			fail_msg("%s", rows[i].line);
	}
}

static void test_values(void **state)
{
	static const char line[] = "mapped 203.0.113.5 24100 7200\n";
	struct endpoint want = { .ip = ipaddr_v4(0xcb007105), .port = 24100 };
	struct portmap_answer a;

	(void)state;
	assert_true(upnp_child_parse(line, sizeof(line) - 1, PORTMAP_MAP, &a));
	assert_true(endpoint_eq(&a.external, &want));
	assert_int_equal(a.lifetime_s, 7200);
	assert_false(upnp_child_parse("found\0\n", 7, PORTMAP_FIND, &a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
