/* SPDX-License-Identifier: MIT
 *
 * state.c - what a node keeps on disk: who it is, and how it last reached its peers
 */
#include "daemon/state.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/rand.h"
#include "base/time.h"

enum {
	NODE_MAX = 16 * 1024, /* octets of node.json */
	PATHS_MAX = 16 * 1024 * 1024,
	PORT_FIRST = 20000, /* below Linux' ephemeral range: traversal.md 6.1 */
	PORT_COUNT = 12000,
};

const char *state_path(const struct state *s, const char *name,
		       char out[static PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s/%s", s->dir, name);
	return out;
}

static void hex_write(const uint8_t *b, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		snprintf(out + 2 * i, 3, "%02x", b[i]);
}

static bool hex_read(const char *text, uint8_t *out, size_t n)
{
	if (!text || strlen(text) != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned v;

		if (sscanf(text + 2 * i, "%2x", &v) != 1)
			return false;
		out[i] = (uint8_t)v;
	}
	return true;
}

static const char *text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static bool copy_text(const json_t *o, const char *key, char *out, size_t room)
{
	const char *t = text_of(o, key);

	if (!t || strlen(t) >= room)
		return false;
	snprintf(out, room, "%s", t);
	return true;
}

static void read_offers(struct state *s, const json_t *array)
{
	json_t *o;
	size_t i;

	json_array_foreach(array, i, o)
		if (json_is_string(o) && s->offer_count < NETMAP_ROUTES_MAX &&
		    prefix_parse(json_string_value(o),
				 &s->offers[s->offer_count]))
			s->offer_count++;
}

static json_t *offers_json(const struct state *s)
{
	json_t *array = json_array();
	char text[ADDR_TEXT];

	for (unsigned i = 0; i < s->offer_count; i++)
		json_array_append_new(
			array, json_string(prefix_text(&s->offers[i], text)));
	return array;
}

static enum state_relay relay_of(const json_t *o)
{
	json_int_t v = json_integer_value(json_object_get(o, "relay"));

	return v == STATE_RELAY_ON || v == STATE_RELAY_OFF ?
		       (enum state_relay)v : STATE_RELAY_AUTO;
}

static bool read_node(struct state *s, const json_t *o)
{
	const char *machine = text_of(o, "machine");
	const char *tunnel = text_of(o, "tunnel");
	const char *server = text_of(o, "server");
	json_int_t port = json_integer_value(json_object_get(o, "port"));

	if (!machine || !key_private_parse(machine, &s->machine))
		return false;
	if (!tunnel || !key_private_parse(tunnel, &s->tunnel))
		return false;
	if (port < 1024 || port > 65535)
		return false;
	s->port = (uint16_t)port;
	s->tunnel_since_s = (uint64_t)json_integer_value(
		json_object_get(o, "tunnel_since"));
	if (!s->tunnel_since_s) /* of a release that did not keep it */
		s->tunnel_since_s = time_wall() / SEC(1);
	s->enrolled = json_is_true(json_object_get(o, "enrolled"));
	s->joining = json_is_true(json_object_get(o, "joining"));
	s->down = json_is_true(json_object_get(o, "down"));
	s->accept_routes = json_is_true(json_object_get(o, "accept_routes"));
	s->advertise_exit = json_is_true(json_object_get(o, "advertise_exit"));
	if (copy_text(o, "exit_name", s->exit_name, sizeof(s->exit_name)))
		s->exit_id = (uint64_t)json_integer_value(
			json_object_get(o, "exit_id"));
	s->relay = relay_of(o);
	read_offers(s, json_object_get(o, "offers"));
	copy_text(o, "hostname", s->hostname, sizeof(s->hostname));
	if (!s->enrolled && !s->joining)
		return true;
	if (s->joining && !hex_read(text_of(o, "secret"), s->coord.secret,
				    sizeof(s->coord.secret)))
		return false;
	return server && key_public_parse(server, &s->coord.server) &&
	       copy_text(o, "url", s->coord.url, sizeof(s->coord.url));
}

static void make_new(struct state *s)
{
	struct prng g = { rand_u64() };

	key_private_generate(&s->machine);
	key_private_generate(&s->tunnel);
	s->tunnel_since_s = time_wall() / SEC(1);
	s->port = (uint16_t)(PORT_FIRST + prng_below(&g, PORT_COUNT));
}

int state_save(const struct state *s)
{
	char machine[KEY_TEXT], tunnel[KEY_TEXT], server[KEY_TEXT];
	char secret[2 * INVITE_SECRET_OCTETS + 1] = "", path[PATH_MAX];
	char *text;
	json_t *o;
	int err;

	if (s->joining)
		hex_write(s->coord.secret, INVITE_SECRET_OCTETS, secret);
	o = json_pack("{s:i,s:s,s:s,s:i,s:b,s:b,s:b,s:s,s:s,s:s,s:s,s:o,s:b,s:b,s:I,s:s,"
		      "s:I,s:i}",
		      "version", 1, "machine",
		      key_private_text(&s->machine, machine), "tunnel",
		      key_private_text(&s->tunnel, tunnel), "port", s->port,
		      "enrolled", s->enrolled, "joining", s->joining, "down",
		      s->down, "hostname", s->hostname, "url", s->coord.url,
		      "server", key_public_text(&s->coord.server, server),
		      "secret", secret, "offers", offers_json(s),
		      "accept_routes", (int)s->accept_routes, "advertise_exit",
		      (int)s->advertise_exit, "exit_id",
		      (json_int_t)s->exit_id, "exit_name", s->exit_name,
		      "tunnel_since", (json_int_t)s->tunnel_since_s, "relay",
		      (int)s->relay);
	text = o ? json_dumps(o, JSON_INDENT(1)) : NULL;
	err = text ? file_replace(state_path(s, "node.json", path), text,
				  strlen(text), 0600) :
		     -ENOMEM;
	if (text)
		secret_wipe(text, strlen(text));
	free(text);
	json_decref(o);
	secret_wipe(machine, sizeof(machine));
	secret_wipe(tunnel, sizeof(tunnel));
	secret_wipe(secret, sizeof(secret));
	return err;
}

int state_save_carried(const struct state *s, uint64_t day, uint64_t octets)
{
	char text[64], path[PATH_MAX];
	int n = snprintf(text, sizeof(text), "%llu %llu\n",
			 (unsigned long long)day, (unsigned long long)octets);

	return file_replace(state_path(s, "carried", path), text, (size_t)n, 0600);
}

void state_load_carried(const struct state *s, uint64_t *day, uint64_t *octets)
{
	unsigned long long d, o;
	char path[PATH_MAX], *text;
	size_t n;

	if (file_read(state_path(s, "carried", path), 64, &text, &n))
		return;
	if (sscanf(text, "%llu %llu", &d, &o) == 2) {
		*day = d;
		*octets = o;
	}
	free(text);
}

static int load_node(struct state *s, char why[static 512])
{
	char path[PATH_MAX], *text;
	json_t *o;
	size_t n;
	bool good;
	int err = file_read_secret(state_path(s, "node.json", path), NODE_MAX,
				   &text, &n);

	if (err == -ENOENT)
		return err;
	if (err == -EPERM) {
		snprintf(why, 512, "%.400s can be read by others; run chmod 600"
			 " on it if its keys are still secret", path);
		return err;
	}
	if (err) {
		snprintf(why, 512, "%.400s: %s", path, strerror(-err));
		return err;
	}
	o = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
	good = o && read_node(s, o);
	json_decref(o);
	secret_wipe(text, n);
	free(text);
	if (good)
		return 0;
	snprintf(why, 512, "%.380s is damaged; restore it from a backup, or "
		 "remove it and join again", path);
	return -EINVAL;
}

int state_open(struct state *s, const char *dir, char why[static 512])
{
	int err;

	memset(s, 0, sizeof(*s));
	if (strlen(dir) >= sizeof(s->dir)) {
		snprintf(why, 512, "--state: path is too long");
		return -ENAMETOOLONG;
	}
	snprintf(s->dir, sizeof(s->dir), "%s", dir);
	err = file_make_dir(dir, 0700);
	if (err) {
		snprintf(why, 512, "cannot make the state folder %.300s: %s; "
			 "choose another with --state", dir, strerror(-err));
		return err;
	}
	err = load_node(s, why);
	if (err != -ENOENT)
		return err;
	make_new(s);
	err = state_save(s);
	if (err)
		snprintf(why, 512, "cannot write to the state folder %.300s: "
			 "%s; make room or choose another with --state", dir,
			 strerror(-err));
	return err;
}

void state_done(struct state *s)
{
	secret_wipe(s, sizeof(*s));
}

/* pair_json() - two addresses; none of a pair that is not known */
static json_t *pair_json(const struct pathset_pair *pair)
{
	char self[ADDR_TEXT], peer[ADDR_TEXT];

	if (ipaddr_is_zero(&pair->self))
		return json_pack("[]");
	return json_pack("[s,s]", ipaddr_text(&pair->self, self), ipaddr_text(&pair->peer, peer));
}

/* read_pair() - what is no pair is none: it only spares some waiting */
static void read_pair(const json_t *list, struct pathset_pair *out)
{
	const char *self = json_string_value(json_array_get(list, 0));
	const char *peer = json_string_value(json_array_get(list, 1));

	if (!self || !peer || !ipaddr_parse(self, &out->self) ||
	    !ipaddr_parse(peer, &out->peer))
		*out = (struct pathset_pair){ 0 };
}

static json_t *peer_json(const struct state_peer *p)
{
	char key[KEY_TEXT], remote[ADDR_TEXT] = "", seen[25], sent[25];

	if (!endpoint_is_zero(&p->remote))
		endpoint_text(&p->remote, remote);
	hex_write(p->seen, sizeof(p->seen), seen);
	hex_write(p->sent, sizeof(p->sent), sent);
	return json_pack("{s:s,s:s,s:o,s:b,s:s,s:s}", "key",
			 key_public_text(&p->key, key), "remote", remote, "searched",
			 pair_json(&p->searched), "active", p->active, "seen", seen, "sent", sent);
}

int state_save_peers(const struct state *s, const struct state_peer *p,
		     unsigned n)
{
	char path[PATH_MAX], *text;
	json_t *list = json_array(), *o;
	int err;

	for (unsigned i = 0; i < n; i++)
		json_array_append_new(list, peer_json(&p[i]));
	o = json_pack("{s:i,s:o}", "version", 1, "peers", list);
	text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	err = text ? file_replace(state_path(s, "paths.json", path), text,
				  strlen(text), 0600) :
		     -ENOMEM;
	free(text);
	json_decref(o);
	return err;
}

static bool read_peer(const json_t *o, struct state_peer *out)
{
	const char *key = text_of(o, "key"), *remote = text_of(o, "remote");

	*out = (struct state_peer){ 0 };
	if (!key || !key_public_parse(key, &out->key))
		return false;
	if (remote && *remote && !endpoint_parse(remote, &out->remote))
		return false;
	read_pair(json_object_get(o, "searched"), &out->searched);
	out->active = json_is_true(json_object_get(o, "active"));
	return hex_read(text_of(o, "seen"), out->seen, 12) &&
	       hex_read(text_of(o, "sent"), out->sent, 12);
}

int state_load_peers(const struct state *s, struct state_peer **p, unsigned *n)
{
	char path[PATH_MAX], *text;
	json_t *o, *list, *item;
	size_t len, i;
	int err;

	*p = NULL;
	*n = 0;
	err = file_read(state_path(s, "paths.json", path), PATHS_MAX, &text,
			&len);
	if (err)
		return err == -ENOENT ? 0 : err;
	o = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	free(text);
	list = json_object_get(o, "peers");
	*p = calloc(json_array_size(list) + 1, sizeof(**p));
	json_array_foreach(list, i, item)
		if (*p && read_peer(item, &(*p)[*n]))
			++*n;
	json_decref(o);
	return *p ? 0 : -ENOMEM;
}
