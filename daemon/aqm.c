/* SPDX-License-Identifier: MIT
 *
 * aqm.c - when a standing queue in front of a worker should be made shorter
 */
#include "daemon/aqm.h"

/* of a window, with a queue: it stands */
#define STANDING (AQM_WINDOW / 2)

static void close_window(struct aqm *a, nsec_t now)
{
	bool stood = a->waited >= STANDING;

	/* a pause ends everything: nobody was waiting */
	if (now - a->window >= 2 * AQM_WINDOW && !a->waiting)
		stood = false;
	a->standing = stood ? a->standing + 1 : 0;
	a->window = now;
	a->waited = 0;
	a->shed = 0;
}

void aqm_begin(struct aqm *a, nsec_t now)
{
	if (a->waiting)
		a->waited += now - a->turn;
	a->turn = now;
	if (now - a->window >= AQM_WINDOW)
		close_window(a, now);
}

void aqm_end(struct aqm *a, bool backlog)
{
	a->waiting = backlog;
}

bool aqm_wants(struct aqm *a, nsec_t now)
{
	unsigned most = a->standing < 2 ? 0 : a->standing - 1;

	if (most > AQM_SHED_MAX)
		most = AQM_SHED_MAX;
	/* spread over the window */
	if (a->shed >= most || now - a->window < AQM_WINDOW / most * a->shed)
		return false;
	a->shed++;
	return true;
}
