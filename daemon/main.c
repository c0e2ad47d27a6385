/* SPDX-License-Identifier: MIT
 *
 * main.c - program aditd: options, start, loop, stop
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/log.h"
#include "base/notify.h"
#include "base/resident.h"
#include "daemon/ctlsocket.h"
#include "daemon/figures.h"
#include "daemon/node.h"
#include "daemon/sandbox.h"
#include "daemon/watchdog.h"

#define CONFIG_DEFAULT "/etc/adit/aditd.conf"

static const char usage[] =
	"usage: aditd [--config FILE] [--state DIR] [--socket PATH] [--tun NAME]\n"
	"             [--port N] [--log-level error|warn|info|debug]\n"
	"             [--metrics ADDR:PORT|PATH] [--check] [--version] [--help]\n"
	"The daemon of a node. Join a network with: adit join INVITE\n";

enum { /* options without a letter; those before SET_END are keys of the file */
	OPT_STATE = 256,
	OPT_SOCKET,
	OPT_TUN,
	OPT_PORT,
	OPT_LOG_LEVEL,
	OPT_MTU,
	OPT_WORKERS,
	OPT_AEAD,
	OPT_METRICS,
	OPT_SET_END,
	OPT_CONFIG,
	OPT_CHECK,
	OPT_VERSION,
	OPT_HELP,
};

static const struct option options[] = {
	{ "state", 1, NULL, OPT_STATE },
	{ "socket", 1, NULL, OPT_SOCKET },
	{ "tun", 1, NULL, OPT_TUN },
	{ "port", 1, NULL, OPT_PORT },
	{ "log-level", 1, NULL, OPT_LOG_LEVEL },
	{ "mtu", 1, NULL, OPT_MTU },
	{ "workers", 1, NULL, OPT_WORKERS },
	{ "aead", 1, NULL, OPT_AEAD },
	{ "metrics", 1, NULL, OPT_METRICS },
	{ "config", 1, NULL, OPT_CONFIG },
	{ "check", 0, NULL, OPT_CHECK },
	{ "version", 0, NULL, OPT_VERSION },
	{ "help", 0, NULL, OPT_HELP },
	{ 0 },
};

/* The file's key for each flag, by option number. */
static const char *const keys[] = { "State",	"Socket",  "Tun",
				    "ListenPort", "LogLevel", "MTU",
				    "Workers",	"Aead",	   "Metrics" };
_Static_assert(ARRAY_SIZE(keys) == OPT_SET_END - OPT_STATE, "a key per flag");

struct args {
	const char *config; /* NULL: the default place, which may be empty */
	const char *set[ARRAY_SIZE(keys)]; /* values given by flags */
	bool check;
};

/* read_args() - -1: go on; else exit with it */
static int read_args(int argc, char **argv, struct args *a)
{
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c >= OPT_STATE && c < OPT_SET_END) {
			a->set[c - OPT_STATE] = optarg;
		} else if (c == OPT_CONFIG) {
			a->config = optarg;
		} else if (c == OPT_CHECK) {
			a->check = true;
		} else if (c == OPT_VERSION) {
			printf("aditd %s\n", ADIT_VERSION);
			return 0;
		} else if (c == OPT_HELP) {
			fputs(usage, stdout);
			return 0;
		} else {
			fprintf(stderr, "aditd: %s: no such option, or its value "
				"is missing; see aditd --help\n",
				argv[optind - 1]);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "aditd: %s: takes no such argument; see aditd "
			"--help\n", argv[optind]);
		return 2;
	}
	return -1;
}

/* configure() - the file, then the flags */
static int configure(struct node_conf *conf, const struct args *a)
{
	char why[512];

	node_conf_defaults(conf);
	if (node_conf_read(conf, a->config ? a->config : CONFIG_DEFAULT,
			   !a->config, why) < 0) {
		fprintf(stderr, "aditd: %s\n", why);
		return 1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *wrong = NULL;

		if (a->set[i])
			wrong = node_conf_set(conf, keys[i], a->set[i]);
		if (!wrong)
			continue;
		fprintf(stderr, "aditd: --%s %s: %s\n", options[i].name,
			a->set[i], wrong);
		return 2;
	}
	return 0;
}

/* protect_secrets() - no core dumps, no reading by a debugger of the same user */
static void protect_secrets(void)
{
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
}

static struct node node; /* one per process; too large for a stack */
static struct args args;

static void on_stop(struct loop_signal *s, nsec_t now)
{
	loop_stop(&node.loop);
}

static const char *environment(const char *name)
{
	return getenv(name);
}

/* rest_text() - the settings that a reload cannot change; heap */
static char *rest_text(const struct node_conf *c, enum log_level level)
{
	static struct node_conf rest; /* its peers stay c's */
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	rest = *c;
	rest.log_level = level;
	if (!f)
		return NULL;
	node_conf_print(&rest, f);
	fclose(f);
	secret_wipe(&rest, sizeof(rest));
	return text;
}

/* on_hangup() - read the files again; wrong ones change nothing */
static void on_hangup(struct loop_signal *s, nsec_t now)
{
	static struct node_conf fresh; /* too large for a stack */
	char *before, *after;

	if (configure(&fresh, &args)) {
		node_conf_done(&fresh);
		log_error("the configuration was not reloaded");
		return;
	}
	log_init("aditd", fresh.log_level);
	before = rest_text(&node.conf, fresh.log_level);
	after = rest_text(&fresh, fresh.log_level);
	node.conf.log_level = fresh.log_level;
	if (before && after && strcmp(before, after))
		log_warn("configuration reloaded: the log level is in effect, "
			 "the rest is after systemctl restart aditd");
	else
		log_info("configuration reloaded");
	free(before);
	free(after);
	node_conf_done(&fresh);
}

static int prepare(struct node *n, char why[static 512])
{
	int err;

	if (key_setup() < 0 ||
	    aead_setup(n->conf.aead[0] ? n->conf.aead : NULL) < 0) {
		snprintf(why, 512, "the cryptographic libraries do not work on "
			 "this machine, or Aead = %s is not here", n->conf.aead);
		return -EIO;
	}
	err = state_open(&n->state, n->conf.state, why);
	if (err)
		return err;
	n->identity.private_key = n->conf.have_private ? n->conf.private_key :
							 n->state.tunnel;
	key_public_of(&n->identity.private_key, &n->identity.public_key);
	n->key_seed = rand_u64();
	if (n->conf.have_proxy)
		n->proxy = n->conf.proxy;
	else
		proxy_from_environment(environment, &n->proxy);
	netmap_init(&n->netmap);
	if (loop_init(&n->loop) < 0 || fwd_init(&n->fwd) < 0) {
		snprintf(why, 512, "out of memory");
		return -ENOMEM;
	}
	err = device_probe(why);
	if (!err)
		err = ctl_open(n, why);
	return err ? err : figures_open(n, why);
}

static int run(struct node *n, char why[static 512])
{
	struct loop_signal term = { 0 }, interrupt = { 0 }, hangup = { 0 };
	bool wanted = n->state.enrolled || n->state.joining ||
		      n->conf.peer_count;
	int err;

	signal(SIGPIPE, SIG_IGN);
	if (loop_signal_add(&n->loop, &term, SIGTERM, on_stop) < 0 ||
	    loop_signal_add(&n->loop, &interrupt, SIGINT, on_stop) < 0 ||
	    loop_signal_add(&n->loop, &hangup, SIGHUP, on_hangup) < 0 ||
	    watchdog_start(n) < 0)
		return -ENOMEM;
	if (wanted && !n->state.down) {
		err = node_up(n, why);
		if (err)
			return err;
	} else {
		log_info("%s", n->state.down ?
				       "down since the last adit down" :
				       "in no network yet: adit join INVITE");
	}
	resident_trim();
	if (sandbox_process() < 0)
		log_warn("running without a seccomp filter of our own");
	notify_state("READY=1");
	loop_run(&n->loop);
	notify_state("STOPPING=1");
	watchdog_stop(n);
	node_down(n);
	loop_signal_del(&hangup);
	loop_signal_del(&term);
	loop_signal_del(&interrupt);
	return 0;
}

static void finish(struct node *n)
{
	figures_close(n);
	ctl_close(n);
	fwd_done(&n->fwd);
	hmap_done(&n->by_key);
	hmap_done(&n->by_hint);
	heap_done(&n->due);
	free(n->peers);
	netmap_done(&n->netmap);
	loop_done(&n->loop);
	secret_wipe(&n->proxy, sizeof(n->proxy));
	secret_wipe(&n->identity, sizeof(n->identity));
	state_done(&n->state);
	node_conf_done(&n->conf);
}

int main(int argc, char **argv)
{
	char why[512] = "";
	int code = read_args(argc, argv, &args), err;

	if (code >= 0)
		return code;
	protect_secrets();
	resident_setup();
	code = configure(&node.conf, &args);
	if (!code && args.check)
		puts("the configuration is good");
	if (code || args.check)
		return code;
	log_init("aditd", node.conf.log_level);
	err = prepare(&node, why);
	if (!err)
		err = run(&node, why);
	if (err)
		fprintf(stderr, "aditd: %s\n",
			why[0] ? why : strerror(-err));
	finish(&node);
	return err ? 1 : 0;
}
