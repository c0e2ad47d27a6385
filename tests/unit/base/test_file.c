/* SPDX-License-Identifier: MIT
 *
 * test_file.c - files are replaced whole, secrets keep their modes
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static char dir[] = "/tmp/adit-test-file-XXXXXX";
static char path[64], tmp[80];

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/a", dir);
	snprintf(tmp, sizeof(tmp), "%s.tmp", path);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	unlink(tmp);
	return rmdir(dir);
}

static void replaces_and_reads(void **state)
{
	char *data;
	size_t n;
	struct stat st;

	(void)state;
	assert_int_equal(file_replace(path, "one", 3, 0600), 0);
	assert_int_equal(file_replace(path, "three", 5, 0600), 0);
	assert_int_equal(file_read_secret(path, 5, &data, &n), 0);
	assert_int_equal(n, 5);
	assert_string_equal(data, "three");
	free(data);
	assert_int_equal(file_read(path, 4, &data, &n), -EFBIG);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(access(tmp, F_OK), -1);
}

static void stale_temporary_is_no_obstacle(void **state)
{
	FILE *f = fopen(tmp, "w");
	char *data;
	size_t n;

	(void)state;
	assert_non_null(f);
	fputs("torn", f);
	fclose(f);
	assert_int_equal(file_replace(path, "new", 3, 0600), 0);
	assert_int_equal(file_read(path, 100, &data, &n), 0);
	assert_string_equal(data, "new");
	free(data);
}

static void readable_secret_is_refused(void **state)
{
	char *data;
	size_t n;

	(void)state;
	assert_int_equal(file_replace(path, "x", 1, 0640), 0);
	assert_int_equal(file_read_secret(path, 9, &data, &n), -EPERM);
	assert_int_equal(file_read_secret(dir, 9, &data, &n), -EINVAL);
	assert_int_equal(file_read("/nonexistent/x", 9, &data, &n), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replaces_and_reads),
		cmocka_unit_test(stale_temporary_is_no_obstacle),
		cmocka_unit_test(readable_secret_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
