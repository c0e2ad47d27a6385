/* SPDX-License-Identifier: MIT
 *
 * test_prim.c - every primitive against its published vectors
 */
#include "tests/unit/unit.h"

#include "base/attr.h"
#include "crypto/blake2s.h"
#include "crypto/prim.h"

static void assert_hex(const uint8_t *got, const char *hex)
{
	uint8_t want[256];

	assert_memory_equal(got, want, unit_hex(hex, want, sizeof(want)));
}

static void counting(uint8_t *out, size_t n, uint8_t from)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(from + i);
}

/* RFC 7748 s5.2 and s6.1 */
static void x25519(void **state)
{
	static const struct {
		const char *k, *u, *out;
	} table[] = {
		{ "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
		  "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
		  "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552" },
		{ "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
		  "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
		  "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742" },
	};
	uint8_t k[32], u[32], out[32];

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		unit_hex(table[i].k, k, 32);
		unit_hex(table[i].u, u, 32);
		assert_true(prim_x25519(out, k, u));
		assert_hex(out, table[i].out);
	}
	prim_x25519_public(out, k); /* Bob's */
	assert_hex(out, "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
	memset(u, 0, sizeof(u));
	assert_false(prim_x25519(out, k, u));
	assert_true(prim_is_zero(out, 32));
}

static const char sunscreen[] =
	"Ladies and Gentlemen of the class of '99: If I could offer you "
	"only one tip for the future, sunscreen would be it.";

typedef void (*seal_fn)(const struct prim_aead *, const void *, size_t,
			uint8_t *);
typedef bool (*open_fn)(const struct prim_aead *, const void *, size_t,
			uint8_t *);

/* check_aead() - seal to the vector, open it, and refuse every damaged octet */
static void check_aead(seal_fn seal, open_fn open, struct prim_aead a,
		       const void *plain, size_t n, const char *first,
		       const char *tag)
{
	uint8_t sealed[256], out[256], ad[64];

	seal(&a, plain, n, sealed);
	assert_hex(sealed, first);
	assert_hex(sealed + n, tag);
	assert_true(open(&a, sealed, n + PRIM_TAG, out));
	assert_memory_equal(out, plain, n);
	for (size_t i = 0; i < n + PRIM_TAG; i++) {
		sealed[i] ^= 1;
		assert_false(open(&a, sealed, n + PRIM_TAG, out));
		sealed[i] ^= 1;
	}
	assert_false(open(&a, sealed, n + PRIM_TAG - 1, out));
	for (size_t i = 0; i < PRIM_TAG; i++)
		assert_false(open(&a, sealed, i, out));
	if (!a.ad_n)
		return;
	memcpy(ad, a.ad, a.ad_n);
	ad[0] ^= 1;
	a.ad = ad;
	assert_false(open(&a, sealed, n + PRIM_TAG, out));
}

/* RFC 8439 s2.8.2 */
static void chacha(void **state)
{
	uint8_t key[32], nonce[12], ad[12];

	counting(key, 32, 0x80);
	unit_hex("070000004041424344454647", nonce, 12);
	unit_hex("50515253c0c1c2c3c4c5c6c7", ad, 12);
	check_aead(prim_chacha_seal, prim_chacha_open,
		   (struct prim_aead){ key, nonce, ad, 12 }, sunscreen, 114,
		   "d31a8d34648e60db7b86afbc53ef7ec2",
		   "1ae10b594f09e26a7e902ecbd0600691");
}

/* draft-irtf-cfrg-xchacha-03 A.3.1 */
static void xchacha(void **state)
{
	uint8_t key[32], nonce[24], ad[12];

	counting(key, 32, 0x80);
	counting(nonce, 24, 0x40);
	unit_hex("50515253c0c1c2c3c4c5c6c7", ad, 12);
	check_aead(prim_xchacha_seal, prim_xchacha_open,
		   (struct prim_aead){ key, nonce, ad, 12 }, sunscreen, 114,
		   "bd6d179d3e83d43b9576579493c0e939",
		   "c0875924c1c7987947deafd8780acf49");
}

/* McGrew and Viega, "The Galois/Counter Mode of Operation", cases 13, 14, 16 */
static void aesgcm(void **state)
{
	uint8_t key[32] = { 0 }, nonce[12] = { 0 }, plain[64] = { 0 }, ad[20];
	struct prim_aead a = { key, nonce, NULL, 0 };

	check_aead(prim_aesgcm_seal, prim_aesgcm_open, a, plain, 0, "",
		   "530f8afbc74536b9a963b4f1c4cb738b");
	check_aead(prim_aesgcm_seal, prim_aesgcm_open, a, plain, 16,
		   "cea7403d4d606b6e074ec5d3baf39d18",
		   "d0d1c8a799996bf0265b98b5d48ab919");
	unit_hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
		 key, 32);
	unit_hex("cafebabefacedbaddecaf888", nonce, 12);
	assert_int_equal(
		unit_hex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
			 "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
			 plain, sizeof(plain)),
		60);
	unit_hex("feedfacedeadbeeffeedfacedeadbeefabaddad2", ad, 20);
	a.ad = ad;
	a.ad_n = 20;
	check_aead(prim_aesgcm_seal, prim_aesgcm_open, a, plain, 60,
		   "522dc1f099567d07f47f37a32a84427d",
		   "76fc6ece0f4e1768cddf8853bb2d551b");
}

/* RFC 8032 s7.1 test 1 */
static void ed25519(void **state)
{
	uint8_t seed[32], sk[64], pk[32], sig[64], m[1] = { 0 };

	unit_hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
		 seed, 32);
	prim_ed25519_from_seed(sk, seed);
	prim_ed25519_public(sk, pk);
	assert_hex(pk, "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
	prim_ed25519_sign(sk, NULL, 0, sig);
	assert_hex(sig, "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
			"5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b");
	assert_true(prim_ed25519_check(pk, NULL, 0, sig));
	assert_false(prim_ed25519_check(pk, m, 1, sig));
	sig[40] ^= 1;
	assert_false(prim_ed25519_check(pk, NULL, 0, sig));
}

/* Aumasson and Bernstein, "SipHash", appendix A */
static void siphash(void **state)
{
	uint8_t key[16], m[15];

	counting(key, 16, 0);
	counting(m, 15, 0);
	assert_true(prim_siphash(key, m, 15) == UINT64_C(0xa129ca6149be45e5));
}

/* RFC 7693 appendix B; keyed: the BLAKE2 reference vectors (blake2s-kat) */
static void blake2s(void **state)
{
	uint8_t key[32], in[256], out[32];

	blake2s_hash(out, "abc", 3);
	assert_hex(out, "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
	blake2s_hash2(out, "a", 1, "bc", 2);
	assert_hex(out, "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
	blake2s_hash(out, NULL, 0);
	assert_hex(out, "69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9");
	counting(key, 32, 0);
	counting(in, sizeof(in), 0);
	blake2s_keyed(out, 32, key, 32, in, 0);
	assert_hex(out, "48a8997da407876b3d79c0d92325ad3b89cbb754d86ab71aee047ad345fd2c49");
	blake2s_keyed(out, 32, key, 32, in, 1);
	assert_hex(out, "40d15fee7c328830166ac3f918650f807e7e01e177258cdc0a39b11f598066f1");
}

/* A MAC of 16 octets is no truncation of one of 32: the length is an input. */
static void blake2s_short(void **state)
{
	uint8_t key[32], mac[16], full[32];

	counting(key, 32, 0);
	blake2s_mac(mac, key, 32, "abc", 3);
	blake2s_keyed(full, 32, key, 32, "abc", 3);
	assert_memory_not_equal(mac, full, 16);
	blake2s_keyed(full, 16, key, 32, "abc", 3);
	assert_memory_equal(mac, full, 16);
}

/* The table of wireguard-go's device/kdf_test.go; its keys of 0 to 9 octets are
 * zero-padded here, which is what HMAC does with them. */
static void hkdf(void **state)
{
	static const struct {
		const char *key, *input, *out[3];
	} table[] = {
		{ "test-key",
		  "test-input",
		  { "6f0e5ad38daba1bea8a0d213688736f19763239305e0f58aba697f9ffc41c633",
		    "df1194df20802a4fe594cde27e92991c8cae66c366e8106aaa937a55fa371e8a",
		    "fac6e2745a325f5dc5d11a5b165aad08b0ada28e7b4e666b7c077934a4d76c24" } },
		{ "wireguard",
		  "wireguard",
		  { "491d43bbfdaa8750aaf535e334ecbfe5129967cd64635101c566d4caefda96e8",
		    "1e71a379baefd8a79aa4662212fcafe19a23e2b609a3db7d6bcba8f560e3d25f",
		    "31e1ae48bddfbe5de38f295e5452b1909a1b4e38e183926af3780b0c1e1f0160" } },
		{ "",
		  "",
		  { "8387b46bf43eccfcf349552a095d8315c4055beb90208fb1be23b894bc2ed5d0",
		    "58a0e5f6faefccf4807bff1f05fa8a9217945762040bcec2f4b4a62bdfe0e86e",
		    "0ce6ea98ec548f8e281e93e32db65621c45eb18dc6f0a7ad94178610a2f7338e" } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		uint8_t key[32] = { 0 }, t[3][32];

		memcpy(key, table[i].key, strlen(table[i].key));
		blake2s_hkdf(key, table[i].input, strlen(table[i].input), t[0],
			     t[1], t[2]);
		for (int j = 0; j < 3; j++)
			assert_hex(t[j], table[i].out[j]);
		/* the first output may overwrite the chaining key */
		blake2s_hkdf(key, table[i].input, strlen(table[i].input), key,
			     NULL, NULL);
		assert_memory_equal(key, t[0], 32);
	}
}

/* WireGuard's initial chaining key and hash, as its implementations print them */
static void wireguard_constants(void **state)
{
	static const char name[] = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
	static const char id[] = "WireGuard v1 zx2c4 Jason@zx2c4.com";
	uint8_t out[32];

	blake2s_hash(out, name, strlen(name));
	assert_hex(out, "60e26daef327efc02ec335e2a025d2d016eb4206f87277f52d38d1988b78cd36");
	blake2s_hash2(out, out, 32, id, strlen(id));
	assert_hex(out, "2211b361081ac566691243db458ad5322d9c6c662293e8b70ee19c65ba079ef3");
}

/* RFC 4648 s10, and what is not canonical */
static void base64(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		bool ok;
	} table[] = {
		{ "Zm9vYmFy", 6, true },  { "Zm9vYmE=", 5, true },
		{ "Zm9vYg==", 4, true },  { "Zm9vYh==", 4, false },
		{ "Zm9vYg=", 4, false },  { "Zm9vYg", 4, false },
		{ "Zm9vYg== ", 4, false }, { "Zm9v Yg=", 4, false },
		{ "Zm9vYmF-", 6, false }, { "", 6, false },
	};
	char text[16];

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		uint8_t out[8] = "xxxxxxx";

		assert_int_equal(prim_base64_parse(table[i].text, out,
						   table[i].n),
				 table[i].ok);
		assert_memory_equal(out, table[i].ok ? "foobar" : "xxxxxx",
				    table[i].n);
	}
	prim_base64_write("fooba", 5, text, sizeof(text));
	assert_string_equal(text, "Zm9vYmE=");
}

static void wipe_and_compare(void **state)
{
	uint8_t a[32], b[32];

	counting(a, 32, 1);
	counting(b, 32, 1);
	assert_true(prim_eq(a, b, 32));
	b[31] ^= 0x80;
	assert_false(prim_eq(a, b, 32));
	prim_wipe(a, 32);
	assert_true(prim_is_zero(a, 32));
	assert_false(prim_is_zero(b, 32));
}

static int setup(void **state)
{
	return prim_setup();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(x25519),
		cmocka_unit_test(chacha),
		cmocka_unit_test(xchacha),
		cmocka_unit_test(aesgcm),
		cmocka_unit_test(ed25519),
		cmocka_unit_test(siphash),
		cmocka_unit_test(blake2s),
		cmocka_unit_test(blake2s_short),
		cmocka_unit_test(hkdf),
		cmocka_unit_test(wireguard_constants),
		cmocka_unit_test(base64),
		cmocka_unit_test(wipe_and_compare),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
