/* SPDX-License-Identifier: MIT
 *
 * websocket.c - WebSocket framing, RFC 6455 section 5
 *
 * A frame is a header of 2 to 14 octets and a payload. The header is collected octet
 * by octet until its own first two say that it is whole, then judged once; payload is
 * unmasked while it is copied to where it belongs.
 */
#include "base/websocket.h"

#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"

enum {
	FIN = 0x80,
	RESERVED = 0x70,
	OPCODE = 0x0f,
	MASKED = 0x80,
	LENGTH = 0x7f,
	CONTROL = 0x08,
	FIRST_CAPACITY = 1024,
};

void websocket_init(struct websocket *w, bool from_client, size_t max)
{
	*w = (struct websocket){ .from_client = from_client, .max = max };
}

void websocket_done(struct websocket *w)
{
	free(w->message);
	*w = (struct websocket){ .dead = true, .why = WEBSOCKET_PROTOCOL_ERROR };
}

void websocket_mask(const uint8_t mask[static 4], uint64_t at, uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] ^= mask[(at + i) & 3];
}

static unsigned header_size(const struct websocket *w)
{
	unsigned n = 2;

	if (w->header_n < 2)
		return 2;
	if ((w->header[1] & LENGTH) == 126)
		n += 2;
	if ((w->header[1] & LENGTH) == 127)
		n += 8;
	return n + (w->header[1] & MASKED ? 4 : 0);
}

static enum websocket_event fail(struct websocket *w, enum websocket_event why)
{
	w->dead = true;
	w->why = why;
	return why;
}

/* Shortest form of the length is required (s5.2). */
static bool read_length(struct reader *r, uint8_t length, uint64_t *out)
{
	*out = length;
	if (length == 126) {
		*out = reader_be16(r);
		return *out > 125;
	}
	if (length == 127) {
		*out = reader_be64(r);
		return *out > UINT16_MAX && !(*out >> 63);
	}
	return true;
}

static bool opcode_fits(const struct websocket *w)
{
	switch ((enum websocket_opcode)w->opcode) {
	case WEBSOCKET_OP_MORE:
		return w->in_message;
	case WEBSOCKET_OP_BINARY:
		return !w->in_message;
	case WEBSOCKET_OP_CLOSE:
	case WEBSOCKET_OP_PING:
	case WEBSOCKET_OP_PONG:
		return w->fin && w->left <= WEBSOCKET_CONTROL_MAX;
	case WEBSOCKET_OP_TEXT:
		break;
	}
	return false;
}

static bool make_room(struct websocket *w)
{
	size_t want = w->n + (size_t)w->left, capacity = w->capacity;
	uint8_t *grown;

	/* A frame announces what it has not sent yet: grow with what comes. */
	if (want > w->n + 65536)
		want = w->n + 65536;
	if (want <= capacity)
		return true;
	capacity = capacity ? capacity : FIRST_CAPACITY;
	while (capacity < want)
		capacity *= 2;
	grown = realloc(w->message, capacity);
	if (!grown)
		return false;
	w->message = grown;
	w->capacity = capacity;
	return true;
}

static enum websocket_event judge_header(struct websocket *w)
{
	struct reader r = reader_of(w->header, w->header_n);
	uint8_t first = reader_u8(&r), second = reader_u8(&r);

	if (!read_length(&r, second & LENGTH, &w->left))
		return fail(w, WEBSOCKET_PROTOCOL_ERROR);
	memset(w->mask, 0, sizeof(w->mask));
	if (second & MASKED)
		reader_copy(&r, w->mask, sizeof(w->mask));
	w->fin = first & FIN;
	w->opcode = first & OPCODE;
	if (first & RESERVED || !(second & MASKED) == w->from_client ||
	    !opcode_fits(w))
		return fail(w, WEBSOCKET_PROTOCOL_ERROR);
	if (!(w->opcode & CONTROL)) {
		if (!w->in_message)
			w->n = 0;
		if (w->left > w->max - w->n)
			return fail(w, WEBSOCKET_TOO_BIG);
		w->in_message = true;
	}
	w->in_payload = true;
	w->done = 0;
	return WEBSOCKET_NEED_MORE;
}

static size_t take_payload(struct websocket *w, const uint8_t *p, size_t n)
{
	uint8_t *to;

	if (n > w->left)
		n = (size_t)w->left;
	if (n == 0)
		return 0;
	if (w->opcode & CONTROL) {
		to = w->control + w->done;
	} else {
		if (n > 65536)
			n = 65536;
		if (!make_room(w)) {
			fail(w, WEBSOCKET_TOO_BIG);
			return 0;
		}
		to = w->message + w->n;
		w->n += n;
	}
	memcpy(to, p, n);
	websocket_mask(w->mask, w->done, to, n);
	w->done += n;
	w->left -= n;
	return n;
}

static enum websocket_event end_frame(struct websocket *w, uint8_t **data,
				      size_t *data_n)
{
	w->in_payload = false;
	w->header_n = 0;
	*data = w->control;
	*data_n = (size_t)w->done;
	if (w->opcode == WEBSOCKET_OP_PING)
		return WEBSOCKET_PING;
	if (w->opcode == WEBSOCKET_OP_PONG)
		return WEBSOCKET_PONG;
	if (w->opcode == WEBSOCKET_OP_CLOSE)
		return *data_n == 1 ? fail(w, WEBSOCKET_PROTOCOL_ERROR) :
				      WEBSOCKET_CLOSE;
	if (!w->fin)
		return WEBSOCKET_NEED_MORE;
	w->in_message = false;
	*data = w->message;
	*data_n = w->n;
	return WEBSOCKET_MESSAGE;
}

enum websocket_event websocket_read(struct websocket *w, const uint8_t *p, size_t n,
				    size_t *used, uint8_t **data, size_t *data_n)
{
	enum websocket_event e;

	*used = 0;
	for (;;) {
		if (w->dead)
			return w->why;
		if (w->in_payload) {
			*used += take_payload(w, p + *used, n - *used);
			if (w->dead || (w->left && *used < n))
				continue;
			if (w->left)
				return WEBSOCKET_NEED_MORE;
			e = end_frame(w, data, data_n);
			if (e != WEBSOCKET_NEED_MORE)
				return e;
			continue;
		}
		if (*used == n)
			return WEBSOCKET_NEED_MORE;
		w->header[w->header_n++] = p[(*used)++];
		if (w->header_n == header_size(w) && w->header_n >= 2)
			judge_header(w);
	}
}

size_t websocket_header(enum websocket_opcode op, size_t n, const uint8_t *mask,
			uint8_t out[static WEBSOCKET_HEADER_MAX])
{
	struct writer w = writer_of(out, WEBSOCKET_HEADER_MAX);
	uint8_t bit = mask ? MASKED : 0;

	writer_u8(&w, (uint8_t)(FIN | op));
	if (n <= 125) {
		writer_u8(&w, (uint8_t)(bit | n));
	} else if (n <= UINT16_MAX) {
		writer_u8(&w, bit | 126);
		writer_be16(&w, (uint16_t)n);
	} else {
		writer_u8(&w, bit | 127);
		writer_be64(&w, n);
	}
	if (mask)
		writer_put(&w, mask, 4);
	return writer_len(&w);
}
