/* SPDX-License-Identifier: MIT
 *
 * admin.c - the admin socket of adit-coord
 *
 * Requests are read without waiting. An answer is written with a time limit of one
 * second: only local users with rights get long ones.
 */
#include "coord/admin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/rand.h"
#include "coord/enrol.h"
#include "coord/expiry.h"
#include "coord/name.h"
#include "coord/proto.h"

struct caller {
	struct loop_watch watch; /* its fd is ours to close */
	struct admin *admin;
	bool may_change;
	size_t n, most; /* octets waiting, and the most there ever were */
	char line[ADMIN_LINE_MAX];
};

struct admin {
	struct admin_params p;
	struct loop_watch watch;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct caller *callers[ADMIN_CONNECTIONS_MAX];
	char why[512]; /* of the command that runs */
};

/* ---- commands: a result, or NULL and a sentence ---- */

struct command {
	const char *name;
	bool changes;
	json_t *(*run)(struct admin *a, const json_t *request, const char **why);
};

static const char *tags_text(const json_t *request, char out[static REGISTRY_TAGS])
{
	json_t *tags = json_object_get(request, "tags"), *tag;
	size_t i, n = 0;

	out[0] = 0;
	json_array_foreach(tags, i, tag) {
		const char *text = json_string_value(tag);

		if (!text || !name_valid(text))
			return "a tag is made of a-z, 0-9 and -, 63 at most";
		if (n + strlen(text) + 2 > REGISTRY_TAGS)
			return "too many tags";
		n += (size_t)snprintf(out + n, REGISTRY_TAGS - n, "%s%s",
				      n ? "," : "", text);
	}
	return NULL;
}

static const char *read_invite(const json_t *request, struct registry_invite *out)
{
	uint64_t life = proto_number(request, "expires_s");
	const char *name = proto_text(request, "name");

	if (name && !name_valid(name))
		return "a name is one DNS label: a-z, 0-9 and -, 63 at most";
	if (name)
		snprintf(out->name, sizeof(out->name), "%s", name);
	if (life > UINT32_MAX)
		return "an invite's life must be below 136 years";
	if (proto_number(request, "uses") > ADMIN_USES_MAX)
		return "an invite can be used a million times at most";
	out->reusable = proto_bool(request, "reusable");
	out->uses = (unsigned)proto_number(request, "uses");
	out->expires_s = time_wall() / SEC(1) + (life ? life : ADMIN_INVITE_S);
	return tags_text(request, out->tags);
}

static json_t *make_invite(struct admin *a, const json_t *request, const char **why)
{
	struct invite i = { .server = *a->p.key };
	struct registry_invite row = { 0 };
	char text[INVITE_TEXT];
	json_t *o = NULL;

	*why = read_invite(request, &row);
	if (*why)
		return NULL;
	snprintf(i.url, sizeof(i.url), "%s", a->p.url);
	rand_bytes(i.secret, sizeof(i.secret));
	enrol_invite_hash(i.secret, row.hash);
	(void)!registry_invite_sweep(a->p.registry,
				     time_wall() / SEC(1) - 30 * 24 * 3600);
	if (registry_invite_add(a->p.registry, &row)) {
		*why = "the database refused; see the server's log and its disk";
	} else {
		invite_text(&i, text);
		o = json_object();
		proto_set_text(o, "invite", text);
		secret_wipe(text, sizeof(text));
	}
	invite_wipe(&i);
	return o;
}

static json_t *list_nodes(struct admin *a, const json_t *request, const char **why)
{
	(void)request;
	(void)why;
	return json_pack("{s:i,s:o}", "version", 1, "nodes",
			 server_nodes(a->p.server));
}

static json_t *remove_node(struct admin *a, const json_t *request, const char **why)
{
	const char *node = proto_text(request, "node");

	*why = node ? server_remove(a->p.server, node) : "name the node";
	return *why ? NULL : json_object();
}

static json_t *expire_node(struct admin *a, const json_t *request, const char **why)
{
	const char *node = proto_text(request, "node");

	*why = node ? server_expire(a->p.server, node) : "name the node";
	return *why ? NULL : json_object();
}

static json_t *revive_node(struct admin *a, const json_t *request, const char **why)
{
	const char *node = proto_text(request, "node");

	*why = node ? server_revive(a->p.server, node) : "name the node";
	return *why ? NULL : json_object();
}

static json_t *add_relay(struct admin *a, const json_t *request, const char **why)
{
	*why = server_relay_add(a->p.server, request);
	return *why ? NULL : json_object();
}

static json_t *remove_relay(struct admin *a, const json_t *request,
			    const char **why)
{
	const char *name = proto_text(request, "name");

	*why = name ? server_relay_remove(a->p.server, name) : "name the relay";
	return *why ? NULL : json_object();
}

static json_t *list_relays(struct admin *a, const json_t *request, const char **why)
{
	json_t *o = json_object();
	char text[KEY_TEXT];

	(void)request;
	(void)why;
	proto_set_number(o, "version", 1);
	proto_set_text(o, "coord_key", sign_public_text(&a->p.sign, text));
	json_object_set_new(o, "relays", server_relays(a->p.server));
	json_object_set_new(o, "peer_relays", server_peer_relays(a->p.server));
	return o;
}

static json_t *approve_node(struct admin *a, const json_t *request, const char **why)
{
	const char *node = proto_text(request, "node");

	*why = node ? server_approve(a->p.server, node) : "name the node";
	return *why ? NULL : json_object();
}

static json_t *set_setting(struct admin *a, const json_t *request, const char **why)
{
	const char *name = proto_text(request, "name");
	const char *value = proto_text(request, "value");
	bool on = value && !strcmp(value, "on");
	uint64_t period_s;

	if (name && !strcmp(name, "peer-relays"))
		*why = server_set_peer_relays(a->p.server, value ? value : "");
	else if (name && !strcmp(name, "key-expiry"))
		*why = value && expiry_parse(value, &period_s) ?
			       server_set_expiry(a->p.server, period_s) :
			       "key-expiry is off, or a time from 1h to 3650d, as 90d";
	else if (!name || strcmp(name, "approve"))
		*why = "there is no setting of that name; there are approve, "
		       "peer-relays and key-expiry";
	else if (!on && (!value || strcmp(value, "off")))
		*why = "approve is on or off";
	else
		*why = server_set_approve(a->p.server, on);
	return *why ? NULL : json_object();
}

static json_t *check_policy(struct admin *a, const json_t *request, const char **why)
{
	const char *text = proto_text(request, "text");
	json_t *o = json_object();

	*why = text ? server_policy_check(a->p.server, text, o, a->why) :
		      "no text";
	if (!*why)
		return o;
	json_decref(o);
	return NULL;
}

static json_t *set_policy(struct admin *a, const json_t *request, const char **why)
{
	const char *text = proto_text(request, "text");

	*why = text ? server_policy_set(a->p.server, text, a->why) : "no text";
	return *why ? NULL : json_object();
}

static json_t *show_policy(struct admin *a, const json_t *request, const char **why)
{
	json_t *o = json_object();
	uint64_t since = 0;
	unsigned kept = 0;
	char *text = registry_policy(a->p.registry, &since, &kept);

	(void)request;
	(void)why;
	if (text)
		proto_set_text(o, "text", text);
	proto_set_number(o, "since", since);
	proto_set_number(o, "kept", kept);
	free(text);
	return o;
}

static json_t *roll_policy_back(struct admin *a, const json_t *request,
				const char **why)
{
	json_t *o = json_object();

	(void)request;
	*why = server_policy_rollback(a->p.server, o, a->why);
	if (!*why)
		return o;
	json_decref(o);
	return NULL;
}

static json_t *add_guest(struct admin *a, const json_t *request, const char **why)
{
	json_t *o = json_object();

	*why = server_guest_add(a->p.server, request, o, a->why);
	if (!*why)
		return o;
	json_decref(o);
	return NULL;
}

static json_t *remove_guest(struct admin *a, const json_t *request, const char **why)
{
	const char *name = proto_text(request, "name");

	*why = name ? server_guest_remove(a->p.server, name) : "name the machine";
	return *why ? NULL : json_object();
}

static json_t *list_routes(struct admin *a, const json_t *request, const char **why)
{
	(void)request;
	(void)why;
	return json_pack("{s:i,s:o}", "version", 1, "routes",
			 server_routes(a->p.server));
}

static json_t *change_route(struct admin *a, const json_t *request, const char **why)
{
	const char *node = proto_text(request, "node");
	const char *prefix = proto_text(request, "prefix");
	static char refusal[256];

	*why = "name the node and the subnet";
	if (!node || !prefix)
		return NULL;
	*why = refusal;
	return server_route(a->p.server, node, prefix,
			    proto_bool(request, "approve"), refusal) ?
		       json_object() : NULL;
}

static json_t *show_status(struct admin *a, const json_t *request, const char **why)
{
	struct server_stats st;
	json_t *o = json_object();

	(void)request;
	(void)why;
	server_stats(a->p.server, &st);
	proto_set_number(o, "version", 1);
	proto_set_text(o, "url", a->p.url);
	proto_set_number(o, "connections", st.connections);
	proto_set_number(o, "refused", st.refused);
	proto_set_number(o, "logins", st.logins);
	proto_set_number(o, "joins", st.joins);
	proto_set_number(o, "full_maps", st.full_maps);
	proto_set_number(o, "deltas", st.deltas);
	proto_set_number(o, "signals", st.signals);
	proto_set_number(o, "signals_over_budget", st.signals_over_budget);
	proto_set_number(o, "unknown", st.unknown);
	proto_set_number(o, "over_rate", st.over_rate);
	return o;
}

static const struct command commands[] = {
	{ "invite", true, make_invite }, { "nodes", true, list_nodes },
	{ "remove", true, remove_node }, { "expire", true, expire_node },
	{ "revive", true, revive_node },
	{ "status", false, show_status },
	{ "relay-add", true, add_relay }, { "relay-remove", true, remove_relay },
	{ "relay-list", true, list_relays },
	{ "routes", true, list_routes },
	{ "approve", true, approve_node }, { "set", true, set_setting },
	{ "policy-check", true, check_policy },
	{ "policy-set", true, set_policy },
	{ "policy-show", true, show_policy },
	{ "policy-rollback", true, roll_policy_back },
	{ "route", true, change_route },
	{ "guest-add", true, add_guest }, { "guest-remove", true, remove_guest },
};

static json_t *answer(struct caller *c, const json_t *request)
{
	const char *name = proto_text(request, "cmd");
	const char *why = "no such command";
	json_t *result = NULL;

	for (unsigned i = 0; name && i < ARRAY_SIZE(commands); i++) {
		if (strcmp(name, commands[i].name))
			continue;
		why = "only root and the server's own user may do that";
		if (c->may_change || !commands[i].changes)
			result = commands[i].run(c->admin, request, &why);
	}
	if (result)
		return json_pack("{s:b,s:o}", "ok", 1, "result", result);
	return json_pack("{s:b,s:s}", "ok", 0, "error", why);
}

/* ---- connections ---- */

static void close_caller(struct caller *c)
{
	struct admin *a = c->admin;

	for (unsigned i = 0; i < ADMIN_CONNECTIONS_MAX; i++)
		if (a->callers[i] == c)
			a->callers[i] = NULL;
	loop_watch_del(&c->watch);
	close(c->watch.fd);
	secret_wipe(c->line, c->most);
	free(c);
}

static bool write_line(int fd, const json_t *o)
{
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	size_t n = text ? strlen(text) : 0, done = 0;
	bool ok = text != NULL;

	if (ok)
		text[n++] = '\n'; /* in place of the NUL */
	while (ok && done < n) {
		ssize_t w = send(fd, text + done, n - done, MSG_NOSIGNAL);

		ok = w > 0;
		done += ok ? (size_t)w : 0;
	}
	if (text)
		secret_wipe(text, n);
	free(text);
	return ok;
}

static bool take_line(struct caller *c, size_t n)
{
	enum proto_type type;
	json_t *request = proto_parse(c->line, n, ADMIN_LINE_MAX, &type);
	json_t *out = request ? answer(c, request) :
				json_pack("{s:b,s:s}", "ok", 0, "error",
					  "that is no JSON object");
	bool ok = write_line(c->watch.fd, out);

	json_decref(request);
	json_decref(out);
	return ok;
}

static void on_readable(struct loop_watch *w, nsec_t now)
{
	struct caller *c = container_of(w, struct caller, watch);
	ssize_t got = recv(w->fd, c->line + c->n, sizeof(c->line) - c->n,
			   MSG_DONTWAIT);
	char *end;

	(void)now;
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		close_caller(c);
		return;
	}
	c->n += (size_t)got;
	if (c->n > c->most)
		c->most = c->n;
	while ((end = memchr(c->line, '\n', c->n))) {
		size_t used = (size_t)(end - c->line) + 1;

		if (!take_line(c, used - 1)) {
			close_caller(c);
			return;
		}
		c->n -= used;
		memmove(c->line, c->line + used, c->n);
	}
	if (c->n == sizeof(c->line))
		close_caller(c);
}

static bool may_change(int fd)
{
	struct ucred who;
	socklen_t n = sizeof(who);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) == 0 &&
	       (who.uid == 0 || who.uid == geteuid());
}

static void on_caller(struct loop_watch *w, nsec_t now)
{
	struct admin *a = container_of(w, struct admin, watch);
	int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC);
	struct caller *c = NULL;
	struct timeval limit;
	unsigned i = 0, places;

	(void)now;
	if (fd < 0)
		return;
	places = may_change(fd) ? ADMIN_CONNECTIONS_MAX : ADMIN_READERS_MAX;
	while (i < places && a->callers[i])
		i++;
	if (i < places)
		c = calloc(1, sizeof(*c));
	if (!c || loop_watch_add(a->p.loop, &c->watch, fd, on_readable)) {
		free(c);
		close(fd);
		return;
	}
	c->admin = a;
	c->may_change = may_change(fd);
	limit = (struct timeval){ .tv_sec = c->may_change, .tv_usec = 1000 };
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	a->callers[i] = c;
}

static bool address_of(const char *path, struct sockaddr_un *out)
{
	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	return (size_t)snprintf(out->sun_path, sizeof(out->sun_path), "%s", path) <
	       sizeof(out->sun_path);
}

/* A socket that nobody answers is left over from a crash and goes. */
static bool answers(const struct sockaddr_un *at)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool yes = fd >= 0 &&
		   connect(fd, (const struct sockaddr *)at, sizeof(*at)) == 0;

	if (fd >= 0)
		close(fd);
	return yes;
}

static int listen_at(const char *path)
{
	struct sockaddr_un at;
	char folder[sizeof(at.sun_path)];
	mode_t mask;
	int fd, err;

	if (!address_of(path, &at))
		return -ENAMETOOLONG;
	strcpy(folder, at.sun_path);
	if (strrchr(folder, '/') && strrchr(folder, '/') != folder) {
		*strrchr(folder, '/') = 0;
		err = file_make_dir(folder, 0755);
		if (err)
			return err;
	}
	if (answers(&at))
		return -EADDRINUSE;
	unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mask = umask(0117);
	err = fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	      listen(fd, ADMIN_CONNECTIONS_MAX) < 0 ? -errno : 0;
	umask(mask);
	if (!err)
		return fd;
	if (fd >= 0)
		close(fd);
	return err;
}

struct admin *admin_new(const struct admin_params *p, char why[static 256])
{
	struct admin *a = calloc(1, sizeof(*a));
	int fd;

	snprintf(why, 256, "out of memory");
	if (!a)
		return NULL;
	a->p = *p;
	a->watch.fd = -1;
	fd = listen_at(p->path);
	if (fd < 0) {
		snprintf(why, 256, "cannot listen on %.120s: %s; choose another "
			 "with --admin-socket", p->path, strerror(-fd));
		free(a);
		return NULL;
	}
	snprintf(a->path, sizeof(a->path), "%s", p->path);
	if (!loop_watch_add(p->loop, &a->watch, fd, on_caller))
		return a;
	a->watch.fd = fd;
	admin_free(a);
	return NULL;
}

void admin_free(struct admin *a)
{
	if (!a)
		return;
	for (unsigned i = 0; i < ADMIN_CONNECTIONS_MAX; i++)
		if (a->callers[i])
			close_caller(a->callers[i]);
	loop_watch_del(&a->watch);
	close(a->watch.fd);
	unlink(a->path);
	free(a);
}

/* ---- the other end ---- */

static char *read_line(int fd)
{
	size_t room = 4096, n = 0;
	char *text = malloc(room), *grown;
	ssize_t got;

	while (text && (got = recv(fd, text + n, room - n - 1, 0)) > 0) {
		n += (size_t)got;
		if (text[n - 1] == '\n') {
			text[n - 1] = 0;
			return text;
		}
		if (n + 1 < room)
			continue;
		room *= 2;
		grown = realloc(text, room);
		if (!grown)
			break;
		text = grown;
	}
	free(text);
	return NULL;
}

static json_t *read_answer(int fd, char why[static 512])
{
	char *text = read_line(fd);
	json_t *o = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
	json_t *result = json_incref(json_object_get(o, "result"));
	const char *error = proto_text(o, "error");

	if (!result)
		snprintf(why, 512, "%.400s", error ? error :
			 "the server went away before it answered");
	json_decref(o);
	free(text);
	return result;
}

json_t *admin_ask(const char *path, const json_t *request, char why[static 512])
{
	struct sockaddr_un at;
	json_t *result = NULL;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (!address_of(path, &at))
		snprintf(why, 512, "the socket's path is too long: %.300s", path);
	else if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		snprintf(why, 512, "adit-coord does not answer on %.150s: %s; %s",
			 path, strerror(errno), errno == EACCES ?
			 "ask as root" : "start it, or name its --admin-socket");
	else if (!write_line(fd, request))
		snprintf(why, 512, "adit-coord went away");
	else
		result = read_answer(fd, why);
	if (fd >= 0)
		close(fd);
	return result;
}
