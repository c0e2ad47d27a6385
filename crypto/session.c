/* SPDX-License-Identifier: MIT
 *
 * session.c - transport keys: seal and open batches of packets
 *
 * Theory: the send counter is one atomic add per batch, so any number of
 * threads may seal; opening decrypts without a lock and then passes the
 * counters of the whole batch through the replay window under one short lock. A
 * counter is noted only after its packet authenticated, so a forger cannot move
 * the window.
 * Spec: WireGuard paper s5.4.6, s6.1, s6.2
 */
#include "crypto/session.h"

#include <assert.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/prim.h"

enum {
	HEADER = sizeof(struct message_data),
	SPINS = 100, /* before the processor is given away */
};

/* The receive side asks early enough for a handshake and a keepalive to fit. */
#define REKEY_LATE (REJECT_AFTER_TIME - KEEPALIVE_TIMEOUT - REKEY_TIMEOUT)

struct session *session_new(const struct session_params *p, nsec_t now)
{
	struct session *s = aligned_alloc(_Alignof(struct session), sizeof(*s));

	if (!s)
		return NULL;
	memset(s, 0, sizeof(*s));
	aead_key_init(&s->send_key, p->suite, p->keys->send);
	aead_key_init(&s->receive_key, p->suite, p->keys->receive);
	s->index = p->index;
	s->remote = p->remote;
	s->initiator = p->initiator;
	s->born = now;
	s->activity = activity_share(p->activity);
	atomic_flag_clear(&s->lock);
	return s;
}

void session_free(struct session *s)
{
	if (!s)
		return;
	activity_release(s->activity);
	aead_key_wipe(&s->send_key);
	aead_key_wipe(&s->receive_key);
	prim_wipe(s, sizeof(*s));
	free(s);
}

uint32_t session_index(const struct session *s)
{
	return s->index;
}

static uint64_t counter_of(const struct session *s)
{
	return atomic_load_explicit(&s->next_counter, memory_order_relaxed);
}

bool session_expired(const struct session *s, nsec_t now)
{
	return nsec_since(s->born, now) >= REJECT_AFTER_TIME ||
	       counter_of(s) >= REJECT_AFTER_MESSAGES;
}

bool session_rekey_due(const struct session *s, nsec_t now)
{
	return session_expired(s, now) ||
	       counter_of(s) > REKEY_AFTER_MESSAGES ||
	       (s->initiator && nsec_since(s->born, now) >= REKEY_AFTER_TIME);
}

bool session_confirmed(const struct session *s)
{
	return atomic_load_explicit(&s->confirmed, memory_order_acquire);
}

/* ask() - a new handshake is due: tell the control thread, now and then */
static unsigned ask(struct session *s, nsec_t now)
{
	const nsec_t asked =
		atomic_load_explicit(&s->asked, memory_order_relaxed);

	if (asked && nsec_since(asked, now) < REKEY_TIMEOUT)
		return 0;
	atomic_store_explicit(&s->asked, now, memory_order_relaxed);
	atomic_store(&s->activity->rekey, true);
	return SESSION_WAKE_REKEY;
}

/* claim() - n consecutive counters; looks first, so that refused calls do not
 * run the counter around */
static bool claim(struct session *s, unsigned n, uint64_t *first)
{
	if (counter_of(s) >= REJECT_AFTER_MESSAGES)
		return false;
	*first = atomic_fetch_add_explicit(&s->next_counter, n,
					   memory_order_relaxed);
	return *first <= REJECT_AFTER_MESSAGES - n;
}

/* pad() - zeroes behind the inner packet; returns its padded length */
static size_t pad(struct session_out *p, size_t pad_to)
{
	const size_t round = (p->inner + MESSAGE_PADDING - 1) &
			     ~(size_t)(MESSAGE_PADDING - 1);
	const size_t limit = pad_to > p->inner ? pad_to : p->inner;
	const size_t n = round < limit ? round : limit;

	memset(p->data + HEADER + p->inner, 0, n - p->inner);
	return n;
}

static void write_header(const struct session *s, struct session_out *p,
			 uint64_t counter)
{
	const struct message_data h = { le32_of(MESSAGE_DATA),
					le32_of(s->remote),
					le64_of(counter) };

	memcpy(p->data, &h, sizeof(h));
}

enum drop session_seal(struct session *s, struct aead_thread *at,
		       struct session_out *p, unsigned n, size_t pad_to,
		       nsec_t now, unsigned *wake)
{
	struct aead_job jobs[AEAD_JOBS_MAX];
	bool data = false;
	uint64_t first;

	assert(n <= AEAD_JOBS_MAX);
	if (session_expired(s, now) || !claim(s, n, &first)) {
		atomic_store(&s->activity->rekey, true);
		*wake |= SESSION_WAKE_REKEY;
		return DROP_SESSION_EXPIRED;
	}
	for (unsigned i = 0; i < n; i++) {
		const size_t padded = pad(&p[i], pad_to);

		write_header(s, &p[i], first + i);
		jobs[i] = (struct aead_job){ p[i].data + HEADER, padded,
					     first + i, false };
		p[i].n = padded + MESSAGE_DATA_OVERHEAD;
		data |= p[i].inner > 0;
	}
	aead_seal(at, &s->send_key, jobs, n);
	if (activity_sent(s->activity, data, now))
		*wake |= SESSION_WAKE_TIMERS;
	if (session_rekey_due(s, now))
		*wake |= ask(s, now);
	return DROP_NONE;
}

/* read_header() - may this message be decrypted at all? */
static enum drop read_header(const struct session_in *p, uint64_t *counter)
{
	struct message_data h;

	if (p->n < MESSAGE_DATA_MIN)
		return DROP_TOO_SHORT;
	memcpy(&h, p->data, sizeof(h));
	*counter = le64_get(h.counter);
	return *counter < REJECT_AFTER_MESSAGES ? DROP_NONE :
						  DROP_SESSION_EXPIRED;
}

/* decrypt() - verdicts and lengths of all; counters of those that
 * authenticated */
static void decrypt(struct session *s, struct aead_thread *at,
		    struct session_in *p, unsigned n, uint64_t *counters)
{
	struct aead_job jobs[AEAD_JOBS_MAX];
	struct session_in *of[AEAD_JOBS_MAX];
	unsigned count = 0;

	for (unsigned i = 0; i < n; i++) {
		p[i].verdict = read_header(&p[i], &counters[i]);
		p[i].inner = 0;
		if (p[i].verdict != DROP_NONE)
			continue;
		p[i].inner = p[i].n - MESSAGE_DATA_OVERHEAD;
		of[count] = &p[i];
		jobs[count++] = (struct aead_job){ p[i].data + HEADER,
						   p[i].inner, counters[i],
						   false };
	}
	aead_open(at, &s->receive_key, jobs, count);
	for (unsigned i = 0; i < count; i++)
		if (!jobs[i].ok)
			of[i]->verdict = DROP_DATA_CRYPTO;
}

static void lock(struct session *s)
{
	unsigned spins = 0;

	while (atomic_flag_test_and_set_explicit(&s->lock,
						 memory_order_acquire))
		if (++spins % SPINS == 0)
			sched_yield();
}

/* filter_replays() - returns how many messages are left */
static unsigned filter_replays(struct session *s, struct session_in *p,
			       unsigned n, const uint64_t *counters)
{
	unsigned good = 0;

	lock(s);
	for (unsigned i = 0; i < n; i++) {
		if (p[i].verdict != DROP_NONE)
			continue;
		if (replay_accept(&s->replay, counters[i]))
			good++;
		else
			p[i].verdict = DROP_REPLAY;
	}
	atomic_flag_clear_explicit(&s->lock, memory_order_release);
	return good;
}

/* note() - something authenticated and new came in */
static unsigned note(struct session *s, bool data, nsec_t now)
{
	unsigned wake = 0;

	if (activity_received(s->activity, data, now))
		wake |= SESSION_WAKE_TIMERS;
	if (!session_confirmed(s) &&
	    !atomic_exchange(&s->confirmed, true) && !s->initiator)
		wake |= SESSION_WAKE_CONFIRMED;
	if (s->initiator && nsec_since(s->born, now) >= REKEY_LATE &&
	    !atomic_exchange(&s->late_asked, true)) {
		atomic_store(&s->activity->rekey, true);
		wake |= SESSION_WAKE_REKEY;
	}
	return wake;
}

unsigned session_open(struct session *s, struct aead_thread *at,
		      struct session_in *p, unsigned n, nsec_t now,
		      unsigned *wake)
{
	uint64_t counters[AEAD_JOBS_MAX];
	bool data = false;
	unsigned good;

	assert(n <= AEAD_JOBS_MAX);
	if (nsec_since(s->born, now) >= REJECT_AFTER_TIME) {
		for (unsigned i = 0; i < n; i++) {
			p[i].verdict = DROP_SESSION_EXPIRED;
			p[i].inner = 0;
		}
		return 0;
	}
	decrypt(s, at, p, n, counters);
	good = filter_replays(s, p, n, counters);
	if (!good)
		return 0;
	for (unsigned i = 0; i < n; i++)
		data |= p[i].verdict == DROP_NONE && p[i].inner > 0;
	*wake |= note(s, data, now);
	return good;
}
