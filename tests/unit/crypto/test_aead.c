/* SPDX-License-Identifier: MIT
 *
 * test_aead.c - every implementation against published vectors and all others
 *
 * Vectors: ChaCha20-Poly1305 from RFC 8439 appendix A.5 (whose tag covers
 * associated data, which packets do not have: its ciphertext alone) and from
 * WireGuard's self-test (2 and 5); AES-256-GCM from McGrew and Viega, "The
 * Galois/Counter Mode of Operation", appendix B, test cases 13 and 14.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rand.h"
#include "crypto/aead.h"
#include "crypto/key.h"

static const char *const names[] = {
	"libsodium",	   "openssl",  "ipsec-mb-sse", "ipsec-mb-avx2",
	"ipsec-mb-avx512", "ipsec-mb", NULL,
};

struct vector {
	enum aead_suite suite;
	const char *key;
	uint64_t counter;
	const char *plain;
	const char *sealed; /* ciphertext, and tag unless without_tag */
	bool without_tag;
};

static const struct vector vectors[] = {
	{ AEAD_CHACHA20_POLY1305,
	  "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0",
	  UINT64_C(0x0807060504030201),
	  "496e7465726e65742d4472616674732061726520647261667420646f63756d65"
	  "6e74732076616c696420666f722061206d6178696d756d206f6620736978206d"
	  "6f6e74687320616e64206d617920626520757064617465642c207265706c6163"
	  "65642c206f72206f62736f6c65746564206279206f7468657220646f63756d65",
	  "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb2"
	  "4c6cfc18755d43eea09ee94e382d26b0bdb7b73c321b0100d4f03b7f355894cf"
	  "332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c855"
	  "9797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4",
	  true },
	{ AEAD_CHACHA20_POLY1305,
	  "4cf5968338e6ae7f2d292576d5752786919a277afb46c5ef9481795714594068",
	  UINT64_C(0x8e7745327133bfca), "", "eae01e9e2c91aae1db5d993f8af76992",
	  false },
	{ AEAD_CHACHA20_POLY1305,
	  "66ca9c232a4b4b310e92898bf493c78798a3d839f8f4a701c02e0aa67e5a7887",
	  UINT64_C(0x3092bf9c5faa1c20), "2d",
	  "bfe15b0bdb6bf55e6c5d84443981c19cac", false },
	{ AEAD_AES_256_GCM,
	  "0000000000000000000000000000000000000000000000000000000000000000", 0,
	  "", "530f8afbc74536b9a963b4f1c4cb738b", false },
	{ AEAD_AES_256_GCM,
	  "0000000000000000000000000000000000000000000000000000000000000000", 0,
	  "00000000000000000000000000000000",
	  "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919",
	  false },
};

/* What every test of one implementation needs. */
struct bench {
	struct aead_thread *thread;
	struct aead_key *key;
};

/* bench_new() - false if this machine lacks the implementation */
static bool bench_new(struct bench *b, const char *name)
{
	int err = aead_setup(name);

	if (err == -ENOENT) {
		assert_true(name && !strncmp(name, "ipsec-mb", 8));
		return false;
	}
	assert_int_equal(err, 0);
	b->thread = aead_thread_new();
	b->key = aligned_alloc(64, sizeof(*b->key));
	assert_non_null(b->thread);
	assert_non_null(b->key);
	return true;
}

static void bench_free(struct bench *b)
{
	aead_key_wipe(b->key);
	free(b->key);
	aead_thread_free(b->thread);
}

static void check_vector(const struct bench *b, const struct vector *v)
{
	uint8_t key[32], plain[300], sealed[300], data[300];
	size_t n = unit_hex(v->plain, plain, sizeof(plain));
	size_t sealed_n = unit_hex(v->sealed, sealed, sizeof(sealed));
	struct aead_job job = { .data = data, .n = n, .counter = v->counter };

	assert_int_equal(unit_hex(v->key, key, sizeof(key)), 32);
	assert_int_equal(sealed_n, v->without_tag ? n : n + AEAD_TAG_OCTETS);
	aead_key_init(b->key, v->suite, key);
	memcpy(data, plain, n);
	aead_seal(b->thread, b->key, &job, 1);
	assert_true(job.ok);
	assert_memory_equal(data, sealed, sealed_n);
	job.ok = false;
	aead_open(b->thread, b->key, &job, 1);
	assert_true(job.ok);
	assert_memory_equal(data, plain, n);
}

static void published_vectors(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct bench b;

		if (!bench_new(&b, names[i]))
			continue;
		for (size_t j = 0; j < ARRAY_SIZE(vectors); j++)
			check_vector(&b, &vectors[j]);
		bench_free(&b);
	}
}

/* ---- random batches ---- */

enum {
	ROOM = 1600,
	BATCHES = 12
};

struct batch {
	unsigned n;
	size_t lengths[AEAD_JOBS_MAX];
	uint64_t counters[AEAD_JOBS_MAX];
	uint8_t plain[AEAD_JOBS_MAX][ROOM];
	uint8_t sealed[AEAD_JOBS_MAX][ROOM];
	uint8_t data[AEAD_JOBS_MAX][ROOM];
	struct aead_job jobs[AEAD_JOBS_MAX];
	uint8_t key[32];
};

static size_t random_length(struct prng *g)
{
	static const size_t edges[] = {
		0,   1,	  15,  16,  17,	 63,   64,   65,   127,	 128, 129,
		255, 256, 257, 511, 512, 1023, 1024, 1025, 1420, 1500
	};

	if (prng_below(g, 2))
		return edges[prng_below(g, ARRAY_SIZE(edges))];
	return prng_below(g, ROOM - AEAD_TAG_OCTETS);
}

static void batch_random(struct batch *b, struct prng *g)
{
	b->n = prng_below(g, AEAD_JOBS_MAX + 1);
	for (unsigned i = 0; i < 32; i++)
		b->key[i] = (uint8_t)prng_u64(g);
	for (unsigned i = 0; i < b->n; i++) {
		b->lengths[i] = random_length(g);
		b->counters[i] = prng_u64(g) >> prng_below(g, 64);
		for (size_t j = 0; j < b->lengths[i]; j++)
			b->plain[i][j] = (uint8_t)prng_u64(g);
	}
}

static void batch_load(struct batch *b, uint8_t from[][ROOM])
{
	for (unsigned i = 0; i < b->n; i++) {
		memcpy(b->data[i], from[i], ROOM);
		b->jobs[i] = (struct aead_job){
			.data = b->data[i],
			.n = b->lengths[i],
			.counter = b->counters[i],
		};
	}
}

static void seal_by(const char *name, struct batch *b, enum aead_suite suite,
		    bool first)
{
	struct bench bench;

	if (!bench_new(&bench, name))
		return;
	aead_key_init(bench.key, suite, b->key);
	batch_load(b, b->plain);
	aead_seal(bench.thread, bench.key, b->jobs, b->n);
	if (first)
		memcpy(b->sealed, b->data, sizeof(b->data));
	for (unsigned i = 0; i < b->n; i++)
		assert_memory_equal(b->data[i], b->sealed[i],
				    b->lengths[i] + AEAD_TAG_OCTETS);
	bench_free(&bench);
}

/* spoil() - one bit somewhere in ciphertext, tag or counter */
static void spoil(struct batch *b, struct prng *g, unsigned i)
{
	size_t room = b->lengths[i] + AEAD_TAG_OCTETS;

	if (prng_below(g, 4) == 0)
		b->jobs[i].counter ^= UINT64_C(1) << prng_below(g, 64);
	else
		b->data[i][prng_below(g, (uint32_t)room)] ^=
			(uint8_t)(1u << prng_below(g, 8));
}

static void open_by(const char *name, struct batch *b, enum aead_suite suite,
		    struct prng *g)
{
	bool spoilt[AEAD_JOBS_MAX];
	struct bench bench;

	if (!bench_new(&bench, name))
		return;
	aead_key_init(bench.key, suite, b->key);
	batch_load(b, b->sealed);
	for (unsigned i = 0; i < b->n; i++) {
		b->jobs[i].ok = prng_below(g, 2);
		spoilt[i] = prng_below(g, 3) == 0;
		if (spoilt[i])
			spoil(b, g, i);
	}
	aead_open(bench.thread, bench.key, b->jobs, b->n);
	for (unsigned i = 0; i < b->n; i++) {
		assert_int_equal(b->jobs[i].ok, !spoilt[i]);
		if (!spoilt[i])
			assert_memory_equal(b->data[i], b->plain[i],
					    b->lengths[i]);
	}
	bench_free(&bench);
}

static void all_agree(void **state)
{
	struct batch *b = calloc(1, sizeof(*b));
	struct prng g = { 7 };

	assert_non_null(b);
	for (int i = 0; i < BATCHES; i++) {
		enum aead_suite suite = (enum aead_suite)(i % AEAD_SUITES);

		batch_random(b, &g);
		for (size_t j = 0; j < ARRAY_SIZE(names); j++)
			seal_by(names[j], b, suite, j == 0);
		for (size_t j = 0; j < ARRAY_SIZE(names); j++)
			open_by(names[j], b, suite, &g);
	}
	free(b);
}

static void every_bit_of_a_tag_counts(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		for (int s = 0; s < AEAD_SUITES; s++) {
			uint8_t key[32] = { 9 }, sealed[21] = "hello", data[21];
			struct aead_job job = { .data = sealed, .n = 5 };
			struct bench b;

			if (!bench_new(&b, names[i]))
				continue;
			aead_key_init(b.key, (enum aead_suite)s, key);
			aead_seal(b.thread, b.key, &job, 1);
			job.data = data;
			for (unsigned bit = 0; bit < sizeof(data) * 8; bit++) {
				memcpy(data, sealed, sizeof(data));
				data[bit / 8] ^= (uint8_t)(1u << bit % 8);
				aead_open(b.thread, b.key, &job, 1);
				assert_false(job.ok);
			}
			bench_free(&b);
		}
}

static void names_are_obeyed(void **state)
{
	static const struct {
		const char *force;
		const char *name;
	} rows[] = {
		{ "libsodium", "libsodium" },
		{ "openssl", "openssl" },
		{ "ipsec-mb-sse", "ipsec-mb sse" },
		{ "ipsec-mb-avx2", "ipsec-mb avx2" },
		{ "ipsec-mb-avx512", "ipsec-mb avx512" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (aead_setup(rows[i].force) == 0)
			assert_string_equal(aead_name(AEAD_CHACHA20_POLY1305),
					    rows[i].name);
	assert_int_equal(aead_setup("rot13"), -ENOENT);
	assert_int_equal(aead_setup(""), -ENOENT);
	assert_int_equal(aead_setup(NULL), 0);
	print_message("# chosen: %s, %s; fast AES: %d\n",
		      aead_name(AEAD_CHACHA20_POLY1305),
		      aead_name(AEAD_AES_256_GCM), aead_fast_aes());
	aead_thread_free(NULL);
}

static void wiped_keys_are_zero(void **state)
{
	static const struct aead_key zero;
	uint8_t key[32] = { 1, 2, 3 };
	struct bench b;

	assert_true(bench_new(&b, NULL));
	aead_key_init(b.key, AEAD_AES_256_GCM, key);
	aead_key_wipe(b.key);
	assert_memory_equal(b.key, &zero, sizeof(zero));
	bench_free(&b);
}

static int setup(void **state)
{
	return key_setup();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_vectors),
		cmocka_unit_test(all_agree),
		cmocka_unit_test(every_bit_of_a_tag_counts),
		cmocka_unit_test(names_are_obeyed),
		cmocka_unit_test(wiped_keys_are_zero),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
