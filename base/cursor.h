/* SPDX-License-Identifier: MIT
 *
 * cursor.h - checked reading and writing of bytes
 *
 * Theory: a parser takes what it needs and asks once, at the end, whether
 * everything was there. After the first overrun the cursor stays failed, reads
 * give zeroes and writes are dropped, so nothing is ever touched out of bounds.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slice { /* borrowed bytes */
	const uint8_t *p;
	size_t n; /* octets */
};

struct reader {
	const uint8_t *p, *end;
	bool failed; /* sticky: something was missing */
};

struct writer {
	uint8_t *start, *p, *end;
	bool failed; /* sticky: something did not fit */
};

static inline struct slice slice_of(const void *p, size_t n)
{
	return (struct slice){ p, n };
}

/* reader_of() - read from n octets at p, borrowed while the reader lives */
struct reader reader_of(const void *p, size_t n);
uint8_t reader_u8(struct reader *r);
uint16_t reader_be16(struct reader *r);
uint32_t reader_be32(struct reader *r);
uint64_t reader_be64(struct reader *r);
uint32_t reader_le32(struct reader *r);

/**
 * reader_take() - The next n octets
 * Return: pointer into the input, or NULL (and the reader fails) if fewer
 */
const uint8_t *reader_take(struct reader *r, size_t n);

/* reader_copy() - copy the next n octets to out; zeroes if they are missing */
void reader_copy(struct reader *r, void *out, size_t n);

/* reader_left() - octets not yet read */
size_t reader_left(const struct reader *r);

/* writer_of() - write into n octets at p */
struct writer writer_of(void *p, size_t n);
void writer_u8(struct writer *w, uint8_t v);
void writer_be16(struct writer *w, uint16_t v);
void writer_be32(struct writer *w, uint32_t v);
void writer_be64(struct writer *w, uint64_t v);
void writer_le32(struct writer *w, uint32_t v);
void writer_put(struct writer *w, const void *p, size_t n);
void writer_zero(struct writer *w, size_t n);

/**
 * writer_reserve() - Room for n octets to be filled in by the caller
 * Return: pointer to them, or NULL (and the writer fails) if they do not fit
 */
uint8_t *writer_reserve(struct writer *w, size_t n);

/* writer_len() - octets written so far */
size_t writer_len(const struct writer *w);
