/* SPDX-License-Identifier: MIT
 *
 * aqm.c - when a standing queue in a worker's socket should be made shorter
 */
#include "daemon/aqm.h"

/* of a window, with a queue: it stands */
#define STANDING (AQM_WINDOW / 2)

static void close_window(struct aqm *a, nsec_t now)
{
	bool stood = a->waited >= STANDING;
	size_t rate = (size_t)(a->octets * AQM_WINDOW / (now - a->window));

	/* a pause ends everything: nobody was waiting */
	if (now - a->window >= 2 * AQM_WINDOW && !a->waiting)
		stood = false;
	a->standing = stood ? a->standing + 1 : 0;
	a->window = now;
	a->rate = (a->rate + rate) / 2;
	a->octets = 0;
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

size_t aqm_allows(const struct aqm *a)
{
	size_t octets = (size_t)(a->rate * AQM_WAIT / AQM_WINDOW);

	return octets > AQM_LEAST ? octets : AQM_LEAST;
}

void aqm_end(struct aqm *a, size_t octets, bool backlog)
{
	a->octets += octets;
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
