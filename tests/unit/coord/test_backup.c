/* SPDX-License-Identifier: MIT
 *
 * test_backup.c - a state folder into one file and back
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "coord/backup.h"
#include "coord/registry.h"

static char folder[64], state[80], other[80], file[80];

static const char *in(const char *dir, const char *name)
{
	static char path[160];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static int set_up(void **unused)
{
	static const char *const names[] = { "channel.key", "sign.key",
					     "relay.key", "cert.pem", "key.pem" };
	struct registry *r;
	char why[256];

	(void)unused;
	strcpy(folder, "/tmp/test_backup.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(state, sizeof(state), "%s/state", folder);
	snprintf(other, sizeof(other), "%s/other", folder);
	snprintf(file, sizeof(file), "%s/backup", folder);
	mkdir(state, 0700);
	for (unsigned i = 0; i < 5; i++)
		if (file_replace(in(state, names[i]), names[i],
				 strlen(names[i]), 0600))
			return -1;
	r = registry_open(in(state, "coord.db"), why);
	if (!r || registry_set_setting(r, "colour", "green"))
		return -1;
	registry_close(r);
	return 0;
}

static int tear_down(void **unused)
{
	char command[128];

	(void)unused;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static void count(void *owner, uint64_t node, uint64_t version, const char *text)
{
	(void)node;
	(void)version;
	(void)text;
	++*(unsigned *)owner;
}

/* Others may hold more of a node than what it had published when the backup was made. */
static void what_was_published_stays_behind(void **unused)
{
	struct registry_node n = { .name = "a", .changed = 1 };
	char why[512] = "";
	unsigned kept = 0;
	struct registry *r = registry_open(in(state, "coord.db"), why);

	(void)unused;
	assert_non_null(r);
	assert_int_equal(registry_node_add(r, &n), 0);
	assert_int_equal(registry_published_set(r, n.id, 2, "{}"), 0);
	registry_close(r);
	assert_true(backup_write(state, file, why));
	assert_true(backup_restore(other, file, false, why));
	r = registry_open(in(other, "coord.db"), why);
	assert_non_null(r);
	assert_int_equal(registry_each_published(r, count, &kept), 0);
	assert_int_equal(kept, 0);
	registry_close(r);
}

static void there_and_back(void **unused)
{
	char why[512] = "", text[32], *key;
	struct registry *r;
	struct stat st;
	size_t n;

	(void)unused;
	assert_true(backup_write(state, file, why));
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(backup_restore(other, file, false, why));
	r = registry_open(in(other, "coord.db"), why);
	assert_non_null(r);
	assert_true(registry_setting(r, "colour", text, sizeof(text)));
	assert_string_equal(text, "green");
	registry_close(r);
	assert_int_equal(file_read_secret(in(other, "sign.key"), 99, &key, &n),
			 0);
	assert_string_equal(key, "sign.key");
	free(key);
}

/* a copy is whole while a server has the database open in the middle of its work */
static void while_in_use(void **unused)
{
	char why[512] = "", text[32];
	struct registry *r = registry_open(in(state, "coord.db"), why);

	(void)unused;
	assert_int_equal(registry_set_setting(r, "colour", "red"), 0);
	assert_int_equal(registry_begin(r), 0);
	assert_int_equal(registry_set_setting(r, "colour", "blue"), 0);
	assert_true(backup_write(state, file, why));
	registry_close(r);
	assert_true(backup_restore(other, file, true, why));
	r = registry_open(in(other, "coord.db"), why);
	assert_true(registry_setting(r, "colour", text, sizeof(text)));
	assert_string_equal(text, "red");
	registry_close(r);
}

static void a_network_is_not_lost(void **unused)
{
	char why[512] = "";

	(void)unused;
	assert_true(backup_write(state, file, why));
	assert_false(backup_restore(state, file, false, why));
	assert_non_null(strstr(why, "--force"));
}

static void wrong_files_change_nothing(void **unused)
{
	static const char *const texts[] = {
		"", "[]", "{}", "{\"format\":1}",
		"{\"format\":\"adit-coord backup\",\"version\":2}",
		"{\"format\":\"adit-coord backup\",\"version\":1}",
		"{\"format\":\"adit-coord backup\",\"version\":1,"
		"\"files\":{\"coord.db\":\"!\"}}",
		"{\"format\":\"adit-coord backup\",\"version\":1,"
		"\"files\":{\"coord.db\":\"bm8gZGF0YWJhc2U=\"}}",
	};
	struct stat before, after;
	char why[512];

	(void)unused;
	assert_int_equal(stat(in(state, "coord.db"), &before), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(file_replace(file, texts[i], strlen(texts[i]),
					      0600), 0);
		why[0] = 0;
		assert_false(backup_restore(state, file, true, why));
		assert_true(why[0]);
	}
	assert_int_equal(stat(in(state, "coord.db"), &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(access(in(state, "coord.db.copy"), F_OK), -1);
	assert_false(backup_restore(state, in(folder, "none"), true, why));
	assert_false(backup_write(in(folder, "none"), file, why));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(there_and_back, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_was_published_stays_behind,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(while_in_use, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_network_is_not_lost, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(wrong_files_change_nothing,
						set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
