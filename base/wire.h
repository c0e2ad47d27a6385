/* SPDX-License-Identifier: MIT
 *
 * wire.h - byte order as types
 *
 * A field of a wire struct is be16, be32, be64, le32 or le64: bytes with
 * alignment 1. A forgotten swap does not compile, no struct needs to be packed,
 * and casting a length-checked buffer is safe at every address.
 */
#pragma once

#include <stdint.h>

typedef struct {
	uint8_t b[2];
} be16;
typedef struct {
	uint8_t b[4];
} be32;
typedef struct {
	uint8_t b[8];
} be64;
typedef struct {
	uint8_t b[4];
} le32;
typedef struct {
	uint8_t b[8];
} le64;

/* WIRE_SIZE() - assert the size and alignment of a wire struct */
#define WIRE_SIZE(type, octets)                                      \
	_Static_assert(sizeof(type) == (octets), "wire size of " #type); \
	_Static_assert(_Alignof(type) == 1, "wire alignment of " #type)

static inline uint16_t be16_get(be16 v)
{
	return (uint16_t)(v.b[0] << 8 | v.b[1]);
}

static inline be16 be16_of(uint16_t v)
{
	return (be16){ { (uint8_t)(v >> 8), (uint8_t)v } };
}

static inline uint32_t be32_get(be32 v)
{
	return (uint32_t)v.b[0] << 24 | (uint32_t)v.b[1] << 16 |
	       (uint32_t)v.b[2] << 8 | v.b[3];
}

static inline be32 be32_of(uint32_t v)
{
	return (be32){ { (uint8_t)(v >> 24), (uint8_t)(v >> 16),
			 (uint8_t)(v >> 8), (uint8_t)v } };
}

static inline uint64_t be64_get(be64 v)
{
	uint64_t r = 0;

	for (int i = 0; i < 8; i++)
		r = r << 8 | v.b[i];
	return r;
}

static inline be64 be64_of(uint64_t v)
{
	be64 r;

	for (int i = 7; i >= 0; i--, v >>= 8)
		r.b[i] = (uint8_t)v;
	return r;
}

static inline uint32_t le32_get(le32 v)
{
	return (uint32_t)v.b[3] << 24 | (uint32_t)v.b[2] << 16 |
	       (uint32_t)v.b[1] << 8 | v.b[0];
}

static inline le32 le32_of(uint32_t v)
{
	return (le32){ { (uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16),
			 (uint8_t)(v >> 24) } };
}

static inline uint64_t le64_get(le64 v)
{
	uint64_t r = 0;

	for (int i = 7; i >= 0; i--)
		r = r << 8 | v.b[i];
	return r;
}

static inline le64 le64_of(uint64_t v)
{
	le64 r;

	for (int i = 0; i < 8; i++, v >>= 8)
		r.b[i] = (uint8_t)v;
	return r;
}
