/* SPDX-License-Identifier: MIT
 *
 * cursor.c - checked reading and writing of bytes
 */
#include "base/cursor.h"

#include <string.h>

#include "base/wire.h"

struct reader reader_of(const void *p, size_t n)
{
	const uint8_t *b = p;

	return (struct reader){ .p = b, .end = n ? b + n : b };
}

size_t reader_left(const struct reader *r)
{
	return (size_t)(r->end - r->p);
}

const uint8_t *reader_take(struct reader *r, size_t n)
{
	const uint8_t *at = r->p;

	if (r->failed || reader_left(r) < n) {
		r->failed = true;
		return NULL;
	}
	r->p += n;
	return at;
}

void reader_copy(struct reader *r, void *out, size_t n)
{
	const uint8_t *at = reader_take(r, n);

	if (at && n)
		memcpy(out, at, n);
	else
		memset(out, 0, n);
}

uint8_t reader_u8(struct reader *r)
{
	uint8_t v;

	reader_copy(r, &v, 1);
	return v;
}

uint16_t reader_be16(struct reader *r)
{
	be16 v;

	reader_copy(r, &v, sizeof(v));
	return be16_get(v);
}

uint32_t reader_be32(struct reader *r)
{
	be32 v;

	reader_copy(r, &v, sizeof(v));
	return be32_get(v);
}

uint64_t reader_be64(struct reader *r)
{
	be64 v;

	reader_copy(r, &v, sizeof(v));
	return be64_get(v);
}

uint32_t reader_le32(struct reader *r)
{
	le32 v;

	reader_copy(r, &v, sizeof(v));
	return le32_get(v);
}

struct writer writer_of(void *p, size_t n)
{
	uint8_t *b = p;

	return (struct writer){ .start = b, .p = b, .end = n ? b + n : b };
}

size_t writer_len(const struct writer *w)
{
	return (size_t)(w->p - w->start);
}

uint8_t *writer_reserve(struct writer *w, size_t n)
{
	uint8_t *at = w->p;

	if (w->failed || (size_t)(w->end - w->p) < n) {
		w->failed = true;
		return NULL;
	}
	w->p += n;
	return at;
}

void writer_put(struct writer *w, const void *p, size_t n)
{
	uint8_t *at = writer_reserve(w, n);

	if (at && n)
		memcpy(at, p, n);
}

void writer_zero(struct writer *w, size_t n)
{
	uint8_t *at = writer_reserve(w, n);

	if (at)
		memset(at, 0, n);
}

void writer_u8(struct writer *w, uint8_t v)
{
	writer_put(w, &v, 1);
}

void writer_be16(struct writer *w, uint16_t v)
{
	be16 x = be16_of(v);

	writer_put(w, &x, sizeof(x));
}

void writer_be32(struct writer *w, uint32_t v)
{
	be32 x = be32_of(v);

	writer_put(w, &x, sizeof(x));
}

void writer_be64(struct writer *w, uint64_t v)
{
	be64 x = be64_of(v);

	writer_put(w, &x, sizeof(x));
}

void writer_le32(struct writer *w, uint32_t v)
{
	le32 x = le32_of(v);

	writer_put(w, &x, sizeof(x));
}
