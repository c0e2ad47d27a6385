/* SPDX-License-Identifier: MIT
 *
 * dropin.c - the drop-ins of a configuration file: every .conf of FILE.d, by name
 */
#include "base/dropin.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int is_drop_in(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return e->d_name[0] != '.' && n > 5 &&
	       !strcmp(e->d_name + n - 5, ".conf");
}

int dropin_each(const char *file, void *owner,
		int (*read)(void *owner, const char *path))
{
	char folder[PATH_MAX], path[PATH_MAX + 260];
	struct dirent **entries;
	int count, status = 0;

	if (strlen(file) + 3 > sizeof(folder))
		return 0; /* such a folder cannot exist */
	snprintf(folder, sizeof(folder), "%s.d", file);
	count = scandir(folder, &entries, is_drop_in, alphasort);
	if (count < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder,
			 entries[i]->d_name);
		free(entries[i]);
		if (!status)
			status = read(owner, path);
	}
	free(entries);
	return status;
}
