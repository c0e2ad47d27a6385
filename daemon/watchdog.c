/* SPDX-License-Identifier: MIT
 *
 * watchdog.c - tell the service manager that packets move, or could
 */
#include "daemon/watchdog.h"

#include "base/log.h"
#include "base/notify.h"

bool watchdog_well(struct node *n)
{
	bool well = true;

	for (unsigned i = 0; n->up && i < n->worker_count; i++) {
		struct worker *w = &n->workers[i];
		uint64_t turns = atomic_load(&w->turns);

		if (turns == w->turns_seen && turns % 2) {
			log_error("packet worker %u does not move", i);
			well = false;
		}
		w->turns_seen = turns;
	}
	return well;
}

static void on_look(struct loop_timer *t, nsec_t now)
{
	struct node *n = container_of(t, struct node, watchdog);

	if (watchdog_well(n))
		notify_state("WATCHDOG=1");
	loop_timer_at(t, now + notify_watchdog());
}

int watchdog_start(struct node *n)
{
	int err;

	if (!notify_watchdog())
		return 0;
	err = loop_timer_init(&n->loop, &n->watchdog, on_look);
	if (!err)
		loop_timer_at(&n->watchdog, time_now());
	return err;
}

void watchdog_stop(struct node *n)
{
	loop_timer_done(&n->watchdog);
}
