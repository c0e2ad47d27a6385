/* SPDX-License-Identifier: MIT
 *
 * test_dropin.c - which files of FILE.d are read, and in which order
 */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dropin.h"

static char seen[256];

static int note(void *owner, const char *path)
{
	const char *stop_at = owner, *name = strrchr(path, '/') + 1;

	strcat(strcat(seen, name), " ");
	return stop_at && !strcmp(name, stop_at) ? 7 : 0;
}

static void order(void **state)
{
	static const char *const names[] = { "b.conf", "a.conf", ".c.conf",
					     "d.conf~", ".conf", "10.conf" };
	char dir[] = "/tmp/test_dropin.XXXXXX", file[64], path[96], command[64];

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/x.conf", dir);
	assert_int_equal(dropin_each(file, NULL, note), 0);
	assert_string_equal(seen, "");
	snprintf(path, sizeof(path), "%s.d", file);
	assert_int_equal(mkdir(path, 0700), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s.d/%s", file, names[i]);
		close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	}
	assert_int_equal(dropin_each(file, NULL, note), 0);
	assert_string_equal(seen, "10.conf a.conf b.conf ");
	seen[0] = 0;
	assert_int_equal(dropin_each(file, "a.conf", note), 7);
	assert_string_equal(seen, "10.conf a.conf ");
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(order) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
