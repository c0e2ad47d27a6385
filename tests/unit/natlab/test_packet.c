/* SPDX-License-Identifier: MIT
 *
 * test_packet.c - rewriting keeps every checksum right, and nothing reads too far
 */
#include "tests/unit/unit.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "base/rand.h"
#include "tests/natlab/packet.h"
#include "tun/checksum.h"

static uint8_t m[256];

static struct endpoint at(uint32_t ip, uint16_t port)
{
	return (struct endpoint){ .ip = ipaddr_v4(ip), .port = port };
}

static void put(size_t i, unsigned v)
{
	m[i] = (uint8_t)(v >> 8);
	m[i + 1] = (uint8_t)v;
}

/* make() - 10.0.0.2:5000 -> 198.51.100.1:53 with 13 octets of data; returns its size */
static size_t make(uint8_t proto)
{
	size_t head = proto == IPPROTO_TCP ? 20 : 8, n = 20 + head + 13;
	size_t sum = 20 + (proto == IPPROTO_TCP ? 16u : proto == IPPROTO_UDP ? 6u : 2u);
	uint64_t s = 0;
	uint16_t folded;

	memset(m, 0x5a, sizeof(m));
	memset(m, 0, 20 + head);
	m[0] = 0x45;
	put(2, (unsigned)n);
	m[8] = 64;
	m[9] = proto;
	memcpy(m + 12, "\x0a\x00\x00\x02\xc6\x33\x64\x01", 8);
	folded = (uint16_t)~checksum_fold(checksum_add(0, m, 20));
	memcpy(m + 10, &folded, 2);
	if (proto == IPPROTO_ICMP) {
		m[20] = 8; /* echo request */
		put(24, 5000);
	} else {
		put(20, 5000);
		put(22, 53);
		s = checksum_pseudo(m + 12, m + 16, 4, proto, n - 20);
	}
	if (proto == IPPROTO_UDP)
		put(24, (unsigned)n - 20);
	folded = (uint16_t)~checksum_fold(checksum_add(s, m + 20, n - 20));
	memcpy(m + sum, &folded, 2);
	return n;
}

static bool sums_are_right(size_t n)
{
	uint8_t proto = m[9];
	uint64_t s = proto == IPPROTO_ICMP ? 0 :
		checksum_pseudo(m + 12, m + 16, 4, proto, n - 20);

	return checksum_fold(checksum_add(0, m, 20)) == 0xffff &&
	       checksum_fold(checksum_add(s, m + 20, n - 20)) == 0xffff;
}

static void rewrites(void **state)
{
	static const uint8_t protos[] = { IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMP };
	struct prng g = { 5 };

	(void)state;
	for (size_t i = 0; i < 3; i++)
		for (unsigned k = 0; k < 500; k++) {
			size_t n = make(protos[i]);
			struct endpoint e = at((uint32_t)prng_u64(&g),
					       (uint16_t)prng_u64(&g));
			struct packet p;

			assert_true(sums_are_right(n));
			assert_true(packet_read(m, n, &p));
			assert_int_equal(p.from.port, 5000);
			packet_set_from(&p, &e);
			assert_true(sums_are_right(n));
			packet_set_to(&p, &e);
			assert_true(packet_hop(m));
			assert_true(sums_are_right(n));
			assert_true(packet_read(m, n, &p));
			assert_true(endpoint_eq(&p.from, &e));
			if (protos[i] != IPPROTO_ICMP)
				assert_true(endpoint_eq(&p.to, &e));
		}
}

static void a_udp_packet_without_checksum_stays_so(void **state)
{
	size_t n = make(IPPROTO_UDP);
	struct endpoint e = at(0xCB007101, 6000);
	struct packet p;

	(void)state;
	put(26, 0);
	assert_true(packet_read(m, n, &p));
	packet_set_from(&p, &e);
	assert_int_equal(m[26] | m[27], 0);
}

static void hops_end(void **state)
{
	size_t n = make(IPPROTO_UDP), k;
	struct ipaddr router = ipaddr_v4(0x0B010001);
	struct endpoint host = at(0x0A000007, 7000);
	uint8_t out[PACKET_ERROR_ROOM];
	struct packet p;

	(void)state;
	assert_true(packet_read(m, n, &p));
	m[8] = 1;
	assert_false(packet_hop(m));
	k = packet_expired(&p, &router, out);
	assert_int_equal(k, 20 + 8 + 28);
	memcpy(m, out, k);
	assert_true(sums_are_right(k));
	assert_true(packet_read(m, k, &p));
	assert_true(p.error);
	assert_int_equal(p.proto, IPPROTO_UDP);
	assert_int_equal(p.from.port, 5000); /* of the packet that it quotes */
	assert_int_equal(packet_expired(&p, &router, out), 0); /* none about an error */
	packet_set_error(&p, &host);
	assert_true(sums_are_right(k));
	assert_int_equal(m[19], 7); /* goes to the host */
	assert_true(packet_read(m, k, &p));
	assert_true(endpoint_eq(&p.from, &host));
}

static void echo(void **state)
{
	size_t n = make(IPPROTO_ICMP);
	struct packet p;

	(void)state;
	assert_true(packet_read(m, n, &p));
	assert_int_equal(p.to.port, 0);
	assert_true(packet_echo(&p));
	assert_true(sums_are_right(n));
	assert_true(packet_read(m, n, &p));
	assert_int_equal(p.from.port, 0);
	assert_int_equal(p.to.port, 5000); /* back to the asker's session */
	assert_false(packet_echo(&p));
	n = make(IPPROTO_UDP);
	assert_true(packet_read(m, n, &p));
	assert_false(packet_echo(&p));
}

/* every cut of every packet in memory of just that size, and 100,000 of noise */
static void nothing_reads_too_far(void **state)
{
	static const uint8_t protos[] = { IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMP };
	struct ipaddr router = ipaddr_v4(0x0B010001);
	struct endpoint e = at(0xCB007101, 6000);
	uint8_t error[PACKET_ERROR_ROOM];
	struct prng g = { 11 };

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		size_t n = make(protos[i % 3]), cut = prng_below(&g, (uint32_t)n + 1);
		uint8_t *tight = malloc(cut ? cut : 1);
		struct packet p;

		for (unsigned k = prng_below(&g, 5); k > 0; k--)
			m[prng_below(&g, 48)] = (uint8_t)prng_u64(&g);
		memcpy(tight, m, cut);
		if (packet_read(tight, cut, &p)) {
			(void)packet_expired(&p, &router, error);
			packet_set_from(&p, &e);
			packet_set_to(&p, &e);
			if (p.error)
				packet_set_error(&p, &e);
			(void)packet_hop(tight);
			(void)packet_echo(&p);
		}
		free(tight);
	}
}

static void refuses(void **state)
{
	size_t n = make(IPPROTO_UDP);
	struct packet p;

	(void)state;
	put(6, 1); /* a later fragment has no ports */
	assert_false(packet_read(m, n, &p));
	(void)make(IPPROTO_UDP);
	m[0] = 0x65;
	assert_false(packet_read(m, n, &p));
	(void)make(IPPROTO_UDP);
	m[9] = IPPROTO_SCTP;
	assert_false(packet_read(m, n, &p));
	assert_false(packet_read(m, 27, &p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rewrites),
		cmocka_unit_test(a_udp_packet_without_checksum_stays_so),
		cmocka_unit_test(hops_end),
		cmocka_unit_test(echo),
		cmocka_unit_test(nothing_reads_too_far),
		cmocka_unit_test(refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
