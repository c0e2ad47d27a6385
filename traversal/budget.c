/* SPDX-License-Identifier: MIT
 *
 * budget.c - windows of packets per unproven address
 */
#include "traversal/budget.h"

static bool over(nsec_t start, nsec_t window, nsec_t now)
{
	return start == 0 || now >= nsec_add(start, window);
}

bool rate_take(struct rate *r, unsigned max, nsec_t window, nsec_t now)
{
	if (over(r->start, window, now))
		*r = (struct rate){ .start = now };
	if (r->used >= max)
		return false;
	r->used++;
	return true;
}

/* row_of() - index of the address's running window, else of a free row, else -1 */
static int row_of(const struct budget *b, const struct ipaddr *ip, nsec_t now)
{
	int free_row = -1;

	for (int i = 0; i < BUDGET_ROWS; i++) {
		if (over(b->row[i].start, BUDGET_WINDOW, now))
			free_row = i;
		else if (ipaddr_eq(&b->row[i].ip, ip))
			return i;
	}
	return free_row;
}

bool budget_take(struct budget *b, const struct ipaddr *ip, unsigned limit, nsec_t now)
{
	int i = row_of(b, ip, now);

	if (i < 0)
		return false;
	if (over(b->row[i].start, BUDGET_WINDOW, now)) {
		b->row[i].ip = *ip;
		b->row[i].start = now;
		b->row[i].used = 0;
	}
	if (b->row[i].used >= limit)
		return false;
	b->row[i].used++;
	return true;
}

unsigned budget_left(const struct budget *b, const struct ipaddr *ip, unsigned limit,
		     nsec_t now)
{
	int i = row_of(b, ip, now);

	if (i < 0)
		return 0;
	if (over(b->row[i].start, BUDGET_WINDOW, now))
		return limit;
	return b->row[i].used < limit ? limit - b->row[i].used : 0;
}
