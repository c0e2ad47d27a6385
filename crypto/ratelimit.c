/* SPDX-License-Identifier: MIT
 *
 * ratelimit.c - a token bucket per source of handshakes
 */
#include "crypto/ratelimit.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/rand.h"
#include "crypto/prim.h"

enum {
	NONE = 0, /* no source: so that an idle table is all zeros */
};

#define COST (SEC(1) / RATELIMIT_PER_SECOND)
#define FULL (COST * RATELIMIT_BURST)

struct source {
	struct ipaddr key;
	nsec_t last; /* when tokens were counted */
	nsec_t tokens; /* time saved up; one handshake costs COST */
	uint32_t next; /* of the same bucket, or of the free list */
};

struct ratelimit {
	uint8_t hash_key[PRIM_SIPHASH_KEY];
	nsec_t swept;
	uint32_t used; /* sources up to this index were in use at some time */
	uint32_t free; /* list of those that are free again */
	uint32_t heads[RATELIMIT_SOURCES];
	struct source sources[1 + RATELIMIT_SOURCES];
};

struct ratelimit *ratelimit_new(void)
{
	struct ratelimit *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	rand_bytes(r->hash_key, sizeof(r->hash_key));
	return r;
}

void ratelimit_free(struct ratelimit *r)
{
	free(r);
}

/* sweep_chain() - forget the silent sources of one bucket */
static void sweep_chain(struct ratelimit *r, uint32_t *link, nsec_t now)
{
	while (*link != NONE) {
		const uint32_t i = *link;
		struct source *s = &r->sources[i];

		if (nsec_since(s->last, now) <= SEC(1)) {
			link = &s->next;
			continue;
		}
		*link = s->next;
		s->next = r->free;
		r->free = i;
	}
}

static void sweep(struct ratelimit *r, nsec_t now)
{
	if (!r->used || nsec_since(r->swept, now) < SEC(1))
		return;
	r->swept = now;
	for (uint32_t i = 0; i < RATELIMIT_SOURCES; i++)
		sweep_chain(r, &r->heads[i], now);
}

/* source_key() - an IPv4 address, or the first 64 bits of an IPv6 one */
static struct ipaddr source_key(const struct ipaddr *a)
{
	struct ipaddr key = *a;

	if (!ipaddr_is_v4(a))
		memset(key.b + 8, 0, 8);
	return key;
}

/* add() - a new source that has just spent its first token; false: no room */
static bool add(struct ratelimit *r, uint32_t *head, const struct ipaddr *key,
		nsec_t now)
{
	uint32_t i = r->free;

	if (i != NONE)
		r->free = r->sources[i].next;
	else if (r->used < RATELIMIT_SOURCES)
		i = ++r->used;
	else
		return false;
	r->sources[i] = (struct source){ *key, now, FULL - COST, *head };
	*head = i;
	return true;
}

static bool spend(struct source *s, nsec_t now)
{
	s->tokens = nsec_min(nsec_add(s->tokens, nsec_since(s->last, now)),
			     FULL);
	s->last = now;
	if (s->tokens < COST)
		return false;
	s->tokens -= COST;
	return true;
}

bool ratelimit_allow(struct ratelimit *r, const struct ipaddr *from, nsec_t now)
{
	const struct ipaddr key = source_key(from);
	uint32_t *head;

	sweep(r, now);
	head = &r->heads[prim_siphash(r->hash_key, key.b, sizeof(key.b)) %
			 RATELIMIT_SOURCES];
	for (uint32_t i = *head; i != NONE; i = r->sources[i].next)
		if (ipaddr_eq(&r->sources[i].key, &key))
			return spend(&r->sources[i], now);
	return add(r, head, &key, now);
}
