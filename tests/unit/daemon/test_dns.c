/* SPDX-License-Identifier: MIT
 *
 * test_dns.c - DNS messages, octet by octet: RFC 1035 s4.1, RFC 6891 s6.1
 */
#include "tests/unit/unit.h"

#include "daemon/dns.h"

/* "a.b" A IN, recursion desired, in hexadecimal */
#define HEAD(flags, counts) "1234" flags counts
#define A_B "01610162 00 0001 0001"

static void verdicts(void **state)
{
	static const struct {
		const char *what, *hex;
		enum dns_verdict verdict;
	} rows[] = {
		{ "plain", HEAD("0100", "0001000000000000") A_B, DNS_ASKED },
		{ "an answer", HEAD("8100", "0001000000000000") A_B, DNS_IGNORE },
		{ "short header", "1234010000010000000000", DNS_IGNORE },
		{ "empty", "", DNS_IGNORE },
		{ "no question", HEAD("0100", "0000000000000000"), DNS_REPROACH },
		{ "two", HEAD("0100", "0002000000000000") A_B A_B, DNS_REPROACH },
		{ "cut name", HEAD("0100", "0001000000000000") "0161 01",
		  DNS_REPROACH },
		{ "no class", HEAD("0100", "0001000000000000") "0161000001",
		  DNS_REPROACH },
		{ "pointer", HEAD("0100", "0001000000000000") "c00c00010001",
		  DNS_REPROACH },
		{ "missing record", HEAD("0100", "0001000000000001") A_B,
		  DNS_REPROACH },
		{ "many records", HEAD("0100", "000100000000ffff") A_B,
		  DNS_REPROACH },
		{ "OPT", HEAD("0100", "0001000000000001") A_B
		  "00 0029 04d0 00000000 0000", DNS_ASKED },
		{ "OPT twice", HEAD("0100", "0001000000000002") A_B
		  "00 0029 04d0 00000000 0000 00 0029 04d0 00000000 0000",
		  DNS_REPROACH },
		{ "OPT of a name", HEAD("0100", "0001000000000001") A_B
		  "0161 00 0029 04d0 00000000 0000", DNS_REPROACH },
		{ "OPT cut", HEAD("0100", "0001000000000001") A_B
		  "00 0029 04d0 00000000 0005 00", DNS_REPROACH },
	};
	uint8_t m[512];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct dns_question q = { 0 };
		size_t n = unit_hex(rows[i].hex, m, sizeof(m));

		if (dns_question_parse(m, n, &q) != rows[i].verdict)
			fail_msg("%s", rows[i].what);
		if (rows[i].verdict == DNS_REPROACH)
			assert_int_equal(q.id, 0x1234);
	}
}

static size_t ask(const char *hex, struct dns_question *q, uint8_t m[static 512])
{
	size_t n = unit_hex(hex, m, 512);

	assert_int_equal(dns_question_parse(m, n, q), DNS_ASKED);
	return n;
}

static void long_names(void **state)
{
	uint8_t m[512] = { 0, 1, 0, 0, 0, 1 };
	struct dns_question q;
	size_t n = DNS_HEADER;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		m[n++] = 63;
		memset(m + n, 'x', 63);
		n += 63;
	}
	m[n++] = 61; /* 3 * 64 + 62 + 1 = 255: RFC 1035 s2.3.4 */
	memset(m + n, 'x', 61);
	n += 61;
	m[n] = 0;
	m[n + 2] = m[n + 4] = 1;
	assert_int_equal(dns_question_parse(m, n + 5, &q), DNS_ASKED);
	assert_int_equal(strlen(q.name), 253);
	m[DNS_HEADER + 192] = 62;
	memset(m + n, 'x', 1);
	m[n + 1] = 0;
	m[n + 3] = m[n + 5] = 1;
	assert_int_equal(dns_question_parse(m, n + 6, &q), DNS_REPROACH);
	m[DNS_HEADER] = 64; /* no such label */
	assert_int_equal(dns_question_parse(m, n + 6, &q), DNS_REPROACH);
}

static void case_is_kept(void **state)
{
	/* "Ab.C" */
	static const char hex[] = HEAD("0100", "0001000000000000")
		"02416201 43 00 0001 0001";
	uint8_t m[512], out[512], want[512];
	struct dns_question q;
	struct dns_answer a;
	struct ipaddr ip = ipaddr_v4(0x645a0005);
	size_t n;

	(void)state;
	ask(hex, &q, m);
	assert_string_equal(q.name, "ab.c");
	dns_answer_begin(&a, &q, out, sizeof(out));
	a.ours = true;
	dns_answer_address(&a, &ip, 20);
	n = unit_hex("1234 8500 0001 0001 0000 0000 024162014300 0001 0001"
		     "c00c 0001 0001 00000014 0004 645a0005", want,
		     sizeof(want));
	assert_int_equal(dns_answer_end(&a), n);
	assert_memory_equal(out, want, n);
}

static void too_small_is_truncated(void **state)
{
	uint8_t m[512], out[64], want[64];
	struct dns_question q;
	struct dns_answer a;
	size_t n;

	(void)state;
	ask(HEAD("0100", "0001000000000001") A_B "00 0029 1000 00000000 0000", &q,
	    m);
	assert_int_equal(q.room, DNS_EDNS_MAX); /* not the 4096 they offer */
	dns_answer_begin(&a, &q, out, 40);
	dns_answer_name(&a, DNS_PTR, "a-long-name.adit.internal", 20);
	n = unit_hex("1234 8300 0001 0000 0000 0001 0161016200 0001 0001"
		     "00 0029 04d0 00000000 0000", want, sizeof(want));
	assert_int_equal(dns_answer_end(&a), n);
	assert_memory_equal(out, want, n);
	dns_answer_begin(&a, &q, out, 20);
	assert_int_equal(dns_answer_end(&a), 0);
}

static void plain_askers_take_512(void **state)
{
	uint8_t m[512], out[DNS_EDNS_MAX];
	struct dns_question q;
	struct dns_answer a;

	(void)state;
	ask(HEAD("0100", "0001000000000000") A_B, &q, m);
	dns_answer_begin(&a, &q, out, sizeof(out));
	for (unsigned i = 0; i < 60; i++)
		dns_answer_name(&a, DNS_NS, "c", 1);
	assert_int_equal(dns_answer_end(&a), DNS_HEADER + 9);
	assert_int_equal(out[2] & 2, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts),
		cmocka_unit_test(long_names),
		cmocka_unit_test(case_is_kept),
		cmocka_unit_test(too_small_is_truncated),
		cmocka_unit_test(plain_askers_take_512),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
