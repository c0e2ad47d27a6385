/* SPDX-License-Identifier: MIT
 *
 * node_conf.c - configuration of aditd: one row per key
 *
 * Glue: reads files. A row says where the key stands, how its text is read and
 * written, and what it means; the manual and --print-config come from the same rows.
 */
#include "config/node_conf.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "config/ini.h"
#include "config/node_conf_row.h"
#include "config/value.h"

enum {
	FILE_MAX = 4 << 20, /* octets of one configuration file */
	PATH_WHY = 255, /* of a path, in messages */
};

static const char *nearest_key(const char *key)
{
	const char *names[64];
	size_t n = 0;

	for (; n < node_conf_row_count && n < ARRAY_SIZE(names); n++)
		names[n] = node_conf_rows[n].key;
	return value_nearest(key, names, n);
}

static const struct node_conf_row *find_row(const char *key)
{
	for (size_t i = 0; i < node_conf_row_count; i++)
		if (!strcasecmp(node_conf_rows[i].key, key))
			return &node_conf_rows[i];
	return NULL;
}

/* find_key() - the row of a key in [section], or NULL and why */
static const struct node_conf_row *find_key(const char *key, bool peer,
					    char why[static VALUE_WHY])
{
	const struct node_conf_row *r = find_row(key);
	const char *near = r ? NULL : nearest_key(key);
	char q[48];

	if (r && r->peer == peer)
		return r;
	value_quote(key, q);
	if (r)
		snprintf(why, VALUE_WHY, "%s stands in the wrong section; "
			 "allowed is [%s]", q, r->section);
	else if (near)
		snprintf(why, VALUE_WHY, "unknown key %s; allowed is, for "
			 "example, %s (all of them: aditd.conf(5))", q, near);
	else
		snprintf(why, VALUE_WHY, "unknown key %s; allowed are the keys "
			 "of aditd.conf(5)", q);
	return NULL;
}

/* add_peer() - moved by hand, since realloc() would leave copies of the keys behind */
static bool add_peer(struct node_conf *c, char why[static VALUE_WHY])
{
	unsigned n = c->peer_count;
	struct node_conf_peer *p;

	if (n == NODE_CONF_PEERS_MAX) {
		snprintf(why, VALUE_WHY, "too many [Peer] sections; allowed "
			 "are %d", NODE_CONF_PEERS_MAX);
		return false;
	}
	if ((n & (n - 1)) == 0) { /* full: room is the next power of two */
		p = calloc(n ? n * 2 : 1, sizeof(*p));
		if (!p) {
			snprintf(why, VALUE_WHY, "out of memory");
			return false;
		}
		if (n) {
			memcpy(p, c->peers, n * sizeof(*p));
			secret_wipe(c->peers, n * sizeof(*p));
		}
		free(c->peers);
		c->peers = p;
	}
	c->peer_count++;
	return true;
}

/* check_peer() - the last peer, when its section ends; keys are compared as fast as it
 * goes, since there may be many and they are no secret */
static bool check_peer(const struct node_conf *c, char why[static VALUE_WHY])
{
	const struct node_conf_peer *p = &c->peers[c->peer_count - 1];

	if (key_public_is_zero(&p->key)) {
		snprintf(why, VALUE_WHY, "this [Peer] has no PublicKey; allowed "
			 "is PublicKey = (what wg pubkey printed there)");
		return false;
	}
	for (unsigned i = 0; i + 1 < c->peer_count; i++)
		if (!memcmp(c->peers[i].key.b, p->key.b, sizeof(p->key.b))) {
			snprintf(why, VALUE_WHY, "another [Peer] has the same "
				 "PublicKey; allowed is one section per key");
			return false;
		}
	return true;
}

/* Where a file is read into: which section is open. */
struct reading {
	struct node_conf *c;
	unsigned peer_line; /* of the open [Peer]; 0: none */
	unsigned line; /* to blame */
	char why[VALUE_WHY];
};

static bool close_section(struct reading *r)
{
	unsigned line = r->line;

	if (!r->peer_line)
		return true;
	r->line = r->peer_line;
	if (!check_peer(r->c, r->why))
		return false;
	r->peer_line = 0;
	r->line = line;
	return true;
}

static bool open_section(struct reading *r, const char *name)
{
	char q[48];

	if (!close_section(r))
		return false;
	if (!strcasecmp(name, "Node") || !strcasecmp(name, "Interface"))
		return true;
	if (!strcasecmp(name, "Peer")) {
		r->peer_line = r->line;
		if (add_peer(r->c, r->why))
			return true;
		r->peer_line = 0;
		return false;
	}
	snprintf(r->why, sizeof(r->why), "unknown section [%s]; allowed are "
		 "[Node], [Interface] and [Peer]", value_quote(name, q));
	return false;
}

static bool set_key(struct reading *r, const struct ini_item *item)
{
	struct node_conf *c = r->c;
	bool peer = r->peer_line != 0;
	const struct node_conf_row *row = find_key(item->key, peer, r->why);
	char why[VALUE_WHY];
	void *at;

	if (!row)
		return false;
	at = peer ? (void *)&c->peers[c->peer_count - 1] : (void *)c;
	if (row->kind->set(row, at, item->value, why))
		return true;
	snprintf(r->why, sizeof(r->why), "%s: %.200s", row->key, why);
	return false;
}

static bool read_text(struct reading *r, const char *text, size_t n)
{
	struct ini_item item;
	struct ini ini;
	bool good = true;

	ini_init(&ini, text, n);
	while (good && ini_next(&ini, &item)) {
		r->line = item.line;
		good = item.key[0] ? set_key(r, &item) :
				     open_section(r, item.section);
	}
	secret_wipe(&item, sizeof(item));
	if (good && ini.error) {
		r->line = ini.line;
		snprintf(r->why, sizeof(r->why), "%s", ini.error);
		good = false;
	}
	return good && close_section(r);
}

/* secret_line() - the first line of the text that gives a secret; 0: none */
static unsigned secret_line(const char *text, size_t n)
{
	const struct node_conf_row *row;
	struct ini_item item;
	unsigned line = 0;
	struct ini ini;

	ini_init(&ini, text, n);
	while (!line && ini_next(&ini, &item)) {
		row = find_row(item.key);
		if (row && row->kind->secret)
			line = item.line;
	}
	secret_wipe(&item, sizeof(item));
	return line;
}

/* refuse_file() - a file that cannot be read at all */
static int refuse_file(const char *path, int err, char why[static 512])
{
	const char *what = strerror(-err);

	if (err == -EFBIG)
		what = "larger than the 4 MiB that are allowed";
	if (err == -EINVAL)
		what = "not a regular file";
	snprintf(why, 512, "%.*s:0: cannot be read: %s; allowed is a readable "
		 "file", PATH_WHY, path, what);
	return err;
}

/* again_if_secret() - a text with keys is read once more, with its mode checked */
static int again_if_secret(const char *path, char **text, size_t *n,
			   char why[static 512])
{
	unsigned line = secret_line(*text, *n);
	int err;

	if (!line)
		return 0;
	secret_wipe(*text, *n);
	free(*text);
	*text = NULL;
	*n = 0;
	err = file_read_secret(path, FILE_MAX, text, n);
	if (err == -EPERM)
		snprintf(why, 512, "%.*s:%u: a key in a file that others may "
			 "read or write; allowed is mode 0600, run: "
			 "chmod 600 %.*s", 200, path, line, 200, path);
	else if (err)
		refuse_file(path, err, why);
	return err;
}

static int read_one(struct node_conf *c, const char *path, char why[static 512])
{
	struct reading r = { .c = c };
	char *text = NULL;
	size_t n = 0;
	int err = file_read(path, FILE_MAX, &text, &n);

	if (err)
		return refuse_file(path, err, why);
	err = again_if_secret(path, &text, &n, why);
	if (!err && !read_text(&r, text, n)) {
		err = -EINVAL;
		snprintf(why, 512, "%.*s:%u: %.240s", PATH_WHY, path, r.line,
			 r.why);
	}
	if (text)
		secret_wipe(text, n);
	free(text);
	return err;
}

static int is_drop_in(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return e->d_name[0] != '.' && n > 5 &&
	       !strcmp(e->d_name + n - 5, ".conf");
}

/* read_drop_ins() - every .conf of the folder FILE.d, by name; there may be no folder */
static int read_drop_ins(struct node_conf *c, const char *path,
			 char why[static 512])
{
	char folder[PATH_MAX], file[PATH_MAX + 256];
	struct dirent **entries;
	int count, err = 0;

	if (strlen(path) + 3 > sizeof(folder))
		return 0; /* such a folder cannot exist */
	snprintf(folder, sizeof(folder), "%s.d", path);
	count = scandir(folder, &entries, is_drop_in, alphasort);
	if (count < 0)
		return errno == ENOENT || errno == ENOTDIR ?
			       0 : refuse_file(folder, -errno, why);
	for (int i = 0; i < count; i++) {
		snprintf(file, sizeof(file), "%s/%s", folder,
			 entries[i]->d_name);
		free(entries[i]);
		if (!err)
			err = read_one(c, file, why);
	}
	free(entries);
	return err;
}

int node_conf_read(struct node_conf *c, const char *path, bool optional,
		   char why[static 512])
{
	int err = read_one(c, path, why);

	if (err && !(err == -ENOENT && optional))
		return err;
	return read_drop_ins(c, path, why);
}

const char *node_conf_set(struct node_conf *c, const char *key,
			  const char *value)
{
	const struct node_conf_row *row = find_key(key, false, c->refusal);
	char why[VALUE_WHY];

	if (!row)
		return c->refusal;
	if (row->kind->set(row, c, value, why))
		return NULL;
	snprintf(c->refusal, sizeof(c->refusal), "%s: %.200s", row->key, why);
	return c->refusal;
}

void node_conf_defaults(struct node_conf *c)
{
	memset(c, 0, sizeof(*c));
	strcpy(c->state, "/var/lib/adit");
	strcpy(c->socket, "/run/adit/adit.sock");
	strcpy(c->tun, "adit0");
	strcpy(c->domain, "adit.internal");
	c->log_level = LOG_LEVEL_INFO;
	c->mtu = 1400;
	c->port_mapping = true;
	c->rotate_days = 30;
	c->lan_hello = true;
	c->ike_port = 1;
	c->port_scan = 1;
	c->tcp_port = NODE_CONF_TCP_AUTO;
	c->relay_rate = 100;
	c->relay_daily = 20;
}

void node_conf_done(struct node_conf *c)
{
	for (unsigned i = 0; i < c->peer_count; i++)
		free(c->peers[i].allowed);
	if (c->peers)
		secret_wipe(c->peers, c->peer_count * sizeof(*c->peers));
	free(c->peers);
	secret_wipe(c, sizeof(*c));
}

static void print_section(FILE *f, const char *section, const void *at,
			  bool manual)
{
	for (size_t i = 0; i < node_conf_row_count; i++) {
		const struct node_conf_row *r = &node_conf_rows[i];

		if (strcmp(r->section, section))
			continue;
		if (manual)
			fprintf(f, "*%s*\n\t%s\n\n", r->key, r->help);
		else
			r->kind->print(r, at, f);
	}
}

void node_conf_print(const struct node_conf *c, FILE *f)
{
	fprintf(f, "[Node]\n");
	print_section(f, "Node", c, false);
	fprintf(f, "\n[Interface]\n");
	print_section(f, "Interface", c, false);
	for (unsigned i = 0; i < c->peer_count; i++) {
		fprintf(f, "\n[Peer]\n");
		print_section(f, "Peer", &c->peers[i], false);
	}
}

void node_conf_manual(FILE *f)
{
	static const char *const sections[] = { "Node", "Interface", "Peer" };

	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		fprintf(f, "# [%s]\n\n", sections[i]);
		print_section(f, sections[i], NULL, true);
	}
}
