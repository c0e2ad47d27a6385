/* SPDX-License-Identifier: MIT
 *
 * quiet.c - memory is given back when nothing moves
 */
#include "daemon/quiet.h"

#include "base/resident.h"

#define CALM SEC(10) /* without traffic */
#define GAP  SEC(600) /* between two times */

static void on_calm(struct loop_timer *t, nsec_t now)
{
	struct node *n = container_of(t, struct node, quiet);

	if (n->ticking || !n->up)
		return; /* the tick says when it is quiet again */
	n->trimmed = now;
	for (unsigned i = 0; i < n->worker_count; i++)
		worker_tidy(&n->workers[i]);
	resident_trim();
}

int quiet_start(struct node *n)
{
	n->trimmed = 0;
	return loop_timer_init(&n->loop, &n->quiet, on_calm);
}

void quiet_stop(struct node *n)
{
	loop_timer_done(&n->quiet);
}

void quiet_soon(struct node *n, nsec_t now)
{
	nsec_t at = now + CALM;

	if (n->trimmed)
		at = nsec_max(at, n->trimmed + GAP);
	loop_timer_at(&n->quiet, at);
}
