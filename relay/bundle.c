/* SPDX-License-Identifier: MIT
 *
 * bundle.c - relay frames inside a stream's messages
 */
#include "relay/bundle.h"

#include <string.h>

#include "base/udp.h"
#include "base/wire.h"

void bundle_init(struct bundle *b, uint8_t *message, size_t n)
{
	*b = (struct bundle){ .p = message, .n = n };
}

/* peek() - octets of the next frame; 0: none, or broken */
static size_t peek(struct bundle *b)
{
	be16 length;
	size_t n;

	if (!b->n)
		return 0;
	if (b->n < sizeof(length)) {
		b->broken = true;
		return 0;
	}
	memcpy(&length, b->p, sizeof(length));
	n = be16_get(length);
	b->broken = !n || n > BUNDLE_FRAME_MAX || n > b->n - sizeof(length);
	return b->broken ? 0 : n;
}

static void skip(struct bundle *b, size_t n)
{
	b->p += n;
	b->n -= n;
}

bool bundle_next(struct bundle *b, uint8_t **train, size_t *n, size_t *segment)
{
	size_t first = peek(b), length = first;
	uint8_t *end;

	if (!first)
		return false;
	*train = end = b->p + BUNDLE_LENGTH;
	*segment = first;
	/* A shorter one ends the train, as on UDP, whose bounds hold here too. */
	for (unsigned left = UDP_SEGMENTS_MAX;
	     left && length && length <= first &&
	     (size_t)(end - *train) + length <= UDP_TRAIN_SEND;
	     length = peek(b)) {
		left = length < first ? 0 : left - 1;
		memmove(end, b->p + BUNDLE_LENGTH, length);
		end += length;
		skip(b, BUNDLE_LENGTH + length);
	}
	*n = (size_t)(end - *train);
	return true;
}
