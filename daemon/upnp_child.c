/* SPDX-License-Identifier: MIT
 *
 * upnp_child.c - one run of adit-portmap, which speaks UPnP for us
 */
#include "daemon/upnp_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"

#define PATIENCE SEC(12) /* the child ends itself after 10 */

static const char program[] = "adit-portmap";

static const char *kind_name(enum portmap_job_kind k)
{
	switch (k) {
	case PORTMAP_FIND:
		return "find";
	case PORTMAP_MAP:
		return "map";
	case PORTMAP_UNMAP:
		return "unmap";
	}
	return "";
}

/* take_word() - the next word of a line; false: there is none, or it is too long */
static bool take_word(const char **line, char *out, size_t room)
{
	size_t n = strcspn(*line, " ");

	if (!n || n >= room)
		return false;
	memcpy(out, *line, n);
	out[n] = 0;
	*line += n + ((*line)[n] == ' ');
	return true;
}

static bool take_number(const char **line, unsigned long max, unsigned long *out)
{
	char word[12];

	if (!take_word(line, word, sizeof(word)) ||
	    strspn(word, "0123456789") != strlen(word))
		return false;
	*out = strtoul(word, NULL, 10);
	return *out <= max;
}

static bool parse_mapped(const char *line, struct portmap_answer *out)
{
	struct portmap_answer a = { .ok = true };
	unsigned long port, lifetime;
	char ip[ADDR_TEXT];

	if (!take_word(&line, ip, sizeof(ip)) ||
	    !ipaddr_parse(ip, &a.external.ip) ||
	    !take_number(&line, UINT16_MAX, &port) ||
	    !take_number(&line, UINT32_MAX, &lifetime) || *line)
		return false;
	a.external.port = (uint16_t)port;
	a.lifetime_s = (uint32_t)lifetime;
	*out = a;
	return true;
}

bool upnp_child_parse(const char *line, size_t n, enum portmap_job_kind kind,
		      struct portmap_answer *out)
{
	char copy[UPNP_LINE_MAX];

	if (n < 2 || n >= sizeof(copy) || line[n - 1] != '\n' ||
	    memchr(line, 0, n))
		return false;
	memcpy(copy, line, n - 1);
	copy[n - 1] = 0;
	if (kind == PORTMAP_MAP && !strncmp(copy, "mapped ", 7))
		return parse_mapped(copy + 7, out);
	if (!strncmp(copy, "failed ", 7)) {
		*out = (struct portmap_answer){ .ok = false };
		return true;
	}
	if ((kind == PORTMAP_FIND && strcmp(copy, "found")) ||
	    (kind == PORTMAP_UNMAP && strcmp(copy, "unmapped")) ||
	    kind == PORTMAP_MAP)
		return false;
	*out = (struct portmap_answer){ .ok = true };
	return true;
}

static void end_child(struct upnp_child *c)
{
	if (!c->pid)
		return;
	kill(c->pid, SIGKILL); /* it has said all, or is not to say more */
	while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
		;
	c->pid = 0;
	loop_watch_del(&c->watch);
	loop_timer_at(&c->timeout, NSEC_NEVER);
	close(c->fd);
	c->fd = -1;
}

static void conclude(struct upnp_child *c, nsec_t now)
{
	struct portmap_answer a = { .ok = false };

	end_child(c);
	if (!upnp_child_parse(c->line, c->n, c->kind, &a))
		log_debug("%s %s: no answer", program, kind_name(c->kind));
	else
		log_debug("%s %s: %.*s", program, kind_name(c->kind),
			  (int)(c->n - 1), c->line);
	c->done(c, &a, now);
}

static void on_timeout(struct loop_timer *t, nsec_t now)
{
	conclude(container_of(t, struct upnp_child, timeout), now);
}

/* take_in() - false: it has ended, or says too much */
static bool take_in(struct upnp_child *c)
{
	ssize_t n = read(c->fd, c->line + c->n, sizeof(c->line) - c->n);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	c->n += (size_t)n;
	return n > 0 && c->n < sizeof(c->line);
}

static void on_readable(struct loop_watch *w, nsec_t now)
{
	struct upnp_child *c = container_of(w, struct upnp_child, watch);

	if (!take_in(c))
		conclude(c, now);
}

int upnp_child_init(struct upnp_child *c, struct loop *l,
		    void (*done)(struct upnp_child *c,
				 const struct portmap_answer *a, nsec_t now))
{
	*c = (struct upnp_child){ .fd = -1, .done = done };
	return loop_timer_init(l, &c->timeout, on_timeout);
}

void upnp_child_free(struct upnp_child *c)
{
	end_child(c);
	loop_timer_done(&c->timeout);
}

/* find_program() - beside aditd as long as it is not installed */
static const char *find_program(char path[static 4096])
{
	ssize_t n = readlink("/proc/self/exe", path, 4000);
	char *slash;

	path[n > 0 ? n : 0] = 0;
	slash = strrchr(path, '/');
	if (slash) {
		memcpy(slash + 1, program, sizeof(program));
		if (access(path, X_OK) == 0)
			return path;
	}
	return ADIT_LIBEXECDIR "/adit-portmap";
}

static int spawn(const struct portmap_job *job, int out, pid_t *pid)
{
	char path[4096], gateway[ADDR_TEXT], local[ADDR_TEXT];
	char in[8], ext[8], lifetime[16];
	char *argv[] = { (char *)program, (char *)kind_name(job->kind), gateway,
			 local, in, ext, lifetime, NULL };
	char *none[] = { NULL };
	posix_spawn_file_actions_t fds;
	int err;

	ipaddr_text(&job->gateway, gateway);
	ipaddr_text(&job->local, local);
	snprintf(in, sizeof(in), "%u", job->internal_port);
	snprintf(ext, sizeof(ext), "%u", job->external_port);
	snprintf(lifetime, sizeof(lifetime), "%u", job->lifetime_s);
	err = posix_spawn_file_actions_init(&fds);
	if (err)
		return -err;
	err = posix_spawn_file_actions_addopen(&fds, 0, "/dev/null", O_RDWR, 0);
	if (!err)
		err = posix_spawn_file_actions_adddup2(&fds, out, 1);
	if (!err)
		err = posix_spawn(pid, find_program(path), &fds, NULL, argv,
				  none);
	posix_spawn_file_actions_destroy(&fds);
	return -err;
}

int upnp_child_start(struct upnp_child *c, struct loop *l,
		     const struct portmap_job *job, nsec_t now)
{
	int p[2], err;

	if (pipe2(p, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	err = spawn(job, p[1], &c->pid);
	close(p[1]);
	c->fd = p[0];
	c->n = 0;
	c->kind = job->kind;
	if (err) {
		c->pid = 0;
		close(p[0]);
		return err;
	}
	err = loop_watch_add(l, &c->watch, c->fd, on_readable);
	if (err)
		end_child(c);
	else
		loop_timer_at(&c->timeout, now + PATIENCE);
	return err;
}

void upnp_child_wait(struct upnp_child *c, int ms)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };

	if (c->pid && poll(&p, 1, ms) > 0)
		(void)take_in(c);
	end_child(c);
}
