/* SPDX-License-Identifier: MIT
 *
 * ask.c - one question to aditd over its control socket, and the answer
 *
 * Protocol: daemon/ctl.h. Lines are bounded: a daemon gone mad cannot fill the memory.
 */
#include "daemon/cli/ask.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/cli/show.h"
#include "daemon/ctl.h"

struct line { /* what was read and not yet used */
	char *p;
	size_t n, room;
};

static int fail(int status, const char *format, ...) printf_like(2, 3);

static int fail(int status, const char *format, ...)
{
	va_list ap;

	fputs("adit: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	return status;
}

static int refuse_socket(const char *path, int err)
{
	if (err == ENOENT || err == ECONNREFUSED || err == ENOTSOCK)
		return fail(EXIT_NO_DAEMON,
			    "aditd is not running (no answer at %s); start it "
			    "with: systemctl start aditd", path);
	if (err == EACCES || err == EPERM)
		return fail(EXIT_NOT_PERMITTED,
			    "not allowed to ask aditd at %s; run as root, or "
			    "as a member of group adit", path);
	return fail(EXIT_REFUSED, "cannot ask aditd at %s: %s", path,
		    strerror(err));
}

static int dial(const char *path, unsigned timeout_s, int *out)
{
	const struct timeval tv = { .tv_sec = timeout_s };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(un.sun_path))
		return fail(EXIT_USAGE, "the socket's path is too long; "
			    "allowed are %zu octets", sizeof(un.sun_path) - 1);
	strcpy(un.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return refuse_socket(path, errno);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) < 0) {
		int err = errno;

		close(fd);
		return refuse_socket(path, err);
	}
	*out = fd;
	return EXIT_DONE;
}

static int send_text(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return fail(EXIT_REFUSED, "aditd does not listen: %s",
				    strerror(errno));
		p += sent;
		n -= (size_t)sent;
	}
	return EXIT_DONE;
}

static int send_request(int fd, const json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	size_t n;
	int status;

	if (!text)
		return fail(EXIT_REFUSED, "an argument is not UTF-8 text");
	n = strlen(text);
	if (n + 1 > CTL_LINE_MAX) {
		free(text);
		return fail(EXIT_REFUSED, "an argument is too long");
	}
	text[n] = '\n'; /* in place of the NUL: the length is known */
	status = send_text(fd, text, n + 1);
	free(text);
	return status;
}

static bool grow(struct line *l)
{
	size_t room = l->room ? l->room * 2 : 4096;
	char *p;

	if (room > ASK_ANSWER_MAX)
		return false;
	p = realloc(l->p, room);
	if (!p)
		return false;
	l->p = p;
	l->room = room;
	return true;
}

/* fill() - read more behind what is there */
static int fill(int fd, struct line *l)
{
	ssize_t got;

	if (l->n == l->room && !grow(l))
		return fail(EXIT_REFUSED, "the answer of aditd is too long");
	do
		got = recv(fd, l->p + l->n, l->room - l->n, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return fail(EXIT_REFUSED, "aditd did not answer in time; see: "
			    "journalctl -u aditd");
	if (got < 0)
		return fail(EXIT_REFUSED, "aditd does not answer: %s",
			    strerror(errno));
	if (got == 0)
		return fail(EXIT_REFUSED, "aditd closed without an answer; "
			    "see: journalctl -u aditd");
	l->n += (size_t)got;
	return EXIT_DONE;
}

/* read_object() - the next line as an object; the caller's to json_decref() */
static int read_object(int fd, struct line *l, json_t **out)
{
	size_t seen = 0;
	json_error_t error;
	char *feed = NULL;
	json_t *object;
	size_t n;

	while (!feed) {
		if (l->n > seen)
			feed = memchr(l->p + seen, '\n', l->n - seen);
		if (feed)
			break;
		seen = l->n;
		if (fill(fd, l))
			return EXIT_REFUSED;
	}
	n = (size_t)(feed - l->p);
	object = json_loadb(l->p, n, 0, &error);
	memmove(l->p, feed + 1, l->n - n - 1);
	l->n -= n + 1;
	if (!json_is_object(object)) {
		json_decref(object);
		return fail(EXIT_REFUSED, "the answer of aditd is no JSON "
			    "object; is it of another version?");
	}
	*out = object;
	return EXIT_DONE;
}

static int refused(const json_t *answer)
{
	const char *error = json_string_value(json_object_get(answer, "error"));
	const char *code = json_string_value(json_object_get(answer, "code"));
	int status = EXIT_REFUSED;
	char text[512];

	if (code && !strcmp(code, "needs-join"))
		status = EXIT_NEEDS_JOIN;
	if (code && !strcmp(code, "not-permitted"))
		status = EXIT_NOT_PERMITTED;
	return fail(status, "%s",
		    show_text(error ? error : "aditd refused and did not "
					      "say why", text, sizeof(text)));
}

/* conclude() - the last line of an answer */
static int conclude(const json_t *answer, json_t **result)
{
	json_t *r = json_object_get(answer, "result");

	if (!json_is_true(json_object_get(answer, "ok")))
		return refused(answer);
	if (!json_is_object(r))
		return fail(EXIT_REFUSED, "the answer of aditd holds no "
			    "result; is it of another version?");
	*result = json_incref(r);
	return EXIT_DONE;
}

static int read_answer(int fd, const struct ask_events *events, json_t **result)
{
	struct line line = { 0 };
	bool more = true;
	int status = EXIT_DONE;

	while (more && status == EXIT_DONE) {
		json_t *answer = NULL, *event;

		status = read_object(fd, &line, &answer);
		if (status)
			break;
		event = json_object_get(answer, "event");
		if (!event) {
			status = conclude(answer, result);
			more = false;
		} else if (events && !events->event(events->owner, event)) {
			*result = NULL;
			more = false;
		}
		json_decref(answer);
	}
	free(line.p);
	return status;
}

int ask(const struct cli_args *a, json_t *request, unsigned timeout_s,
	const struct ask_events *events, json_t **result)
{
	int fd = -1;
	int status;

	if (!request)
		return fail(EXIT_USAGE, "an argument is not UTF-8 text");
	status = dial(a->socket, timeout_s, &fd);
	if (status == EXIT_DONE)
		status = send_request(fd, request);
	if (status == EXIT_DONE)
		status = read_answer(fd, events, result);
	if (fd >= 0)
		close(fd);
	json_decref(request);
	return status;
}

int ask_simple(const struct cli_args *a, const char *cmd, unsigned timeout_s,
	       json_t **result)
{
	return ask(a, json_pack("{s:s}", "cmd", cmd), timeout_s, NULL, result);
}
