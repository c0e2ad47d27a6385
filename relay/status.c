/* SPDX-License-Identifier: MIT
 *
 * status.c - `adit-relay status`: a running relay's figures, read from its socket
 */
#include "relay/status.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/drop.h"
#include "base/scrape.h"
#include "relay/settings.h"

enum {
	PAGE_ROOM = SCRAPE_PAGE_MAX + 1024,
	WORD = 64,
	PATIENCE_S = 5,
};

static const struct row {
	const char *metric, *member, *text;
} rows[] = {
	{ "adit_relay_start_time_seconds", "started", "started, seconds of 1970" },
	{ "adit_relay_clients", "clients", "nodes registered" },
	{ "adit_relay_streams", "streams", "  of them over TLS" },
	{ "adit_relay_channels", "channels", "channels" },
	{ "adit_relay_frames_total", "frames", "frames carried" },
	{ "adit_relay_bytes_total", "bytes", "octets carried" },
	{ "adit_relay_month_bytes", "month_bytes", "  of them this month" },
	{ "adit_relay_marked_total", "marked", "marked by ECN" },
	{ "adit_relay_stream_dropped_total", "stream_dropped",
	  "dropped before a stalled stream" },
	{ "adit_stun_answers_total", "stun_answers", "STUN answers" },
};

/* What a line of the page says: NAME{LABEL="VALUE"} NUMBER */
struct sample {
	char name[WORD], label[WORD];
	uint64_t value;
};

static bool read_sample(const char *line, struct sample *out)
{
	*out = (struct sample){ 0 };
	return sscanf(line, "%63[a-z_]{%*[a-z]=\"%63[^\"]\"} %" SCNu64, out->name,
		      out->label, &out->value) == 3 ||
	       sscanf(line, "%63[a-z_] %" SCNu64, out->name, &out->value) == 2;
}

/* next_sample() - of a metric, from *at on; false: none is left */
static bool next_sample(const char **at, const char *metric, struct sample *out)
{
	while (**at) {
		const char *line = *at;
		size_t n = strcspn(line, "\n");

		*at += n + (line[n] == '\n');
		if (read_sample(line, out) && !strcmp(out->name, metric))
			return true;
	}
	return false;
}

/* text_of() - the sentence for a reason */
static const char *text_of(const char *reason)
{
	for (unsigned i = 1; i < DROP_COUNT; i++)
		if (!strcmp(reason, drop_name((enum drop)i)))
			return drop_text((enum drop)i);
	return reason;
}

/* write_members() - a metric with labels as an object */
static void write_members(const char *page, const char *member, const char *metric,
			  FILE *out)
{
	const char *at = page, *between = "";
	struct sample s;

	fprintf(out, ", \"%s\": {", member);
	for (; next_sample(&at, metric, &s); between = ", ")
		fprintf(out, "%s\"%s\": %" PRIu64, between, s.label, s.value);
	fprintf(out, "}");
}

static void write_json(const char *page, FILE *out)
{
	const char *at = page;
	struct sample s;

	fprintf(out, "{\"version\": \"%s\"",
		next_sample(&at, "adit_build_info", &s) ? s.label : "");
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		at = page;
		if (next_sample(&at, rows[i].metric, &s))
			fprintf(out, ", \"%s\": %" PRIu64, rows[i].member, s.value);
	}
	write_members(page, "refused_streams", "adit_relay_stream_refused_total", out);
	write_members(page, "drops", "adit_drops_total", out);
	fprintf(out, "}\n");
}

static void write_text(const char *page, FILE *out)
{
	const char *at = page;
	struct sample s;

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		at = page;
		if (next_sample(&at, rows[i].metric, &s))
			fprintf(out, "%-32s %" PRIu64 "\n", rows[i].text, s.value);
	}
	for (at = page; next_sample(&at, "adit_relay_stream_refused_total", &s);)
		if (s.value)
			fprintf(out, "refused: %" PRIu64 " connections over TLS, %s\n",
				s.value, s.label);
	for (at = page; next_sample(&at, "adit_drops_total", &s);)
		if (s.value)
			fprintf(out, "dropped: %" PRIu64 " %s\n", s.value,
				text_of(s.label));
}

void status_write(const char *page, bool json, FILE *out)
{
	if (json)
		write_json(page, out);
	else
		write_text(page, out);
}

/* ---- the socket ---- */

static int dial(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = PATIENCE_S };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), e;

	if (fd < 0)
		return -errno;
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (!connect(fd, (struct sockaddr *)&at, sizeof(at)))
		return fd;
	e = -errno;
	close(fd);
	return e;
}

/* ask() - the page behind the head; 0 or a negative errno */
static int ask(const char *path, char page[static PAGE_ROOM])
{
	static const char request[] = "GET /metrics HTTP/1.1\r\nHost: relay\r\n\r\n";
	int fd = dial(path);
	size_t n = 0;
	ssize_t got = 0;
	char *body;

	if (fd < 0)
		return fd;
	if (send(fd, request, strlen(request), MSG_NOSIGNAL) > 0)
		while (n + 1 < PAGE_ROOM &&
		       (got = recv(fd, page + n, PAGE_ROOM - 1 - n, 0)) > 0)
			n += (size_t)got;
	close(fd);
	page[n] = 0;
	body = strstr(page, "\r\n\r\n");
	if (got < 0 || !body || strncmp(page, "HTTP/1.1 200 ", 13))
		return -EPROTO;
	memmove(page, body + 4, strlen(body + 4) + 1);
	return 0;
}

static int report(const char *path, bool json)
{
	char *page = malloc(PAGE_ROOM);
	int e = page ? ask(path, page) : -ENOMEM;

	if (!e)
		status_write(page, json, stdout);
	else if (e == -ENOENT || e == -ECONNREFUSED)
		fprintf(stderr, "adit-relay: nothing answers at %s: start the relay, or "
			"name its folder by --state\n", path);
	else
		fprintf(stderr, "adit-relay: %s: %s%s\n", path, strerror(-e),
			e == -EACCES ? ": ask as root" : "");
	free(page);
	return e ? EXIT_FAILURE : EXIT_SUCCESS;
}

int status_command(int argc, char **argv)
{
	static const struct option options[] = {
		{ "state", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ 0 },
	};
	struct settings s = { .state = "/var/lib/adit-relay" };
	char path[SCRAPE_AT];
	bool json = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'j')
			json = true;
		else if (opt == 's')
			snprintf(s.state, sizeof(s.state), "%s", optarg);
		else
			return SETTINGS_USAGE;
	}
	if (optind == argc)
		return report(settings_socket(&s, path), json);
	fprintf(stderr, "adit-relay: '%s': status takes --state and --json alone\n",
		argv[optind]);
	return SETTINGS_USAGE;
}
