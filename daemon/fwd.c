/* SPDX-License-Identifier: MIT
 *
 * fwd.c - the forwarding table: all that packet workers see of peers
 */
#include "daemon/fwd.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/acl.h"

static void retire(struct fwd *f, void *object, void (*release)(void *))
{
	struct fwd_retired *r;

	if (!object)
		return;
	r = calloc(1, sizeof(*r));
	if (!r)
		return; /* leaked rather than freed under a worker */
	r->object = object;
	r->release = release;
	r->epoch = atomic_fetch_add(&f->epoch, 1) + 1;
	r->next = f->retired;
	f->retired = r;
	fwd_reclaim(f);
}

static uint64_t oldest_seen(struct fwd *f)
{
	uint64_t oldest = UINT64_MAX;

	for (unsigned i = 0; i < FWD_WORKERS_MAX; i++) {
		uint64_t seen = atomic_load(&f->workers[i].seen);

		if (seen < oldest)
			oldest = seen;
	}
	return oldest;
}

bool fwd_reclaim(struct fwd *f)
{
	struct fwd_retired **at = &f->retired;
	uint64_t oldest;

	if (!f->retired)
		return false;
	oldest = oldest_seen(f);
	while (*at) {
		struct fwd_retired *r = *at;

		if (r->epoch > oldest) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		r->release(r->object);
		free(r);
	}
	return f->retired != NULL;
}

int fwd_init(struct fwd *f)
{
	struct trie *t = trie_new();

	if (!t)
		return -ENOMEM;
	memset(f, 0, sizeof(*f));
	if (flows_init(&f->flows) < 0) {
		trie_free(t);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < FWD_WORKERS_MAX; i++)
		atomic_init(&f->workers[i].seen, UINT64_MAX);
	atomic_init(&f->routes, t);
	return 0;
}

void fwd_done(struct fwd *f)
{
	fwd_reclaim(f);
	for (unsigned i = 0; i < FWD_CHUNKS; i++)
		free(atomic_load(&f->chunks[i]));
	trie_free(atomic_load(&f->routes));
	trie_free(atomic_load(&f->inside));
	acl_free(atomic_load(&f->acl));
	flows_done(&f->flows);
	free(f->free_slots);
	memset(f, 0, sizeof(*f));
}

static bool take_slot(struct fwd *f, uint32_t *slot)
{
	struct fwd_slot *chunk;

	if (f->free_count) {
		*slot = f->free_slots[--f->free_count];
		return true;
	}
	if (f->next_slot >> TUNNEL_SLOT_BITS)
		return false;
	if (f->next_slot % FWD_CHUNK == 0) {
		chunk = calloc(FWD_CHUNK, sizeof(*chunk));
		if (!chunk)
			return false;
		atomic_store_explicit(&f->chunks[f->next_slot / FWD_CHUNK],
				      chunk, memory_order_release);
	}
	*slot = f->next_slot++;
	return true;
}

static void give_slot(struct fwd *f, uint32_t slot)
{
	if (f->free_count == f->free_room) {
		unsigned room = f->free_room ? f->free_room * 2 : 64;
		uint32_t *more = realloc(f->free_slots, room * sizeof(*more));

		if (!more)
			return; /* the slot is not used again */
		f->free_slots = more;
		f->free_room = room;
	}
	f->free_slots[f->free_count++] = slot;
}

struct fwd_peer *fwd_peer_new(struct fwd *f)
{
	struct fwd_peer *p = calloc(1, sizeof(*p));
	uint32_t slot;

	if (!p || !take_slot(f, &slot)) {
		free(p);
		return NULL;
	}
	p->slot = slot;
	p->number = ++f->next_number;
	p->fwd = f;
	atomic_store_explicit(&fwd_slot_at(f, slot)->peer, p,
			      memory_order_release);
	return p;
}

static void release_peer(void *object)
{
	struct fwd_peer *p = object;

	give_slot(p->fwd, p->slot);
	free(p);
}

void fwd_peer_remove(struct fwd *f, struct fwd_peer *p)
{
	struct fwd_slot *s = fwd_slot_at(f, p->slot);

	atomic_store_explicit(&s->peer, NULL, memory_order_release);
	retire(f, atomic_exchange(&p->egress, NULL), free);
	retire(f, p, release_peer);
}

void fwd_session_add(struct fwd *f, struct session *s)
{
	uint32_t i = session_index(s);

	atomic_store_explicit(
		&fwd_slot_at(f, index_slot(i))->sessions[index_turn(i)], s,
		memory_order_release);
}

void fwd_session_use(struct fwd_peer *p, struct session *s)
{
	atomic_store_explicit(&p->send, s, memory_order_release);
}

static void release_session(void *s)
{
	session_free(s);
}

void fwd_session_retire(struct fwd *f, struct session *s)
{
	uint32_t i = session_index(s);
	struct fwd_slot *slot = fwd_slot_at(f, index_slot(i));
	_Atomic(struct session *) *at = &slot->sessions[index_turn(i)];
	struct fwd_peer *p = atomic_load(&slot->peer);

	if (atomic_load(at) == s)
		atomic_store_explicit(at, NULL, memory_order_release);
	if (p && atomic_load(&p->send) == s)
		atomic_store_explicit(&p->send, NULL, memory_order_release);
	retire(f, s, release_session);
}

void fwd_set_egress(struct fwd *f, struct fwd_peer *p, struct egress_pair *e)
{
	retire(f, atomic_exchange(&p->egress, e), free);
}

static void release_trie(void *t)
{
	trie_free(t);
}

void fwd_set_routes(struct fwd *f, struct trie *t)
{
	retire(f, atomic_exchange(&f->routes, t), release_trie);
}

void fwd_set_inside(struct fwd *f, struct trie *t)
{
	retire(f, atomic_exchange(&f->inside, t), release_trie);
}

static void release_acl(void *a)
{
	acl_free(a);
}

void fwd_set_acl(struct fwd *f, struct acl *a)
{
	retire(f, atomic_exchange(&f->acl, a), release_acl);
}
