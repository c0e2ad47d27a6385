/* SPDX-License-Identifier: MIT
 *
 * test_pcp.c - PCP and NAT-PMP messages, octet by octet
 *
 * The layouts are those of RFC 6887 figures 2, 3, 9, 10 and RFC 6886 s3.2, s3.3.
 */
#include "tests/unit/unit.h"

#include "traversal/natpmp.h"
#include "traversal/pcp.h"

static struct ipaddr ip(const char *text)
{
	struct ipaddr a;

	assert_true(ipaddr_parse(text, &a));
	return a;
}

static void expect(const uint8_t *got, size_t n, const char *hex)
{
	uint8_t want[PCP_MAX];

	assert_int_equal(n, unit_hex(hex, want, sizeof(want)));
	assert_memory_equal(got, want, n);
}

static void test_pcp_write(void **state)
{
	struct pcp_request q = { .opcode = PCP_MAP,
				 .lifetime_s = 7200,
				 .client = ip("10.0.0.2") };
	uint8_t m[PCP_REQUEST_MAX];

	(void)state;
	memcpy(q.map.nonce.b, "abcdefghijkl", 12);
	q.map.protocol = PCP_UDP;
	q.map.internal_port = 41641;
	q.map.external.port = 41642;
	expect(m, pcp_write(&q, m),
	       "02010000 00001c20 00000000000000000000ffff0a000002"
	       "6162636465666768696a6b6c 11000000 a2a9 a2aa"
	       "00000000000000000000ffff00000000");
	q.client = ip("2001:db8::2");
	q.map.external.ip = q.client;
	expect(m, pcp_write(&q, m),
	       "02010000 00001c20 20010db8000000000000000000000002"
	       "6162636465666768696a6b6c 11000000 a2a9 a2aa"
	       "20010db8000000000000000000000002");
	q.translator = true;
	expect(m, pcp_write(&q, m),
	       "02010000 00001c20 20010db8000000000000000000000002"
	       "6162636465666768696a6b6c 11000000 a2a9 a2aa"
	       "20010db8000000000000000000000002"
	       "81000010 0000 000000000000000000000000 0000");
	q.translator = false;
	q.opcode = PCP_ANNOUNCE;
	q.lifetime_s = 0;
	expect(m, pcp_write(&q, m),
	       "02000000 00000000 20010db8000000000000000000000002");
}

static void test_pcp_parse(void **state)
{
	uint8_t m[64];
	struct pcp_response r;
	size_t n = unit_hex("02810000 00001c20 00000064 000000000000000000000000"
			    "6162636465666768696a6b6c 11000000 a2a9 a2aa"
			    "00000000000000000000ffffcb007105", m, sizeof(m));
	struct ipaddr external = ip("203.0.113.5");

	(void)state;
	assert_int_equal(pcp_parse(m, n, &r), DROP_NONE);
	assert_int_equal(r.opcode, PCP_MAP);
	assert_int_equal(r.lifetime_s, 7200);
	assert_int_equal(r.epoch_s, 100);
	assert_int_equal(r.map.internal_port, 41641);
	assert_int_equal(r.map.external.port, 41642);
	assert_true(ipaddr_eq(&r.map.external.ip, &external));
	for (size_t k = 0; k < n; k++)
		assert_int_equal(pcp_parse(m, k, &r), DROP_PORTMAP_MALFORMED);
	m[1] = 1; /* a request */
	assert_int_equal(pcp_parse(m, n, &r), DROP_PORTMAP_MALFORMED);
	m[1] = 0x82; /* PEER */
	assert_int_equal(pcp_parse(m, n, &r), DROP_PORTMAP_MALFORMED);
	m[1] = 0x80;
	assert_int_equal(pcp_parse(m, 24, &r), DROP_NONE);
	assert_int_equal(r.opcode, PCP_ANNOUNCE);
	m[0] = 1;
	assert_int_equal(pcp_parse(m, 24, &r), DROP_PORTMAP_MALFORMED);
}

/* option_taken() - the prefix in an answer with these options behind it */
static const char *option_taken(const char *hex)
{
	static char text[ADDR_TEXT];
	struct pcp_response r;
	uint8_t m[200];
	size_t n = unit_hex("02800000 00000000 00000064 000000000000000000000000", m, 24);

	n += unit_hex(hex, m + n, sizeof(m) - n);
	assert_int_equal(pcp_parse(m, n, &r), DROP_NONE);
	return r.translates ? prefix_text(&r.translator.prefix, text) : "";
}

/* RFC 7225 s4.1, figure 1 */
static void test_prefix64(void **state)
{
	(void)state;
	assert_string_equal(option_taken("8100000e 000c 0064ff9b0000000000000000 0000"),
			    "64:ff9b::/96");
	assert_string_equal(option_taken("8100000e 0004 20010db80000000000000000 0000"),
			    "2001:db8::/32");
	/* behind another option, padded to four octets, and an empty one */
	assert_string_equal(option_taken("80000003 61626300 82000000"
					 "8100000e 0008 20010db8000000640000 0000 0000"),
			    "2001:db8:0:64::/64");
	/* with a list of no IPv4 prefixes */
	assert_string_equal(option_taken("81000010 000c 0064ff9b0000000000000000 0000"),
			    "64:ff9b::/96");
	assert_string_equal(option_taken("8000000e 000c 0064ff9b0000000000000000 0000"), "");
	/* a length that is none, one beyond the option, a suffix, an IPv4 prefix */
	assert_string_equal(option_taken("8100000e 000d 0064ff9b0000000000000000 0000"), "");
	assert_string_equal(option_taken("8100000e 0005 0064ff9b0000000000000001 0000"), "");
	assert_string_equal(option_taken("8100000e 0000 000000000000000000000000 0000"), "");
	assert_string_equal(option_taken("8100ffff 000c 0064ff9b0000000000000000 0000"), "");
	assert_string_equal(option_taken("8100000c 000c 0064ff9b00000000 0000"), "");
	assert_string_equal(option_taken("81000016 000c 0064ff9b0000000000000000 0001"
					 "0008 0a000000 0000"), "");
	/* one that is not to be sent to, then one that is */
	assert_string_equal(option_taken("8100000e 000c ff0200000000000000000000 0000"
					 "8100000e 000c 0064ff9b0000000000000000 0000"),
			    "64:ff9b::/96");
}

static void test_natpmp_write(void **state)
{
	struct natpmp_request q = { .opcode = NATPMP_ADDRESS };
	uint8_t m[NATPMP_REQUEST_MAX];

	(void)state;
	expect(m, natpmp_write(&q, m), "0000");
	q = (struct natpmp_request){ .opcode = NATPMP_MAP_UDP,
				     .internal_port = 41641,
				     .external_port = 41642,
				     .lifetime_s = 7200 };
	expect(m, natpmp_write(&q, m), "00010000 a2a9 a2aa 00001c20");
}

static void test_natpmp_parse(void **state)
{
	struct natpmp_response r;
	uint8_t m[NATPMP_MAX];
	struct ipaddr external = ip("203.0.113.5");
	size_t n = unit_hex("00800000 00000064 cb007105", m, sizeof(m));

	(void)state;
	assert_int_equal(natpmp_parse(m, n, &r), DROP_NONE);
	assert_true(ipaddr_eq(&r.address, &external));
	assert_int_equal(r.epoch_s, 100);
	for (size_t k = 0; k < n; k++)
		assert_int_equal(natpmp_parse(m, k, &r), DROP_PORTMAP_MALFORMED);
	n = unit_hex("00810000 00000064 a2a9 a2aa 00001c20", m, sizeof(m));
	assert_int_equal(natpmp_parse(m, n, &r), DROP_NONE);
	assert_int_equal(r.internal_port, 41641);
	assert_int_equal(r.external_port, 41642);
	assert_int_equal(r.lifetime_s, 7200);
	for (size_t k = 0; k < n; k++)
		assert_int_equal(natpmp_parse(m, k, &r), DROP_PORTMAP_MALFORMED);
	n = unit_hex("00810004 00000064", m, sizeof(m)); /* a bare refusal */
	assert_int_equal(natpmp_parse(m, n, &r), DROP_NONE);
	assert_int_equal(r.result, NATPMP_OUT_OF_RESOURCES);
	m[1] = 0x82; /* TCP */
	assert_int_equal(natpmp_parse(m, n, &r), DROP_PORTMAP_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pcp_write),
		cmocka_unit_test(test_pcp_parse),
		cmocka_unit_test(test_prefix64),
		cmocka_unit_test(test_natpmp_write),
		cmocka_unit_test(test_natpmp_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
