/* SPDX-License-Identifier: MIT
 *
 * test_channel.c - the coordination channel against published vectors and
 * misuse
 *
 * Vectors: "Noise_IK_25519_ChaChaPoly_BLAKE2s" of the cacophony and of the snow
 * test vectors.
 */
#include "tests/unit/unit.h"

#include <errno.h>

#include "crypto/channel_fixed.h"

struct message {
	const char *payload, *sealed;
};

struct vector {
	const char *prologue;
	const char *client_static, *client_ephemeral;
	const char *server_static, *server_ephemeral;
	const char *server_public;
	struct message messages[6];
};

static const struct vector vectors[] = {
	{ "4a6f686e2047616c74",
	  "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1",
	  "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
	  "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893",
	  "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
	  "31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62",
	  { { "4c756477696720766f6e204d69736573",
	      "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944"
	      "0b03ddc7aac5123d06a1b23b71670e32e76c28239a7ca4ac8f784de7e44c1adb"
	      "fc6e83fef7352a58d9d56157400c0a737b1d171ce368229c7b752ac25b8faf4e"
	      "ca690f6d896f543be02c996ab2b86b76" },
	    { "4d757272617920526f746862617264",
	      "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843"
	      "d9b5a8927f0ac9655ef76833bc7e5561f42e691ac8404efd6fbd6308b6a27c" },
	    { "462e20412e20486179656b",
	      "2c256ed08fcd08c2980f954ee4beaccb61c9581340f5dd2fd1cf3b" },
	    { "4361726c204d656e676572",
	      "d6033f70eee20945c7c9dba304e397ee3b284ff5e00fd9efb095d3" },
	    { "4a65616e2d426170746973746520536179",
	      "a9c068ca5d8babf72560652d8e851adbfac35c8a66e810d560863173e96adf4c"
	      "fe" },
	    { "457567656e2042f6686d20766f6e2042617765726b",
	      "2a09d8f459e5927e40fdd2eddc99bdafb04e13a26f145cb5cfe9e6ba34c94331"
	      "ebc17d5156" } } },
	{ "5468657265206973206e6f20726967687420616e642077726f6e672e20546865"
	  "72652773206f6e6c792066756e20616e6420626f72696e672e",
	  "b7e117ce8ede06ceb89500799a3778d097fc54a3f90bea744493dfc24ec21f32",
	  "cc95b4ccc4912c5a52c8d2f6b808e13712392c4468f4e3f02a7d2d1590cb9178",
	  "e3187f5c10734e934be3a73c398c7fae07ba3e0cde2fcd9ab03a1c93dcae10f8",
	  "587f83fe736432043d2665fbd47b0506b2cd103b6ba8577f72e117c7ffeb5105",
	  "ea82fd2e81d1285f1b2029e46ca7bcaeeeafed15396d002bd434624a4d580655",
	  { { "910ef4a7c04090f66403fcd8ffaed066e70ed38b576792c4a554cc5016fe5120",
	      "df44a475167152d3e4767b9ad5b28468fb8bd6aaa0b0e7181afd87ede7a8c971"
	      "e818de301c97393bfa71ac250becfc8acef64a969e039f407fe44c5ffc3d66d9"
	      "4ff57627ad4cc53882a1b2993babac3940edd1eaff34a3d3f08c53570166b3d2"
	      "9d06bd5de3cfb9b85b66001a60a5bb98d72b80da9485655f86db72b46f745c4e" },
	    { "3ce1e4d6e5f02bfeea1d6620cbf1473b5f55372d6954e98d3e12b6ffd04879d5",
	      "2818be348d38de5f9e3ef545c62e8e276c12e2a64410801a0284e02dfb0d450a"
	      "848d1001977ef31dfe04b5c824acc04c7bda8490eab6cb6aaa844c4ddf0fda83"
	      "ec84ed26cd6bee22fab17360b73de5b8" },
	    { "31e7554ebce419a76bf5cd464e00594ccf55bdc09c234c450850d26ab164238c",
	      "89545eb9b2477d482156692214def7d5aecc00b9244b4435bdb768173841d2a2"
	      "a2e52bcee32d64fe938c87594b17ee69" },
	    { "794f643ba08cc7ee7aa39bc055560a0850dbc77bf34d8ab22019bf160ab2c573",
	      "fe35983c049b535cf9ca61cfad5b48e461da90c7c51cb5b873be10e58ae34a38"
	      "4aaebba7f96958b0ef0ac043c5e9c622" } } },
};

struct ends {
	struct channel *client, *server;
};

static void ends_free(struct ends *e)
{
	channel_free(e->client);
	channel_free(e->server);
}

static struct channel *fixed(const struct vector *v, bool client)
{
	struct key_private own, ephemeral;
	struct key_public server;
	uint8_t prologue[100];
	size_t n = unit_hex(v->prologue, prologue, sizeof(prologue));
	struct channel *c;

	unit_hex(client ? v->client_static : v->server_static, own.b, 32);
	unit_hex(client ? v->client_ephemeral : v->server_ephemeral,
		 ephemeral.b, 32);
	unit_hex(v->server_public, server.b, 32);
	c = channel_new_fixed(&(struct channel_fixed){
		.client = client,
		.own_static = &own,
		.server = client ? &server : NULL,
		.ephemeral = &ephemeral,
		.prologue = slice_of(prologue, n),
	});
	assert_non_null(c);
	return c;
}

static void handshake_message(struct channel *from, struct channel *to,
			      const struct message *m)
{
	uint8_t payload[200], sealed[300], out[300], got[200];
	size_t n = unit_hex(m->payload, payload, sizeof(payload));
	size_t sealed_n = unit_hex(m->sealed, sealed, sizeof(sealed));

	assert_int_equal(
		channel_write_handshake(from, payload, n, out, sizeof(out)),
		sealed_n);
	assert_memory_equal(out, sealed, sealed_n);
	assert_int_equal(
		channel_read_handshake(to, out, sealed_n, got, sizeof(got)), n);
	assert_memory_equal(got, payload, n);
}

static void transport_message(struct channel *from, struct channel *to,
			      const struct message *m)
{
	uint8_t payload[200], sealed[300], out[300];
	size_t n = unit_hex(m->payload, payload, sizeof(payload));
	size_t sealed_n = unit_hex(m->sealed, sealed, sizeof(sealed));

	assert_int_equal(channel_seal(from, payload, n, out), sealed_n);
	assert_memory_equal(out, sealed, sealed_n);
	assert_int_equal(channel_open(to, out, sealed_n), n);
	assert_memory_equal(out, payload, n);
}

static void published_vectors(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		const struct vector *v = &vectors[i];
		struct ends e = { fixed(v, true), fixed(v, false) };

		for (size_t j = 0; j < ARRAY_SIZE(v->messages); j++) {
			struct channel *from = j % 2 ? e.server : e.client;
			struct channel *to = j % 2 ? e.client : e.server;

			if (!v->messages[j].payload)
				break;
			if (j < 2)
				handshake_message(from, to, &v->messages[j]);
			else
				transport_message(from, to, &v->messages[j]);
		}
		assert_true(channel_ready(e.client));
		assert_true(channel_ready(e.server));
		ends_free(&e);
	}
}

/* ---- with fresh keys ---- */

static struct key_private machine_key, server_key;
static struct key_public machine_public, server_public;

static struct ends ends_new(void)
{
	struct ends e = { channel_new_client(&machine_key, &server_public),
			  channel_new_server(&server_key) };

	assert_non_null(e.client);
	assert_non_null(e.server);
	return e;
}

static struct ends ends_ready(void)
{
	struct ends e = ends_new();
	uint8_t m[200], got[100];
	size_t n;

	n = channel_write_handshake(e.client, "hello", 5, m, sizeof(m));
	assert_int_equal(n, CHANNEL_FIRST + 5);
	assert_int_equal(channel_read_handshake(e.server, m, n, got, 100), 5);
	assert_memory_equal(got, "hello", 5);
	assert_false(channel_ready(e.server));
	n = channel_write_handshake(e.server, NULL, 0, m, sizeof(m));
	assert_int_equal(n, CHANNEL_SECOND);
	assert_true(channel_ready(e.server));
	assert_false(channel_ready(e.client));
	assert_int_equal(channel_read_handshake(e.client, m, n, got, 100), 0);
	assert_true(channel_ready(e.client));
	return e;
}

static void server_learns_who(void **state)
{
	struct ends e = ends_ready();

	assert_true(key_public_eq(channel_peer(e.server), &machine_public));
	assert_true(key_public_eq(channel_peer(e.client), &server_public));
	ends_free(&e);
}

static void expect_dead(struct channel *c)
{
	uint8_t m[300] = { 0 };

	assert_false(channel_ready(c));
	assert_int_equal(channel_seal(c, "x", 1, m), 0);
	assert_int_equal(channel_write_handshake(c, "", 0, m, sizeof(m)), 0);
	assert_int_equal(channel_read_handshake(c, m, 200, m, 100), -EBADMSG);
	assert_int_equal(channel_open(c, m, 100), -EBADMSG);
}

static void another_servers_key(void **state)
{
	struct key_private other;
	struct ends e = ends_new();
	uint8_t m[200], got[100];
	size_t n;

	channel_free(e.server);
	key_private_generate(&other);
	e.server = channel_new_server(&other);
	n = channel_write_handshake(e.client, "hello", 5, m, sizeof(m));
	assert_int_equal(channel_read_handshake(e.server, m, n, got, 100),
			 -EBADMSG);
	expect_dead(e.server);
	ends_free(&e);
}

/* a server that never saw message 1 cannot make up message 2 */
static void look_alike_server(void **state)
{
	struct ends e = ends_new();
	uint8_t m[200], got[100];

	assert_true(channel_write_handshake(e.client, "", 0, m, 200) > 0);
	key_public_of(&machine_key, (struct key_public *)(void *)m);
	assert_int_equal(
		channel_read_handshake(e.client, m, CHANNEL_SECOND, got, 100),
		-EBADMSG);
	expect_dead(e.client);
	ends_free(&e);
}

static void tampered_first(void **state)
{
	struct ends e = ends_new();
	uint8_t m[200], got[100];
	size_t n = channel_write_handshake(e.client, "hello", 5, m, sizeof(m));

	for (size_t i = 0; i < n; i++) {
		struct channel *server = channel_new_server(&server_key);

		m[i] ^= 0x40;
		assert_int_equal(channel_read_handshake(server, m, n, got, 100),
				 -EBADMSG);
		expect_dead(server);
		channel_free(server);
		m[i] ^= 0x40;
	}
	for (size_t i = 0; i < n; i++) {
		struct channel *server = channel_new_server(&server_key);

		assert_int_equal(channel_read_handshake(server, m, i, got, 100),
				 -EBADMSG);
		channel_free(server);
	}
	assert_int_equal(channel_read_handshake(e.server, m, n, got, 100), 5);
	ends_free(&e);
}

static void tampered_second(void **state)
{
	uint8_t m[200], got[100];

	for (size_t i = 0; i < CHANNEL_SECOND + 5; i++) {
		struct ends e = ends_new();
		size_t n = channel_write_handshake(e.client, "", 0, m, 200);

		assert_int_equal(
			channel_read_handshake(e.server, m, n, got, 100), 0);
		n = channel_write_handshake(e.server, "hello", 5, m, 200);
		m[i] ^= 1;
		assert_int_equal(
			channel_read_handshake(e.client, m, n, got, 100),
			-EBADMSG);
		expect_dead(e.client);
		ends_free(&e);
	}
}

static void low_order_keys(void **state)
{
	struct key_public zero = { { 0 } };
	struct channel *c = channel_new_client(&machine_key, &zero);
	uint8_t m[200] = { 0 }, got[100];

	assert_int_equal(channel_write_handshake(c, "", 0, m, 200), 0);
	expect_dead(c);
	channel_free(c);
	c = channel_new_server(&server_key);
	memset(m, 0, sizeof(m));
	assert_int_equal(channel_read_handshake(c, m, CHANNEL_FIRST, got, 100),
			 -EBADMSG);
	channel_free(c);
}

static void turns_and_sizes(void **state)
{
	static uint8_t big[CHANNEL_FIRST + CHANNEL_PAYLOAD_MAX + 1];
	static uint8_t payload[CHANNEL_PAYLOAD_MAX + 1];
	struct ends e = ends_new();
	size_t n;

	assert_int_equal(channel_write_handshake(e.server, "", 0, big, 200), 0);
	assert_int_equal(channel_seal(e.client, "", 0, big), 0);
	assert_int_equal(channel_write_handshake(e.client, payload,
						 sizeof(payload), big,
						 sizeof(big)),
			 0);
	assert_int_equal(channel_write_handshake(e.client, "", 0, big,
						 CHANNEL_FIRST - 1),
			 0);
	n = channel_write_handshake(e.client, payload, CHANNEL_PAYLOAD_MAX, big,
				    sizeof(big));
	assert_int_equal(n, CHANNEL_FIRST + CHANNEL_PAYLOAD_MAX);
	assert_int_equal(channel_write_handshake(e.client, "", 0, big, 200), 0);
	assert_int_equal(channel_read_handshake(e.server, big, n, payload,
						CHANNEL_PAYLOAD_MAX - 1),
			 -EBADMSG); /* no room */
	ends_free(&e);
	e = ends_new();
	assert_int_equal(channel_read_handshake(e.server, big, sizeof(big),
						payload, sizeof(payload)),
			 -EBADMSG);
	ends_free(&e);
	channel_free(NULL);
}

static void many_messages_both_ways(void **state)
{
	static uint8_t m[70000 + CHANNEL_TAG], text[70000];
	struct ends e = ends_ready();

	for (int i = 0; i < 300; i++) {
		struct channel *from = i % 3 ? e.client : e.server;
		struct channel *to = i % 3 ? e.server : e.client;
		size_t n = i == 299 ? sizeof(text) : (size_t)i;

		memset(text, i, n);
		assert_int_equal(channel_seal(from, text, n, m),
				 n + CHANNEL_TAG);
		assert_int_equal(channel_open(to, m, n + CHANNEL_TAG), n);
		assert_memory_equal(m, text, n);
	}
	ends_free(&e);
}

static void tampered_message(void **state)
{
	for (size_t i = 0; i < 5 + CHANNEL_TAG; i++) {
		struct ends e = ends_ready();
		uint8_t m[100];
		size_t n = channel_seal(e.client, "hello", 5, m);

		m[i] ^= 0x80;
		assert_int_equal(channel_open(e.server, m, n), -EBADMSG);
		expect_dead(e.server);
		ends_free(&e);
	}
}

static void order_matters(void **state)
{
	enum {
		REPLAY,
		REORDER,
		REFLECT,
		SHORT,
		CASES
	};

	for (int i = 0; i < CASES; i++) {
		struct ends e = ends_ready();
		uint8_t one[100], two[100], copy[100];
		size_t n = channel_seal(e.client, "hello", 5, one);

		memcpy(copy, one, n);
		assert_int_equal(channel_seal(e.client, "world", 5, two), n);
		if (i == REPLAY)
			assert_int_equal(channel_open(e.server, one, n), 5);
		assert_int_equal(
			channel_open(i == REFLECT ? e.client : e.server,
				     i == REORDER ? two : copy,
				     i == SHORT ? CHANNEL_TAG - 1 : n),
			-EBADMSG);
		ends_free(&e);
	}
}

static int setup(void **state)
{
	int err = key_setup();

	key_private_generate(&machine_key);
	key_private_generate(&server_key);
	key_public_of(&machine_key, &machine_public);
	key_public_of(&server_key, &server_public);
	return err;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_vectors),
		cmocka_unit_test(server_learns_who),
		cmocka_unit_test(another_servers_key),
		cmocka_unit_test(look_alike_server),
		cmocka_unit_test(tampered_first),
		cmocka_unit_test(tampered_second),
		cmocka_unit_test(low_order_keys),
		cmocka_unit_test(turns_and_sizes),
		cmocka_unit_test(many_messages_both_ways),
		cmocka_unit_test(tampered_message),
		cmocka_unit_test(order_matters),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
