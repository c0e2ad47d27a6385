/* SPDX-License-Identifier: MIT
 *
 * options.c - text to struct options
 */
#include "tests/natlab/options.h"

#include <math.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

enum kind {
	KIND_DEVICE,
	KIND_ADDRESS,
	KIND_PREFIX,
	KIND_NAT,
	KIND_PORTS,
	KIND_BAN,
	KIND_FLAG,
	KIND_COUNT, /* unsigned */
	KIND_SHORT, /* uint16_t */
	KIND_SEED,
	KIND_SECONDS, /* nsec_t */
	KIND_MILLI, /* nsec_t */
	KIND_REAL, /* double */
};

struct row {
	const char *name, *value;
	enum kind kind;
	size_t at; /* in struct options */
	double most;
	const char *help;
};

#define AT(m) offsetof(struct options, m)

static const struct row rows[] = {
	{ "inside", "[NS:]DEV", KIND_DEVICE, AT(inside), 0, "device on the hosts' side" },
	{ "outside", "[NS:]DEV", KIND_DEVICE, AT(outside), 0, "device towards the internet" },
	{ "external", "ADDR", KIND_ADDRESS, AT(nat.external), 0,
	  "external address, the first of the pool; without it there is no NAT" },
	{ "gateway", "ADDR", KIND_ADDRESS, AT(gateway), 0, "inner address of the NAT" },
	{ "mapping", "KIND", KIND_NAT, AT(mapping), 0, "independent, address, address-port" },
	{ "filtering", "KIND", KIND_NAT, AT(filtering), 0, "independent, address, address-port" },
	{ "ports", "KIND", KIND_PORTS, AT(nat.ports), 0,
	  "preserving, random, high, sequential:STEP, block:LOW-HIGH, set:MASK:BITS" },
	{ "foreign", "N", KIND_COUNT, AT(nat.foreign), 1e6, "mappings that other hosts make in a second" },
	{ "pool", "N", KIND_SHORT, AT(nat.ports.pool), 16, "external addresses" },
	{ "paired", NULL, KIND_FLAG, AT(nat.paired), 0, "one host, one address of the pool" },
	{ "accepts", NULL, KIND_FLAG, AT(nat.accepts), 0,
	  "a stray packet is taken by the router, and takes its tuple" },
	{ "hairpin", NULL, KIND_FLAG, AT(nat.hairpin), 0, "hosts reach each other at the external address" },
	{ "timeout", "S", KIND_SECONDS, AT(nat.lifetime), 86400, "of a session without an answer" },
	{ "timeout-replied", "S", KIND_SECONDS, AT(nat.lifetime_replied), 86400, "of one with an answer" },
	{ "absolute", "S", KIND_SECONDS, AT(nat.absolute), 86400, "a session ends at that age" },
	{ "no-inbound-refresh", NULL, KIND_FLAG, AT(nat.no_inbound_refresh), 0,
	  "inbound packets do not keep a session" },
	{ "sessions", "N", KIND_COUNT, AT(nat.sessions), NATBOX_ROWS, "more are refused" },
	{ "ban", "PORTS:WINDOW:TIME", KIND_BAN, 0, 0,
	  "an address that tries more closed ports in WINDOW s is shut out for TIME s" },
	{ "ban-outbound", NULL, KIND_FLAG, AT(nat.ban_outbound), 0,
	  "ports that our own hosts try at one address count as well" },
	{ "delay", "MS", KIND_MILLI, AT(wire.delay), 60000, "each way" },
	{ "jitter", "MS", KIND_MILLI, AT(wire.jitter), 60000, "on top, uniform, in order" },
	{ "loss", "%", KIND_REAL, AT(wire.loss), 100, "each way" },
	{ "duplicate", "%", KIND_REAL, AT(wire.duplicate), 100, "each way" },
	{ "reorder", "%", KIND_REAL, AT(wire.reorder), 100, "overtake what is in flight" },
	{ "rate", "MBIT", KIND_REAL, AT(wire.rate), 1e6, "of the link, each way" },
	{ "queue", "MS", KIND_MILLI, AT(wire.queue), 60000, "the longest wait for it (200)" },
	{ "keep", "PREFIX", KIND_PREFIX, AT(keep), 0,
	  "sessions with these remote addresses outlast SIGHUP" },
	{ "seed", "N", KIND_SEED, AT(seed), 0, "of all chance (1)" },
};

void options_help(FILE *to)
{
	fputs("usage: natlab --inside [NS:]DEV --outside [NS:]DEV [OPTION...]\n"
	      "A NAT and a link between two devices, each in its network namespace: those that\n"
	      "are there, else TUN devices. Prints \"up\" when they are there; SIGHUP: forget all sessions, take the\n"
	      "next seed; SIGUSR1: print counters, one line.\n\n", to);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char left[48];

		snprintf(left, sizeof(left), "--%s %s", rows[i].name,
			 rows[i].value ? rows[i].value : "");
		fprintf(to, "  %-26s %s\n", left, rows[i].help);
	}
	fputs("  --help                     this\n", to);
}

/* number() - the whole text is one, 0 to most */
static bool number(const char *text, double most, double *out)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end || !isfinite(v) || v < 0 || v > most)
		return false;
	*out = v;
	return true;
}

/* name_into() - the n octets at text, which must fit */
static bool name_into(char *out, size_t room, const char *text, size_t n)
{
	if (n == 0 || n >= room)
		return false;
	memcpy(out, text, n);
	out[n] = 0;
	return true;
}

/* read_device() - the namespace stands before its device in struct options */
static bool read_device(const char *text, char *device)
{
	char *ns = device - OPTIONS_NAME;
	const char *colon = strchr(text, ':');

	*ns = 0;
	if (colon && !name_into(ns, OPTIONS_NAME, text, (size_t)(colon - text)))
		return false;
	text = colon ? colon + 1 : text;
	return !strchr(ns, '/') && name_into(device, IFNAMSIZ, text, strlen(text));
}

static bool read_nat(const char *text, enum nat_kind *out)
{
	static const char *const names[] = { "independent", "address", "address-port" };

	for (unsigned i = 0; i < 3; i++)
		if (strcmp(text, names[i]) == 0) {
			*out = (enum nat_kind)i;
			return true;
		}
	return false;
}

/* fields() - two numbers and what separates them, and nothing after */
static bool fields(const char *text, const char *head, char between, long most[2],
		   int base)
{
	size_t n = strlen(head);
	char *end;

	if (strncmp(text, head, n) != 0)
		return false;
	most[0] = strtol(text + n, &end, base);
	if (end == text + n)
		return false;
	most[1] = 0;
	if (between) {
		const char *second = end + 1;

		if (*end != between)
			return false;
		most[1] = strtol(second, &end, base);
		if (end == second)
			return false;
	}
	return *end == 0 && labs(most[0]) <= 65535 && most[1] >= 0 && most[1] <= 65535;
}

static bool read_ports(const char *text, struct allocator *out)
{
	struct allocator a = { .low = ALLOCATOR_LOWEST, .high = 65535,
			       .pool = out->pool };
	long v[2];

	if (strcmp(text, "preserving") == 0) {
		a.kind = ALLOCATOR_PRESERVING;
	} else if (strcmp(text, "random") == 0) {
		a.kind = ALLOCATOR_RANDOM;
	} else if (strcmp(text, "high") == 0) {
		a.kind = ALLOCATOR_HIGH;
		a.low = 50001;
	} else if (fields(text, "sequential:", 0, v, 10) && v[0] && labs(v[0]) <= 64) {
		a.kind = ALLOCATOR_SEQUENTIAL;
		a.step = (int16_t)v[0];
	} else if (fields(text, "block:", '-', v, 10) && v[0] >= ALLOCATOR_LOWEST &&
		   v[1] >= v[0]) {
		a.kind = ALLOCATOR_BLOCK;
		a.low = (uint16_t)v[0];
		a.high = (uint16_t)v[1];
	} else if (fields(text, "set:", ':', v, 0) && v[0] > 0) {
		a.kind = ALLOCATOR_PORT_SET;
		a.mask = (uint16_t)v[0];
		a.bits = (uint16_t)(v[1] & v[0]);
		a.low = 4096; /* RFC 7597 s5.1: the ports below are nobody's */
	} else {
		return false;
	}
	if (a.kind == ALLOCATOR_PORT_SET && !allocator_range(&a))
		return false;
	*out = a;
	return true;
}

static bool read_ban(const char *text, struct natbox_rules *out)
{
	double ports, window, time;
	char rest;

	if (sscanf(text, "%lf:%lf:%lf%c", &ports, &window, &time, &rest) != 3 ||
	    !(ports >= 1 && ports <= 65535) || !(window > 0 && window <= 86400) ||
	    !(time > 0 && time <= 86400))
		return false;
	out->ban_ports = (unsigned)ports;
	out->ban_window = (nsec_t)(window * 1e9);
	out->ban_time = (nsec_t)(time * 1e9);
	return true;
}

static bool read_number(const struct row *r, const char *text, void *at)
{
	double v;

	if (!number(text, r->most, &v))
		return false;
	if (r->kind == KIND_REAL)
		*(double *)at = v;
	else if (r->kind == KIND_SECONDS)
		*(nsec_t *)at = (nsec_t)(v * 1e9);
	else if (r->kind == KIND_MILLI)
		*(nsec_t *)at = (nsec_t)(v * 1e6);
	else if (v != floor(v))
		return false;
	else if (r->kind == KIND_COUNT)
		*(unsigned *)at = (unsigned)v;
	else
		*(uint16_t *)at = (uint16_t)v;
	return true;
}

static bool read_seed(const char *text, uint64_t *out)
{
	char *end;

	*out = strtoull(text, &end, 10);
	return end != text && *end == 0;
}

static bool read_value(const struct row *r, const char *text, struct options *o)
{
	void *at = (char *)o + r->at;

	switch (r->kind) {
	case KIND_DEVICE:
		return read_device(text, at);
	case KIND_ADDRESS:
		return ipaddr_parse(text, at) && ipaddr_is_v4(at);
	case KIND_PREFIX:
		return prefix_parse(text, at) && prefix_is_v4(at);
	case KIND_NAT:
		return read_nat(text, at);
	case KIND_PORTS:
		return read_ports(text, at);
	case KIND_BAN:
		return read_ban(text, &o->nat);
	case KIND_SEED:
		return read_seed(text, at);
	case KIND_FLAG:
		*(bool *)at = true;
		return true;
	case KIND_COUNT:
	case KIND_SHORT:
	case KIND_SECONDS:
	case KIND_MILLI:
	case KIND_REAL:
		return read_number(r, text, at);
	}
	return false;
}

static const struct row *find(const char *arg)
{
	if (strncmp(arg, "--", 2) != 0)
		return NULL;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].name, arg + 2) == 0)
			return &rows[i];
	return NULL;
}

/* complete() - do they belong together? */
static bool complete(const struct options *o, char why[static OPTIONS_WHY])
{
	const char *text = NULL;

	if (!o->inside[0] || !o->outside[0])
		text = "--inside and --outside are needed: the two devices";
	else if (ipaddr_is_zero(&o->nat.external) != ipaddr_is_zero(&o->gateway))
		text = "--external and --gateway go together: give both for a NAT, none for a wire";
	else if (o->nat.external.b[15] + o->nat.ports.pool > 255)
		text = "--pool: the addresses from --external on pass .255; take a lower one";
	if (text)
		snprintf(why, OPTIONS_WHY, "%s", text);
	return !text;
}

bool options_parse(int argc, char **argv, struct options *out,
		   char why[static OPTIONS_WHY])
{
	struct options o = { .seed = 1, .wire.queue = MSEC(200),
			     .filtering = NAT_KIND_ADDRESS_PORT };

	for (int i = 1; i < argc; i++) {
		const struct row *r = find(argv[i]);

		if (strcmp(argv[i], "--help") == 0) {
			out->help = true;
			return true;
		}
		if (!r) {
			snprintf(why, OPTIONS_WHY, "%.60s: no such option; --help lists them",
				 argv[i]);
			return false;
		}
		if (r->value && i + 1 == argc) {
			snprintf(why, OPTIONS_WHY, "--%s needs a value: %s", r->name,
				 r->value);
			return false;
		}
		if (!read_value(r, r->value ? argv[++i] : NULL, &o)) {
			snprintf(why, OPTIONS_WHY, "--%s does not take %.60s: %s, %s",
				 r->name, argv[i], r->value, r->help);
			return false;
		}
	}
	if (!complete(&o, why))
		return false;
	*out = o;
	return true;
}
