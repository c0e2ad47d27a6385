/* SPDX-License-Identifier: MIT
 *
 * settings.c - what adit-coord is told: flags, and the same names in a file
 */
#include "coord/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dropin.h"
#include "base/file.h"
#include "base/scrape.h"
#include "base/url.h"

enum {
	FILE_MAX = 64 * 1024,
};

void settings_defaults(struct settings *s)
{
	*s = (struct settings){
		.state = "/var/lib/adit-coord",
		.socket = "/run/adit-coord/admin.sock",
		.udp_port = 3478,
		.log_level = LOG_LEVEL_INFO,
		.listen.port = 443,
	};
	(void)!prefix_parse("100.90.0.0/16", &s->overlay[0]);
}

static const char *set_path(char *out, size_t room, const char *value)
{
	if (!*value || strlen(value) >= room)
		return "is no usable path";
	strcpy(out, value);
	return NULL;
}

static const char *set_url(struct settings *s, const char *value)
{
	char host[URL_HOST];
	uint16_t port;

	if (strlen(value) >= sizeof(s->url) || !url_parse(value, host, &port))
		return "must be https://HOST or https://HOST:PORT";
	strcpy(s->url, value);
	return NULL;
}

static const char *set_listen(struct settings *s, const char *value)
{
	if (!endpoint_parse(value, &s->listen))
		return "must be ADDRESS:PORT, as 0.0.0.0:443 or [::]:443";
	s->listen_given = true;
	return NULL;
}

static const char *set_udp_port(struct settings *s, const char *value)
{
	char *end;
	unsigned long v = strtoul(value, &end, 10);

	if (*value < '0' || *value > '9' || *end || !v || v >= UINT16_MAX)
		return "must be a port of 1 to 65534";
	s->udp_port = (uint16_t)v;
	return NULL;
}

static const char *set_relay(struct settings *s, const char *value)
{
	struct endpoint e = { 0 };

	if (!ipaddr_parse(value, &e.ip) && !endpoint_parse(value, &e))
		return "must be ADDRESS or ADDRESS:PORT, as nodes reach it";
	s->relay[ipaddr_is_v4(&e.ip) ? 0 : 1] = e;
	return NULL;
}

static const char *set_overlay(struct settings *s, unsigned i, const char *value)
{
	struct prefix p;

	if (!prefix_parse(value, &p) || prefix_is_v4(&p) == (i == 1))
		return i ? "must be an IPv6 prefix, as fd12:3456:789a::/48" :
			   "must be an IPv4 prefix, as 100.90.0.0/16";
	s->overlay[i] = p;
	s->overlay_given[i] = true;
	return NULL;
}

static const char *set_metrics(struct settings *s, const char *value)
{
	if (strlen(value) >= sizeof(s->metrics) || !scrape_valid(value))
		return "must be ADDRESS:PORT or the path of a unix socket";
	strcpy(s->metrics, value);
	return NULL;
}

const char *settings_set(struct settings *s, const char *name, const char *value)
{
	if (!strcmp(name, "state"))
		return set_path(s->state, sizeof(s->state), value);
	if (!strcmp(name, "admin-socket"))
		return set_path(s->socket, sizeof(s->socket), value);
	if (!strcmp(name, "url"))
		return set_url(s, value);
	if (!strcmp(name, "listen"))
		return set_listen(s, value);
	if (!strcmp(name, "udp-port"))
		return set_udp_port(s, value);
	if (!strcmp(name, "relay-address"))
		return set_relay(s, value);
	if (!strcmp(name, "overlay-v4"))
		return set_overlay(s, 0, value);
	if (!strcmp(name, "overlay-v6"))
		return set_overlay(s, 1, value);
	if (!strcmp(name, "metrics"))
		return set_metrics(s, value);
	if (!strcmp(name, "log-level"))
		return log_level_parse(value, &s->log_level) ?
			       NULL : "must be error, warn, info or debug";
	return "is not known; adit-coord --help lists what is";
}

static char *trim(char *s)
{
	char *end = s + strlen(s);

	while (end > s && strchr(" \t\r", end[-1]))
		*--end = 0;
	return s + strspn(s, " \t");
}

static const char *take_line(struct settings *s, char *line, char **name)
{
	char *equals = strchr(line, '=');

	*name = trim(line);
	if (!**name || **name == '#')
		return NULL;
	if (!equals)
		return "has no \"=\"; lines are name = value";
	*equals = 0;
	*name = trim(line);
	return settings_set(s, *name, trim(equals + 1));
}

static bool read_one(struct settings *s, const char *path, char why[static 512])
{
	char *text, *line, *rest, *name;
	const char *wrong = NULL;
	unsigned number = 0;
	size_t n;
	int err = file_read(path, FILE_MAX, &text, &n);

	if (err) {
		snprintf(why, 512, "%.300s: %s", path, strerror(-err));
		return false;
	}
	for (rest = text; !wrong && (line = strsep(&rest, "\n"));) {
		number++;
		wrong = take_line(s, line, &name);
	}
	if (wrong)
		snprintf(why, 512, "%.200s:%u: %.60s %s", path, number, name, wrong);
	free(text);
	return !wrong;
}

struct reading {
	struct settings *s;
	char *why;
};

static int read_dropin(void *owner, const char *path)
{
	struct reading *r = owner;

	return read_one(r->s, path, r->why) ? 0 : 1;
}

bool settings_read(struct settings *s, const char *path, char why[static 512])
{
	struct reading r = { s, why };
	int err;

	if (!read_one(s, path, why))
		return false;
	err = dropin_each(path, &r, read_dropin);
	if (err < 0)
		snprintf(why, 512, "%.300s.d: %s", path, strerror(-err));
	return !err;
}
