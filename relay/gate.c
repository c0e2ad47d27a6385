/* SPDX-License-Identifier: MIT
 *
 * gate.c - many readers that never meet, and now and then one writer
 */
#include "relay/gate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int gate_init(struct gate *g, unsigned readers)
{
	memset(g, 0, sizeof(*g));
	g->readers = aligned_alloc(_Alignof(struct gate_reader),
				   readers * sizeof(*g->readers));
	if (!g->readers)
		return -ENOMEM;
	g->count = readers;
	pthread_mutex_init(&g->turn, NULL);
	for (unsigned i = 0; i < readers; i++)
		pthread_mutex_init(&g->readers[i].lock, NULL);
	return 0;
}

void gate_done(struct gate *g)
{
	if (!g->readers)
		return;
	for (unsigned i = 0; i < g->count; i++)
		pthread_mutex_destroy(&g->readers[i].lock);
	pthread_mutex_destroy(&g->turn);
	free(g->readers);
	g->readers = NULL;
}

void gate_enter(struct gate *g, unsigned i)
{
	if (atomic_load_explicit(&g->wanted, memory_order_relaxed)) {
		pthread_mutex_lock(&g->turn); /* behind the writer */
		pthread_mutex_unlock(&g->turn);
	}
	pthread_mutex_lock(&g->readers[i].lock);
}

void gate_leave(struct gate *g, unsigned i)
{
	pthread_mutex_unlock(&g->readers[i].lock);
}

void gate_close(struct gate *g)
{
	pthread_mutex_lock(&g->turn);
	atomic_store_explicit(&g->wanted, true, memory_order_relaxed);
	for (unsigned i = 0; i < g->count; i++)
		pthread_mutex_lock(&g->readers[i].lock);
}

void gate_open(struct gate *g)
{
	atomic_store_explicit(&g->wanted, false, memory_order_relaxed);
	for (unsigned i = 0; i < g->count; i++)
		pthread_mutex_unlock(&g->readers[i].lock);
	pthread_mutex_unlock(&g->turn);
}
