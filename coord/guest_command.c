/* SPDX-License-Identifier: MIT
 *
 * guest_command.c - adit-coord wg-peer add | list | remove
 *
 * The private key is made here, printed once with the rest of the configuration, and
 * wiped: the server is told the public one.
 */
#include "coord/guest_command.h"

#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coord/admin.h"
#include "coord/proto.h"

enum {
	WRONG_USAGE = 2,
	CONFIG_TEXT = 2048,
	GUEST_MTU = 1280, /* fits whatever the gateway's path takes */
	KEEPALIVE_S = 25,
};

static int fail(const char *why)
{
	fprintf(stderr, "adit-coord: %s\n", why);
	return EXIT_FAILURE;
}

static int wrong_usage(void)
{
	fprintf(stderr, "adit-coord: write: wg-peer add NAME [--gateway NODE] "
		"[--endpoint ADDR:PORT] [--tag T]..., wg-peer list [--json] or "
		"wg-peer remove NAME\n");
	return WRONG_USAGE;
}

static json_t *request_of(const char *command)
{
	json_t *o = json_object();

	proto_set_text(o, "cmd", command);
	return o;
}

static json_t *ask(const struct settings *s, json_t *request, char why[static 512])
{
	json_t *result = admin_ask(s->socket, request, why);

	json_decref(request);
	return result;
}

/* ---- add ---- */

/* print_qr() - for a phone's camera; the key goes through a pipe, never an argument */
static void print_qr(const char *config)
{
	FILE *f;

	if (!isatty(STDOUT_FILENO))
		return;
	fflush(stdout);
	signal(SIGPIPE, SIG_IGN);
	f = popen("command -v qrencode >/dev/null 2>&1 && exec qrencode -t ANSIUTF8; "
		  "cat >/dev/null; echo '# for a QR code here: apt-get install qrencode'",
		  "w");
	if (!f)
		return;
	fputs(config, f);
	pclose(f);
}

static const char *text_of(const json_t *o, const char *member)
{
	const char *text = proto_text(o, member);

	return text ? text : "";
}

static int print_config(const json_t *o, const struct key_private *key)
{
	const json_t *overlay = json_object_get(o, "overlay");
	const char *v4 = json_string_value(json_array_get(overlay, 0));
	const char *v6 = json_string_value(json_array_get(overlay, 1));
	char config[CONFIG_TEXT], text[KEY_TEXT];

	snprintf(config, sizeof(config),
		 "# %s, through %s; keep this: the private key is stored nowhere else\n"
		 "[Interface]\nPrivateKey = %s\nAddress = %s/32, %s/128\nMTU = %d\n\n"
		 "[Peer]\nPublicKey = %s\nAllowedIPs = %s, %s\nEndpoint = %s\n"
		 "PersistentKeepalive = %d\n",
		 text_of(o, "name"), text_of(o, "gateway"),
		 key_private_text(key, text), text_of(o, "v4"), text_of(o, "v6"),
		 GUEST_MTU, text_of(o, "key"), v4 ? v4 : "", v6 ? v6 : "",
		 text_of(o, "endpoint"), KEEPALIVE_S);
	fputs(config, stdout);
	print_qr(config);
	secret_wipe(config, sizeof(config));
	secret_wipe(text, sizeof(text));
	return 0;
}

static void add_tag(json_t *request, const char *tag)
{
	const char *before = proto_text(request, "tags");
	char tags[NETMAP_TAGS];

	snprintf(tags, sizeof(tags), "%s%s%s", before ? before : "",
		 before ? "," : "", tag);
	proto_set_text(request, "tags", tags);
}

static bool read_flags(int argc, char **argv, json_t *request)
{
	static const struct option flags[] = {
		{ "gateway", required_argument, NULL, 'g' },
		{ "endpoint", required_argument, NULL, 'e' },
		{ "tag", required_argument, NULL, 't' },
		{ 0 },
	};
	int c;

	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, "", flags, NULL)) != -1) {
		if (c == 'g')
			proto_set_text(request, "gateway", optarg);
		else if (c == 'e')
			proto_set_text(request, "endpoint", optarg);
		else if (c == 't')
			add_tag(request, optarg);
		else
			return false;
	}
	if (optind + 1 != argc)
		return false;
	proto_set_text(request, "name", argv[optind]);
	return true;
}

static int add(const struct settings *s, int argc, char **argv)
{
	json_t *request = request_of("guest-add"), *result;
	struct key_private key;
	struct key_public public;
	char why[512];
	int status;

	if (!read_flags(argc, argv, request)) {
		json_decref(request);
		return wrong_usage();
	}
	if (key_setup() < 0) {
		json_decref(request);
		return fail("the crypto library does not start");
	}
	key_private_generate(&key);
	key_public_of(&key, &public);
	proto_set_key(request, "key", &public);
	result = ask(s, request, why);
	status = result ? print_config(result, &key) : fail(why);
	key_private_wipe(&key);
	json_decref(result);
	return status;
}

/* ---- list, remove ---- */

static json_t *only_guests(const json_t *nodes)
{
	json_t *guests = json_array(), *o;
	size_t i;

	json_array_foreach(nodes, i, o)
		if (proto_text(o, "gateway"))
			json_array_append(guests, o);
	return guests;
}

static void print_table(const json_t *guests)
{
	json_t *o;
	size_t i;

	printf("%-24s %-16s %-40s %s\n", "NAME", "IPV4", "IPV6", "GATEWAY");
	json_array_foreach(guests, i, o) {
		const json_t *a = json_object_get(o, "addresses");

		printf("%-24s %-16s %-40s %s\n", text_of(o, "name"),
		       json_string_value(json_array_get(a, 0)),
		       json_string_value(json_array_get(a, 1)),
		       text_of(o, "gateway"));
	}
}

static int list(const struct settings *s, bool json)
{
	char why[512];
	json_t *result = ask(s, request_of("nodes"), why), *guests;

	if (!result)
		return fail(why);
	guests = only_guests(json_object_get(result, "nodes"));
	if (json) {
		json_t *o = json_pack("{s:i,s:O}", "version", 1, "wg_peers", guests);

		json_dumpf(o, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(o);
	} else {
		print_table(guests);
	}
	json_decref(guests);
	json_decref(result);
	return 0;
}

static int remove_one(const struct settings *s, const char *name)
{
	json_t *request = request_of("guest-remove"), *result;
	char why[512];

	proto_set_text(request, "name", name);
	result = ask(s, request, why);
	if (!result)
		return fail(why);
	json_decref(result);
	return 0;
}

int guest_command(const struct settings *s, int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "add"))
		return add(s, argc - 1, argv + 1);
	if (!strcmp(what, "list") &&
	    (argc == 2 || (argc == 3 && !strcmp(argv[2], "--json"))))
		return list(s, argc == 3);
	if (!strcmp(what, "remove") && argc == 3)
		return remove_one(s, argv[2]);
	return wrong_usage();
}
