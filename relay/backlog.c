/* SPDX-License-Identifier: MIT
 *
 * backlog.c - frames that wait for a stream: bounded, the oldest goes first
 */
#include "relay/backlog.h"

#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "relay/bundle.h"

static size_t record_at(const struct backlog *q, size_t at)
{
	be16 n;

	memcpy(&n, q->b + at, sizeof(n));
	return sizeof(n) + be16_get(n);
}

void backlog_done(struct backlog *q)
{
	free(q->b);
	*q = (struct backlog){ 0 };
}

bool backlog_is_empty(const struct backlog *q)
{
	return !q->wrapped && q->head == q->tail;
}

static void advance(struct backlog *q, size_t n)
{
	q->head += n;
	if (q->wrapped && q->head == q->end) {
		q->head = 0;
		q->wrapped = false;
	}
	if (!q->wrapped && q->head == q->tail)
		q->head = q->tail = 0;
}

/* make_room() - for n octets at tail, if no frame has to go for it */
static bool make_room(struct backlog *q, size_t n)
{
	if (q->wrapped)
		return q->head - q->tail >= n;
	if (BACKLOG_OCTETS - q->tail >= n)
		return true;
	if (q->head < n)
		return false;
	q->end = q->tail;
	q->tail = 0;
	q->wrapped = true;
	return true;
}

unsigned backlog_put(struct backlog *q, const uint8_t *frame, size_t n)
{
	be16 length = be16_of((uint16_t)n);
	unsigned dropped = 0;

	if (!q->b)
		q->b = malloc(BACKLOG_OCTETS);
	if (!q->b || !n || n > BUNDLE_FRAME_MAX)
		return 1;
	while (!make_room(q, sizeof(length) + n)) {
		advance(q, record_at(q, q->head));
		dropped++;
	}
	memcpy(q->b + q->tail, &length, sizeof(length));
	memcpy(q->b + q->tail + sizeof(length), frame, n);
	q->tail += sizeof(length) + n;
	return dropped;
}

size_t backlog_take(struct backlog *q, size_t most, const uint8_t **out)
{
	size_t end = q->wrapped ? q->end : q->tail, n = 0;

	if (backlog_is_empty(q))
		return 0;
	do
		n += record_at(q, q->head + n);
	while (q->head + n < end && n + record_at(q, q->head + n) <= most);
	*out = q->b + q->head;
	advance(q, n);
	return n;
}
