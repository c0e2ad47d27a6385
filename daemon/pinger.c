/* SPDX-License-Identifier: MIT
 *
 * pinger.c - `adit ping`: pings over a peer's current path, and which path it was
 */
#include "daemon/pinger.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/log.h"
#include "daemon/ctlsocket.h"
#include "daemon/peer.h"
#include "daemon/routes.h"
#include "daemon/status.h"

/* The engine gives a ping up after 3 s; one that it never took, we do. */
#define PATIENCE SEC(4)

struct pinger {
	struct pinger *next;
	struct loop_timer timer;
	struct node *node;
	struct peer *peer;
	unsigned client;
	unsigned count, sent, answered, lost;
	uint32_t first_id; /* ids of this run: first_id + seq - 1 */
	bool until_direct;
	json_t *replies;
};

static void free_pinger(struct pinger *g)
{
	struct pinger **at = &g->node->pingers;

	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	loop_timer_done(&g->timer);
	json_decref(g->replies);
	free(g);
}

static void finish(struct pinger *g)
{
	json_t *o = json_pack("{s:i,s:s,s:O,s:i,s:i}", "version", 1, "peer",
			      g->peer->name, "replies", g->replies, "sent",
			      g->sent, "lost", g->lost);

	ctl_answer(g->node, g->client, o);
	free_pinger(g);
}

static void on_timer(struct loop_timer *t, nsec_t now)
{
	struct pinger *g = container_of(t, struct pinger, timer);

	if (g->sent >= g->count) { /* the last answers did not come */
		g->lost = g->count - g->answered;
		finish(g);
		return;
	}
	pathset_ping(g->peer->paths, g->first_id + g->sent++, now);
	if (g->sent == g->count)
		loop_timer_at(t, now + PATIENCE);
	else
		loop_timer_at(t, now + (g->until_direct ? MSEC(200) : SEC(1)));
	peer_run(g->node, g->peer, now);
}

void pinger_start(struct node *n, struct peer *p, unsigned client, unsigned count,
		  bool until_direct)
{
	struct pinger *g = calloc(1, sizeof(*g));

	if (!g || loop_timer_init(&n->loop, &g->timer, on_timer) < 0) {
		free(g);
		ctl_refuse(n, client, "out of memory");
		return;
	}
	g->node = n;
	g->peer = p;
	g->client = client;
	g->count = count;
	g->until_direct = until_direct;
	g->first_id = n->next_ping;
	n->next_ping += count;
	g->replies = json_array();
	g->next = n->pingers;
	n->pingers = g;
	peer_activate(n, p, time_now());
	if (!p->current)
		tunnel_want(p->tunnel, time_now());
	loop_timer_at(&g->timer, time_now());
}

static struct pinger *pinger_of(struct node *n, uint32_t id)
{
	for (struct pinger *g = n->pingers; g; g = g->next)
		if (id - g->first_id < g->count)
			return g;
	return NULL;
}

static void take_result(struct pinger *g, uint32_t id, nsec_t rtt,
			const struct path_info *path)
{
	json_t *ms = rtt == NSEC_NEVER ? json_null() :
					 json_real((double)rtt / 1e6);
	json_t *o = json_pack("{s:i,s:o,s:o}", "seq", id - g->first_id + 1,
			      "rtt_ms", ms, "path",
			      status_path(g->node, g->peer, path));
	bool direct = path_is_direct(&path->choice);

	if (rtt == NSEC_NEVER)
		g->lost++;
	else
		g->answered++;
	json_array_append(g->replies, o);
	ctl_event(g->node, g->client, o);
	if (g->answered + g->lost == g->count ||
	    (g->until_direct && rtt != NSEC_NEVER && direct))
		finish(g);
}

void pinger_collect(struct node *n, struct peer *p, nsec_t now)
{
	struct path_info path;
	uint32_t id;
	nsec_t rtt;

	if (!n->pingers && !p->asked)
		return;
	while (pathset_ping_result(p->paths, &id, &rtt, &path)) {
		struct pinger *g = routes_answered(n, p, id, rtt, now) ?
					   NULL : pinger_of(n, id);

		if (g)
			take_result(g, id, rtt, &path);
	}
}

void pinger_forget(struct node *n, struct peer *p)
{
	for (struct pinger *g = n->pingers, *next; g; g = next) {
		next = g->next;
		if (g->peer != p)
			continue;
		ctl_refuse(n, g->client, "the peer was removed");
		free_pinger(g);
	}
}

void pinger_forget_client(struct node *n, unsigned client)
{
	for (struct pinger *g = n->pingers, *next; g; g = next) {
		next = g->next;
		if (g->client == client)
			free_pinger(g);
	}
}
