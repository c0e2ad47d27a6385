/* SPDX-License-Identifier: MIT
 *
 * backup.c - the server's whole state in one file, and back (glue)
 */
#include "coord/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/file.h"
#include "coord/registry.h"
#include "crypto/key.h"

#define FORMAT	"adit-coord backup"
#define USER	"adit-coord"
#define DB	"coord.db"
#define DB_COPY "coord.db.copy"

enum {
	VERSION = 1,
	FILE_MAX = 256 << 20, /* octets of a file of the state, or of a backup */
};

static const char *const names[] = { "channel.key", "sign.key", "relay.key",
				     "cert.pem", "key.pem" };

static bool fail(char why[static 512], const char *path, int err)
{
	snprintf(why, 512, "%.300s: %s", path, strerror(-err));
	return false;
}

static void path_of(const char *state, const char *name, char out[static PATH_MAX])
{
	snprintf(out, PATH_MAX, "%.3900s/%s", state, name);
}

/* become() - the owner of the folder, so that files made there are his; root only */
static bool become(const char *state, char why[static 512])
{
	struct stat st;

	if (stat(state, &st) < 0)
		return fail(why, state, -errno);
	if (geteuid() != 0 || st.st_uid == 0)
		return true;
	if (setegid(st.st_gid) == 0 && seteuid(st.st_uid) == 0)
		return true;
	return fail(why, state, -errno);
}

static void become_root_again(void)
{
	if (getuid() == 0 && (seteuid(0) < 0 || setegid(0) < 0))
		abort(); /* cannot happen: root stays in the saved ids */
}

static void free_secret(char *p, size_t n)
{
	if (p)
		secret_wipe(p, n);
	free(p);
}

/* add_file() - one file into the object; missing ones are left out */
static int add_file(json_t *files, const char *state, const char *from,
		    const char *name)
{
	char path[PATH_MAX], *data, *text;
	size_t n;
	int err;

	path_of(state, from, path);
	err = file_read(path, FILE_MAX, &data, &n);
	if (err)
		return err;
	text = malloc(BASE64_ROOM(n));
	if (text) {
		base64_write(data, n, text);
		if (json_object_set_new(files, name, json_string(text)) < 0)
			err = -ENOMEM;
		secret_wipe(text, BASE64_ROOM(n));
	}
	free_secret(data, n);
	free(text);
	return text ? err : -ENOMEM;
}

static bool collect(const char *state, json_t *files, char why[static 512])
{
	char db[PATH_MAX], copy[PATH_MAX], path[PATH_MAX];
	int err;

	path_of(state, DB, db);
	path_of(state, DB_COPY, copy);
	unlink(copy);
	if (access(db, R_OK) < 0)
		return fail(why, db, -errno);
	if (!registry_copy(db, copy, why))
		return false;
	err = add_file(files, state, DB_COPY, DB);
	unlink(copy);
	for (unsigned i = 0; !err && i < ARRAY_SIZE(names); i++) {
		err = add_file(files, state, names[i], names[i]);
		if (err)
			path_of(state, names[i], path);
	}
	return err ? fail(why, path, err) : true;
}

bool backup_write(const char *state, const char *file, char why[static 512])
{
	json_t *files = json_object(), *o;
	bool ok = become(state, why) && collect(state, files, why);
	char *text;
	int err;

	become_root_again();
	o = json_pack("{s:s,s:i,s:o}", "format", FORMAT, "version", VERSION,
		      "files", files);
	text = ok && o ? json_dumps(o, JSON_INDENT(1)) : NULL;
	if (text) {
		err = file_replace(file, text, strlen(text), 0600);
		ok = !err || fail(why, file, err);
		free_secret(text, strlen(text));
	}
	json_decref(o);
	return ok;
}

/* ---- back ---- */

static json_t *read_backup(const char *file, char why[static 512])
{
	const char *format;
	json_error_t error;
	size_t n;
	char *text;
	json_t *o;
	int err = file_read(file, FILE_MAX, &text, &n);

	if (err) {
		fail(why, file, err);
		return NULL;
	}
	o = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);
	free_secret(text, n);
	format = json_string_value(json_object_get(o, "format"));
	if (!format || strcmp(format, FORMAT))
		snprintf(why, 512, "%.200s:%d: this is no backup of adit-coord",
			 file, o ? 1 : error.line);
	else if (json_integer_value(json_object_get(o, "version")) != VERSION)
		snprintf(why, 512, "%.200s: made by a newer adit-coord; install "
			 "that one", file);
	else
		return o;
	json_decref(o);
	return NULL;
}

static bool put_file(const json_t *o, const char *state, const char *name,
		     const char *to, char why[static 512])
{
	const char *text = json_string_value(
		json_object_get(json_object_get(o, "files"), name));
	size_t n = text ? strlen(text) : 0, got = 0;
	char path[PATH_MAX], *data = malloc(n + 1);
	int err = -ENOMEM;

	path_of(state, to, path);
	if (!text || !data || !base64_read(text, n, data, n, &got)) {
		snprintf(why, 512, "the backup holds no whole %s", name);
		free(data);
		return false;
	}
	err = file_replace(path, data, got, 0600);
	free_secret(data, got);
	return !err || fail(why, path, err);
}

static bool make_state(const char *state, char why[static 512])
{
	const struct passwd *user = getpwnam(USER);
	bool there = access(state, F_OK) == 0;
	int err = file_make_dir(state, 0700);

	if (err)
		return fail(why, state, err);
	if (!there && user && geteuid() == 0 &&
	    chown(state, user->pw_uid, user->pw_gid) < 0)
		return fail(why, state, -errno);
	return true;
}

static bool free_to_write(const char *state, bool replace, char why[static 512])
{
	char path[PATH_MAX];

	path_of(state, DB, path);
	if (replace || access(path, F_OK) < 0)
		return true;
	snprintf(why, 512, "%.200s holds a network already; restore with --force "
		 "to lose that one", state);
	return false;
}

/* put_database() - checked under another name, then moved into place */
static bool put_database(const json_t *o, const char *state, char why[static 512])
{
	char db[PATH_MAX], copy[PATH_MAX], path[PATH_MAX];

	path_of(state, DB, db);
	path_of(state, DB_COPY, copy);
	if (!put_file(o, state, DB, DB_COPY, why))
		return false;
	if (!registry_check(copy, why)) {
		unlink(copy);
		return false;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (!put_file(o, state, names[i], names[i], why))
			return false;
	path_of(state, DB "-wal", path);
	unlink(path);
	path_of(state, DB "-shm", path);
	unlink(path);
	return rename(copy, db) == 0 || fail(why, db, -errno);
}

bool backup_restore(const char *state, const char *file, bool replace,
		    char why[static 512])
{
	json_t *o = read_backup(file, why);
	bool ok = o && make_state(state, why) && become(state, why) &&
		  free_to_write(state, replace, why) &&
		  put_database(o, state, why);

	become_root_again();
	json_decref(o);
	return ok;
}
