/* SPDX-License-Identifier: MIT
 *
 * settings.c - what adit-relay is told by flags and files
 */
#include "relay/settings.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dropin.h"
#include "base/file.h"
#include "traversal/stun.h"

enum {
	CONFIG_MAX = 65536,
	MBIT = 125000, /* octets */
	GB = 1000000000,
};

static const char usage[] =
	"usage: adit-relay --coord-key KEY [--config F] [--state DIR]\n"
	"                  [--listen ADDR[:PORT]]... [--udp-port N]\n"
	"                  [--node-rate MBIT] [--total-rate MBIT]\n"
	"                  [--node-quota GB] [--quota GB]\n"
	"                  [--allow-from PREFIX]... [--allow-node KEY]...\n"
	"                  [--metrics ADDR:PORT|PATH]\n"
	"                  [--log-level error|warn|info|debug] [--check] [--version]\n"
	"       adit-relay status [--state DIR] [--json]\n"
	"\n"
	"Carries tunnels between nodes that the coordination server admits, and\n"
	"answers STUN, on UDP port N (3478) and N + 1; where UDP is blocked, over\n"
	"TLS on TCP port PORT (443). KEY is the coordination server's signing key,\n"
	"which adit-coord relay list prints. The configuration file has the same names without\n"
	"dashes, one a line: udp-port = 3478\n";

/* Who said it: a flag, or a line of a file. */
struct where {
	const char *file; /* NULL: the command line */
	unsigned line;
};

static int complain(const struct where *w, const char *name, const char *value,
		    const char *expected)
{
	if (w->file)
		fprintf(stderr, "adit-relay: %s:%u: ", w->file, w->line);
	else
		fprintf(stderr, "adit-relay: --");
	fprintf(stderr, "%s '%s': %s\n", name, value, expected);
	return SETTINGS_USAGE;
}

static bool parse_port(const char *text, uint16_t *out)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || !v || v >= UINT16_MAX)
		return false;
	*out = (uint16_t)v;
	return true;
}

/* parse_count() - 1..most, times a unit */
static bool parse_count(const char *text, uint64_t most, uint64_t unit, uint64_t *out)
{
	char *end;
	unsigned long long v = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || !v || v > most)
		return false;
	*out = v * unit;
	return true;
}

static bool add_listen(struct settings *s, const char *text)
{
	struct relay_service_params *p = &s->service;
	struct endpoint e = { 0 };

	if (p->address_count == 4)
		return false;
	if (!ipaddr_parse(text, &e.ip) && !endpoint_parse(text, &e))
		return false;
	if (e.port)
		s->tls_port = e.port;
	p->addresses[p->address_count++] = e.ip;
	return true;
}

static bool set_state(struct settings *s, const char *v)
{
	if (!*v || strlen(v) >= sizeof(s->state) - 16)
		return false;
	strcpy(s->state, v);
	return true;
}

static bool set_udp_port(struct settings *s, const char *v)
{
	return parse_port(v, &s->service.port);
}

static bool set_coord_key(struct settings *s, const char *v)
{
	s->have_coord_key = sign_public_parse(v, &s->service.coord);
	return s->have_coord_key;
}

static bool set_node_rate(struct settings *s, const char *v)
{
	return parse_count(v, 100000, MBIT, &s->service.limits.rate);
}

static bool set_total_rate(struct settings *s, const char *v)
{
	return parse_count(v, 100000, MBIT, &s->service.limits.total_rate);
}

static bool set_node_quota(struct settings *s, const char *v)
{
	return parse_count(v, 1000000, GB, &s->service.limits.node_daily);
}

static bool set_quota(struct settings *s, const char *v)
{
	return parse_count(v, 1000000, GB, &s->service.limits.monthly);
}

static bool add_allow_from(struct settings *s, const char *v)
{
	return allow_from(&s->service.limits.allow, v);
}

static bool add_allow_node(struct settings *s, const char *v)
{
	return allow_node(&s->service.limits.allow, v);
}

static bool set_metrics(struct settings *s, const char *v)
{
	if (strlen(v) >= sizeof(s->metrics) || !scrape_valid(v))
		return false;
	strcpy(s->metrics, v);
	return true;
}

static bool set_log_level(struct settings *s, const char *v)
{
	return log_level_parse(v, &s->level);
}

static const struct row {
	const char *name, *expected;
	bool (*set)(struct settings *s, const char *value);
} rows[] = {
	{ "state", "give a folder", set_state },
	{ "listen", "give ADDR or ADDR:PORT, at most 4 times", add_listen },
	{ "udp-port", "give a port, 1..65534", set_udp_port },
	{ "coord-key", "give the 44 characters that the coordination server prints",
	  set_coord_key },
	{ "node-rate", "give Mbit/s, 1..100000", set_node_rate },
	{ "total-rate", "give Mbit/s, 1..100000", set_total_rate },
	{ "node-quota", "give GB a day, 1..1000000", set_node_quota },
	{ "quota", "give GB a month, 1..1000000", set_quota },
	{ "allow-from", "give an address or ADDR/BITS, at most 64 times",
	  add_allow_from },
	{ "allow-node", "give a node's key, 44 characters, at most 256 times",
	  add_allow_node },
	{ "metrics", "give ADDR:PORT or the path of a unix socket", set_metrics },
	{ "log-level", "give error, warn, info or debug", set_log_level },
};

static int set(struct settings *s, const struct where *w, const char *name,
	       const char *value)
{
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		if (strcmp(name, rows[i].name))
			continue;
		return rows[i].set(s, value) ?
			       0 :
			       complain(w, name, value, rows[i].expected);
	}
	return complain(w, name, value, "no such setting");
}

static char *trim(char *s)
{
	char *end = s + strlen(s);

	while (end > s && strchr(" \t\r", end[-1]))
		*--end = 0;
	return s + strspn(s, " \t");
}

static int set_line(struct settings *s, const struct where *w, char *line)
{
	char *value = strchr(line, '=');

	line = trim(line);
	if (!*line || *line == '#' || *line == ';' || *line == '[')
		return 0;
	if (!value)
		return complain(w, line, "", "a line is NAME = VALUE");
	*value++ = 0;
	return set(s, w, trim(line), trim(value));
}

static int read_file(void *owner, const char *path)
{
	struct settings *s = owner;
	struct where w = { .file = path };
	char *text, *next;
	size_t n;
	int e = file_read(path, CONFIG_MAX, &text, &n), status = 0;

	if (e) {
		fprintf(stderr, "adit-relay: %s: %s\n", path, strerror(-e));
		return EXIT_FAILURE;
	}
	for (char *line = text; line && !status; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		w.line++;
		status = set_line(s, &w, line);
	}
	free(text);
	return status;
}

static int read_config(struct settings *s, const char *path)
{
	int status = read_file(s, path);

	if (!status)
		status = dropin_each(path, s, read_file);
	if (status >= 0)
		return status;
	fprintf(stderr, "adit-relay: %s.d: %s\n", path, strerror(-status));
	return EXIT_FAILURE;
}

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "state", required_argument, NULL, 's' },
	{ "listen", required_argument, NULL, 's' },
	{ "udp-port", required_argument, NULL, 's' },
	{ "coord-key", required_argument, NULL, 's' },
	{ "node-rate", required_argument, NULL, 's' },
	{ "total-rate", required_argument, NULL, 's' },
	{ "node-quota", required_argument, NULL, 's' },
	{ "quota", required_argument, NULL, 's' },
	{ "allow-from", required_argument, NULL, 's' },
	{ "allow-node", required_argument, NULL, 's' },
	{ "metrics", required_argument, NULL, 's' },
	{ "log-level", required_argument, NULL, 's' },
	{ "check", no_argument, NULL, 'k' },
	{ "version", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

/* read_flags() - two passes: the configuration file first, so that flags win */
static int read_flags(struct settings *s, int argc, char **argv, bool config)
{
	struct where w = { 0 };
	int opt, at, status = 0;

	optind = 1;
	while (!status &&
	       (opt = getopt_long(argc, argv, "", options, &at)) != -1) {
		switch (opt) {
		case 'c':
			status = config ? read_config(s, optarg) : 0;
			break;
		case 's':
			status = config ? 0 :
					  set(s, &w, options[at].name, optarg);
			break;
		case 'k':
			s->check = true;
			break;
		case 'v':
			printf("adit-relay %s\n", ADIT_VERSION);
			exit(EXIT_SUCCESS);
		case 'h':
			printf("%s", usage);
			exit(EXIT_SUCCESS);
		default:
			return SETTINGS_USAGE;
		}
	}
	if (!status && optind < argc) {
		fprintf(stderr, "adit-relay: '%s': no argument expected; see "
			"--help\n", argv[optind]);
		return SETTINGS_USAGE;
	}
	return status;
}

int settings_read(int argc, char **argv, struct settings *out)
{
	int status;

	*out = (struct settings){ .service.port = STUN_DEFAULT_PORT,
				  .tls_port = 443,
				  .state = "/var/lib/adit-relay",
				  .level = LOG_LEVEL_INFO };
	status = read_flags(out, argc, argv, true);
	if (!status)
		status = read_flags(out, argc, argv, false);
	if (status || out->have_coord_key)
		return status;
	fprintf(stderr, "adit-relay: --coord-key is missing: whose nodes are to be "
		"carried?\n");
	return SETTINGS_USAGE;
}

const char *settings_socket(const struct settings *s, char path[static SCRAPE_AT])
{
	snprintf(path, SCRAPE_AT, "%.100s/status.sock", s->state);
	return path;
}
