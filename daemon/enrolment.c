/* SPDX-License-Identifier: MIT
 *
 * enrolment.c - becoming a member and leaving, as a user asked for it (glue)
 */
#include "daemon/enrolment.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/admission.h"
#include "daemon/ctlsocket.h"
#include "daemon/network.h"
#include "daemon/status.h"

#define PATIENCE SEC(20)
#define RELAY_PATIENCE SEC(5)

struct enrolment {
	struct node *node;
	unsigned joiner; /* client that waits for a join; 0: none */
	bool wait; /* until a relay is there, too */
	bool raised; /* the node is up for this join only, so far */
	nsec_t started;
	char why[256]; /* last trouble on the way */
	struct loop_timer join_timer;
	unsigned leaver; /* client that waits for a leave; 0: none */
	bool left_ok;
	struct loop_timer left_timer; /* the rest of a leave, outside its callback */
};

/* ---- join ---- */

static bool is_joining(const struct node *n)
{
	return n->enrolment && n->enrolment->joiner;
}

static void end_join(struct enrolment *e, const char *why)
{
	unsigned client = e->joiner;

	e->joiner = 0;
	loop_timer_at(&e->join_timer, NSEC_NEVER);
	if (why)
		ctl_refuse(e->node, client, why);
	else
		ctl_answer(e->node, client, status_self(e->node));
}

static bool have_relay(const struct node *n)
{
	for (unsigned i = 0; i < NETMAP_RELAYS_MAX; i++)
		if (n->relays[i].status.registered)
			return true;
	return n->netmap.relay_count == 0;
}

void enrolment_progress(struct node *n, const char *why)
{
	if (is_joining(n) && why)
		snprintf(n->enrolment->why, sizeof(n->enrolment->why), "%s", why);
}

void enrolment_refused(struct node *n, const char *why)
{
	if (!is_joining(n))
		return;
	end_join(n->enrolment, why);
	loop_timer_at(&n->enrolment->join_timer, time_now()); /* not in a callback */
}

void enrolment_joined(struct node *n)
{
	if (!is_joining(n) || !n->state.enrolled)
		return;
	if (n->enrolment->wait && !have_relay(n))
		loop_timer_at(&n->enrolment->join_timer, time_now() + MSEC(50));
	else
		end_join(n->enrolment, NULL);
}

/* lower() - a failed join leaves no device behind that it had raised */
static void lower(struct enrolment *e)
{
	if (e->raised && !e->node->state.enrolled && e->node->up)
		node_down(e->node);
	e->raised = false;
}

static void give_up(struct enrolment *e)
{
	struct node *n = e->node;
	char why[800];

	if (n->state.enrolled) { /* the invite is used, the keys are known */
		end_join(e, "this node is in the network now, but the server has "
			 "not sent its map; adit status shows when it comes");
		return;
	}
	network_stop(n);
	n->state.joining = false;
	snprintf(why, sizeof(why), "no success at %.256s within 20 s (%.200s); "
		 "check that the server runs and can be reached, then use the "
		 "invite again", n->state.coord.url,
		 e->why[0] ? e->why : "no answer");
	invite_wipe(&n->state.coord);
	if (state_save(&n->state) < 0)
		log_error("node.json cannot be written");
	end_join(e, why);
	lower(e);
}

static void on_join_timer(struct loop_timer *t, nsec_t now)
{
	struct enrolment *e = container_of(t, struct enrolment, join_timer);
	struct node *n = e->node;

	if (!e->joiner) { /* refused */
		lower(e);
		return;
	}
	if (n->state.enrolled && n->netmap.version) {
		if (have_relay(n) || nsec_since(e->started, now) > RELAY_PATIENCE)
			end_join(e, NULL);
		else
			loop_timer_at(t, now + MSEC(50));
		return;
	}
	if (nsec_since(e->started, now) >= PATIENCE)
		give_up(e);
	else
		loop_timer_at(t, e->started + PATIENCE);
}

/* objection() - to a join as it was asked for; NULL: none */
static const char *objection(const struct enrolment *e, const char *invite,
			     const char *hostname)
{
	if (!invite)
		return "join needs an invite";
	if (e->joiner)
		return "a join is under way already";
	if (hostname && strlen(hostname) >= NETMAP_NAME)
		return "the host name is too long; give one of at most 63 characters";
	return NULL;
}

void enrolment_join(struct node *n, unsigned client, const char *invite,
		    const char *hostname, bool wait)
{
	struct enrolment *e = n->enrolment;
	const char *wrong = objection(e, invite, hostname);
	char why[512];

	if (wrong) {
		ctl_refuse(n, client, wrong);
		return;
	}
	e->raised = !n->up;
	if (!n->up && node_up(n, why) < 0) {
		ctl_refuse(n, client, why);
		return;
	}
	e->joiner = client;
	e->wait = wait;
	e->why[0] = 0;
	e->started = time_now();
	if (network_join(n, invite, hostname, why) < 0) {
		end_join(e, why);
		lower(e);
		return;
	}
	loop_timer_at(&e->join_timer, e->started + PATIENCE);
}

/* ---- leave ---- */

bool enrolment_is_leaving(struct node *n, unsigned client)
{
	if (n->enrolment->leaver)
		ctl_refuse(n, client, "this node is leaving its network; try again "
			   "in 3 seconds");
	return n->enrolment->leaver != 0;
}

static void forget_network(struct node *n)
{
	char path[PATH_MAX];

	n->state.enrolled = n->state.joining = false;
	n->state.offer_count = 0;
	n->state.accept_routes = n->state.advertise_exit = false;
	n->state.exit_id = 0;
	memset(&n->state.coord, 0, sizeof(n->state.coord));
	netmap_done(&n->netmap);
	netmap_init(&n->netmap);
	unlink(state_path(&n->state, "netmap.json", path));
	unlink(state_path(&n->state, "paths.json", path));
	admission_forget(n);
	if (state_save(&n->state) < 0)
		log_error("node.json cannot be written");
}

static void on_left_timer(struct loop_timer *t, nsec_t now)
{
	struct enrolment *e = container_of(t, struct enrolment, left_timer);
	unsigned client = e->leaver;

	(void)now;
	e->leaver = 0;
	node_down(e->node);
	forget_network(e->node);
	if (e->left_ok)
		ctl_answer(e->node, client, json_object());
	else
		ctl_refuse(e->node, client, "left here, but the server could not be "
			   "told; remove this node there: adit-coord remove");
}

static void on_left(struct node *n, bool ok)
{
	n->enrolment->left_ok = ok;
	loop_timer_at(&n->enrolment->left_timer, time_now());
}

void enrolment_leave(struct node *n, unsigned client)
{
	if (!n->state.enrolled) {
		ctl_refuse_as(n, client, "needs-join", "this node is in no network");
		return;
	}
	if (enrolment_is_leaving(n, client))
		return;
	n->enrolment->leaver = client;
	network_leave(n, on_left);
}

/* ---- its life ---- */

int enrolment_init(struct node *n)
{
	struct enrolment *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->node = n;
	n->enrolment = e;
	if (loop_timer_init(&n->loop, &e->join_timer, on_join_timer) < 0 ||
	    loop_timer_init(&n->loop, &e->left_timer, on_left_timer) < 0)
		return -ENOMEM;
	return 0;
}

void enrolment_done(struct node *n)
{
	struct enrolment *e = n->enrolment;

	if (!e)
		return;
	loop_timer_done(&e->join_timer);
	loop_timer_done(&e->left_timer);
	free(e);
	n->enrolment = NULL;
}
