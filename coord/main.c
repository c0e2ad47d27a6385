/* SPDX-License-Identifier: MIT
 *
 * main.c - adit-coord: coordination server with relay and STUN (program)
 *
 * Without a command it is the server; with one it asks the running server over the
 * admin socket.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/loop.h"
#include "coord/admin.h"
#include "coord/guest_command.h"
#include "coord/policy_command.h"
#include "coord/backup.h"
#include "coord/proto.h"
#include "coord/run.h"
#include "coord/settings.h"

enum {
	EXIT_USAGE = 2,
};

static const char usage[] =
	"usage: adit-coord [--config F] [--state DIR] [--listen ADDR:PORT]\n"
	"                  [--url https://HOST[:PORT]] [--udp-port N]\n"
	"                  [--relay-address ADDR[:PORT]]... [--admin-socket PATH]\n"
	"                  [--overlay-v4 PREFIX] [--overlay-v6 PREFIX]\n"
	"                  [--metrics ADDR:PORT|PATH]\n"
	"                  [--log-level error|warn|info|debug] [--check]\n"
	"       adit-coord [--admin-socket PATH] invite [--reusable] [--expires 24h]\n"
	"                  [--tag T]... [--name N] [--uses N]\n"
	"       adit-coord [--admin-socket PATH] nodes [--json]\n"
	"       adit-coord [--admin-socket PATH] relay list [--json]\n"
	"       adit-coord [--admin-socket PATH] relay add NAME ADDR[:PORT] KEY [URL]\n"
	"       adit-coord [--admin-socket PATH] relay remove NAME\n"
	"       adit-coord [--admin-socket PATH] remove NODE | expire NODE | revive NODE |\n"
	"                  status [--json]\n"
	"       adit-coord [--admin-socket PATH] set approve on|off | approve NODE\n"
	"       adit-coord [--admin-socket PATH] set peer-relays on|off|tag:TAG\n"
	"       adit-coord [--admin-socket PATH] set key-expiry 90d|off\n"
	"       adit-coord [--admin-socket PATH] policy check FILE | set FILE | show |\n"
	"                  rollback\n"
	"       adit-coord [--admin-socket PATH] route list [--json] |\n"
	"                  approve NODE SUBNET|exit | revoke NODE SUBNET|exit\n"
	"       adit-coord [--admin-socket PATH] wg-peer add NAME [--gateway NODE]\n"
	"                  [--endpoint ADDR:PORT] [--tag T]... | list [--json] |\n"
	"                  remove NAME\n"
	"       adit-coord [--state DIR] backup FILE | restore FILE [--force]\n"
	"       adit-coord --version | --help\n";

static int wrong_usage(const char *format, const char *a, const char *b)
{
	fprintf(stderr, "adit-coord: ");
	fprintf(stderr, "%s%s%s%s\n", format, a ? a : "", b ? " " : "",
		b ? b : "");
	return EXIT_USAGE;
}

static int fail(const char *why)
{
	fprintf(stderr, "adit-coord: %s\n", why);
	return EXIT_FAILURE;
}

/* ---- commands ---- */

/* "90", "90s", "15m", "24h", "7d"; false: none of these */
static bool parse_life(const char *text, uint64_t *out)
{
	static const struct { char unit; unsigned s; } units[] = {
		{ 0, 1 }, { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 },
	};
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || !v || v > 100000 || (*end && end[1]))
		return false;
	for (unsigned i = 0; i < ARRAY_SIZE(units); i++) {
		if (*end != units[i].unit)
			continue;
		*out = v * units[i].s;
		return true;
	}
	return false;
}

static bool parse_uses(const char *text, uint64_t *out)
{
	char *end;

	*out = strtoul(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && *out &&
	       *out <= ADMIN_USES_MAX;
}

static int ask(const struct settings *s, json_t *request, json_t **result)
{
	char why[512];

	*result = admin_ask(s->socket, request, why);
	json_decref(request);
	return *result ? 0 : fail(why);
}

static json_t *request_of(const char *name)
{
	json_t *o = json_object();

	proto_set_text(o, "cmd", name);
	return o;
}

static int read_invite_flags(int argc, char **argv, json_t *request)
{
	static const struct option flags[] = {
		{ "reusable", no_argument, NULL, 'r' },
		{ "expires", required_argument, NULL, 'e' },
		{ "tag", required_argument, NULL, 't' },
		{ "name", required_argument, NULL, 'n' },
		{ "uses", required_argument, NULL, 'u' },
		{ 0 },
	};
	json_t *tags = json_array();
	uint64_t life, uses;
	int c;

	json_object_set_new(request, "tags", tags);
	while ((c = getopt_long(argc, argv, "+", flags, NULL)) != -1) {
		if (c == 'r')
			proto_set_bool(request, "reusable", true);
		else if (c == 't')
			json_array_append_new(tags, json_string(optarg));
		else if (c == 'n')
			proto_set_text(request, "name", optarg);
		else if (c == 'u' && parse_uses(optarg, &uses))
			proto_set_number(request, "uses", uses);
		else if (c == 'u')
			return wrong_usage("--uses must be a number from 1 to "
					   "1000000, not ", optarg, NULL);
		else if (c == 'e' && parse_life(optarg, &life))
			proto_set_number(request, "expires_s", life);
		else if (c == 'e')
			return wrong_usage("--expires must be a time as 90s, 15m, "
					   "24h or 7d, not ", optarg, NULL);
		else
			return EXIT_USAGE;
	}
	return optind < argc ?
		       wrong_usage("invite takes no argument: ", argv[optind], NULL) : 0;
}

static int run_invite(const struct settings *s, int argc, char **argv)
{
	json_t *request = request_of("invite"), *result;
	int status = read_invite_flags(argc, argv, request);

	if (status) {
		json_decref(request);
		return status;
	}
	status = ask(s, request, &result);
	if (status)
		return status;
	printf("%s\n", proto_text(result, "invite"));
	json_decref(result);
	return 0;
}

static void print_nodes(const json_t *nodes)
{
	json_t *o;
	size_t i;

	printf("%-24s %-16s %-40s %s\n", "NAME", "IPV4", "IPV6", "STATE");
	json_array_foreach(nodes, i, o) {
		const json_t *a = json_object_get(o, "addresses");

		printf("%-24s %-16s %-40s %s\n", proto_text(o, "name"),
		       json_string_value(json_array_get(a, 0)),
		       json_string_value(json_array_get(a, 1)),
		       proto_text(o, "gateway") ? "stock WireGuard" :
		       proto_bool(o, "expired") ? "expired" :
		       proto_bool(o, "waiting") ? "waiting for approval" :
		       proto_bool(o, "online") ? "online" : "offline");
	}
}

static int run_nodes(const struct settings *s, int argc, char **argv)
{
	bool json = argc == 2 && !strcmp(argv[1], "--json");
	json_t *result;
	int status;

	if (argc > 1 && !json)
		return wrong_usage("nodes takes only --json, not ", argv[1], NULL);
	status = ask(s, request_of("nodes"), &result);
	if (status)
		return status;
	if (json) {
		json_dumpf(result, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		print_nodes(json_object_get(result, "nodes"));
	}
	json_decref(result);
	return 0;
}

static int run_on_node(const struct settings *s, int argc, char **argv)
{
	json_t *request, *result;
	int status;

	if (argc != 2 || argv[1][0] == '-')
		return wrong_usage("name one node: adit-coord ", argv[0], "NODE");
	request = request_of(argv[0]);
	proto_set_text(request, "node", argv[1]);
	status = ask(s, request, &result);
	if (!status)
		json_decref(result);
	return status;
}

static int run_set(const struct settings *s, int argc, char **argv)
{
	json_t *request, *result;
	int status;

	if (argc != 3)
		return wrong_usage("write: adit-coord set approve on|off, set "
				   "peer-relays on|off|tag:TAG, or set key-expiry "
				   "90d|off", NULL, NULL);
	request = request_of("set");
	proto_set_text(request, "name", argv[1]);
	proto_set_text(request, "value", argv[2]);
	status = ask(s, request, &result);
	if (!status)
		json_decref(result);
	return status;
}

static void print_routes(const json_t *routes)
{
	json_t *o;
	size_t i;

	printf("%-20s %-24s %-10s %s\n", "SUBNET", "NODE", "STATE", "ROUTER");
	json_array_foreach(routes, i, o)
		printf("%-20s %-24s %-10s %s\n", proto_text(o, "prefix"),
		       proto_text(o, "node"),
		       !proto_bool(o, "approved") ? "offered" :
		       proto_bool(o, "offered") ? "approved" : "withdrawn",
		       proto_bool(o, "online") ? "online" : "offline");
}

static int list_routes(const struct settings *s, bool json)
{
	json_t *result;
	int status = ask(s, request_of("routes"), &result);

	if (status)
		return status;
	if (json) {
		json_dumpf(result, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		print_routes(json_object_get(result, "routes"));
	}
	json_decref(result);
	return 0;
}

static int run_route(const struct settings *s, int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	bool approve = !strcmp(what, "approve");
	json_t *request, *result;
	int status;

	if (!strcmp(what, "list") &&
	    (argc == 2 || (argc == 3 && !strcmp(argv[2], "--json"))))
		return list_routes(s, argc == 3);
	if (argc != 4 || (!approve && strcmp(what, "revoke") != 0))
		return wrong_usage("route takes list [--json], approve NODE SUBNET|exit "
				   "or revoke NODE SUBNET|exit", NULL, NULL);
	request = request_of("route");
	proto_set_bool(request, "approve", approve);
	proto_set_text(request, "node", argv[2]);
	proto_set_text(request, "prefix", argv[3]);
	status = ask(s, request, &result);
	if (!status)
		json_decref(result);
	return status;
}

static int run_status(const struct settings *s, int argc, char **argv)
{
	bool good = argc == 1 || (argc == 2 && !strcmp(argv[1], "--json"));
	json_t *result;
	int status = good ? ask(s, request_of("status"), &result) :
			    wrong_usage("status takes only --json, not ",
					argv[argc - 1], NULL);

	if (status)
		return status;
	json_dumpf(result, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(result);
	return 0;
}

static void print_relay(const json_t *relay, const char *no_url)
{
	const char *name = proto_text(relay, "name");
	const char *url = proto_text(relay, "url");
	const char *at = json_string_value(
		json_array_get(json_object_get(relay, "at"), 0));

	printf("%-16s %-45s %-28s %s\n", name ? name : "-",
	       proto_text(relay, "key"), at ? at : "-", url ? url : no_url);
}

static void print_relays(const json_t *o)
{
	const json_t *relay;
	size_t i;

	printf("signing key for adit-relay --coord-key: %s\n",
	       proto_text(o, "coord_key"));
	printf("%-16s %-45s %-28s %s\n", "NAME", "KEY", "UDP", "TLS");
	json_array_foreach(json_object_get(o, "relays"), i, relay)
		print_relay(relay, "-");
	json_array_foreach(json_object_get(o, "peer_relays"), i, relay)
		print_relay(relay, "- (a node)");
}

static int list_relays(const struct settings *s, bool json)
{
	json_t *result;
	int status = ask(s, request_of("relay-list"), &result);

	if (status)
		return status;
	if (json) {
		json_dumpf(result, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		print_relays(result);
	}
	json_decref(result);
	return 0;
}

static int change_relays(const struct settings *s, int argc, char **argv)
{
	bool add = !strcmp(argv[1], "add");
	json_t *request = request_of(add ? "relay-add" : "relay-remove"), *result;
	int status;

	proto_set_text(request, "name", argv[2]);
	if (add) {
		json_object_set_new(request, "at", json_pack("[s]", argv[3]));
		proto_set_text(request, "key", argv[4]);
	}
	if (argc > 5)
		proto_set_text(request, "url", argv[5]);
	status = ask(s, request, &result);
	if (!status)
		json_decref(result);
	return status;
}

static int run_relay(const struct settings *s, int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	bool json = argc == 3 && !strcmp(argv[2], "--json");

	if (!strcmp(verb, "list") && (argc == 2 || json))
		return list_relays(s, json);
	if ((!strcmp(verb, "add") && (argc == 5 || argc == 6)) ||
	    (!strcmp(verb, "remove") && argc == 3))
		return change_relays(s, argc, argv);
	return wrong_usage("relay takes list [--json], add NAME ADDR[:PORT] KEY "
			   "[URL], or remove NAME", NULL, NULL);
}

static int run_backup(const struct settings *s, int argc, char **argv)
{
	char why[512];

	if (argc != 2 || argv[1][0] == '-')
		return wrong_usage("name a file: adit-coord backup FILE", NULL, NULL);
	return backup_write(s->state, argv[1], why) ? 0 : fail(why);
}

static int run_restore(const struct settings *s, int argc, char **argv)
{
	bool force = argc == 3 && !strcmp(argv[2], "--force");
	json_t *request, *running;
	char why[512];

	if (argc != 2 + force || argv[1][0] == '-')
		return wrong_usage("name a file: adit-coord restore FILE [--force]",
				   NULL, NULL);
	request = request_of("status");
	running = admin_ask(s->socket, request, why);
	json_decref(request);
	if (running) {
		json_decref(running);
		return fail("the server runs; first: systemctl stop adit-coord");
	}
	return backup_restore(s->state, argv[1], force, why) ? 0 : fail(why);
}

static int run_command(const struct settings *s, int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(const struct settings *s, int argc, char **argv);
	} commands[] = {
		{ "invite", run_invite }, { "nodes", run_nodes },
		{ "remove", run_on_node }, { "expire", run_on_node },
		{ "revive", run_on_node },
		{ "status", run_status }, { "relay", run_relay },
		{ "route", run_route },
		{ "approve", run_on_node }, { "set", run_set },
		{ "policy", policy_command }, { "wg-peer", guest_command },
		{ "backup", run_backup },
		{ "restore", run_restore },
	};

	optind = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(argv[0], commands[i].name))
			return commands[i].run(s, argc, argv);
	return wrong_usage("no such command: ", argv[0], "(see --help)");
}

/* ---- flags ---- */

enum { FLAG_CONFIG = 1000, FLAG_HELP, FLAG_VERSION, FLAG_CHECK, FLAG_SETTING };

static const struct option flags[] = {
	{ "config", required_argument, NULL, FLAG_CONFIG },
	{ "check", no_argument, NULL, FLAG_CHECK },
	{ "help", no_argument, NULL, FLAG_HELP },
	{ "version", no_argument, NULL, FLAG_VERSION },
	{ "state", required_argument, NULL, FLAG_SETTING },
	{ "listen", required_argument, NULL, FLAG_SETTING },
	{ "url", required_argument, NULL, FLAG_SETTING },
	{ "udp-port", required_argument, NULL, FLAG_SETTING },
	{ "relay-address", required_argument, NULL, FLAG_SETTING },
	{ "admin-socket", required_argument, NULL, FLAG_SETTING },
	{ "overlay-v4", required_argument, NULL, FLAG_SETTING },
	{ "overlay-v6", required_argument, NULL, FLAG_SETTING },
	{ "metrics", required_argument, NULL, FLAG_SETTING },
	{ "log-level", required_argument, NULL, FLAG_SETTING },
	{ 0 },
};

/* The file first, wherever its flag stands: flags win. */
static int read_config(struct settings *s, int argc, char **argv)
{
	char why[512];
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "+", flags, NULL)) != -1)
		if (c == FLAG_CONFIG) {
			snprintf(s->config, sizeof(s->config), "%s", optarg);
			if (!settings_read(s, optarg, why))
				return fail(why);
		}
	optind = 0;
	opterr = 1;
	return 0;
}

static int read_flags(struct settings *s, int argc, char **argv, bool *stop,
		      bool *check)
{
	const char *why;
	int c, which;

	while ((c = getopt_long(argc, argv, "+", flags, &which)) != -1) {
		if (c == FLAG_HELP || c == FLAG_VERSION) {
			fputs(c == FLAG_HELP ? usage :
					       "adit-coord " ADIT_VERSION "\n", stdout);
			*stop = true;
			return 0;
		}
		if (c == FLAG_CONFIG)
			continue;
		if (c == FLAG_CHECK) {
			*check = true;
			continue;
		}
		if (c != FLAG_SETTING)
			return EXIT_USAGE;
		why = settings_set(s, flags[which].name, optarg);
		if (!why)
			continue;
		fprintf(stderr, "adit-coord: --%s '%s' %s\n", flags[which].name,
			optarg, why);
		return EXIT_USAGE;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct settings s;
	bool stop = false, check = false;
	char why[512];
	int status;

	settings_defaults(&s);
	status = read_config(&s, argc, argv);
	if (!status)
		status = read_flags(&s, argc, argv, &stop, &check);
	if (!status && check)
		puts("the configuration is good");
	if (status || stop || check)
		return status;
	if (optind < argc)
		return run_command(&s, argc - optind, argv + optind);
	log_init("adit-coord", s.log_level);
	return run_server(&s, why) ? 0 : fail(why);
}
