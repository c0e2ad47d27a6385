/* SPDX-License-Identifier: MIT
 *
 * aead_mb.c - authenticated encryption by libipsec-mb (x86-64)
 *
 * Theory: a manager of the library holds function pointers for one instruction
 * set and a ring of jobs. ChaCha20-Poly1305 goes through the ring, where the
 * library may work on several packets at once; AES-256-GCM fills the vector
 * units with one packet and is called directly. A manager belongs to one
 * thread. Tags of opened packets are computed aside and compared in constant
 * time here.
 */
#include <intel-ipsec-mb.h>

#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/resident.h"
#include "crypto/aead_impl.h"
#include "crypto/key.h"

_Static_assert(sizeof(struct gcm_key_data) <=
		       sizeof(((struct aead_key *)0)->schedule),
	       "the expanded AES key fits");
_Static_assert(AEAD_JOBS_MAX <= IMB_MAX_JOBS, "a call fits the ring");

enum {
	AVX512,
	AVX2,
	SSE,
	VARIANTS
};

static const struct variant {
	uint64_t needs;
	void (*init)(IMB_MGR *mgr);
} variants[VARIANTS] = {
	[AVX512] = { IMB_CPUFLAGS_AVX512, init_mb_mgr_avx512 },
	[AVX2] = { IMB_CPUFLAGS_AVX2, init_mb_mgr_avx2 },
	[SSE] = { IMB_CPUFLAGS_SSE, init_mb_mgr_sse },
};

/* Of each variant, its expansion of AES-256 keys; it needs no manager. */
static aes_gcm_pre_t expand[VARIANTS];

static IMB_MGR *manager_new(unsigned variant)
{
	IMB_MGR *mgr = alloc_mb_mgr(0);

	if (!mgr)
		return NULL;
	if ((mgr->features & variants[variant].needs) ==
	    variants[variant].needs) {
		variants[variant].init(mgr);
		if (!imb_get_errno(mgr)) {
			/* most of it is lanes of ciphers that we do not use */
			resident_fold(mgr, imb_get_mb_mgr_size());
			return mgr;
		}
	}
	free_mb_mgr(mgr);
	return NULL;
}

static bool setup(const struct aead_impl *impl)
{
	IMB_MGR *mgr;

	if (expand[impl->variant])
		return true;
	mgr = manager_new(impl->variant);
	if (!mgr)
		return false;
	expand[impl->variant] = mgr->gcm256_pre;
	free_mb_mgr(mgr);
	return true;
}

static void release(const struct aead_impl *impl)
{
	expand[impl->variant] = NULL;
}

static bool has(const struct aead_impl *impl, enum aead_suite suite)
{
	return true;
}

static void *thread_new(const struct aead_impl *impl)
{
	return manager_new(impl->variant);
}

static void thread_free(void *thread)
{
	if (thread)
		free_mb_mgr(thread);
}

static struct gcm_key_data *gcm_key(const struct aead_key *k)
{
	return (struct gcm_key_data *)(void *)k->schedule;
}

static void key_init(const struct aead_impl *impl, struct aead_key *k)
{
	if (k->suite == AEAD_AES_256_GCM)
		expand[impl->variant](k->raw, gcm_key(k));
}

/* tag_eq() - as secret_eq(), which goes octet by octet: 2 % of what a packet costs */
static inline bool tag_eq(const uint8_t *a, const uint8_t *b)
{
	uint64_t x[2], y[2], differ;

	_Static_assert(AEAD_TAG_OCTETS == sizeof(x), "two words");
	memcpy(x, a, sizeof(x));
	memcpy(y, b, sizeof(y));
	differ = (x[0] ^ y[0]) | (x[1] ^ y[1]);
	__asm__("" : "+r"(differ)); /* no branch on half of it */
	return !differ;
}

/* ---- ChaCha20-Poly1305: the ring of jobs ---- */

/* What the library's jobs point to while they are in flight. */
struct flight {
	uint8_t nonces[AEAD_JOBS_MAX][16];
	uint8_t tags[AEAD_JOBS_MAX]
		    [AEAD_TAG_OCTETS]; /* computed when opening */
};

static void chacha_fill(IMB_JOB *to, const struct aead_key *k,
			const struct aead_job *job, uint8_t *nonce,
			uint8_t *tag, IMB_CIPHER_DIRECTION direction)
{
	aead_nonce(AEAD_CHACHA20_POLY1305, job->counter, nonce);
	to->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
	to->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
	to->cipher_direction = direction;
	to->chain_order = direction == IMB_DIR_ENCRYPT ? IMB_ORDER_CIPHER_HASH
						       : IMB_ORDER_HASH_CIPHER;
	to->enc_keys = to->dec_keys = k->raw;
	to->key_len_in_bytes = AEAD_KEY_OCTETS;
	to->iv = nonce;
	to->iv_len_in_bytes = AEAD_NONCE_OCTETS;
	to->src = to->dst = job->data;
	to->cipher_start_src_offset_in_bytes = 0;
	to->hash_start_src_offset_in_bytes = 0;
	to->msg_len_to_cipher_in_bytes = job->n;
	to->msg_len_to_hash_in_bytes = job->n;
	to->u.CHACHA20_POLY1305.aad = NULL;
	to->u.CHACHA20_POLY1305.aad_len_in_bytes = 0;
	to->auth_tag_output = tag;
	to->auth_tag_output_len_in_bytes = AEAD_TAG_OCTETS;
}

/* chacha_run() - all n jobs through the ring; it is empty before and after */
static void chacha_run(IMB_MGR *mgr, const struct aead_key *k,
		       struct aead_job *jobs, unsigned n, struct flight *f,
		       IMB_CIPHER_DIRECTION direction)
{
	for (unsigned i = 0; i < n; i++) {
		uint8_t *tag = direction == IMB_DIR_ENCRYPT
				       ? jobs[i].data + jobs[i].n
				       : f->tags[i];

		chacha_fill(IMB_GET_NEXT_JOB(mgr), k, &jobs[i], f->nonces[i],
			    tag, direction);
		if (IMB_SUBMIT_JOB_NOCHECK(mgr))
			while (IMB_GET_COMPLETED_JOB(mgr))
				;
	}
	while (IMB_FLUSH_JOB(mgr))
		;
}

static void chacha_seal(IMB_MGR *mgr, const struct aead_key *k,
			struct aead_job *jobs, unsigned n)
{
	struct flight f;

	chacha_run(mgr, k, jobs, n, &f, IMB_DIR_ENCRYPT);
	for (unsigned i = 0; i < n; i++)
		jobs[i].ok = true;
}

static void chacha_open(IMB_MGR *mgr, const struct aead_key *k,
			struct aead_job *jobs, unsigned n)
{
	struct flight f;

	chacha_run(mgr, k, jobs, n, &f, IMB_DIR_DECRYPT);
	for (unsigned i = 0; i < n; i++)
		jobs[i].ok = tag_eq(f.tags[i], jobs[i].data + jobs[i].n);
}

/* ---- AES-256-GCM: direct ---- */

static void gcm_seal(IMB_MGR *mgr, const struct aead_key *k,
		     struct aead_job *jobs, unsigned n)
{
	struct gcm_context_data state;
	uint8_t nonce[16];

	for (unsigned i = 0; i < n; i++) {
		struct aead_job *job = &jobs[i];

		aead_nonce(AEAD_AES_256_GCM, job->counter, nonce);
		IMB_AES256_GCM_ENC(mgr, gcm_key(k), &state, job->data,
				   job->data, job->n, nonce, NULL, 0,
				   job->data + job->n, AEAD_TAG_OCTETS);
		job->ok = true;
	}
}

static void gcm_open(IMB_MGR *mgr, const struct aead_key *k,
		     struct aead_job *jobs, unsigned n)
{
	struct gcm_context_data state;
	uint8_t nonce[16], tag[AEAD_TAG_OCTETS];

	for (unsigned i = 0; i < n; i++) {
		struct aead_job *job = &jobs[i];

		aead_nonce(AEAD_AES_256_GCM, job->counter, nonce);
		IMB_AES256_GCM_DEC(mgr, gcm_key(k), &state, job->data,
				   job->data, job->n, nonce, NULL, 0, tag,
				   AEAD_TAG_OCTETS);
		job->ok = tag_eq(tag, job->data + job->n);
	}
}

static void seal(void *thread, const struct aead_key *k, struct aead_job *jobs,
		 unsigned n)
{
	if (k->suite == AEAD_AES_256_GCM)
		gcm_seal(thread, k, jobs, n);
	else
		chacha_seal(thread, k, jobs, n);
}

static void open(void *thread, const struct aead_key *k, struct aead_job *jobs,
		 unsigned n)
{
	if (k->suite == AEAD_AES_256_GCM)
		gcm_open(thread, k, jobs, n);
	else
		chacha_open(thread, k, jobs, n);
}

#define MB_IMPL(id, text)                    \
	[id] = { .name = "ipsec-mb " text,   \
		 .family = "ipsec-mb",       \
		 .forced = "ipsec-mb-" text, \
		 .variant = (id),            \
		 .setup = setup,             \
		 .release = release,         \
		 .has = has,                 \
		 .thread_new = thread_new,   \
		 .thread_free = thread_free, \
		 .key_init = key_init,       \
		 .seal = seal,               \
		 .open = open }

static const struct aead_impl impls[VARIANTS] = {
	MB_IMPL(AVX512, "avx512"),
	MB_IMPL(AVX2, "avx2"),
	MB_IMPL(SSE, "sse"),
};

const struct aead_impl *aead_mb(unsigned i)
{
	return i < VARIANTS ? &impls[i] : NULL;
}
