/* SPDX-License-Identifier: MIT
 *
 * test_classify.c - the packet classifier: a table, and against a second, naive one
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/rand.h"
#include "tun/classify.h"

/* ---- the second implementation: octet by octet, written from the RFCs alone ---- */

struct naive {
	bool ok, later, first;
	int protocol, sport, dport, flags;
	unsigned id;
};

static int u16(const uint8_t *p)
{
	return p[0] * 256 + p[1];
}

static void naive_l4(const uint8_t *p, int n, bool v6, struct naive *o)
{
	if (o->protocol == 6) {
		if (n < 20 || (p[12] >> 4) < 5)
			return;
		if (!o->first && (p[12] >> 4) * 4 > n)
			return;
		o->sport = u16(p);
		o->dport = u16(p + 2);
		o->flags = p[13];
	} else if (o->protocol == 17) {
		if (n < 8)
			return;
		o->sport = u16(p);
		o->dport = u16(p + 2);
	} else if (o->protocol == 1 || o->protocol == 58) {
		if (n < 8 || v6 != (o->protocol == 58))
			return;
		if (p[0] == (v6 ? 128 : 8) || p[0] == (v6 ? 129 : 0))
			o->sport = o->dport = u16(p + 4);
		o->protocol = 1;
	}
	o->ok = true;
}

static void naive4(const uint8_t *p, int n, struct naive *o)
{
	int header, length, offset, at;

	if (n < 20)
		return;
	header = (p[0] % 16) * 4;
	length = u16(p + 2);
	if (header < 20 || length < header || length > n)
		return;
	for (at = 20; at < header && p[at] != 0;) {
		if (p[at] == 1) {
			at++;
			continue;
		}
		if (p[at] == 131 || p[at] == 137 || at + 1 >= header ||
		    p[at + 1] < 2 || at + p[at + 1] > header)
			return;
		at += p[at + 1];
	}
	o->protocol = p[9];
	offset = (u16(p + 6) % 8192) * 8;
	o->id = (unsigned)u16(p + 4);
	if (offset + length > 65535 || (offset == 8 && o->protocol == 6))
		return;
	o->later = offset > 0;
	o->first = !offset && (p[6] & 0x20);
	if (o->later)
		o->ok = true;
	else
		naive_l4(p + header, length - header, false, o);
}

static void naive6(const uint8_t *p, int n, struct naive *o)
{
	int end, at = 40, next, steps = 0, offset;
	bool fragment = false;

	if (n < 40 || 40 + u16(p + 4) > n)
		return;
	end = 40 + u16(p + 4);
	next = p[6];
	while (next == 0 || next == 43 || next == 44 || next == 60) {
		if (++steps > 8 || end - at < 8 || (next == 0 && steps > 1))
			return;
		if (next == 44) {
			offset = u16(p + at + 2) / 8 * 8;
			if (fragment)
				return;
			fragment = offset || p[at + 3] % 2;
			o->id = (unsigned)u16(p + at + 4) * 65536u +
				(unsigned)u16(p + at + 6);
			next = p[at];
			at += 8;
			o->protocol = next;
			if (offset + (end - at) > 65535 ||
			    (offset == 8 && next == 6))
				return;
			o->later = offset > 0;
			o->first = fragment && !o->later;
			if (o->later) {
				o->ok = true;
				return;
			}
			continue;
		}
		if (next == 43 && p[at + 3] != 0)
			return;
		if (at + 8 + p[at + 1] * 8 > end)
			return;
		next = p[at];
		at += 8 + p[at + 1] * 8;
	}
	o->protocol = next;
	naive_l4(p + at, end - at, true, o);
}

static struct naive naive(const uint8_t *p, int n)
{
	struct naive o = { 0 };

	if (n && p[0] / 16 == 4)
		naive4(p, n, &o);
	else if (n && p[0] / 16 == 6)
		naive6(p, n, &o);
	return o;
}

static void compare(const uint8_t *p, size_t n)
{
	struct naive want = naive(p, (int)n);
	struct classify got;
	bool ok = classify(p, n, &got);

	if (ok != want.ok ||
	    (ok && ((got.part == CLASSIFY_LATER) != want.later ||
		    (got.part == CLASSIFY_FIRST) != want.first ||
		    (got.part != CLASSIFY_WHOLE && got.fragment != want.id) ||
		    got.protocol != want.protocol ||
		    (!want.later &&
		     (got.source_port != want.sport ||
		      got.destination_port != want.dport ||
		      (want.protocol == 6 && got.flags != want.flags)))))) {
		for (size_t i = 0; i < n; i++)
			fprintf(stderr, "%02x", p[i]);
		fail_msg("classify %d, naive %d", ok, want.ok);
	}
}

/* random_packet() - mostly plausible: random octets alone never get past a length */
static size_t random_packet(struct prng *g, uint8_t *p)
{
	static const uint8_t next[] = { 0, 43, 44, 60, 6, 17, 58, 1, 59, 51, 132 };
	size_t n = prng_below(g, 160);

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)prng_u64(g);
	if (n < 60 || prng_below(g, 8) == 0)
		return n;
	if (prng_below(g, 2)) {
		p[0] = (uint8_t)(0x45 + (prng_below(g, 4) ? 0 : prng_below(g, 6)));
		p[2] = 0;
		p[3] = (uint8_t)(prng_below(g, 8) ? n : prng_below(g, 256));
		if (prng_below(g, 3)) {
			p[6] = (uint8_t)(prng_below(g, 2) * 0x20);
			p[7] = (uint8_t)prng_below(g, 3);
		}
		p[9] = next[prng_below(g, sizeof(next))];
		if (prng_below(g, 2))
			p[20] = p[21] = 1;
		p[(p[0] & 15) * 4 + 12] |= 0x50;
		return n;
	}
	p[0] = 0x60;
	p[4] = 0;
	p[5] = (uint8_t)(prng_below(g, 8) ? n - 40 : prng_below(g, 256));
	p[6] = next[prng_below(g, sizeof(next))];
	for (size_t at = 40; at + 8 <= n; at += 8) {
		if (prng_below(g, 3) == 0)
			continue;
		p[at] = next[prng_below(g, sizeof(next))];
		p[at + 1] = (uint8_t)(prng_below(g, 4) ? 0 : prng_below(g, 3));
		if (prng_below(g, 2))
			p[at + 2] = p[at + 3] = 0;
	}
	return n;
}

static void agrees_with_a_naive_one(void **state)
{
	struct prng g = { 4242 };
	uint8_t *p;

	(void)state;
	for (unsigned i = 0; i < 2000000; i++) {
		uint8_t packet[256];
		size_t n = random_packet(&g, packet);

		if (i % 64) {
			compare(packet, n);
			continue;
		}
		p = malloc(n + 1); /* exact, for the address sanitizer */
		memcpy(p + 1, packet, n);
		compare(p + 1, n);
		free(p);
	}
}

#define V6(payload, next) "6000000000" payload next "40" \
	"fd000000000000000000000000000001" "fd000000000000000000000000000002"
#define TCP "0016c350" "00000001" "00000000" "5002" "ffff" "00000000"

static const struct {
	const char *text, *hex;
	bool ok;
	int protocol, sport, dport;
	enum classify_part part;
} table[] = {
	{ "TCP", "45000028000000004006000064400001" "64400002" TCP, true, 6, 22,
	  50000, CLASSIFY_WHOLE },
	{ "UDP", "4500001c00000000401100006440000164400002" "0035270f00080000",
	  true, 17, 53, 9999, CLASSIFY_WHOLE },
	{ "source route", "4700002400000000401100006440000164400002"
	  "83070400000000010035270f00080000", false, 0, 0, 0, 0 },
	{ "first fragment cuts TCP", "4500001c00012000400600006440000164400002"
	  "0016c35000000001", false, 0, 0, 0, 0 },
	{ "later fragment", "4500001c00010040401100006440000164400002"
	  "0035270f00080000", true, 17, 0, 0, CLASSIFY_LATER },
	{ "TCP fragment at 8", "4500001c00010001400600006440000164400002"
	  "0035270f00080000", false, 0, 0, 0, 0 },
	{ "IPv6 TCP", V6("14", "06") TCP, true, 6, 22, 50000, CLASSIFY_WHOLE },
	{ "hop-by-hop", V6("1c", "00") "0600010400000000" TCP, true, 6, 22, 50000,
	  CLASSIFY_WHOLE },
	{ "options then hop-by-hop", V6("24", "3c") "0000010400000000"
	  "0600010400000000" TCP, false, 0, 0, 0, 0 },
	{ "routing that leads on", V6("2c", "2b") "0602020100000000"
	  "fd000000000000000000000000000009" TCP, false, 0, 0, 0, 0 },
	{ "routing that has arrived", V6("2c", "2b") "0602020000000000"
	  "fd000000000000000000000000000009" TCP, true, 6, 22, 50000,
	  CLASSIFY_WHOLE },
	{ "length of an extension beyond the packet", V6("1c", "3c")
	  "06ff010400000000" TCP, false, 0, 0, 0, 0 },
	{ "atomic fragment", V6("1c", "2c") "0600000012345678" TCP, true, 6, 22,
	  50000, CLASSIFY_WHOLE },
	{ "two fragment headers", V6("24", "2c") "2c00000112345678"
	  "0600000012345678" TCP, false, 0, 0, 0, 0 },
	{ "unknown next header is not TCP", V6("14", "fd") TCP, true, 253, 0, 0,
	  CLASSIFY_WHOLE },
	{ "ICMPv4 in IPv6", V6("08", "01") "0800000000010001", false, 0, 0, 0, 0 },
	{ "ping", V6("08", "3a") "8000000012340001", true, 1, 0x1234, 0x1234,
	  CLASSIFY_WHOLE },
};

static void knows_the_table(void **state)
{
	uint8_t p[128];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(table); i++) {
		size_t n = unit_hex(table[i].hex, p, sizeof(p));
		struct classify c;
		bool ok = classify(p, n, &c);

		if (ok != table[i].ok ||
		    (ok && (c.protocol != table[i].protocol ||
			    c.source_port != table[i].sport ||
			    c.destination_port != table[i].dport ||
			    c.part != table[i].part)))
			fail_msg("%s: %d", table[i].text, ok);
		compare(p, n);
	}
}

static void reads_what_an_error_quotes(void **state)
{
	uint8_t p[128];
	size_t n = unit_hex("4500003800000000400100006440000964400001"
			    "0304000000000578"
			    "4500057800004000400600006440000164400002"
			    "c350001600000001", p, sizeof(p));
	struct classify c, q;

	(void)state;
	assert_true(classify(p, n, &c));
	assert_int_equal(c.icmp, CLASSIFY_ERROR);
	assert_true(classify_quoted(c.quoted, c.quoted_n, &q));
	assert_int_equal(q.protocol, 6);
	assert_int_equal(q.source_port, 50000);
	assert_int_equal(q.destination_port, 22);
	assert_false(classify(c.quoted, c.quoted_n, &q));
	assert_false(classify_quoted(c.quoted, c.quoted_n - 1, &q));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_the_table),
		cmocka_unit_test(reads_what_an_error_quotes),
		cmocka_unit_test(agrees_with_a_naive_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
