/* SPDX-License-Identifier: MIT
 *
 * limiter.c - token buckets per source address in a table of fixed size
 */
#include "relay/limiter.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
	SETS = 2048,
	WAYS = 4,
};

struct bucket { /* torn by a race it is milder by a permit or two, no more */
	_Atomic uint64_t source; /* IPv4 address or first half of an IPv6 one */
	_Atomic nsec_t seen; /* 0: free */
	_Atomic nsec_t credit; /* time that may be spent */
};

struct limiter {
	uint64_t seed;
	nsec_t cost, most; /* of one permit; of a full bucket */
	struct bucket buckets[SETS][WAYS];
};

struct limiter *limiter_new(unsigned rate, unsigned burst, uint64_t seed)
{
	struct limiter *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->seed = seed | 1;
	l->cost = SEC(1) / rate;
	l->most = l->cost * burst;
	return l;
}

void limiter_free(struct limiter *l)
{
	free(l);
}

static uint64_t source_of(const struct ipaddr *a)
{
	uint64_t v;

	memcpy(&v, ipaddr_is_v4(a) ? a->b + 8 : a->b, sizeof(v));
	return v;
}

/* mix() - splitmix64's finaliser over a secret offset */
static uint64_t mix(uint64_t v)
{
	v = (v ^ v >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	v = (v ^ v >> 27) * UINT64_C(0x94d049bb133111eb);
	return v ^ v >> 31;
}

static uint64_t get(const _Atomic uint64_t *v)
{
	return atomic_load_explicit(v, memory_order_relaxed);
}

static void set(_Atomic uint64_t *at, uint64_t v)
{
	atomic_store_explicit(at, v, memory_order_relaxed);
}

static struct bucket *find(struct limiter *l, uint64_t source, nsec_t now)
{
	struct bucket *all = l->buckets[mix(source + l->seed) % SETS];
	struct bucket *oldest = &all[0];

	for (int i = 0; i < WAYS; i++) {
		if (get(&all[i].seen) && get(&all[i].source) == source)
			return &all[i];
		if (get(&all[i].seen) < get(&oldest->seen))
			oldest = &all[i];
	}
	set(&oldest->source, source);
	set(&oldest->credit, l->most);
	set(&oldest->seen, now);
	return oldest;
}

bool limiter_pass(struct limiter *l, const struct ipaddr *source, nsec_t now)
{
	struct bucket *b = find(l, source_of(source), now);
	nsec_t past = nsec_since(get(&b->seen), now);
	nsec_t credit = nsec_min(nsec_add(get(&b->credit), past), l->most);
	bool pass = credit >= l->cost;

	set(&b->seen, now);
	set(&b->credit, pass ? credit - l->cost : credit);
	return pass;
}
