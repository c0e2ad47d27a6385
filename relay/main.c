/* SPDX-License-Identifier: MIT
 *
 * main.c - adit-relay: a relay with STUN for further sites (program)
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dropin.h"
#include "base/file.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/notify.h"
#include "base/scrape.h"
#include "base/stream.h"
#include "crypto/key.h"
#include "relay/relay_figures.h"
#include "relay/service.h"
#include "relay/tlsservice.h"
#include "traversal/stun.h"

enum {
	EXIT_USAGE = 2,
	CONFIG_MAX = 65536,
	PATH_TEXT = 1024,
	LISTENS = 4,
	CONNECTIONS_MAX = 16384,
};

static const char usage[] =
	"usage: adit-relay --coord-key KEY [--config F] [--state DIR]\n"
	"                  [--listen ADDR[:PORT]]... [--udp-port N]\n"
	"                  [--node-rate MBIT] [--metrics ADDR:PORT|PATH]\n"
	"                  [--log-level error|warn|info|debug] [--check] [--version]\n"
	"\n"
	"Carries tunnels between nodes that the coordination server admits, and\n"
	"answers STUN, on UDP port N (3478) and N + 1; where UDP is blocked, over\n"
	"TLS on TCP port PORT (443). KEY is the coordination server's signing key,\n"
	"which adit-coord relay list prints. The configuration file has the same names without\n"
	"dashes, one a line: udp-port = 3478\n";

struct settings {
	struct relay_service_params service;
	char state[PATH_TEXT], config[PATH_TEXT];
	bool check;
	bool have_coord_key;
	uint16_t tls_port;
	char metrics[SCRAPE_AT]; /* "": no metrics */
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

/* parse_rate() - Mbit/s to octets a second */
static bool parse_rate(const char *text, uint64_t *out)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || !v || v > 100000)
		return false;
	*out = (uint64_t)v * 125000;
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
	} else if (!strcmp(name, "coord-key")) {
		if (!sign_public_parse(value, &s->service.coord))
			return complain(w, name, value, "give the 44 characters "
					"that the coordination server prints");
		s->have_coord_key = true;
	} else if (!strcmp(name, "node-rate")) {
		if (!parse_rate(value, &s->service.rate))
			return complain(w, name, value, "give Mbit/s, 1..100000");
	} else if (!strcmp(name, "metrics")) {
		if (strlen(value) >= sizeof(s->metrics) || !scrape_valid(value))
			return complain(w, name, value, "give ADDR:PORT or the "
					"path of a unix socket");
		strcpy(s->metrics, value);
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
	{ "node-rate", required_argument, NULL, 's' },
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

/* What runs. */
struct site {
	struct loop loop;
	struct loop_signal terminate, interrupt, usr1, hangup;
	struct loop_timer watchdog;
	const struct settings *settings;
	struct relay_service *relay;
	struct tlsservice *tls;
	struct stream_server *streams[LISTENS];
	unsigned stream_count;
	struct scrape *scrape;
};

static struct site site; /* one per process */

static void on_stop(struct loop_signal *s, nsec_t now)
{
	(void)now;
	loop_stop(s->loop);
}

static void on_report(struct loop_signal *s, nsec_t now)
{
	(void)s;
	(void)now;
	report(site.relay);
}

static void on_hangup(struct loop_signal *s, nsec_t now)
{
	(void)s;
	(void)now;
	reload(site.settings);
}

/* on_watchdog() - the relay is proven alive: its lock comes free */
static void on_watchdog(struct loop_timer *t, nsec_t now)
{
	struct relay_service_stats st;

	relay_service_stats(site.relay, &st);
	notify_state("WATCHDOG=1");
	loop_timer_at(t, nsec_add(now, notify_watchdog()));
}

/* listen_tls() - on one address; all zero: any */
static bool listen_tls(const struct settings *s, const struct ipaddr *ip,
		       char why[static 256])
{
	char cert[PATH_TEXT + 16], key[PATH_TEXT + 16];
	struct stream_server_params p = {
		.loop = &site.loop,
		.listen = { .ip = *ip, .port = s->tls_port },
		.cert_path = cert, .key_path = key,
		.connections_max = CONNECTIONS_MAX,
		.handshake_timeout = SEC(10),
		.path = "", /* of no request: only what tlsservice serves */
	};
	struct stream_server *v;

	snprintf(cert, sizeof(cert), "%s/cert.pem", s->state);
	snprintf(key, sizeof(key), "%s/key.pem", s->state);
	v = stream_server_new(&p, why);
	if (!v)
		return false;
	site.streams[site.stream_count++] = v;
	return tlsservice_serve(site.tls, v);
}

/* listen_anywhere() - both families on one socket; without IPv6, on IPv4 */
static bool listen_anywhere(const struct settings *s, char why[static 256])
{
	struct ipaddr v6 = ipaddr_from_v6((const uint8_t[16]){ 0 });
	struct ipaddr v4 = ipaddr_v4(0);

	return listen_tls(s, &v6, why) || listen_tls(s, &v4, why);
}

static bool start_tls(const struct settings *s, char why[static 256])
{
	bool ok = true;

	snprintf(why, 256, "out of memory");
	site.tls = tlsservice_new(&site.loop, site.relay);
	if (!site.tls)
		return false;
	if (!s->service.address_count)
		return listen_anywhere(s, why);
	for (unsigned i = 0; ok && i < s->service.address_count; i++)
		ok = listen_tls(s, &s->service.addresses[i], why);
	return ok;
}

static void fill_metrics(void *owner, struct metrics *m)
{
	struct relay_service_stats relay;
	struct tlsservice_stats tls;

	(void)owner;
	relay_service_stats(site.relay, &relay);
	tlsservice_stats(site.tls, &tls);
	metrics_family(m, "adit_build_info", METRICS_GAUGE,
		       "1, with the version as label.");
	metrics_sample(m, "version", ADIT_VERSION, 1);
	relay_figures_fill(m, &relay);
	metrics_one(m, "adit_relay_streams", METRICS_GAUGE,
		    "Clients over TLS.", tls.streams);
	metrics_one(m, "adit_relay_streams_opened_total", METRICS_COUNTER,
		    "Streams that were opened.", tls.opened);
	metrics_one(m, "adit_relay_stream_dropped_total", METRICS_COUNTER,
		    "Frames dropped because their client's stream stalled.",
		    tls.dropped);
}

static bool start_metrics(const struct settings *s, char why[static 256])
{
	struct scrape_params p = { .loop = &site.loop, .at = s->metrics,
				   .fill = fill_metrics };

	if (!s->metrics[0])
		return true;
	site.scrape = scrape_new(&p, why);
	return site.scrape != NULL;
}

static bool start(const struct settings *s, char why[static 256])
{
	snprintf(why, 256, "out of memory");
	if (loop_init(&site.loop) ||
	    loop_signal_add(&site.loop, &site.terminate, SIGTERM, on_stop) ||
	    loop_signal_add(&site.loop, &site.interrupt, SIGINT, on_stop) ||
	    loop_signal_add(&site.loop, &site.usr1, SIGUSR1, on_report) ||
	    loop_signal_add(&site.loop, &site.hangup, SIGHUP, on_hangup) ||
	    loop_timer_init(&site.loop, &site.watchdog, on_watchdog))
		return false;
	site.settings = s;
	if (notify_watchdog())
		loop_timer_at(&site.watchdog, time_now());
	site.relay = relay_service_start(&s->service, why);
	return site.relay && start_tls(s, why) && start_metrics(s, why);
}

static void stop(void)
{
	scrape_free(site.scrape);
	for (unsigned i = 0; i < site.stream_count; i++)
		stream_server_free(site.streams[i]);
	tlsservice_free(site.tls);
	relay_service_stop(site.relay);
	if (site.loop.base) {
		loop_signal_del(&site.terminate);
		loop_signal_del(&site.interrupt);
		loop_signal_del(&site.usr1);
		loop_signal_del(&site.hangup);
		loop_timer_done(&site.watchdog);
	}
	loop_done(&site.loop);
}

/* serve() - until SIGTERM or SIGINT; SIGUSR1 logs the counters, SIGHUP reloads */
static int serve(const struct settings *s)
{
	struct key_public key;
	char text[KEY_TEXT], why[256];
	bool ok;

	signal(SIGPIPE, SIG_IGN);
	ok = start(s, why);
	if (ok) {
		key_public_of(&s->service.key, &key);
		printf("public key %s udp-port %u\n",
		       key_public_text(&key, text), s->service.port);
		fflush(stdout);
		notify_state("READY=1");
		loop_run(&site.loop);
		notify_state("STOPPING=1");
		report(site.relay);
	} else {
		fprintf(stderr, "adit-relay: %s\n", why);
	}
	stop();
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct settings s = { .service.port = STUN_DEFAULT_PORT,
			      .tls_port = 443,
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
