/* SPDX-License-Identifier: MIT
 *
 * flows.c - which flows this node began, so that answers pass the access rules
 *
 * A word: 45 bits of hash, 3 of kind, 16 of its end in units of 8 s.
 */
#include "daemon/flows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/rand.h"
#include "tun/classify.h"

enum {
	KIND_SHIFT = 16,
	TAG_SHIFT = 19,
	LINE = 64, /* octets of a cache line: a bucket */
};

#define UNIT SEC(8)

/* Seconds that a flow lives without a packet of ours. */
static const nsec_t life[] = {
	[FLOW_NONE] = 0,
	[FLOW_OPENING] = SEC(240), /* RFC 5382 s5: 4 min */
	[FLOW_OPEN] = SEC(7440), /* RFC 5382 s5: 2 h 4 min */
	[FLOW_CLOSING] = SEC(240),
	[FLOW_OURS] = SEC(300), /* RFC 4787 s4.3: 5 min */
	[FLOW_THEIRS] = SEC(300),
	[FLOW_FRAGMENT] = SEC(30), /* the kernel waits 30 s for fragments */
};

int flows_init(struct flows *f)
{
	size_t n = (size_t)FLOWS_BUCKETS * FLOWS_WAYS * sizeof(*f->words);
	uintptr_t p;

	f->block = calloc(1, n + LINE);
	if (!f->block)
		return -ENOMEM;
	p = (uintptr_t)f->block;
	f->words = (void *)((p + LINE - 1) & ~(uintptr_t)(LINE - 1));
	rand_bytes(f->key, sizeof(f->key));
	return 0;
}

void flows_done(struct flows *f)
{
	free(f->block);
	*f = (struct flows){ 0 };
}

/* ---- words ---- */

static uint16_t unit_of(nsec_t now)
{
	return (uint16_t)(now / UNIT);
}

static bool is_live(uint64_t word, uint16_t unit)
{
	return word && (int16_t)((uint16_t)word - unit) >= 0;
}

static enum flow_kind kind_of(uint64_t word)
{
	return (enum flow_kind)(word >> KIND_SHIFT & 7);
}

static uint64_t make_word(uint64_t hash, enum flow_kind kind, nsec_t now)
{
	return hash >> TAG_SHIFT << TAG_SHIFT | (uint64_t)kind << KIND_SHIFT |
	       unit_of(now + life[kind] + UNIT);
}

static _Atomic uint64_t *bucket_of(const struct flows *f, uint64_t hash)
{
	return f->words + hash % FLOWS_BUCKETS * FLOWS_WAYS;
}

static bool same_flow(uint64_t word, uint64_t hash)
{
	return word >> TAG_SHIFT == hash >> TAG_SHIFT;
}

/* find() - the live word of a flow, or NULL; its value in *word */
static _Atomic uint64_t *find(const struct flows *f, uint64_t hash, nsec_t now,
			      uint64_t *word)
{
	_Atomic uint64_t *b = bucket_of(f, hash);

	for (unsigned i = 0; i < FLOWS_WAYS; i++) {
		*word = atomic_load_explicit(&b[i], memory_order_relaxed);
		if (same_flow(*word, hash) && is_live(*word, unit_of(now)))
			return &b[i];
	}
	return NULL;
}

static bool is_ours(enum flow_kind kind)
{
	return kind != FLOW_THEIRS && kind != FLOW_FRAGMENT;
}

/* victim() - the way to give up: free, or that which ends first; -1: none may go */
static int victim(_Atomic uint64_t *b, enum flow_kind kind, nsec_t now,
		  uint64_t *word)
{
	uint16_t unit = unit_of(now), first = UINT16_MAX;
	int found = -1;

	for (int i = 0; i < FLOWS_WAYS; i++) {
		uint64_t w = atomic_load_explicit(&b[i], memory_order_relaxed);
		uint16_t left = is_live(w, unit) ?
					(uint16_t)((uint16_t)w - unit) : 0;

		if (is_live(w, unit) && is_ours(kind_of(w)) && !is_ours(kind))
			continue;
		if (found >= 0 && left >= first)
			continue;
		found = i;
		first = left;
		*word = w;
	}
	return found;
}

static void use(struct flows *f, uint64_t hash)
{
	unsigned share = (unsigned)(hash % FLOWS_BUCKETS / FLOWS_SHARE);
	_Atomic uint64_t *used = &f->used[share / 64];
	uint64_t bit = UINT64_C(1) << share % 64;

	if (!(atomic_load_explicit(used, memory_order_relaxed) & bit))
		atomic_fetch_or_explicit(used, bit, memory_order_relaxed);
}

static bool is_used(const struct flows *f, unsigned share)
{
	return atomic_load_explicit(&f->used[share / 64], memory_order_relaxed) >>
		       share % 64 & 1;
}

/* put() - a lost race is a lost note: the flow's next packet makes it again */
static void put(struct flows *f, uint64_t hash, enum flow_kind kind, nsec_t now)
{
	uint64_t word, fresh = make_word(hash, kind, now);
	_Atomic uint64_t *at = find(f, hash, now, &word), *b;
	int i;

	if (!at) {
		b = bucket_of(f, hash);
		i = victim(b, kind, now, &word);
		if (i < 0)
			return;
		at = &b[i];
		use(f, hash);
	}
	if (word != fresh) /* at most once in 8 s for a flow that goes on */
		atomic_compare_exchange_strong_explicit(at, &word, fresh,
							memory_order_relaxed,
							memory_order_relaxed);
}

/* ---- the key of a flow ---- */

struct tuple {
	uint8_t local[16], remote[16];
	uint16_t local_port, remote_port;
	uint8_t protocol, v6, fragment, zero;
	uint32_t id; /* of fragments */
	uint32_t zeroes;
};

static uint64_t hash_of(const struct flows *f, const struct classify *c,
			bool outbound, bool fragment)
{
	size_t n = c->v6 ? 16 : 4;
	struct tuple t = { .v6 = c->v6, .fragment = fragment };

	memcpy(t.local, outbound ? c->source : c->destination, n);
	memcpy(t.remote, outbound ? c->destination : c->source, n);
	if (fragment) {
		/* RFC 791 s3.2: by protocol too; RFC 8200 s4.5: not */
		t.protocol = c->v6 ? 0 : c->protocol;
		t.id = c->fragment;
	} else {
		t.protocol = c->protocol;
		t.local_port = outbound ? c->source_port : c->destination_port;
		t.remote_port = outbound ? c->destination_port : c->source_port;
	}
	return prim_siphash(f->key, &t, sizeof(t));
}

/* ---- outbound ---- */

static enum flow_kind next_tcp(const struct classify *c, enum flow_kind before)
{
	if ((c->flags & (CLASSIFY_SYN | CLASSIFY_ACK)) == CLASSIFY_SYN)
		return FLOW_OPENING;
	if (before == FLOW_NONE || before == FLOW_CLOSING)
		return before;
	return c->flags & (CLASSIFY_FIN | CLASSIFY_RST) ? FLOW_CLOSING : FLOW_OPEN;
}

static enum flow_kind next_kind(const struct classify *c, enum flow_kind before)
{
	if (c->protocol == CLASSIFY_TCP)
		return next_tcp(c, before);
	if (c->protocol == CLASSIFY_ICMP)
		return c->icmp == CLASSIFY_ECHO_REQUEST ? FLOW_OURS : FLOW_NONE;
	return before == FLOW_THEIRS ? FLOW_THEIRS : FLOW_OURS;
}

void flows_outbound(struct flows *f, const uint8_t *p, size_t n, nsec_t now)
{
	enum flow_kind before = FLOW_NONE, next;
	struct classify c;
	uint64_t hash, word;

	if (!classify(p, n, &c) || c.part == CLASSIFY_LATER)
		return;
	hash = hash_of(f, &c, true, false);
	if (find(f, hash, now, &word))
		before = kind_of(word);
	next = next_kind(&c, before);
	if (next != FLOW_NONE)
		put(f, hash, next, now);
}

/* ---- inbound ---- */

static bool began(struct flows *f, uint64_t hash, nsec_t now)
{
	uint64_t word;

	return find(f, hash, now, &word) && is_ours(kind_of(word));
}

static bool quotes_ours(struct flows *f, const struct classify *c, nsec_t now)
{
	struct classify q;

	return classify_quoted(c->quoted, c->quoted_n, &q) &&
	       q.part != CLASSIFY_LATER &&
	       began(f, hash_of(f, &q, true, false), now);
}

bool flows_answers(struct flows *f, const struct classify *c, nsec_t now)
{
	if (c->icmp == CLASSIFY_ERROR)
		return quotes_ours(f, c, now);
	if (c->icmp == CLASSIFY_ECHO_REQUEST || c->icmp == CLASSIFY_ICMP_OTHER)
		return false;
	if (c->protocol == CLASSIFY_TCP &&
	    (c->flags & (CLASSIFY_SYN | CLASSIFY_ACK)) == CLASSIFY_SYN)
		return false; /* it begins one */
	return began(f, hash_of(f, c, false, false), now);
}

void flows_allowed(struct flows *f, const struct classify *c,
		   struct flows_memo *memo, nsec_t now)
{
	uint64_t hash, word;

	if (c->protocol == CLASSIFY_TCP || c->protocol == CLASSIFY_ICMP)
		return; /* their first packets say who began */
	hash = hash_of(f, c, false, false);
	if (memo->hash == hash && now - memo->at < UNIT)
		return;
	memo->hash = hash;
	memo->at = now;
	if (find(f, hash, now, &word) && kind_of(word) == FLOW_OURS)
		return;
	put(f, hash, FLOW_THEIRS, now);
}

void flows_fragment(struct flows *f, const struct classify *c, nsec_t now)
{
	put(f, hash_of(f, c, false, true), FLOW_FRAGMENT, now);
}

bool flows_has_fragment(struct flows *f, const struct classify *c, nsec_t now)
{
	uint64_t word;

	return find(f, hash_of(f, c, false, true), now, &word);
}

static void sweep(struct flows *f, unsigned share, uint16_t unit)
{
	_Atomic uint64_t *words = f->words + (size_t)share * FLOWS_SHARE * FLOWS_WAYS;

	for (unsigned i = 0; i < FLOWS_SHARE * FLOWS_WAYS; i++) {
		uint64_t w = atomic_load_explicit(&words[i], memory_order_relaxed);

		if (w && !is_live(w, unit))
			atomic_compare_exchange_strong_explicit(
				&words[i], &w, 0, memory_order_relaxed,
				memory_order_relaxed);
	}
}

void flows_sweep(struct flows *f, nsec_t now)
{
	for (unsigned share = 0; share < FLOWS_SHARES; share++)
		if (is_used(f, share))
			sweep(f, share, unit_of(now));
}
