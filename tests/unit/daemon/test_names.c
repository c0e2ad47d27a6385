/* SPDX-License-Identifier: MIT
 *
 * test_names.c - what exists is said, what does not is denied at once, the rest refused
 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "base/cursor.h"
#include "daemon/dns.h"
#include "daemon/names.h"

static struct names zone;
static struct netmap map;
static struct netmap_node peers[4];

static void node(struct netmap_node *n, const char *name, const char *v4,
		 const char *v6)
{
	strcpy(n->name, name);
	assert_true(ipaddr_parse(v4, &n->v4));
	assert_true(ipaddr_parse(v6, &n->v6));
}

static int setup(void **state)
{
	(void)state;
	map.version = 7;
	map.peers = peers;
	map.peer_count = ARRAY_SIZE(peers);
	assert_true(prefix_parse("100.90.0.0/16", &map.overlay[0]));
	assert_true(prefix_parse("fd5a:1:2::/48", &map.overlay[1]));
	node(&map.self, "web", "100.90.0.1", "fd5a:1:2::1");
	node(&peers[0], "build-box", "100.90.0.5", "fd5a:1:2::5");
	node(&peers[1], "api", "100.90.1.6", "fd5a:1:2::6");
	node(&peers[2], "wpad", "100.90.1.7", "fd5a:1:2::7");
	node(&peers[3], "localhost", "100.90.1.8", "fd5a:1:2::8");
	names_init(&zone, "adit.internal");
	return names_update(&zone, &map);
}

static int teardown(void **state)
{
	(void)state;
	names_done(&zone);
	return 0;
}

static size_t query(const char *name, uint16_t type, uint8_t *out)
{
	struct writer w = writer_of(out, 512);

	writer_be16(&w, 1);
	writer_be16(&w, 0x0100);
	writer_be16(&w, 1);
	writer_zero(&w, 6);
	while (*name) {
		size_t n = strcspn(name, ".");

		writer_u8(&w, (uint8_t)n);
		writer_put(&w, name, n);
		name += n + (name[n] == '.');
	}
	writer_u8(&w, 0);
	writer_be16(&w, type);
	writer_be16(&w, 1);
	return writer_len(&w);
}

#define REVERSE6 "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.0.0.0.1.0.0.0.a.5.d.f.ip6.arpa"

static void answers(void **state)
{
	static const struct {
		const char *name;
		unsigned type, rcode, answers, authority;
		const char *holds; /* hexadecimal, somewhere in the answer */
	} rows[] = {
		{ "build-box.adit.internal", DNS_A, 0, 1, 0, "0004 645a0005" },
		{ "BUILD-box.Adit.INTERNAL", DNS_A, 0, 1, 0, "0004 645a0005" },
		{ "web.adit.internal", DNS_A, 0, 1, 0, "0004 645a0001" },
		{ "api.adit.internal", DNS_AAAA, 0, 1, 0,
		  "0010 fd5a00010002 00000000000000000006" },
		{ "api.adit.internal", DNS_ANY, 0, 2, 0, "645a0106" },
		{ "api.adit.internal", DNS_PTR, 0, 0, 1, "" },
		{ "api.adit.internal", 15, 0, 0, 1, "" }, /* MX */
		{ "nobody.adit.internal", DNS_A, DNS_NXDOMAIN, 0, 1, "0006 0001" },
		{ "nobody.adit.internal", DNS_AAAA, DNS_NXDOMAIN, 0, 1, "" },
		{ "x.build-box.adit.internal", DNS_A, DNS_NXDOMAIN, 0, 1, "" },
		{ "wpad.adit.internal", DNS_A, DNS_NXDOMAIN, 0, 1, "" },
		{ "localhost.adit.internal", DNS_A, DNS_NXDOMAIN, 0, 1, "" },
		{ "adit.internal", DNS_SOA, 0, 1, 0, "03776562 0461646974" },
		{ "adit.internal", DNS_NS, 0, 1, 0, "03776562 0461646974" },
		{ "adit.internal", DNS_A, 0, 0, 1, "" },
		{ "adit.internal", DNS_AXFR, DNS_REFUSED, 0, 0, "" },
		{ "internal", DNS_A, DNS_REFUSED, 0, 0, "" },
		{ "xadit.internal", DNS_A, DNS_REFUSED, 0, 0, "" },
		{ "build-box", DNS_A, DNS_REFUSED, 0, 0, "" },
		{ "example.com", DNS_A, DNS_REFUSED, 0, 0, "" },
		{ "", DNS_NS, DNS_REFUSED, 0, 0, "" },
		{ "5.0.90.100.in-addr.arpa", DNS_PTR, 0, 1, 0,
		  "09 6275696c642d626f78 04" },
		{ "5.0.90.100.in-addr.arpa", DNS_A, 0, 0, 1, "" },
		{ "9.0.90.100.in-addr.arpa", DNS_PTR, DNS_NXDOMAIN, 0, 1, "" },
		{ "1.9.0.90.100.in-addr.arpa", DNS_PTR, DNS_NXDOMAIN, 0, 1, "" },
		{ "05.0.90.100.in-addr.arpa", DNS_PTR, DNS_NXDOMAIN, 0, 1, "" },
		{ "256.0.90.100.in-addr.arpa", DNS_PTR, DNS_NXDOMAIN, 0, 1, "" },
		{ "0.90.100.in-addr.arpa", DNS_PTR, 0, 0, 1, "" },
		{ "90.100.in-addr.arpa", DNS_SOA, 0, 1, 0, "" },
		{ "100.in-addr.arpa", DNS_SOA, DNS_REFUSED, 0, 0, "" },
		{ "5.0.91.100.in-addr.arpa", DNS_PTR, DNS_REFUSED, 0, 0, "" },
		{ "5." REVERSE6, DNS_PTR, 0, 1, 0, "09 6275696c642d626f78 04" },
		{ "7." REVERSE6, DNS_PTR, DNS_NXDOMAIN, 0, 1, "" },
		{ REVERSE6, DNS_PTR, 0, 0, 1, "" },
		{ "f.ip6.arpa", DNS_PTR, DNS_REFUSED, 0, 0, "" },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t m[512], out[DNS_EDNS_MAX], part[64];
		size_t n = query(rows[i].name, (uint16_t)rows[i].type, m), part_n;

		n = names_answer(&zone, m, n, out, sizeof(out));
		assert_true(n >= DNS_HEADER);
		if ((out[3] & 15u) != rows[i].rcode || out[7] != rows[i].answers ||
		    out[9] != rows[i].authority)
			fail_msg("%s %u: rcode %u, %u answers, %u authority",
				 rows[i].name, rows[i].type, out[3] & 15u, out[7],
				 out[9]);
		/* authoritative inside our zones only */
		assert_int_equal(!(out[2] & 4), rows[i].rcode == DNS_REFUSED);
		part_n = unit_hex(rows[i].holds, part, sizeof(part));
		if (part_n && !memmem(out, n, part, part_n))
			fail_msg("%s %u: not in the answer", rows[i].name,
				 rows[i].type);
	}
}

static void odd_queries(void **state)
{
	uint8_t m[512], out[DNS_EDNS_MAX];
	size_t n = query("web.adit.internal", DNS_A, m);
	struct names empty;

	(void)state;
	m[2] = 0x28; /* UPDATE */
	assert_true(names_answer(&zone, m, n, out, sizeof(out)));
	assert_int_equal(out[3] & 15, DNS_NOTIMP);
	m[2] = 1;
	m[n - 1] = 3; /* class CHAOS */
	assert_true(names_answer(&zone, m, n, out, sizeof(out)));
	assert_int_equal(out[3] & 15, DNS_REFUSED);
	m[n - 1] = 1;
	m[5] = 2;
	assert_int_equal(names_answer(&zone, m, n, out, sizeof(out)), DNS_HEADER);
	assert_int_equal(out[3] & 15, DNS_FORMERR);
	m[5] = 1;
	names_init(&empty, "adit.internal");
	assert_true(names_answer(&empty, m, n, out, sizeof(out)));
	assert_int_equal(out[3] & 15, DNS_SERVFAIL);
}

/* RFC 6891 s6.1.3: a version that we do not speak */
static void edns_version(void **state)
{
	static const uint8_t opt[] = { 0, 0, 41, 4, 208, 0, 1, 0, 0, 0, 0 };
	uint8_t m[512], out[DNS_EDNS_MAX];
	size_t n = query("web.adit.internal", DNS_A, m);

	(void)state;
	memcpy(m + n, opt, sizeof(opt));
	m[11] = 1;
	n = names_answer(&zone, m, n + sizeof(opt), out, sizeof(out));
	assert_true(n > 11);
	assert_int_equal(out[3] & 15, 0);
	assert_int_equal(out[n - 6], 1); /* BADVERS is 16: the upper octet */
	assert_int_equal(out[7], 0);
}

/* A range that does not end at a label: each whole label is a zone, no neighbour's. */
static void odd_range(void **state)
{
	static const struct {
		const char *name;
		unsigned rcode;
	} rows[] = {
		{ "5.0.90.100.in-addr.arpa", 0 },
		{ "5.0.127.100.in-addr.arpa", DNS_NXDOMAIN },
		{ "5.0.63.100.in-addr.arpa", DNS_REFUSED },
		{ "5.0.128.100.in-addr.arpa", DNS_REFUSED },
	};
	uint8_t m[512], out[DNS_EDNS_MAX];

	(void)state;
	assert_true(prefix_parse("100.64.0.0/10", &zone.overlay[0]));
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t n = query(rows[i].name, DNS_PTR, m);

		assert_true(names_answer(&zone, m, n, out, sizeof(out)));
		assert_int_equal(out[3] & 15u, rows[i].rcode);
	}
	zone.overlay[0] = map.overlay[0];
}

static void hosts_file(void **state)
{
	size_t n;
	char *text = names_hosts(&zone, &n);

	(void)state;
	assert_non_null(text);
	assert_string_equal(text,
		"# adit 1 adit.internal\n"
		"100.90.1.6 api.adit.internal api\n"
		"fd5a:1:2::6 api.adit.internal api\n"
		"100.90.0.5 build-box.adit.internal build-box\n"
		"fd5a:1:2::5 build-box.adit.internal build-box\n"
		"100.90.0.1 web.adit.internal web\n"
		"fd5a:1:2::1 web.adit.internal web\n");
	assert_int_equal(n, strlen(text));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(odd_queries),
		cmocka_unit_test(edns_version),
		cmocka_unit_test(odd_range),
		cmocka_unit_test(hosts_file),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
