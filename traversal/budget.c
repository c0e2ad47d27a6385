/* SPDX-License-Identifier: MIT
 *
 * budget.c - windows of packets per unproven address
 */
#include "traversal/budget.h"

static bool over(nsec_t since, nsec_t window, nsec_t now)
{
	return since == 0 || now >= nsec_add(since, window);
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
static int row_of(const struct budget_row *row, int n, const struct ipaddr *ip,
		  nsec_t now)
{
	int free_row = -1;

	for (int i = 0; i < n; i++) {
		if (over(row[i].last, BUDGET_WINDOW, now))
			free_row = i;
		else if (ipaddr_eq(&row[i].ip, ip))
			return i;
	}
	return free_row;
}

static bool take(struct budget_row *row, int n, const struct ipaddr *ip,
		 unsigned limit, nsec_t now)
{
	int i = row_of(row, n, ip, now);

	if (i < 0)
		return false;
	if (over(row[i].last, BUDGET_WINDOW, now))
		row[i] = (struct budget_row){ .ip = *ip };
	if (row[i].used >= limit)
		return false;
	row[i].used++;
	row[i].last = now;
	return true;
}

bool budget_take(struct budget *b, const struct ipaddr *ip, unsigned limit, nsec_t now)
{
	return take(b->row, BUDGET_ROWS, ip, limit, now);
}

bool budget_node_take(struct budget_node *b, const struct ipaddr *ip, nsec_t now)
{
	if (!take(b->row, BUDGET_NODE_ROWS, ip, BUDGET_UNPROVEN, now) ||
	    !rate_take(&b->all, BUDGET_NODE, BUDGET_WINDOW, now))
		return false;
	b->sent++;
	return true;
}

unsigned budget_left(const struct budget *b, const struct ipaddr *ip, unsigned limit,
		     nsec_t now)
{
	int i = row_of(b->row, BUDGET_ROWS, ip, now);

	if (i < 0)
		return 0;
	if (over(b->row[i].last, BUDGET_WINDOW, now))
		return limit;
	return b->row[i].used < limit ? limit - b->row[i].used : 0;
}
