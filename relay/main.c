/* SPDX-License-Identifier: MIT
 *
 * main.c - adit-relay: a relay with STUN for further sites (program)
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/dropin.h"
#include "base/file.h"
#include "base/log.h"
#include "base/notify.h"
#include "crypto/key.h"
#include "relay/service.h"
#include "traversal/stun.h"

enum {
	EXIT_USAGE = 2,
	CONFIG_MAX = 65536,
	PATH_TEXT = 1024,
};

static const char usage[] =
	"usage: adit-relay --coord-key KEY [--config F] [--state DIR]\n"
	"                  [--listen ADDR[:PORT]]... [--udp-port N]\n"
	"                  [--log-level error|warn|info|debug] [--check] [--version]\n"
	"\n"
	"Carries tunnels between nodes that the coordination server admits, and\n"
	"answers STUN, on UDP port N (3478) and N + 1. KEY is the coordination\n"
	"server's signing key. The configuration file has the same names without\n"
	"dashes, one a line: udp-port = 3478\n";

struct settings {
	struct relay_service_params service;
	char state[PATH_TEXT], config[PATH_TEXT];
	bool check;
	bool have_coord_key, have_port;
	enum log_level level;
};

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
	return EXIT_USAGE;
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

static bool add_listen(struct settings *s, const char *text)
{
	struct relay_service_params *p = &s->service;
	struct endpoint e = { 0 };

	if (p->address_count == 4)
		return false;
	if (!ipaddr_parse(text, &e.ip) && !endpoint_parse(text, &e))
		return false;
	if (e.port == UINT16_MAX)
		return false;
	if (e.port && !s->have_port)
		p->port = e.port;
	p->addresses[p->address_count++] = e.ip;
	return true;
}

static int set(struct settings *s, const struct where *w, const char *name,
	       const char *value)
{
	if (!strcmp(name, "state")) {
		if (!*value || strlen(value) >= sizeof(s->state) - 16)
			return complain(w, name, value, "give a folder");
		strcpy(s->state, value);
	} else if (!strcmp(name, "listen")) {
		if (!add_listen(s, value))
			return complain(w, name, value, "give ADDR or ADDR:PORT, "
					"at most 4 times");
	} else if (!strcmp(name, "udp-port")) {
		if (!parse_port(value, &s->service.port))
			return complain(w, name, value, "give a port, 1..65534");
		s->have_port = true;
	} else if (!strcmp(name, "coord-key")) {
		if (!sign_public_parse(value, &s->service.coord))
			return complain(w, name, value, "give the 44 characters "
					"that the coordination server prints");
		s->have_coord_key = true;
	} else if (!strcmp(name, "log-level")) {
		if (!log_level_parse(value, &s->level))
			return complain(w, name, value, "give error, warn, info "
					"or debug");
	} else {
		return complain(w, name, value, "no such setting");
	}
	return 0;
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
			snprintf(s->config, sizeof(s->config), "%s", optarg);
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
			return EXIT_USAGE;
		}
	}
	if (!status && optind < argc) {
		fprintf(stderr, "adit-relay: '%s': no argument expected; see "
			"--help\n", argv[optind]);
		return EXIT_USAGE;
	}
	return status;
}

static int load_key(const char *path, struct key_private *out)
{
	char *text;
	size_t n;
	bool good;
	int e = file_read_secret(path, 128, &text, &n);

	if (e)
		return e;
	text[strcspn(text, "\r\n")] = 0;
	good = key_private_parse(text, out);
	secret_wipe(text, n);
	free(text);
	return good ? 0 : -EBADMSG;
}

static int make_key(const struct settings *s, const char *path,
		    struct key_private *out)
{
	char text[KEY_TEXT + 1];
	int e = file_make_dir(s->state, 0700);

	if (e)
		return e;
	key_private_generate(out);
	key_private_text(out, text);
	strcat(text, "\n");
	e = file_replace(path, text, strlen(text), 0600);
	secret_wipe(text, sizeof(text));
	return e;
}

static int find_key(struct settings *s)
{
	char path[PATH_TEXT];
	int e;

	snprintf(path, sizeof(path), "%s/relay.key", s->state);
	e = load_key(path, &s->service.key);
	if (e == -ENOENT)
		e = make_key(s, path, &s->service.key);
	if (!e)
		return 0;
	if (e == -EPERM)
		fprintf(stderr, "adit-relay: %s: others can read or write it: "
			"chmod 600\n", path);
	else if (e == -EBADMSG)
		fprintf(stderr, "adit-relay: %s: holds no key: restore it, or "
			"remove it to make a new one\n", path);
	else
		fprintf(stderr, "adit-relay: %s: %s\n", path, strerror(-e));
	return EXIT_FAILURE;
}

static void report(struct relay_service *r)
{
	struct relay_service_stats st;

	relay_service_stats(r, &st);
	log_info("relay: %llu clients, %llu channels, %llu frames and %llu octets "
		 "carried, %llu STUN answers",
		 (unsigned long long)st.clients, (unsigned long long)st.channels,
		 (unsigned long long)st.forwarded,
		 (unsigned long long)st.forwarded_octets,
		 (unsigned long long)st.stun_answers);
	for (unsigned i = 1; i < DROP_COUNT; i++)
		if (st.drops[i])
			log_info("relay: %llu dropped: %s",
				 (unsigned long long)st.drops[i],
				 drop_text((enum drop)i));
}

/* wait_signal() - with the relay proven alive in between: its lock comes free */
static int wait_signal(const sigset_t *set, struct relay_service *r)
{
	nsec_t interval = notify_watchdog();
	struct timespec ts = { .tv_sec = (time_t)(interval / SEC(1)),
			       .tv_nsec = (long)(interval % SEC(1)) };
	struct relay_service_stats st;
	int sig;

	for (;;) {
		sig = interval ? sigtimedwait(set, NULL, &ts) :
				 sigwaitinfo(set, NULL);
		if (sig > 0)
			return sig;
		if (errno == EINTR)
			continue;
		relay_service_stats(r, &st);
		notify_state("WATCHDOG=1");
	}
}

/* reload() - the log level from the files; the rest needs a restart */
static void reload(const struct settings *s)
{
	static struct settings fresh;

	fresh = *s;
	fresh.service.address_count = 0;
	if (s->config[0] && read_config(&fresh, s->config)) {
		log_error("the configuration was not reloaded");
		return;
	}
	log_init("adit-relay", fresh.level);
	log_info("configuration reloaded: the log level is in effect, the rest "
		 "is after a restart");
	key_private_wipe(&fresh.service.key);
}

/* serve() - until SIGTERM or SIGINT; SIGUSR1 logs the counters, SIGHUP reloads */
static int serve(const struct settings *s)
{
	struct relay_service *r;
	struct key_public key;
	char text[KEY_TEXT], why[256];
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	r = relay_service_start(&s->service, why);
	if (!r) {
		fprintf(stderr, "adit-relay: %s\n", why);
		return EXIT_FAILURE;
	}
	key_public_of(&s->service.key, &key);
	printf("public key %s udp-port %u\n", key_public_text(&key, text),
	       s->service.port);
	fflush(stdout);
	notify_state("READY=1");
	while ((sig = wait_signal(&set, r)) == SIGUSR1 || sig == SIGHUP) {
		if (sig == SIGUSR1)
			report(r);
		else
			reload(s);
	}
	notify_state("STOPPING=1");
	report(r);
	relay_service_stop(r);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct settings s = { .service.port = STUN_DEFAULT_PORT,
			      .state = "/var/lib/adit-relay",
			      .level = LOG_LEVEL_INFO };
	int status;

	if (key_setup()) {
		fprintf(stderr, "adit-relay: the cryptography library does not "
			"start\n");
		return EXIT_FAILURE;
	}
	status = read_flags(&s, argc, argv, true);
	if (!status)
		status = read_flags(&s, argc, argv, false);
	if (status)
		return status;
	if (!s.have_coord_key) {
		fprintf(stderr, "adit-relay: --coord-key is missing: whose nodes "
			"are to be carried?\n");
		return EXIT_USAGE;
	}
	if (s.check) {
		puts("the configuration is good");
		return EXIT_SUCCESS;
	}
	log_init("adit-relay", s.level);
	status = find_key(&s);
	if (!status)
		status = serve(&s);
	key_private_wipe(&s.service.key);
	return status;
}
