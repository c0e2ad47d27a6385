/* SPDX-License-Identifier: MIT
 *
 * aead.c - which implementation seals, chosen by measurement and checked
 *
 * Theory: instruction sets decide the order of the libraries (on AVX-512 one is
 * three times the other, on AVX2 it is slower), so a table by name would be
 * wrong on the next machine. Each candidate seals one burst of full packets a
 * few times; the fastest wins if a second library computes the same octets.
 * This takes some milliseconds at start, and is the only place of crypto/ that
 * asks for the time.
 */
#include "crypto/aead.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/time.h"
#include "crypto/aead_impl.h"
#include "crypto/key.h"

enum {
	CANDIDATES_MAX = 8,
	TRIAL_PACKETS = 32,
	TRIAL_OCTETS = 1420,
	TRIAL_ROOM = TRIAL_OCTETS + AEAD_TAG_OCTETS,
	TRIALS = 5, /* the shortest counts: others may use the CPU too */
};

struct aead_thread {
	void *of[AEAD_SUITES]; /* the implementations' own; maybe one */
};

static const struct aead_impl *in_use[AEAD_SUITES];
static bool fast_aes;

/* Working memory of aead_setup(). */
struct trial {
	struct aead_key key;
	struct aead_job jobs[TRIAL_PACKETS];
	uint8_t data[TRIAL_PACKETS][TRIAL_ROOM];
	uint8_t other[TRIAL_PACKETS][TRIAL_ROOM];
};

/* ---- candidates ---- */

static const struct aead_impl *candidate(unsigned i)
{
	switch (i) {
	case 0:
		return &aead_portable;
	case 1:
		return &aead_evp;
	default:
		return aead_mb(i - 2);
	}
}

/* candidates() - all that work on this CPU */
static unsigned candidates(const struct aead_impl *out[static CANDIDATES_MAX])
{
	const struct aead_impl *impl;
	unsigned n = 0;

	for (unsigned i = 0; (impl = candidate(i)) && n < CANDIDATES_MAX; i++)
		if (impl->setup(impl))
			out[n++] = impl;
	return n;
}

static const struct aead_impl *find_forced(const struct aead_impl *const *all,
					   unsigned n, const char *force)
{
	for (unsigned i = 0; i < n; i++)
		if (!strcmp(all[i]->family, force) ||
		    !strcmp(all[i]->forced, force))
			return all[i];
	return NULL;
}

/* ---- trials ---- */

static void *thread_of(const struct aead_impl *impl)
{
	return impl->thread_new ? impl->thread_new(impl) : NULL;
}

static void thread_done(const struct aead_impl *impl, void *thread)
{
	if (impl->thread_free)
		impl->thread_free(thread);
}

static void trial_key(struct trial *t, const struct aead_impl *impl,
		      enum aead_suite suite)
{
	t->key.suite = suite;
	for (unsigned i = 0; i < sizeof(t->key.raw); i++)
		t->key.raw[i] = (uint8_t)(i * 7 + 1);
	impl->key_init(impl, &t->key);
}

/* trial_jobs() - packets of full length, or of all kinds of lengths */
static void trial_jobs(struct trial *t, uint8_t data[][TRIAL_ROOM], bool mixed)
{
	for (unsigned i = 0; i < TRIAL_PACKETS; i++) {
		t->jobs[i] = (struct aead_job){
			.data = data[i],
			.n = mixed ? i * i % 700 + i / 8 : TRIAL_OCTETS,
			.counter = i + (mixed ? UINT64_C(1) << 40 : 0),
		};
		for (unsigned j = 0; j < TRIAL_OCTETS; j++)
			data[i][j] = (uint8_t)(i + j);
	}
}

/* measure() - nanoseconds for one burst; NSEC_NEVER if it cannot be tried */
static nsec_t measure(struct trial *t, const struct aead_impl *impl,
		      enum aead_suite suite)
{
	nsec_t best = NSEC_NEVER;
	void *thread = thread_of(impl);

	if (impl->thread_new && !thread)
		return NSEC_NEVER;
	trial_key(t, impl, suite);
	trial_jobs(t, t->data, false);
	for (int i = 0; i < TRIALS; i++) {
		nsec_t start = time_now();

		impl->seal(thread, &t->key, t->jobs, TRIAL_PACKETS);
		best = nsec_min(best, time_now() - start);
	}
	thread_done(impl, thread);
	return best;
}

/* seal_trial(), opens_trial() - false also for want of memory */
static bool seal_trial(struct trial *t, const struct aead_impl *impl,
		       enum aead_suite suite, uint8_t data[][TRIAL_ROOM])
{
	void *thread = thread_of(impl);

	if (impl->thread_new && !thread)
		return false;
	trial_key(t, impl, suite);
	trial_jobs(t, data, true);
	impl->seal(thread, &t->key, t->jobs, TRIAL_PACKETS);
	thread_done(impl, thread);
	return true;
}

static bool opens_trial(struct trial *t, const struct aead_impl *impl,
			enum aead_suite suite)
{
	void *thread = thread_of(impl);
	bool ok = true;

	if (impl->thread_new && !thread)
		return false;
	trial_key(t, impl, suite);
	t->data[3][0] ^= 1; /* must be found out */
	impl->open(thread, &t->key, t->jobs, TRIAL_PACKETS);
	thread_done(impl, thread);
	for (unsigned i = 0; i < TRIAL_PACKETS; i++)
		ok = ok && t->jobs[i].ok == (i != 3);
	for (unsigned j = 0; j < t->jobs[31].n; j++)
		ok = ok && t->jobs[31].data[j] == (uint8_t)(31 + j);
	return ok;
}

/* agree() - does a second library compute the same? */
static bool agree(struct trial *t, const struct aead_impl *a,
		  const struct aead_impl *b, enum aead_suite suite)
{
	if (!seal_trial(t, b, suite, t->other) ||
	    !seal_trial(t, a, suite, t->data))
		return false;
	for (unsigned i = 0; i < TRIAL_PACKETS; i++)
		if (memcmp(t->data[i], t->other[i],
			   t->jobs[i].n + AEAD_TAG_OCTETS))
			return false;
	return opens_trial(t, a, suite);
}

/* ---- choice ---- */

struct choice {
	const struct aead_impl *impl;
	nsec_t cost;
};

static struct choice fastest(struct trial *t,
			     const struct aead_impl *const *all, unsigned n,
			     enum aead_suite suite)
{
	struct choice best = { .cost = NSEC_NEVER };

	for (unsigned i = 0; i < n; i++) {
		nsec_t cost;

		if (!all[i]->has(all[i], suite))
			continue;
		cost = measure(t, all[i], suite);
		if (cost < best.cost)
			best = (struct choice){ all[i], cost };
	}
	return best;
}

/* choose() - and check it against an implementation of another family */
static int choose(struct trial *t, const struct aead_impl *const *all,
		  unsigned n, const struct aead_impl *forced,
		  enum aead_suite suite, struct choice *out)
{
	bool obey = forced && forced->has(forced, suite);
	struct choice c = obey ? fastest(t, &forced, 1, suite)
			       : fastest(t, all, n, suite);

	if (!c.impl)
		return -EIO;
	for (unsigned i = 0; i < n; i++)
		if (strcmp(all[i]->family, c.impl->family) &&
		    all[i]->has(all[i], suite) &&
		    !agree(t, c.impl, all[i], suite))
			return -EIO;
	*out = c;
	return 0;
}

/* release_others() - what the candidates keep that no suite uses */
static void release_others(const struct aead_impl *const *all, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		bool used = false;

		for (int s = 0; s < AEAD_SUITES; s++)
			used |= in_use[s] == all[i];
		if (!used && all[i]->release)
			all[i]->release(all[i]);
	}
}

int aead_setup(const char *force)
{
	const struct aead_impl *all[CANDIDATES_MAX], *forced = NULL;
	unsigned n = candidates(all);
	struct choice best[AEAD_SUITES];
	struct trial *t;
	int err = 0;

	if (force)
		forced = find_forced(all, n, force);
	if (force && !forced)
		return -ENOENT;
	t = aligned_alloc(_Alignof(struct trial), sizeof(*t));
	if (!t)
		return -ENOMEM;
	for (int s = 0; s < AEAD_SUITES && !err; s++)
		err = choose(t, all, n, forced, (enum aead_suite)s, &best[s]);
	free(t);
	if (err)
		return err;
	for (int s = 0; s < AEAD_SUITES; s++)
		in_use[s] = best[s].impl;
	release_others(all, n);
	fast_aes = best[AEAD_AES_256_GCM].cost <=
		   best[AEAD_CHACHA20_POLY1305].cost / 2;
	return 0;
}

const char *aead_name(enum aead_suite suite)
{
	return in_use[suite] ? in_use[suite]->name : "none";
}

bool aead_fast_aes(void)
{
	return fast_aes;
}

/* ---- threads and keys ---- */

struct aead_thread *aead_thread_new(void)
{
	struct aead_thread *t = calloc(1, sizeof(*t));

	assert(in_use[0]);
	if (!t)
		return NULL;
	for (int s = 0; s < AEAD_SUITES; s++) {
		if (s > 0 && in_use[s] == in_use[s - 1]) {
			t->of[s] = t->of[s - 1];
			continue;
		}
		t->of[s] = thread_of(in_use[s]);
		if (in_use[s]->thread_new && !t->of[s]) {
			aead_thread_free(t);
			return NULL;
		}
	}
	return t;
}

void aead_thread_free(struct aead_thread *t)
{
	if (!t)
		return;
	for (int s = 0; s < AEAD_SUITES; s++)
		if (t->of[s] && (s == 0 || t->of[s] != t->of[s - 1]))
			thread_done(in_use[s], t->of[s]);
	free(t);
}

void aead_key_init(struct aead_key *k, enum aead_suite suite,
		   const uint8_t key[static AEAD_KEY_OCTETS])
{
	assert(in_use[suite]);
	k->suite = suite;
	memcpy(k->raw, key, sizeof(k->raw));
	in_use[suite]->key_init(in_use[suite], k);
}

void aead_key_wipe(struct aead_key *k)
{
	secret_wipe(k, sizeof(*k));
}

/* ---- the packet path ---- */

void aead_seal(struct aead_thread *t, const struct aead_key *k,
	       struct aead_job *jobs, unsigned n)
{
	assert(n <= AEAD_JOBS_MAX);
	in_use[k->suite]->seal(t->of[k->suite], k, jobs, n);
}

void aead_open(struct aead_thread *t, const struct aead_key *k,
	       struct aead_job *jobs, unsigned n)
{
	assert(n <= AEAD_JOBS_MAX);
	in_use[k->suite]->open(t->of[k->suite], k, jobs, n);
}
