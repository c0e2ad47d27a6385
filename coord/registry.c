/* SPDX-License-Identifier: MIT
 *
 * registry.c - nodes, invites and settings, in SQLite
 *
 * Schema changes are steps: entry v of schema[] brings a database of version v (PRAGMA
 * user_version) to v + 1, in a transaction of its own. tags, policy, routes and approval have
 * their columns from the start.
 */
#include "coord/registry.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const schema[] = {
	"CREATE TABLE setting(key TEXT PRIMARY KEY, value TEXT NOT NULL);"
	"CREATE TABLE node("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" machine BLOB NOT NULL UNIQUE, tunnel BLOB NOT NULL UNIQUE,"
	" name TEXT NOT NULL UNIQUE,"
	" v4 BLOB NOT NULL UNIQUE, v6 BLOB NOT NULL UNIQUE,"
	" fast_aes INTEGER NOT NULL, created INTEGER NOT NULL,"
	" expires INTEGER NOT NULL, changed INTEGER NOT NULL,"
	" tags TEXT NOT NULL DEFAULT '[]',"
	" approved INTEGER NOT NULL DEFAULT 1);"
	"CREATE TABLE route("
	" node INTEGER NOT NULL REFERENCES node(id) ON DELETE CASCADE,"
	" prefix TEXT NOT NULL, approved INTEGER NOT NULL DEFAULT 0,"
	" PRIMARY KEY(node, prefix));"
	"CREATE TABLE removed("
	" id INTEGER PRIMARY KEY, machine BLOB NOT NULL,"
	" version INTEGER NOT NULL);"
	"CREATE INDEX removed_machine ON removed(machine);"
	"CREATE TABLE invite("
	" hash BLOB PRIMARY KEY, reusable INTEGER NOT NULL,"
	" used INTEGER NOT NULL DEFAULT 0, expires INTEGER NOT NULL,"
	" name TEXT NOT NULL, tags TEXT NOT NULL);",

	"CREATE TABLE relay("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" name TEXT NOT NULL UNIQUE, key BLOB NOT NULL UNIQUE,"
	" v4 TEXT NOT NULL, v6 TEXT NOT NULL, url TEXT NOT NULL);",
	"CREATE TABLE policy("
	" id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL,"
	" since INTEGER NOT NULL);"
	"ALTER TABLE invite ADD COLUMN uses INTEGER NOT NULL DEFAULT 1;"
	/* tags were JSON arrays of labels */
	"UPDATE node SET tags=replace(replace(replace(replace("
	" tags,'[',''),']',''),'\"',''),' ','');"
	"UPDATE invite SET tags=replace(replace(replace(replace("
	" tags,'[',''),']',''),'\"',''),' ','');",

	"CREATE TABLE guest("
	" node INTEGER PRIMARY KEY REFERENCES node(id) ON DELETE CASCADE,"
	" gateway INTEGER NOT NULL);",

	"CREATE TABLE published("
	" node INTEGER PRIMARY KEY REFERENCES node(id) ON DELETE CASCADE,"
	" version INTEGER NOT NULL, text TEXT NOT NULL);",
};

struct registry {
	sqlite3 *db;
};

const char *registry_error(const struct registry *r)
{
	return sqlite3_errmsg(r->db);
}

static int run(struct registry *r, const char *sql)
{
	return sqlite3_exec(r->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : -EIO;
}

/* ---- one statement: prepare, bind, step, finalize ---- */

struct statement {
	sqlite3_stmt *s;
	int bound; /* parameters so far */
	int status; /* of the last step */
};

static struct statement prepare(struct registry *r, const char *sql)
{
	struct statement q = { .status = SQLITE_ERROR };

	sqlite3_prepare_v2(r->db, sql, -1, &q.s, NULL);
	return q;
}

static void bind_number(struct statement *q, uint64_t v)
{
	sqlite3_bind_int64(q->s, ++q->bound, (sqlite3_int64)v);
}

static void bind_text(struct statement *q, const char *v)
{
	sqlite3_bind_text(q->s, ++q->bound, v, -1, SQLITE_STATIC);
}

static void bind_octets(struct statement *q, const void *p, size_t n)
{
	sqlite3_bind_blob(q->s, ++q->bound, p, (int)n, SQLITE_STATIC);
}

static bool step(struct statement *q)
{
	q->status = q->s ? sqlite3_step(q->s) : SQLITE_ERROR;
	return q->status == SQLITE_ROW;
}

static int finish(struct statement *q)
{
	int status = q->status;

	sqlite3_finalize(q->s);
	q->s = NULL;
	if (status == SQLITE_CONSTRAINT)
		return -EEXIST;
	return status == SQLITE_DONE || status == SQLITE_ROW ? 0 : -EIO;
}

static int execute(struct statement *q)
{
	step(q);
	return finish(q);
}

static bool column_octets(struct statement *q, int i, void *out, size_t n)
{
	if (sqlite3_column_bytes(q->s, i) != (int)n)
		return false;
	memcpy(out, sqlite3_column_blob(q->s, i), n);
	return true;
}

static uint64_t column_number(struct statement *q, int i)
{
	return (uint64_t)sqlite3_column_int64(q->s, i);
}

static void column_text(struct statement *q, int i, char *out, size_t room)
{
	const unsigned char *t = sqlite3_column_text(q->s, i);

	snprintf(out, room, "%s", t ? (const char *)t : "");
}

/* ---- opening ---- */

static uint64_t schema_version(struct registry *r)
{
	struct statement q = prepare(r, "PRAGMA user_version");
	uint64_t v = step(&q) ? column_number(&q, 0) : UINT64_MAX;

	(void)!finish(&q);
	return v;
}

static int update_schema(struct registry *r, uint64_t version)
{
	char set[48];
	int err = 0;

	for (uint64_t v = version; v < ARRAY_SIZE(schema) && !err; v++) {
		snprintf(set, sizeof(set), "PRAGMA user_version=%u",
			 (unsigned)v + 1);
		err = run(r, "BEGIN IMMEDIATE");
		if (!err)
			err = run(r, schema[v]);
		if (!err)
			err = run(r, set);
		if (!err)
			err = run(r, "COMMIT");
		if (err)
			registry_rollback(r);
	}
	return err;
}

static int set_up(struct registry *r, uint64_t *version)
{
	int err = run(r, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
			 "PRAGMA foreign_keys=ON; PRAGMA busy_timeout=5000;"
			 "PRAGMA trusted_schema=OFF");

	if (err)
		return err;
	*version = schema_version(r);
	if (*version > ARRAY_SIZE(schema))
		return -EPROTO;
	return update_schema(r, *version);
}

struct registry *registry_open(const char *path, char why[static 256])
{
	struct registry *r = calloc(1, sizeof(*r));
	uint64_t version = 0;
	mode_t mask = umask(077);
	int err;

	snprintf(why, 256, "out of memory");
	if (!r)
		return NULL;
	err = sqlite3_open_v2(path, &r->db,
			      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
				      SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK ?
		      set_up(r, &version) : -EIO;
	umask(mask);
	if (!err)
		return r;
	if (err == -EPROTO)
		snprintf(why, 256, "%.120s was written by a newer adit-coord; "
			 "install that version again", path);
	else
		snprintf(why, 256, "cannot use the database %.100s: %.80s", path,
			 registry_error(r));
	registry_close(r);
	return NULL;
}

void registry_close(struct registry *r)
{
	if (!r)
		return;
	sqlite3_close(r->db);
	free(r);
}

int registry_begin(struct registry *r)
{
	return run(r, "BEGIN IMMEDIATE");
}

int registry_commit(struct registry *r)
{
	return run(r, "COMMIT");
}

void registry_rollback(struct registry *r)
{
	(void)!run(r, "ROLLBACK");
}

/* ---- settings ---- */

bool registry_setting(struct registry *r, const char *key, char *out, size_t room)
{
	struct statement q = prepare(r, "SELECT value FROM setting WHERE key=?");
	bool found;

	bind_text(&q, key);
	found = step(&q);
	if (found)
		column_text(&q, 0, out, room);
	(void)!finish(&q);
	return found;
}

int registry_set_setting(struct registry *r, const char *key, const char *value)
{
	struct statement q = prepare(
		r, "INSERT INTO setting VALUES(?,?) ON CONFLICT(key) "
		   "DO UPDATE SET value=excluded.value");

	bind_text(&q, key);
	bind_text(&q, value);
	return execute(&q);
}

/* ---- invites ---- */

int registry_invite_add(struct registry *r, const struct registry_invite *i)
{
	struct statement q = prepare(
		r, "INSERT INTO invite(hash,reusable,expires,name,tags,uses) "
		   "VALUES(?,?,?,?,?,?)");

	bind_octets(&q, i->hash, REGISTRY_HASH);
	bind_number(&q, i->reusable);
	bind_number(&q, i->expires_s);
	bind_text(&q, i->name);
	bind_text(&q, i->tags);
	bind_number(&q, i->uses ? i->uses : 1);
	return execute(&q);
}

static enum registry_use why_not(struct registry *r, const uint8_t *hash,
				 uint64_t now_s)
{
	struct statement q =
		prepare(r, "SELECT expires FROM invite WHERE hash=?");
	enum registry_use use = REGISTRY_UNKNOWN_INVITE;

	bind_octets(&q, hash, REGISTRY_HASH);
	if (step(&q))
		use = column_number(&q, 0) <= now_s ? REGISTRY_EXPIRED :
						      REGISTRY_USED_BEFORE;
	return finish(&q) ? REGISTRY_BROKEN : use;
}

enum registry_use registry_invite_use(struct registry *r, const uint8_t *hash,
				      uint64_t now_s, struct registry_invite *out)
{
	struct statement q = prepare(
		r, "UPDATE invite SET used=used+1 WHERE hash=? AND expires>? "
		   "AND (used<uses OR reusable=1) RETURNING name,tags,reusable,expires");
	bool taken;

	bind_octets(&q, hash, REGISTRY_HASH);
	bind_number(&q, now_s);
	taken = step(&q);
	if (taken) {
		memcpy(out->hash, hash, REGISTRY_HASH);
		column_text(&q, 0, out->name, sizeof(out->name));
		column_text(&q, 1, out->tags, sizeof(out->tags));
		out->reusable = column_number(&q, 2);
		out->expires_s = column_number(&q, 3);
		step(&q);
	}
	if (finish(&q))
		return REGISTRY_BROKEN;
	return taken ? REGISTRY_USED_NOW : why_not(r, hash, now_s);
}

int registry_invite_sweep(struct registry *r, uint64_t before_s)
{
	struct statement q = prepare(r, "DELETE FROM invite WHERE expires<?");

	bind_number(&q, before_s);
	return execute(&q);
}

/* ---- nodes ---- */

int registry_node_add(struct registry *r, struct registry_node *n)
{
	struct statement q = prepare(
		r, "INSERT INTO node(machine,tunnel,name,v4,v6,fast_aes,created,"
		   "expires,changed,tags,approved) VALUES(?,?,?,?,?,?,?,?,?,?,?)");
	int err;

	bind_octets(&q, n->machine.b, KEY_OCTETS);
	bind_octets(&q, n->tunnel.b, KEY_OCTETS);
	bind_text(&q, n->name);
	bind_octets(&q, n->v4.b, sizeof(n->v4.b));
	bind_octets(&q, n->v6.b, sizeof(n->v6.b));
	bind_number(&q, n->fast_aes);
	bind_number(&q, n->created_s);
	bind_number(&q, n->expires_s);
	bind_number(&q, n->changed);
	bind_text(&q, n->tags);
	bind_number(&q, !n->waiting);
	err = execute(&q);
	if (!err)
		n->id = (uint64_t)sqlite3_last_insert_rowid(r->db);
	return err;
}

int registry_node_set(struct registry *r, const struct registry_node *n)
{
	struct statement q = prepare(
		r, "UPDATE node SET tunnel=?,fast_aes=?,expires=?,changed=?,"
		   "approved=? WHERE id=?");

	bind_octets(&q, n->tunnel.b, KEY_OCTETS);
	bind_number(&q, n->fast_aes);
	bind_number(&q, n->expires_s);
	bind_number(&q, n->changed);
	bind_number(&q, !n->waiting);
	bind_number(&q, n->id);
	return execute(&q);
}

static int remember_removed(struct registry *r, uint64_t id, uint64_t version)
{
	struct statement q = prepare(
		r, "INSERT INTO removed SELECT id,machine,? FROM node WHERE id=?");

	bind_number(&q, version);
	bind_number(&q, id);
	return execute(&q);
}

int registry_node_remove(struct registry *r, uint64_t id, uint64_t version)
{
	struct statement q;
	int err = registry_begin(r);

	if (err)
		return err;
	err = remember_removed(r, id, version);
	if (!err) {
		q = prepare(r, "DELETE FROM node WHERE id=?");
		bind_number(&q, id);
		err = execute(&q);
	}
	if (!err)
		err = registry_commit(r);
	if (err)
		registry_rollback(r);
	return err;
}

int registry_each_node(struct registry *r,
		       void (*f)(void *owner, const struct registry_node *n),
		       void *owner)
{
	struct statement q = prepare(
		r, "SELECT id,machine,tunnel,name,v4,v6,fast_aes,created,expires,"
		   "changed,tags,approved FROM node ORDER BY id");

	while (step(&q)) {
		struct registry_node n = { .id = column_number(&q, 0) };

		if (!column_octets(&q, 1, n.machine.b, KEY_OCTETS) ||
		    !column_octets(&q, 2, n.tunnel.b, KEY_OCTETS) ||
		    !column_octets(&q, 4, n.v4.b, sizeof(n.v4.b)) ||
		    !column_octets(&q, 5, n.v6.b, sizeof(n.v6.b)))
			continue;
		column_text(&q, 3, n.name, sizeof(n.name));
		n.fast_aes = column_number(&q, 6);
		n.created_s = column_number(&q, 7);
		n.expires_s = column_number(&q, 8);
		n.changed = column_number(&q, 9);
		column_text(&q, 10, n.tags, sizeof(n.tags));
		n.waiting = !column_number(&q, 11);
		f(owner, &n);
	}
	return finish(&q);
}

int registry_each_removed(struct registry *r, unsigned max,
			  void (*f)(void *owner, uint64_t id, uint64_t version),
			  void *owner)
{
	struct statement q = prepare(
		r, "SELECT id,version FROM (SELECT id,version FROM removed "
		   "ORDER BY version DESC LIMIT ?) ORDER BY version");

	bind_number(&q, max);
	while (step(&q))
		f(owner, column_number(&q, 0), column_number(&q, 1));
	return finish(&q);
}

/* ---- guests ---- */

int registry_guest_add(struct registry *r, uint64_t node, uint64_t gateway)
{
	struct statement q = prepare(r, "INSERT INTO guest VALUES(?,?)");

	bind_number(&q, node);
	bind_number(&q, gateway);
	return execute(&q);
}

int registry_each_guest(struct registry *r,
			void (*f)(void *owner, uint64_t node, uint64_t gateway),
			void *owner)
{
	struct statement q = prepare(
		r, "SELECT node,gateway FROM guest ORDER BY node");

	while (step(&q))
		f(owner, column_number(&q, 0), column_number(&q, 1));
	return finish(&q);
}

/* ---- what nodes have published ---- */

int registry_published_set(struct registry *r, uint64_t node, uint64_t version,
			   const char *text)
{
	struct statement q = prepare(
		r, "INSERT INTO published VALUES(?,?,?) ON CONFLICT(node) "
		   "DO UPDATE SET version=excluded.version,text=excluded.text");

	bind_number(&q, node);
	bind_number(&q, version);
	bind_text(&q, text);
	return execute(&q);
}

int registry_published_forget(struct registry *r, uint64_t node)
{
	struct statement q = prepare(r, "DELETE FROM published WHERE node=?");

	bind_number(&q, node);
	return execute(&q);
}

int registry_each_published(struct registry *r,
			    void (*f)(void *owner, uint64_t node, uint64_t version,
				      const char *text),
			    void *owner)
{
	struct statement q = prepare(r, "SELECT node,version,text FROM published");

	while (step(&q)) {
		const unsigned char *text = sqlite3_column_text(q.s, 2);

		f(owner, column_number(&q, 0), column_number(&q, 1),
		  text ? (const char *)text : "");
	}
	return finish(&q);
}

/* ---- routes ---- */

int registry_route_set(struct registry *r, uint64_t node, const char *prefix,
		       enum registry_route state)
{
	struct statement q = prepare(
		r, "INSERT INTO route VALUES(?,?,?) ON CONFLICT(node,prefix) "
		   "DO UPDATE SET approved=excluded.approved");

	bind_number(&q, node);
	bind_text(&q, prefix);
	bind_number(&q, state);
	return execute(&q);
}

int registry_route_remove(struct registry *r, uint64_t node, const char *prefix)
{
	struct statement q =
		prepare(r, "DELETE FROM route WHERE node=? AND prefix=?");

	bind_number(&q, node);
	bind_text(&q, prefix);
	return execute(&q);
}

int registry_each_route(struct registry *r,
			void (*f)(void *owner, uint64_t node, const char *prefix,
				  enum registry_route state),
			void *owner)
{
	struct statement q = prepare(
		r, "SELECT node,prefix,approved FROM route ORDER BY node,prefix");

	while (step(&q)) {
		uint64_t state = column_number(&q, 2);
		char prefix[ADDR_TEXT];

		column_text(&q, 1, prefix, sizeof(prefix));
		if (state <= REGISTRY_ROUTE_KEPT)
			f(owner, column_number(&q, 0), prefix,
			  (enum registry_route)state);
	}
	return finish(&q);
}

bool registry_was_removed(struct registry *r, const struct key_public *machine)
{
	struct statement q =
		prepare(r, "SELECT 1 FROM removed WHERE machine=? LIMIT 1");
	bool found;

	bind_octets(&q, machine->b, KEY_OCTETS);
	found = step(&q);
	(void)!finish(&q);
	return found;
}

/* ---- relays ---- */

int registry_relay_add(struct registry *r, struct registry_relay *relay)
{
	struct statement q = prepare(
		r, "INSERT INTO relay(name,key,v4,v6,url) VALUES(?,?,?,?,?)");
	char at[2][ADDR_TEXT] = { "", "" };
	int err;

	for (unsigned i = 0; i < 2; i++)
		if (!endpoint_is_zero(&relay->at[i]))
			endpoint_text(&relay->at[i], at[i]);
	bind_text(&q, relay->name);
	bind_octets(&q, relay->key.b, sizeof(relay->key.b));
	bind_text(&q, at[0]);
	bind_text(&q, at[1]);
	bind_text(&q, relay->url);
	err = execute(&q);
	if (!err)
		relay->id = (uint64_t)sqlite3_last_insert_rowid(r->db);
	return err;
}

int registry_relay_remove(struct registry *r, const char *name)
{
	struct statement q = prepare(r, "DELETE FROM relay WHERE name=?");
	int err;

	bind_text(&q, name);
	err = execute(&q);
	if (err)
		return err;
	return sqlite3_changes(r->db) ? 0 : -ENOENT;
}

static bool column_endpoint(struct statement *q, int i, struct endpoint *out)
{
	char text[ADDR_TEXT];

	column_text(q, i, text, sizeof(text));
	return !text[0] || endpoint_parse(text, out);
}

int registry_each_relay(struct registry *r,
			void (*f)(void *owner, const struct registry_relay *relay),
			void *owner)
{
	struct statement q = prepare(
		r, "SELECT id,name,key,v4,v6,url FROM relay ORDER BY id");

	while (step(&q)) {
		struct registry_relay relay = { .id = column_number(&q, 0) };

		column_text(&q, 1, relay.name, sizeof(relay.name));
		column_text(&q, 5, relay.url, sizeof(relay.url));
		if (column_octets(&q, 2, relay.key.b, sizeof(relay.key.b)) &&
		    column_endpoint(&q, 3, &relay.at[0]) &&
		    column_endpoint(&q, 4, &relay.at[1]))
			f(owner, &relay);
	}
	return finish(&q);
}

/* ---- policies ---- */

int registry_policy_add(struct registry *r, const char *text, uint64_t since_s)
{
	struct statement q =
		prepare(r, "INSERT INTO policy(text,since) VALUES(?,?)");
	int err;

	bind_text(&q, text);
	bind_number(&q, since_s);
	err = execute(&q);
	if (err)
		return err;
	q = prepare(r, "DELETE FROM policy WHERE id NOT IN "
		       "(SELECT id FROM policy ORDER BY id DESC LIMIT ?)");
	bind_number(&q, REGISTRY_POLICIES);
	return execute(&q);
}

int registry_policy_drop(struct registry *r)
{
	struct statement q = prepare(
		r, "DELETE FROM policy WHERE id=(SELECT max(id) FROM policy)");

	return execute(&q);
}

char *registry_policy(struct registry *r, uint64_t *since_s, unsigned *kept)
{
	struct statement q = prepare(
		r, "SELECT text,since,(SELECT count(*) FROM policy) FROM policy "
		   "ORDER BY id DESC LIMIT 1");
	char *text = NULL;

	if (kept)
		*kept = 0;
	if (step(&q)) {
		const unsigned char *t = sqlite3_column_text(q.s, 0);

		text = strdup(t ? (const char *)t : "");
		if (since_s)
			*since_s = column_number(&q, 1);
		if (kept)
			*kept = (unsigned)column_number(&q, 2);
	}
	(void)!finish(&q);
	return text;
}

/* ---- copies ---- */

bool registry_copy(const char *path, const char *to, char why[static 256])
{
	struct registry *r = registry_open(path, why);
	sqlite3_stmt *q = NULL;
	mode_t mask = umask(077);
	bool ok;

	ok = r && sqlite3_prepare_v2(r->db, "VACUUM INTO ?", -1, &q, NULL) ==
			  SQLITE_OK &&
	     sqlite3_bind_text(q, 1, to, -1, SQLITE_STATIC) == SQLITE_OK &&
	     sqlite3_step(q) == SQLITE_DONE;
	umask(mask);
	if (r && !ok)
		snprintf(why, 256, "cannot copy the database to %.100s: %.80s",
			 to, registry_error(r));
	sqlite3_finalize(q);
	registry_close(r);
	return ok;
}

bool registry_check(const char *path, char why[static 256])
{
	struct registry *r = registry_open(path, why);
	sqlite3_stmt *q = NULL;
	bool ok;

	if (!r)
		return false;
	ok = sqlite3_prepare_v2(r->db, "PRAGMA integrity_check(1)", -1, &q,
				NULL) == SQLITE_OK &&
	     sqlite3_step(q) == SQLITE_ROW &&
	     !strcmp((const char *)sqlite3_column_text(q, 0), "ok");
	sqlite3_finalize(q);
	ok = ok && !run(r, "DELETE FROM published") &&
	     !run(r, "PRAGMA journal_mode=DELETE"); /* no files beside it */
	if (!ok)
		snprintf(why, 256, "the database in the backup is damaged");
	registry_close(r);
	return ok;
}
