/* SPDX-License-Identifier: MIT
 *
 * ctllisten.c - the listening end of the control socket, at its place in the file system
 */
#include "daemon/ctllisten.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"

enum {
	PATIENCE = 50, /* looks at a socket that answers, 20 ms apart */
};

static int make_folder(const char *socket_path)
{
	char dir[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", socket_path);
	slash = strrchr(dir, '/');
	if (!slash || slash == dir)
		return 0;
	*slash = 0;
	return file_make_dir(dir, 0755);
}

static bool answers_now(const struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool yes = connect(fd, (const struct sockaddr *)a, sizeof(*a)) == 0;

	close(fd);
	return yes;
}

/* answers() - one that was just killed may hold its socket for a moment yet */
static bool answers(const struct sockaddr_un *a)
{
	for (unsigned i = 0; i < PATIENCE; i++) {
		if (!answers_now(a))
			return false;
		usleep(20 * 1000);
	}
	return true;
}

int ctllisten_open(const char *path, char why[static 512])
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd, err = make_folder(path);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (!err && answers(&a)) {
		snprintf(why, 512, "another aditd answers at %.108s; give this "
			 "one its own --socket, --state and --tun", path);
		return -EADDRINUSE;
	}
	unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (err || fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    chmod(path, 0660) < 0 || listen(fd, 16) < 0) {
		err = err ? err : -errno;
		snprintf(why, 512, "cannot listen at %.108s: %s; choose another "
			 "place with --socket", path, strerror(-err));
		if (fd >= 0)
			close(fd);
		return err;
	}
	return fd;
}
