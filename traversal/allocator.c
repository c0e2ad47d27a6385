/* SPDX-License-Identifier: MIT
 *
 * allocator.c - the kind of port allocator behind samples (theory in allocator.h)
 */
#include "traversal/allocator.h"

#include <stdlib.h>

enum {
	STEP_MAX = 16, /* of a counter, as a median */
	SPREAD_MAX = 4096, /* of a block */
	BLOCK_MIN = 64,
	HIGH_FIRST = 50001, /* pf's range */
	PORT_LAST = 65535,
	SET_BITS_MIN = 3, /* constant ones that make a port set */
	SET_SAMPLES = 12, /* a free bit seems constant with 2^(1 - n) */
};

/* What the samples have in common. */
struct spread {
	unsigned low, high;
	uint16_t constant; /* bits that never changed */
};

static int16_t step_of(uint16_t from, uint16_t to)
{
	return (int16_t)(uint16_t)(to - from);
}

static int by_value(const void *a, const void *b)
{
	return *(const int16_t *)a - *(const int16_t *)b;
}

/* steps() - from each sample to the next one at the same external address */
static unsigned steps(const struct allocator_sample *s, unsigned n, int16_t *out)
{
	unsigned count = 0;

	for (unsigned i = 0; i < n; i++)
		for (unsigned k = i + 1; k < n; k++) {
			if (!ipaddr_eq(&s[i].mapped.ip, &s[k].mapped.ip))
				continue;
			out[count++] = step_of(s[i].mapped.port,
					       s[k].mapped.port);
			break;
		}
	return count;
}

/* counter_step() - median step if at most one in eight goes the other way (uniform
 * ports do so with 10^-4 or less), and it is not far; else 0 */
static int16_t counter_step(const struct allocator_sample *s, unsigned n)
{
	int16_t d[ALLOCATOR_SAMPLES], median;
	unsigned up = 0, down = 0, count = steps(s, n, d);

	for (unsigned i = 0; i < count; i++) {
		up += d[i] > 0;
		down += d[i] < 0;
	}
	if (count < 4 || (down * 8 > count && up * 8 > count))
		return 0;
	qsort(d, count, sizeof(d[0]), by_value);
	median = d[count / 2];
	return abs(median) <= STEP_MAX ? median : 0;
}

static bool preserves(const struct allocator_sample *s, unsigned n)
{
	unsigned same = 0;

	for (unsigned i = 0; i < n; i++)
		same += s[i].mapped.port == s[i].local;
	return same * 4 >= n * 3;
}

static unsigned addresses(const struct allocator_sample *s, unsigned n)
{
	unsigned count = 0;

	for (unsigned i = 0; i < n; i++) {
		unsigned k = 0;

		while (k < i && !ipaddr_eq(&s[i].mapped.ip, &s[k].mapped.ip))
			k++;
		count += k == i;
	}
	return count;
}

static struct spread spread_of(const struct allocator_sample *s, unsigned n)
{
	struct spread r = { .low = PORT_LAST, .constant = 0xffff };

	for (unsigned i = 0; i < n; i++) {
		unsigned port = s[i].mapped.port;

		r.low = port < r.low ? port : r.low;
		r.high = port > r.high ? port : r.high;
		r.constant &= (uint16_t)~(port ^ s[0].mapped.port);
	}
	return r;
}

static void put_range(struct allocator *a, unsigned low, unsigned high)
{
	a->low = (uint16_t)(low < ALLOCATOR_LOWEST ? ALLOCATOR_LOWEST : low);
	a->high = (uint16_t)(high > PORT_LAST ? PORT_LAST : high);
}

/* put_block() - the aligned block that holds all samples; or, if that would be far
 * larger than their spread suggests, the spread and a margin on either side */
static void put_block(struct allocator *a, const struct spread *r, unsigned n)
{
	unsigned wide = r->high - r->low + 1, guess = wide * (n + 1) / (n - 1);
	unsigned size = BLOCK_MIN, margin = guess - wide;

	while (size <= SPREAD_MAX && r->low / size != r->high / size)
		size *= 2;
	if (size <= SPREAD_MAX && (size == BLOCK_MIN || size < 2 * guess)) {
		put_range(a, r->low / size * size, r->low / size * size + size - 1);
		return;
	}
	put_range(a, r->low > margin ? r->low - margin : 0, r->high + margin);
}

/* set_mask() - constant bits, if others above them changed: then they are no block */
static uint16_t set_mask(const struct spread *r)
{
	uint16_t top = 0x8000, mask = r->constant;

	while (top & mask) {
		mask &= (uint16_t)~top;
		top >>= 1;
	}
	if (__builtin_popcount(mask) < SET_BITS_MIN)
		return 0;
	return r->constant;
}

/* set_low() - the first port of a set: RFC 7597 s5.1 leaves out those whose bits above
 * the constant ones are all zero, as no sample contradicts */
static unsigned set_low(uint16_t mask, const struct spread *r)
{
	unsigned above = 1;

	while (above <= mask)
		above <<= 1;
	return above <= r->low ? above : ALLOCATOR_LOWEST;
}

static void put_random(struct allocator *a, const struct allocator_sample *s,
		       unsigned n)
{
	struct spread r = spread_of(s, n);

	if (r.high - r.low < SPREAD_MAX) {
		a->kind = ALLOCATOR_BLOCK;
		put_block(a, &r, n);
	} else if (n >= SET_SAMPLES && set_mask(&r)) {
		a->kind = ALLOCATOR_PORT_SET;
		a->mask = set_mask(&r);
		a->bits = s[0].mapped.port & a->mask;
		put_range(a, set_low(a->mask, &r), PORT_LAST);
	} else if (r.low >= HIGH_FIRST) {
		a->kind = ALLOCATOR_HIGH;
		put_range(a, HIGH_FIRST, PORT_LAST);
	} else {
		a->kind = ALLOCATOR_RANDOM;
		put_range(a, ALLOCATOR_LOWEST, PORT_LAST);
	}
}

struct allocator allocator_infer(const struct allocator_sample *s, unsigned n)
{
	struct allocator a = { .kind = ALLOCATOR_UNKNOWN };

	if (n > ALLOCATOR_SAMPLES)
		n = ALLOCATOR_SAMPLES;
	if (n < ALLOCATOR_SAMPLES_MIN)
		return a;
	a.pool = (uint16_t)addresses(s, n);
	a.step = counter_step(s, n);
	if (preserves(s, n)) {
		a.kind = ALLOCATOR_PRESERVING;
		a.step = 0;
	} else if (a.step) {
		a.kind = ALLOCATOR_SEQUENTIAL;
	} else {
		put_random(&a, s, n);
	}
	return a;
}

bool allocator_decided(const struct allocator *a, unsigned n)
{
	if (n >= ALLOCATOR_SAMPLES)
		return true;
	return a->pool == 1 && (a->kind == ALLOCATOR_PRESERVING ||
				a->kind == ALLOCATOR_SEQUENTIAL);
}

static bool has_range(enum allocator_kind k)
{
	return k == ALLOCATOR_BLOCK || k == ALLOCATOR_PORT_SET ||
	       k == ALLOCATOR_HIGH || k == ALLOCATOR_RANDOM;
}

bool allocator_valid(const struct allocator *a)
{
	if (a->kind < ALLOCATOR_UNKNOWN || a->kind > ALLOCATOR_RANDOM)
		return false;
	if (a->bits & ~a->mask || (a->mask && a->kind != ALLOCATOR_PORT_SET))
		return false;
	if (a->kind == ALLOCATOR_SEQUENTIAL)
		return a->step && abs(a->step) <= STEP_MAX;
	return !has_range(a->kind) ||
	       (a->low >= ALLOCATOR_LOWEST && a->low <= a->high);
}

/* scatter() - the low bits of i, put where mask has zeros */
static unsigned scatter(unsigned i, uint16_t mask)
{
	unsigned out = 0;

	for (unsigned bit = 1; bit < 1u << 16; bit <<= 1) {
		if (mask & bit)
			continue;
		out |= i & 1 ? bit : 0;
		i >>= 1;
	}
	return out;
}

/* below() - members of a port set that lie below its first port; they come first */
static unsigned below(const struct allocator *a)
{
	unsigned i = 0;

	while ((scatter(i, a->mask) | a->bits) < a->low)
		i++;
	return i;
}

unsigned allocator_range(const struct allocator *a)
{
	if (!has_range(a->kind) || !allocator_valid(a))
		return 0;
	if (a->kind == ALLOCATOR_PORT_SET) {
		unsigned all = 1u << (16 - __builtin_popcount(a->mask));
		unsigned low = scatter(all - 1, a->mask) | a->bits;

		return low < a->low ? 0 : all - below(a);
	}
	return a->high - a->low + 1u;
}

unsigned allocator_size(const struct allocator *a)
{
	return a->kind == ALLOCATOR_BLOCK ? allocator_range(a) : 0;
}

uint16_t allocator_port(const struct allocator *a, unsigned i)
{
	if (a->kind == ALLOCATOR_PORT_SET)
		return (uint16_t)(scatter(below(a) + i, a->mask) | a->bits);
	return (uint16_t)(a->low + i);
}

const char *allocator_name(enum allocator_kind k)
{
	switch (k) {
	case ALLOCATOR_UNKNOWN:
		return "unknown";
	case ALLOCATOR_PRESERVING:
		return "preserving";
	case ALLOCATOR_SEQUENTIAL:
		return "sequential";
	case ALLOCATOR_BLOCK:
		return "block";
	case ALLOCATOR_PORT_SET:
		return "port-set";
	case ALLOCATOR_HIGH:
		return "high-random";
	case ALLOCATOR_RANDOM:
		return "random";
	}
	return "unknown";
}
