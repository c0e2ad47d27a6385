/* SPDX-License-Identifier: MIT
 *
 * test_stun.c - STUN messages: the vectors of RFC 5769, every attribute, bad input
 */
#include "tests/unit/unit.h"

#include "traversal/stun.h"

/* RFC 5769 s2.1: request with SOFTWARE, PRIORITY, ICE-CONTROLLED, USERNAME,
 * MESSAGE-INTEGRITY, FINGERPRINT */
static const char rfc5769_request[] =
	"00010058 2112a442 b7e7a701 bc34d686 fa87dfae"
	"80220010 5354554e 20746573 7420636c 69656e74"
	"00240004 6e0001ff 80290008 932ff9b1 51263b36"
	"00060009 6576746a 3a683676 59202020"
	"00080014 9aeaa70c bfd8cb56 781ef2b5 b2d3f249 c1b571a2"
	"80280004 e57a3bcf";
/* RFC 5769 s2.2: IPv4 response, 192.0.2.1:32853 */
static const char rfc5769_ipv4[] =
	"0101003c 2112a442 b7e7a701 bc34d686 fa87dfae"
	"8022000b 74657374 20766563 746f7220"
	"00200008 0001a147 e112a643"
	"00080014 2b91f599 fd9e90c3 8c7489f9 2af9ba53 f06be7d7"
	"80280004 c07d4c96";
/* RFC 5769 s2.3: IPv6 response, [2001:db8:1234:5678:11:2233:4455:6677]:32853 */
static const char rfc5769_ipv6[] =
	"01010048 2112a442 b7e7a701 bc34d686 fa87dfae"
	"8022000b 74657374 20766563 746f7220"
	"00200014 0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9"
	"00080014 a382954e 4be67bf1 1784c97c 8292c275 bfe3ed41"
	"80280004 c8fb0b4c";

static struct endpoint at(const char *text)
{
	struct endpoint e = { 0 };

	assert_true(endpoint_parse(text, &e));
	return e;
}

static void test_rfc5769(void **state)
{
	struct endpoint want =
		at("[2001:db8:1234:5678:11:2233:4455:6677]:32853");
	struct stun_message m;
	uint8_t b[256];
	size_t n;

	n = unit_hex(rfc5769_request, b, sizeof(b));
	assert_true(stun_is(b, n));
	assert_int_equal(stun_parse(b, n, &m), DROP_NONE);
	assert_int_equal(m.class, STUN_REQUEST);
	assert_int_equal(m.unknown_count, 1); /* PRIORITY is ICE's */
	assert_int_equal(m.unknown[0], 0x0024);
	assert_int_equal(m.txid.b[0], 0xb7);

	n = unit_hex(rfc5769_ipv4, b, sizeof(b));
	assert_int_equal(stun_parse(b, n, &m), DROP_NONE);
	assert_int_equal(m.class, STUN_SUCCESS);
	assert_true(endpoint_eq(&m.mapped, &(struct endpoint){
		.ip = ipaddr_v4(0xc0000201), .port = 32853 }));

	n = unit_hex(rfc5769_ipv6, b, sizeof(b));
	assert_int_equal(stun_parse(b, n, &m), DROP_NONE);
	assert_true(endpoint_eq(&m.mapped, &want));
}

/* Each bit outside the attributes' types and lengths (which can hide FINGERPRINT, at 20,
 * 36, 48 and 72 here) is covered by FINGERPRINT. */
static bool is_attribute_header(size_t at)
{
	return (at >= 20 && at < 24) || (at >= 36 && at < 40) ||
	       (at >= 48 && at < 52) || (at >= 72 && at < 76);
}

static void test_flips(void **state)
{
	struct stun_message m;
	uint8_t b[256];
	size_t n = unit_hex(rfc5769_ipv4, b, sizeof(b));

	for (size_t i = 0; i < 8 * n; i++) {
		if (is_attribute_header(i / 8))
			continue;
		b[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(stun_parse(b, n, &m), DROP_STUN_MALFORMED);
		b[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t k = 0; k < n; k++)
		assert_int_equal(stun_parse(b, k, &m), DROP_STUN_MALFORMED);
}

static void round_trip(const struct stun_message *in, struct stun_message *out)
{
	uint8_t b[STUN_MAX];
	size_t n = stun_write(in, b);

	assert_int_equal(n % 4, 0);
	assert_int_equal(stun_parse(b, n, out), DROP_NONE);
	assert_int_equal(out->class, in->class);
	assert_memory_equal(&out->txid, &in->txid, sizeof(in->txid));
}

static void test_every_attribute(void **state)
{
	struct stun_message in = { .class = STUN_REQUEST, .txid = { { 9, 8 } },
				   .change_ip = true, .response_port = 4000,
				   .padding = 37, .filler = 40 }, out;

	round_trip(&in, &out);
	assert_true(out.change_ip && !out.change_port);
	assert_int_equal(out.response_port, 4000);
	assert_int_equal(out.padding, 37);
	in = (struct stun_message){ .class = STUN_INDICATION,
				    .change_port = true };
	round_trip(&in, &out);
	assert_true(!out.change_ip && out.change_port);

	in = (struct stun_message){ .class = STUN_SUCCESS,
				    .mapped = at("203.0.113.9:65535"),
				    .other = at("[2001:db8::1]:1"),
				    .origin = at("192.0.2.7:3478") };
	round_trip(&in, &out);
	assert_true(endpoint_eq(&out.mapped, &in.mapped));
	assert_true(endpoint_eq(&out.other, &in.other));
	assert_true(endpoint_eq(&out.origin, &in.origin));

	in = (struct stun_message){ .class = STUN_ERROR, .error = 420,
				    .unknown = { 0x24, 0x77, 0x88 },
				    .unknown_count = 3 };
	round_trip(&in, &out);
	assert_int_equal(out.error, 420);
	assert_int_equal(out.unknown_count, 0); /* the peer's list, not ours */
}

/* Longest of everything stays within STUN_MAX. */
static void test_bounds(void **state)
{
	struct stun_message in = { .class = STUN_REQUEST, .padding = 500,
				   .change_ip = true, .response_port = 1 }, out;
	uint8_t b[STUN_MAX];

	round_trip(&in, &out);
	assert_int_equal(out.padding, 500);
	in.padding = SIZE_MAX;
	in.filler = SIZE_MAX;
	assert_true(stun_write(&in, b) <= STUN_MAX);
}

/* Attribute bytes behind a success header; right length, no FINGERPRINT. */
static const struct {
	const char *what, *attributes;
} bad[] = {
	{ "no room for a header", "0020" },
	{ "value behind the end", "00200008 0001a147" },
	{ "padding behind the end", "00060001 61" },
	{ "address empty", "00200000" },
	{ "address without address", "00200004 0001a147" },
	{ "address one octet short", "00200007 0001a147 e112a600" },
	{ "address too long", "0020000c 0001a147 e112a643 00000000" },
	{ "IPv4 octets for IPv6", "00200008 0002a147 e112a643" },
	{ "family 0", "00010008 0000a147 e112a643" },
	{ "family 3", "00010008 0003a147 e112a643" },
	{ "CHANGE-REQUEST of 3", "00030003 00000000" },
	{ "RESPONSE-PORT of 3", "00270003 10000000" },
	{ "ERROR-CODE of 2", "00090002 00000000" },
	{ "ERROR-CODE class 0", "00090004 00000014" },
	{ "ERROR-CODE class 7", "00090004 00000714" },
	{ "ERROR-CODE number 100", "00090004 00000464" },
	{ "FINGERPRINT wrong", "80280004 00000000" },
	{ "FINGERPRINT of 8", "80280008 00000000 00000000" },
	{ "OTHER-ADDRESS empty", "802c0000" },
	{ "RESPONSE-ORIGIN of 5", "802b0005 0001a147 e1000000" },
};

static size_t message_of(const char *type, const char *attributes, uint8_t *b)
{
	size_t n = unit_hex(type, b, 4);

	n += unit_hex("0000 2112a442 000102030405060708090a0b", b + n, 18);
	n += unit_hex(attributes, b + n, 200);
	b[3] = (uint8_t)(n - 20);
	return n;
}

static void test_malformed(void **state)
{
	struct stun_message m;
	uint8_t b[256];

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		size_t n = message_of("0101", bad[i].attributes, b);

		if (stun_parse(b, n, &m) != DROP_STUN_MALFORMED)
			fail_msg("accepted: %s", bad[i].what);
	}
}

static const struct {
	const char *type;
	bool good;
} types[] = {
	{ "0001", true }, { "0011", true }, { "0101", true }, { "0111", true },
	{ "0003", false }, /* Allocate */
	{ "0000", false }, { "0002", false }, { "1001", false },
	{ "4001", false }, { "8001", false }, { "0201", false },
};

static void test_types(void **state)
{
	struct stun_message m;
	uint8_t b[64];

	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		size_t n = message_of(types[i].type, "", b);

		assert_int_equal(stun_parse(b, n, &m) == DROP_NONE,
				 types[i].good);
	}
}

static void test_order(void **state)
{
	struct stun_message m;
	uint8_t b[256];
	size_t n;

	/* the first of two counts; XOR-MAPPED-ADDRESS wins over MAPPED-ADDRESS */
	n = message_of("0101", "00010008 00010001 01010101"
			       "00200008 0001a147 e112a643"
			       "00200008 00010000 00000000"
			       "00010008 00010002 02020202", b);
	assert_int_equal(stun_parse(b, n, &m), DROP_NONE);
	assert_int_equal(m.mapped.port, 32853);
	/* behind MESSAGE-INTEGRITY nothing is read (RFC 8489 s14.5) */
	n = message_of("0001", "00080014 00000000 00000000 00000000 00000000"
			       " 00000000 00030004 00000006", b);
	assert_int_equal(stun_parse(b, n, &m), DROP_NONE);
	assert_false(m.change_ip || m.change_port);
	/* unknown: required ones are listed up to the room, optional ones are not */
	n = message_of("0001", "7f010000 7f020000 7f030000 7f040000 7f050000"
			       "7f060000 7f070000 7f080000 7f090000 ff010000",
		       b);
	assert_int_equal(stun_parse(b, n, &m), DROP_NONE);
	assert_int_equal(m.unknown_count, 8);
}

static void test_classic(void **state)
{
	uint8_t b[28] = { 0, 1, 0, 8, 1, 2, 3, 4, [20] = 0, 3, 0, 4, 0, 0, 0, 6 };
	struct stun_message m;

	assert_false(stun_is(b, sizeof(b)));
	assert_true(stun_is_classic(b, sizeof(b)));
	assert_int_equal(stun_parse(b, sizeof(b), &m), DROP_NONE);
	assert_true(m.classic && m.change_ip && m.change_port);
	b[0] = 1; /* a classic response is of no use to us */
	assert_int_equal(stun_parse(b, sizeof(b), &m), DROP_STUN_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc5769),
		cmocka_unit_test(test_flips),
		cmocka_unit_test(test_every_attribute),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_classic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
