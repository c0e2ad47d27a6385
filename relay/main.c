/* SPDX-License-Identifier: MIT
 *
 * main.c - adit-relay: a relay with STUN for further sites (program)
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/notify.h"
#include "base/scrape.h"
#include "base/stream.h"
#include "crypto/key.h"
#include "relay/relay_figures.h"
#include "relay/service.h"
#include "relay/settings.h"
#include "relay/status.h"
#include "relay/tlsservice.h"

enum {
	PATH_TEXT = SETTINGS_PATH + 16,
	LISTENS = 4,
	CONNECTIONS_MAX = 16384,
};

static const nsec_t keep_every = SEC(60); /* the month's count on disk */

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

/* What runs. */
struct site {
	struct loop loop;
	struct loop_signal terminate, interrupt, usr1, hangup;
	struct loop_timer watchdog, keep;
	struct settings settings;
	int argc; /* to read the settings anew */
	char **argv;
	uint64_t started; /* seconds of 1970 */
	uint64_t kept; /* octets of the month, on disk */
	struct relay_service *relay;
	struct tlsservice *tls;
	struct stream_server *streams[LISTENS];
	unsigned stream_count;
	struct scrape *scrape, *status;
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

static void tls_paths(const struct settings *s, char cert[static PATH_TEXT],
		      char key[static PATH_TEXT])
{
	snprintf(cert, PATH_TEXT, "%s/cert.pem", s->state);
	snprintf(key, PATH_TEXT, "%s/key.pem", s->state);
}

static void reload_tls(void)
{
	char cert[PATH_TEXT], key[PATH_TEXT], why[256];

	tls_paths(&site.settings, cert, key);
	for (unsigned i = 0; i < site.stream_count; i++) {
		if (stream_server_reload(site.streams[i], cert, key, why))
			continue;
		log_error("the certificate stays as it was: %s", why);
		return;
	}
	log_info("the certificate was read anew, for connections from now on");
}

/* on_hangup() - log level, rates, quotas, whom to allow, the certificate; addresses and
 * ports need a restart */
static void on_hangup(struct loop_signal *s, nsec_t now)
{
	static struct settings fresh;

	(void)s;
	(void)now;
	reload_tls();
	if (settings_read(site.argc, site.argv, &fresh)) {
		log_error("the configuration stays as it was");
		return;
	}
	site.settings.service.limits = fresh.service.limits;
	log_init("adit-relay", fresh.level);
	relay_service_set_limits(site.relay, &fresh.service.limits);
	log_info("configuration reloaded; other addresses and ports need a restart");
}

/* ---- the month's count ---- */

static const char *month_path(char path[static PATH_TEXT])
{
	snprintf(path, PATH_TEXT, "%s/month", site.settings.state);
	return path;
}

/* keep_month() - so that a restart does not make the quota anew */
static void keep_month(void)
{
	char path[PATH_TEXT], text[64];
	uint64_t octets, month = relay_service_month(site.relay, &octets);
	int e;

	if (octets == site.kept)
		return;
	snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu64 "\n", month, octets);
	e = file_replace(month_path(path), text, strlen(text), 0600);
	if (e)
		log_error("%s: %s", path, strerror(-e));
	else
		site.kept = octets;
}

static void restore_month(void)
{
	char path[PATH_TEXT], *text;
	uint64_t month, octets;
	size_t n;

	if (file_read(month_path(path), 64, &text, &n))
		return;
	if (sscanf(text, "%" SCNu64 " %" SCNu64, &month, &octets) == 2)
		relay_service_set_month(site.relay, month, octets);
	else
		log_warn("%s: holds no count: the month begins anew", path);
	free(text);
}

static void on_keep(struct loop_timer *t, nsec_t now)
{
	keep_month();
	loop_timer_at(t, nsec_add(now, keep_every));
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
	char cert[PATH_TEXT], key[PATH_TEXT];
	struct stream_server_params p = {
		.loop = &site.loop,
		.listen = { .ip = *ip, .port = s->tls_port },
		.cert_path = cert, .key_path = key,
		.connections_max = CONNECTIONS_MAX,
		.handshake_timeout = SEC(10),
		.path = "", /* of no request: only what tlsservice serves */
	};
	struct stream_server *v;

	tls_paths(s, cert, key);
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

static void fill_refused(struct metrics *m, uint64_t unregistered)
{
	struct stream_server_stats one, all = { 0 };

	for (unsigned i = 0; i < site.stream_count; i++) {
		stream_server_stats(site.streams[i], &one);
		all.crowded += one.crowded;
		all.late += one.late;
		all.bad += one.bad;
	}
	metrics_family(m, "adit_relay_stream_refused_total", METRICS_COUNTER,
		       "Connections over TLS that came to nothing, by reason.");
	metrics_sample(m, "reason", "crowded", all.crowded);
	metrics_sample(m, "reason", "late", all.late);
	metrics_sample(m, "reason", "bad", all.bad);
	metrics_sample(m, "reason", "unregistered", unregistered);
}

static void fill_metrics(void *owner, struct metrics *m)
{
	struct relay_service_stats relay;
	struct tlsservice_stats tls;
	uint64_t month;

	(void)owner;
	(void)relay_service_month(site.relay, &month);
	relay_service_stats(site.relay, &relay);
	tlsservice_stats(site.tls, &tls);
	metrics_family(m, "adit_build_info", METRICS_GAUGE,
		       "1, with the version as label.");
	metrics_sample(m, "version", ADIT_VERSION, 1);
	metrics_one(m, "adit_relay_start_time_seconds", METRICS_GAUGE,
		    "Start of the relay, in seconds since 1970.", site.started);
	relay_figures_fill(m, &relay);
	metrics_one(m, "adit_relay_month_bytes", METRICS_GAUGE,
		    "Octets carried in this month (UTC).", month);
	metrics_one(m, "adit_relay_streams", METRICS_GAUGE,
		    "Clients over TLS.", tls.streams);
	metrics_one(m, "adit_relay_streams_opened_total", METRICS_COUNTER,
		    "Streams that were opened.", tls.opened);
	metrics_one(m, "adit_relay_stream_dropped_total", METRICS_COUNTER,
		    "Frames dropped because their client's stream stalled.",
		    tls.dropped);
	fill_refused(m, tls.unregistered);
}

/* start_metrics() - for Prometheus where wanted, and always for adit-relay status */
static bool start_metrics(const struct settings *s, char why[static 256])
{
	char path[SCRAPE_AT];
	struct scrape_params p = { .loop = &site.loop, .fill = fill_metrics };

	p.at = settings_socket(s, path);
	site.status = scrape_new(&p, why);
	if (!site.status || !s->metrics[0])
		return site.status != NULL;
	p.at = s->metrics;
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
	    loop_timer_init(&site.loop, &site.watchdog, on_watchdog) ||
	    loop_timer_init(&site.loop, &site.keep, on_keep))
		return false;
	site.started = time_wall() / SEC(1);
	if (notify_watchdog())
		loop_timer_at(&site.watchdog, time_now());
	site.relay = relay_service_start(&s->service, why);
	if (!site.relay)
		return false;
	restore_month();
	loop_timer_at(&site.keep, nsec_add(time_now(), keep_every));
	return start_tls(s, why) && start_metrics(s, why);
}

static void stop(void)
{
	scrape_free(site.scrape);
	scrape_free(site.status);
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
		loop_timer_done(&site.keep);
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
		keep_month();
		report(site.relay);
	} else {
		fprintf(stderr, "adit-relay: %s\n", why);
	}
	stop();
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct settings *s = &site.settings;
	int status;

	if (argc > 1 && !strcmp(argv[1], "status"))
		return status_command(argc - 1, argv + 1);
	if (key_setup()) {
		fprintf(stderr, "adit-relay: the cryptography library does not "
			"start\n");
		return EXIT_FAILURE;
	}
	site.argc = argc;
	site.argv = argv;
	status = settings_read(argc, argv, s);
	if (status)
		return status;
	if (s->check) {
		puts("the configuration is good");
		return EXIT_SUCCESS;
	}
	log_init("adit-relay", s->level);
	status = find_key(s);
	if (!status)
		status = serve(s);
	key_private_wipe(&s->service.key);
	return status;
}
