/* SPDX-License-Identifier: MIT
 *
 * ctlsocket.c - the control socket's server side: lines in, commands out of a table
 *
 * Answers go into a large socket buffer without waiting; a client that does not read
 * them is cut off rather than waited for.
 */
#include "daemon/ctlsocket.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/ctl.h"
#include "daemon/ctllisten.h"
#include "daemon/enrolment.h"
#include "daemon/peer.h"
#include "daemon/pinger.h"
#include "daemon/rotation.h"
#include "daemon/set.h"
#include "daemon/status.h"

enum {
	CLIENTS_MAX = 32,
	CLIENTS_READERS = 16, /* of these, not root: nobody can lock root out */
	ANSWER_BUFFER = 8 << 20, /* octets of unread answers */
	READER_BUFFER = 1 << 20, /* of those who are not root */
};

struct client {
	struct loop_watch watch;
	struct node *node;
	int fd; /* -1: free */
	unsigned number; /* grows; 0: none */
	bool may_change; /* root or our own user */
	bool cut_off; /* did not read: nothing more is done for it */
	size_t got;
	char line[CTL_LINE_MAX];
};

struct ctl {
	struct loop_watch watch; /* listening socket */
	struct node *node;
	int fd;
	unsigned next_number;
	struct client *clients[CLIENTS_MAX];
};

/* ---- answers ---- */

static struct client *client_by_number(struct node *n, unsigned number)
{
	for (unsigned i = 0; n->ctl && number && i < CLIENTS_MAX; i++)
		if (n->ctl->clients[i] && n->ctl->clients[i]->number == number)
			return n->ctl->clients[i];
	return NULL;
}

static void drop_client(struct client *c)
{
	struct ctl *ctl = c->node->ctl;

	pinger_forget_client(c->node, c->number);
	loop_watch_del(&c->watch);
	close(c->fd);
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		if (ctl->clients[i] == c)
			ctl->clients[i] = NULL;
	free(c);
}

static void send_line(struct node *n, unsigned number, json_t *o)
{
	struct client *c = client_by_number(n, number);
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	struct iovec iov[2];
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };

	json_decref(o);
	if (c && !text) /* no memory, or octets that are not UTF-8 */
		text = strdup("{\"ok\":false,\"error\":\"the answer cannot be "
			      "written as JSON\"}");
	if (!c || !text || c->cut_off) {
		free(text);
		return;
	}
	iov[0] = (struct iovec){ text, strlen(text) };
	iov[1] = (struct iovec){ (char[]){ '\n' }, 1 };
	if (sendmsg(c->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) <
	    (ssize_t)strlen(text) + 1) {
		c->cut_off = true;
		shutdown(c->fd, SHUT_RDWR); /* its watch then drops it */
	}
	free(text);
}

void ctl_answer(struct node *n, unsigned client, json_t *result)
{
	send_line(n, client,
		  json_pack("{s:b,s:o}", "ok", 1, "result", result));
}

void ctl_refuse(struct node *n, unsigned client, const char *why)
{
	send_line(n, client, json_pack("{s:b,s:s}", "ok", 0, "error", why));
}

void ctl_refuse_as(struct node *n, unsigned client, const char *code,
		   const char *why)
{
	send_line(n, client, json_pack("{s:b,s:s,s:s}", "ok", 0, "error", why,
				       "code", code));
}

void ctl_event(struct node *n, unsigned client, json_t *event)
{
	send_line(n, client, json_pack("{s:o}", "event", event));
}

/* ---- commands ---- */

static void do_join(struct node *n, struct client *c, const json_t *o)
{
	enrolment_join(n, c->number, json_string_value(json_object_get(o, "invite")),
		       json_string_value(json_object_get(o, "hostname")),
		       json_is_true(json_object_get(o, "wait")));
}

static void do_leave(struct node *n, struct client *c, const json_t *o)
{
	(void)o;
	enrolment_leave(n, c->number);
}

static void do_status(struct node *n, struct client *c, const json_t *o)
{
	ctl_answer(n, c->number, status_json(n));
}

static void do_version(struct node *n, struct client *c, const json_t *o)
{
	ctl_answer(n, c->number, json_pack("{s:i,s:s}", "version", 1, "aditd",
					   ADIT_VERSION));
}

static void do_netcheck(struct node *n, struct client *c, const json_t *o)
{
	if (!n->up)
		ctl_refuse(n, c->number, "adit is down; run adit up first");
	else
		ctl_answer(n, c->number, status_netcheck(n));
}

static void do_up(struct node *n, struct client *c, const json_t *o)
{
	char why[512];

	if (!n->state.enrolled && !n->conf.peer_count) {
		ctl_refuse_as(n, c->number, "needs-join", "this node is in no network yet; "
				"run adit join with an invite");
		return;
	}
	if (!n->up && node_up(n, why) < 0) {
		ctl_refuse(n, c->number, why);
		return;
	}
	n->state.down = false;
	if (state_save(&n->state) < 0)
		log_warn("node.json cannot be written; up does not last over a "
			 "restart");
	ctl_answer(n, c->number, json_object());
}

static void do_down(struct node *n, struct client *c, const json_t *o)
{
	if (enrolment_is_leaving(n, c->number))
		return;
	if (n->up)
		node_down(n);
	n->state.down = true;
	if (state_save(&n->state) < 0)
		log_warn("node.json cannot be written; down does not last over "
			 "a restart");
	ctl_answer(n, c->number, json_object());
}

static struct peer *named_peer(struct node *n, struct client *c, const json_t *o)
{
	const char *text = json_string_value(json_object_get(o, "peer"));
	struct peer *p = text && n->up ? peers_by_text(n, text) : NULL;
	char why[300];

	if (p)
		return p;
	if (!n->up)
		snprintf(why, sizeof(why), "adit is down; run adit up first");
	else
		snprintf(why, sizeof(why), "no peer is called %.64s; adit "
			 "status lists them", text ? text : "so");
	ctl_refuse(n, c->number, why);
	return NULL;
}

static void do_why(struct node *n, struct client *c, const json_t *o)
{
	struct peer *p = named_peer(n, c, o);

	if (p)
		ctl_answer(n, c->number, status_why(n, p));
}

static void do_ping(struct node *n, struct client *c, const json_t *o)
{
	struct peer *p = named_peer(n, c, o);
	json_int_t count = json_integer_value(json_object_get(o, "count"));

	if (!p)
		return;
	if (!p->paths) {
		ctl_refuse(n, c->number, "this is a stock WireGuard peer; use "
			   "ping with its address");
		return;
	}
	if (count < 1 || count > 1000000)
		count = 4;
	pinger_start(n, p, c->number, (unsigned)count,
		     json_is_true(json_object_get(o, "until_direct")));
}

static void do_set(struct node *n, struct client *c, const json_t *o)
{
	const char *key = json_string_value(json_object_get(o, "key"));
	const char *value = json_string_value(json_object_get(o, "value"));
	char why[SET_WHY];

	if (!key || !value)
		ctl_refuse(n, c->number, "set needs a key and a value");
	else if (set_key(n, key, value, why) < 0)
		ctl_refuse(n, c->number, why);
	else
		ctl_answer(n, c->number, json_object());
}

static void do_rotate_key(struct node *n, struct client *c, const json_t *o)
{
	char why[ROTATION_WHY];

	(void)o;
	if (rotation_now(n, why) < 0)
		ctl_refuse(n, c->number, why);
	else
		ctl_answer(n, c->number, json_object());
}

static const struct {
	const char *name;
	bool changes;
	void (*run)(struct node *n, struct client *c, const json_t *o);
} commands[] = {
	{ "status", false, do_status },	  { "version", false, do_version },
	{ "netcheck", true, do_netcheck }, { "join", true, do_join },
	{ "up", true, do_up },		  { "down", true, do_down },
	{ "leave", true, do_leave },	  { "why", true, do_why },
	{ "ping", true, do_ping },	  { "set", true, do_set },
	{ "rotate-key", true, do_rotate_key },
};

static void take_request(struct node *n, struct client *c, const json_t *o)
{
	const char *cmd = json_string_value(json_object_get(o, "cmd"));

	for (size_t i = 0; cmd && i < ARRAY_SIZE(commands); i++) {
		if (strcmp(cmd, commands[i].name))
			continue;
		if (commands[i].changes && !c->may_change)
			ctl_refuse_as(n, c->number, "not-permitted", "only root may "
				  "do this; others may read status and version");
		else
			commands[i].run(n, c, o);
		return;
	}
	ctl_refuse(n, c->number, "unknown command");
}

static void take_line(struct node *n, struct client *c, size_t length)
{
	json_t *o = json_loadb(c->line, length, JSON_REJECT_DUPLICATES, NULL);
	unsigned number = c->number;

	if (json_is_object(o))
		take_request(n, c, o);
	else
		ctl_refuse(n, number, "a request is one JSON object on a line");
	json_decref(o);
}

/* take_lines() - whole lines in the buffer; false: the client is gone */
static bool take_lines(struct node *n, struct client *c)
{
	unsigned number = c->number;
	char *end;

	while (!c->cut_off && (end = memchr(c->line, '\n', c->got))) {
		size_t length = (size_t)(end - c->line);

		take_line(n, c, length);
		if (!client_by_number(n, number))
			return false;
		c->got -= length + 1;
		memmove(c->line, end + 1, c->got);
	}
	return true;
}

static void on_readable(struct loop_watch *w, nsec_t now)
{
	struct client *c = container_of(w, struct client, watch);
	ssize_t got = recv(c->fd, c->line + c->got, sizeof(c->line) - c->got,
			   MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		drop_client(c);
		return;
	}
	c->got += (size_t)got;
	if (!take_lines(c->node, c))
		return;
	if (c->got == sizeof(c->line))
		drop_client(c);
}

static bool may_change(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 &&
	       (cred.uid == 0 || cred.uid == geteuid());
}

static void add_client(struct ctl *ctl, int fd, unsigned place)
{
	struct client *c = calloc(1, sizeof(*c));
	int octets;

	if (!c) {
		close(fd);
		return;
	}
	c->may_change = may_change(fd);
	octets = c->may_change ? ANSWER_BUFFER : READER_BUFFER;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &octets,
		       sizeof(octets)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &octets, sizeof(octets));
	c->node = ctl->node;
	c->fd = fd;
	c->number = ++ctl->next_number;
	ctl->clients[place] = c;
	if (loop_watch_add(&ctl->node->loop, &c->watch, fd, on_readable) < 0)
		drop_client(c);
}

static void on_connect(struct loop_watch *w, nsec_t now)
{
	struct ctl *ctl = container_of(w, struct ctl, watch);
	int fd = accept4(ctl->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	unsigned places;

	if (fd < 0)
		return;
	places = may_change(fd) ? CLIENTS_MAX : CLIENTS_READERS;
	for (unsigned i = 0; i < places; i++)
		if (!ctl->clients[i]) {
			add_client(ctl, fd, i);
			return;
		}
	close(fd);
}

/* ---- the socket ---- */

int ctl_open(struct node *n, char why[static 512])
{
	struct ctl *ctl = calloc(1, sizeof(*ctl));
	int fd;

	if (!ctl)
		return -ENOMEM;
	fd = ctllisten_open(n->conf.socket, why);
	if (fd < 0) {
		free(ctl);
		return fd;
	}
	ctl->node = n;
	ctl->fd = fd;
	n->ctl = ctl;
	if (enrolment_init(n) < 0 ||
	    loop_watch_add(&n->loop, &ctl->watch, fd, on_connect) < 0) {
		snprintf(why, 512, "out of memory");
		return -ENOMEM;
	}
	return 0;
}

void ctl_close(struct node *n)
{
	struct ctl *ctl = n->ctl;

	if (!ctl)
		return;
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		if (ctl->clients[i])
			drop_client(ctl->clients[i]);
	loop_watch_del(&ctl->watch);
	enrolment_done(n);
	close(ctl->fd);
	unlink(n->conf.socket);
	free(ctl);
	n->ctl = NULL;
}
