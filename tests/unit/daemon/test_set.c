/* SPDX-License-Identifier: MIT
 *
 * test_set.c - adit set: what is refused, and that the reason says what is allowed
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "crypto/key.h"
#include "daemon/set.h"

static struct node node; /* too large for a stack */

static void keys(void **state)
{
	static const struct {
		bool enrolled;
		const char *key, *value;
		int result;
		const char *why;
	} rows[] = {
		{ false, "hostname", "web-1", 0, NULL },
		{ false, "hostname", "", -EINVAL, "one DNS label" },
		{ false, "hostname", "a.b", -EINVAL, "one DNS label" },
		{ false, "hostname", "-a", -EINVAL, "one DNS label" },
		{ true, "hostname", "db", -EINVAL, "adit leave" },
		{ true, "relay", "maybe", -EINVAL, "on, off and auto" },
		{ true, "relay", "off", 0, NULL },
		{ false, "colour", "red", -ENOENT, "there are: hostname" },
		{ false, "", "", -ENOENT, "there are: hostname" },
	};
	char why[SET_WHY], dir[] = "/tmp/test_set.XXXXXX", command[64];

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(key_setup(), 0);
	assert_int_equal(state_open(&node.state, dir, why), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		why[0] = 0;
		node.state.enrolled = rows[i].enrolled;
		assert_int_equal(set_key(&node, rows[i].key, rows[i].value, why),
				 rows[i].result);
		if (rows[i].why && !strstr(why, rows[i].why))
			fail_msg("row %zu: %s", i, why);
		assert_string_equal(node.state.hostname, "web-1");
	}
	state_done(&node.state);
	assert_int_equal(state_open(&node.state, dir, why), 0);
	assert_string_equal(node.state.hostname, "web-1");
	assert_int_equal(node.state.relay, STATE_RELAY_OFF);
	state_done(&node.state);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(keys) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
