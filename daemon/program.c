/* SPDX-License-Identifier: MIT
 *
 * program.c - programs of the host that we run
 *
 * Signals to our process group or from the service manager must not end a guard before
 * its work: it ignores them, sees the end of its pipe, and is gone in a moment.
 */
#include "daemon/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"

extern char **environ;

static const char places[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
			     "/sbin:/bin";

/* find() - the first executable of that name in PATH, then where the system keeps it */
static bool find(const char *name, char out[static PROGRAM_WORD])
{
	const char *lists[] = { getenv("PATH"), places };

	for (unsigned i = 0; i < ARRAY_SIZE(lists); i++)
		for (const char *p = lists[i]; p && *p;) {
			int n = (int)strcspn(p, ":");

			if (n && snprintf(out, PROGRAM_WORD, "%.*s/%s", n, p,
					  name) < PROGRAM_WORD &&
			    access(out, X_OK) == 0)
				return true;
			p += n + (p[n] == ':');
		}
	return false;
}

bool program_found(const char *name)
{
	char path[PROGRAM_WORD];

	return find(name, path);
}

/* input_fd() - a memory file with that text, or /dev/null */
static int input_fd(const char *input)
{
	int fd;

	if (!input)
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	fd = memfd_create("adit-input", MFD_CLOEXEC);
	if (fd >= 0 && (write(fd, input, strlen(input)) < 0 ||
			lseek(fd, 0, SEEK_SET) < 0)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int spawn(char *const *words, int in, pid_t *pid)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	char path[PROGRAM_WORD];
	sigset_t none, all;
	int err;

	if (!find(words[0], path))
		return -ENOENT;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attr);
	posix_spawn_file_actions_adddup2(&files, in, 0);
	posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK |
						POSIX_SPAWN_SETSIGDEF);
	err = posix_spawn(pid, path, &files, &attr, words, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	return -err;
}

static int start(const char *const *words, const char *input, pid_t *pid)
{
	char *argv[PROGRAM_WORDS] = { NULL };
	int in = input_fd(input), err;

	if (in < 0)
		return -errno;
	for (unsigned i = 0; words[i] && i < PROGRAM_WORDS - 1; i++)
		argv[i] = (char *)(uintptr_t)words[i]; /* not written to */
	err = spawn(argv, in, pid);
	close(in);
	return err;
}

static int pidfd_of(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : fd;
}

/* reap() - true: it ended with status 0 */
static bool reap(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void kill_and_reap(pid_t pid)
{
	kill(pid, SIGKILL);
	reap(pid);
}

/* ---- beside the loop ---- */

void program_add(struct program *p, const char *const *words, const char *input)
{
	struct program_step *s = &p->steps[p->count];

	if (p->count == PROGRAM_STEPS)
		return;
	memset(s, 0, sizeof(*s));
	for (unsigned i = 0; words[i] && i < PROGRAM_WORDS - 1; i++)
		snprintf(s->words[i], PROGRAM_WORD, "%s", words[i]);
	s->input = input;
	p->count++;
}

static void forget(struct program *p)
{
	if (p->watch.ev)
		close(p->watch.fd);
	loop_watch_del(&p->watch);
	loop_timer_done(&p->patience);
	p->watch = (struct loop_watch){ 0 };
	p->patience = (struct loop_timer){ 0 };
	p->pid = 0;
}

static void finish(struct program *p, bool ok)
{
	forget(p);
	p->count = p->at = 0;
	p->done(p, ok);
}

static int next_step(struct program *p);

static void on_end(struct loop_watch *w, nsec_t now)
{
	struct program *p = container_of(w, struct program, watch);
	bool ok = reap(p->pid);

	forget(p);
	p->at++;
	if (!ok || p->at == p->count || next_step(p) < 0)
		finish(p, ok && p->at == p->count);
}

static void on_patience(struct loop_timer *t, nsec_t now)
{
	struct program *p = container_of(t, struct program, patience);

	log_warn("%s: no end after %d s; killed", p->steps[p->at].words[0],
		 PROGRAM_PATIENCE_S);
	kill_and_reap(p->pid);
	finish(p, false);
}

static int next_step(struct program *p)
{
	const struct program_step *s = &p->steps[p->at];
	const char *words[PROGRAM_WORDS] = { NULL };
	int err, fd;

	for (unsigned i = 0; i < PROGRAM_WORDS - 1 && s->words[i][0]; i++)
		words[i] = s->words[i];
	err = start(words, s->input, &p->pid);
	if (err)
		return err;
	fd = pidfd_of(p->pid);
	err = fd < 0 ? fd : loop_watch_add(p->loop, &p->watch, fd, on_end);
	if (!err)
		err = loop_timer_init(p->loop, &p->patience, on_patience);
	if (!err) {
		loop_timer_at(&p->patience,
			      nsec_add(time_now(), SEC(PROGRAM_PATIENCE_S)));
		return 0;
	}
	if (fd >= 0 && !p->watch.ev)
		close(fd);
	kill_and_reap(p->pid);
	forget(p);
	return err;
}

int program_start(struct program *p, struct loop *l,
		  void (*done)(struct program *p, bool ok))
{
	int err;

	if (p->pid)
		return -EBUSY;
	p->loop = l;
	p->done = done;
	p->at = 0;
	err = next_step(p);
	if (err)
		p->count = 0;
	return err;
}

void program_stop(struct program *p)
{
	if (p->pid)
		kill_and_reap(p->pid);
	forget(p);
	p->count = p->at = 0;
}

/* ---- and wait ---- */

int program_run(const char *const *words, const char *input, unsigned limit_s)
{
	struct pollfd wait = { .events = POLLIN };
	pid_t pid;
	int err = start(words, input, &pid);

	if (err)
		return err;
	wait.fd = pidfd_of(pid);
	if (wait.fd < 0 || poll(&wait, 1, (int)limit_s * 1000) == 1) {
		err = reap(pid) ? 0 : -EIO;
	} else {
		kill_and_reap(pid);
		err = -ETIMEDOUT;
	}
	if (wait.fd >= 0)
		close(wait.fd);
	return err;
}

/* ---- guards ---- */

/* The shell goes into the background and its parent ends, so that nobody waits for it. */
static char guard_script[] =
	"exec 3<&0; { trap '' TERM INT HUP; read x <&3; exec \"$@\" 3<&-; } &";

int program_guard(const char *const *words)
{
	char *argv[PROGRAM_WORDS + 4] = { "sh", "-c", guard_script, "adit-guard" };
	int ends[2], err;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	for (unsigned i = 0; words[i] && i < PROGRAM_WORDS - 1; i++)
		argv[4 + i] = (char *)(uintptr_t)words[i];
	err = spawn(argv, ends[0], &pid);
	close(ends[0]);
	if (!err && !reap(pid))
		err = -EIO;
	if (!err)
		return ends[1];
	close(ends[1]);
	return err;
}
