/* SPDX-License-Identifier: MIT
 *
 * quota.c - octets carried for each node in a day, and for all in a month
 */
#include "relay/quota.h"

#include <stdlib.h>
#include <time.h>

enum {
	DAY_S = 24 * 3600,
};

struct use {
	struct key_public node;
	uint64_t octets;
};

uint64_t quota_month(uint64_t wall_s)
{
	time_t t = (time_t)wall_s;
	struct tm tm;

	if (!gmtime_r(&t, &tm))
		return 0;
	return (uint64_t)(tm.tm_year - 70) * 12 + (uint64_t)tm.tm_mon;
}

static uint64_t place(const struct quota *q, const struct key_public *node)
{
	return hmap_mix(node->b, q->seed);
}

static struct use *use_of(const struct quota *q, const struct key_public *node)
{
	struct use *u = hmap_get(&q->nodes, place(q, node));

	return u && key_public_eq(&u->node, node) ? u : NULL;
}

static struct use *new_use(struct quota *q, const struct key_public *node)
{
	struct use *u;

	if (q->count == QUOTA_NODES_MAX || hmap_get(&q->nodes, place(q, node)))
		return NULL;
	u = calloc(1, sizeof(*u));
	if (!u || hmap_put(&q->nodes, place(q, node), u)) {
		free(u);
		return NULL;
	}
	u->node = *node;
	q->count++;
	return u;
}

static void forget_nodes(struct quota *q)
{
	for (uint32_t i = 0; q->nodes.cells && i <= q->nodes.mask; i++)
		free(q->nodes.cells[i].value);
	hmap_done(&q->nodes);
	q->count = 0;
}

void quota_done(struct quota *q)
{
	forget_nodes(q);
}

void quota_turn(struct quota *q, uint64_t wall_s)
{
	uint64_t month;

	if (q->day == wall_s / DAY_S)
		return;
	q->day = wall_s / DAY_S;
	forget_nodes(q);
	month = quota_month(wall_s);
	if (q->month != month)
		q->total = 0;
	q->month = month;
}

void quota_add(struct quota *q, const struct key_public *node, uint64_t octets)
{
	struct use *u;

	if (!octets)
		return;
	q->total += octets;
	if (!q->node_daily)
		return;
	u = use_of(q, node);
	if (!u)
		u = new_use(q, node);
	if (u)
		u->octets += octets;
}

bool quota_spent(const struct quota *q, const struct key_public *node)
{
	const struct use *u = q->node_daily ? use_of(q, node) : NULL;

	return (u && u->octets >= q->node_daily) ||
	       (q->monthly && q->total >= q->monthly);
}
