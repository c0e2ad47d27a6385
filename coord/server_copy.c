/* SPDX-License-Identifier: MIT
 *
 * server_copy.c - two machines with one key: a state folder that was copied
 *
 * A node that connects anew says so: the program is the same. Another program with the
 * same key is a node that was started again, if the older session is dead, else a copy:
 * the older one is asked for a sign of life first.
 */
#include <stdio.h>

#include "base/log.h"
#include "coord/proto.h"
#include "coord/session.h"

static const nsec_t probe_timeout = MSEC(500);

bool server_copy_suspected(const struct session *x, const struct member *n)
{
	return n->session && n->session != x &&
	       (!x->instance || n->session->instance != x->instance);
}

static void set_patience(struct server *s, nsec_t due)
{
	s->patience_due = due;
	loop_timer_at(&s->patience, due);
}

void server_copy_ask(struct session *x, struct member *n, json_t *o)
{
	server_tell(n->session, proto_new(PROTO_PROBE));
	json_decref(x->waiting);
	x->waiting = json_incref(o);
	x->waits_since = time_now();
	if (x->server->patience_due == NSEC_NEVER)
		set_patience(x->server, nsec_add(x->waits_since, probe_timeout));
}

static void admit_waiting(struct session *x)
{
	json_t *o = x->waiting;

	x->waiting = NULL;
	server_log_in(x, o);
	json_decref(o);
}

/* on_patience() - let those in whose node's older session gave no sign of life. Each one
 * ends that older session, which may stand anywhere in the list: begin again each time. */
static void on_patience(struct loop_timer *t, nsec_t now)
{
	struct server *s = container_of(t, struct server, patience);
	struct session *x = s->sessions;
	nsec_t next = NSEC_NEVER;

	while (x) {
		nsec_t due = nsec_add(x->waits_since, probe_timeout);

		if (x->waiting && due <= now) {
			admit_waiting(x);
			x = s->sessions;
			continue;
		}
		if (x->waiting)
			next = nsec_min(next, due);
		x = x->next;
	}
	set_patience(s, next);
}

static struct member *member_waited_for(const struct session *x)
{
	return members_by_machine(&x->server->members, channel_peer(x->channel));
}

void server_copy_found(struct session *x)
{
	static const char newer[] =
		"another machine with the same keys is connected: this state "
		"folder was copied. Stop one of them, remove its state folder, "
		"and join with a new invite";
	static const char older[] =
		"a second machine tried to connect with this node's keys from %s: "
		"its state folder was copied. Remove the folder there, and join "
		"with a new invite; if that machine is unknown to you, remove "
		"this node and join anew";
	char text[512];

	for (struct session *y = x->server->sessions, *next; y; y = next) {
		json_t *o;

		next = y->next;
		if (!y->waiting || member_waited_for(y) != x->member)
			continue;
		snprintf(text, sizeof(text), older, stream_peer(y->stream));
		o = proto_new(PROTO_WARNING);
		proto_set_text(o, "text", text);
		server_tell(x, o);
		log_warn("node %s: a second machine with its keys, from %s, was "
			 "refused", x->member->row.name, stream_peer(y->stream));
		server_tell_error(y, "copy", newer, true);
		server_close(y);
	}
}

int server_copy_init(struct server *s)
{
	s->patience_due = NSEC_NEVER;
	return loop_timer_init(s->p.loop, &s->patience, on_patience);
}

void server_copy_done(struct server *s)
{
	loop_timer_done(&s->patience);
}
