/* SPDX-License-Identifier: MIT
 *
 * activity.c - what the packet path tells the timers of a tunnel
 */
#include "crypto/activity.h"

#include <stdlib.h>

#define get(p)	  atomic_load_explicit((p), memory_order_relaxed)
#define set(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)

struct activity *activity_new(void)
{
	struct activity *a = calloc(1, sizeof(*a));

	if (a)
		atomic_init(&a->holders, 1);
	return a;
}

struct activity *activity_share(struct activity *a)
{
	atomic_fetch_add(&a->holders, 1);
	return a;
}

void activity_release(struct activity *a)
{
	if (a && atomic_fetch_sub(&a->holders, 1) == 1)
		free(a);
}

/* arm() - start a timer that stands still. The stamp is stored before `watched`
 * is read, and activity_watch() does it the other way round, so one of the two
 * sees the other. */
static bool arm(struct activity *a, _Atomic nsec_t *stamp,
		enum activity_timer timer, nsec_t now)
{
	atomic_store(stamp, now);
	if (atomic_load(&a->watched) & timer)
		return false;
	return !(atomic_fetch_or(&a->watched, timer) & timer);
}

bool activity_sent(struct activity *a, bool data, nsec_t now)
{
	set(&a->sent, now);
	if (get(&a->owed))
		set(&a->owed, 0);
	if (!data)
		return false;
	if (get(&a->owed_more))
		set(&a->owed_more, false);
	if (get(&a->unanswered))
		return false;
	return arm(a, &a->unanswered, ACTIVITY_UNANSWERED, now);
}

bool activity_received(struct activity *a, bool data, nsec_t now)
{
	set(&a->received, now);
	if (get(&a->unanswered))
		set(&a->unanswered, 0);
	if (!data)
		return false;
	if (!get(&a->owed))
		return arm(a, &a->owed, ACTIVITY_OWED, now);
	if (!get(&a->owed_more))
		set(&a->owed_more, true);
	return false;
}

nsec_t activity_watch(struct activity *a, enum activity_timer timer)
{
	_Atomic nsec_t *stamp = timer == ACTIVITY_OWED ? &a->owed :
							 &a->unanswered;
	nsec_t since = atomic_load(stamp);

	if (since) {
		atomic_fetch_or(&a->watched, timer);
		return since;
	}
	atomic_fetch_and(&a->watched, ~(unsigned)timer);
	since = atomic_load(stamp);
	if (since)
		atomic_fetch_or(&a->watched, timer);
	return since;
}

void activity_forget(struct activity *a)
{
	set(&a->unanswered, 0);
	set(&a->owed, 0);
	set(&a->owed_more, false);
	set(&a->rekey, false);
}
