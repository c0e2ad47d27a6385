/* SPDX-License-Identifier: MIT
 *
 * test_candidate.c - rank, uniqueness, forbidden places, wire form
 */
#include "tests/unit/unit.h"

#include "traversal/candidate.h"

static struct candidate make(const char *text, enum candidate_kind kind)
{
	struct candidate c = { .kind = kind };

	assert_true(endpoint_parse(text, &c.at));
	return c;
}

static bool add(struct candidate_list *l, const char *text, enum candidate_kind kind)
{
	struct candidate c = make(text, kind);

	return candidate_add(l, &c);
}

static void best_stand_first(void **state)
{
	struct candidate_list l = { .count = 0 };

	(void)state;
	assert_true(add(&l, "192.0.2.1:5000", CANDIDATE_REFLEXIVE));
	assert_true(add(&l, "10.0.0.1:5000", CANDIDATE_LAN));
	assert_true(add(&l, "192.0.2.1:5001", CANDIDATE_MAPPED));
	assert_true(add(&l, "10.0.0.2:5000", CANDIDATE_LAN));
	assert_int_equal(l.count, 4);
	assert_int_equal(l.c[0].kind, CANDIDATE_LAN);
	assert_int_equal(l.c[0].at.ip.b[15], 1);
	assert_int_equal(l.c[1].at.ip.b[15], 2);
	assert_int_equal(l.c[2].kind, CANDIDATE_MAPPED);
	assert_int_equal(l.c[3].kind, CANDIDATE_REFLEXIVE);
}

static void an_endpoint_stands_once_by_its_best_kind(void **state)
{
	struct candidate_list l = { .count = 0 };
	struct candidate seen = make("192.0.2.1:5000", CANDIDATE_REFLEXIVE);

	(void)state;
	seen.attested = true;
	assert_true(candidate_add(&l, &seen));
	assert_true(add(&l, "192.0.2.1:5000", CANDIDATE_PUBLIC));
	assert_true(add(&l, "192.0.2.1:5000", CANDIDATE_STATIC));
	assert_int_equal(l.count, 1);
	assert_int_equal(l.c[0].kind, CANDIDATE_PUBLIC);
	assert_true(l.c[0].attested);
}

/* one port number may listen by both protocols */
static void tcp_stands_beside_udp(void **state)
{
	struct candidate_list l = { .count = 0 };

	(void)state;
	assert_true(add(&l, "192.0.2.1:5000", CANDIDATE_TCP));
	assert_true(add(&l, "192.0.2.1:5000", CANDIDATE_PUBLIC));
	assert_true(add(&l, "192.0.2.1:5000", CANDIDATE_TCP_REFLEXIVE));
	assert_int_equal(l.count, 2);
	assert_int_equal(l.c[0].kind, CANDIDATE_PUBLIC);
	assert_int_equal(l.c[1].kind, CANDIDATE_TCP);
}

static void a_full_list_refuses(void **state)
{
	struct candidate_list l = { .count = 0 };
	struct candidate c = make("192.0.2.1:5000", CANDIDATE_REFLEXIVE);

	(void)state;
	for (unsigned i = 0; i < CANDIDATES_MAX; i++, c.at.port++)
		assert_true(candidate_add(&l, &c));
	assert_false(candidate_add(&l, &c));
	assert_int_equal(l.count, CANDIDATES_MAX);
	c.at.port = 0;
	assert_false(candidate_add(&l, &c));
	c = make("192.0.2.9:5000", CANDIDATE_PEER_REFLEXIVE);
	assert_false(candidate_add(&l, &c));
}

static void forbidden_places(void **state)
{
	static const struct {
		const char *at;
		bool allowed;
	} rows[] = {
		{ "192.0.2.1:5000", true },
		{ "10.0.0.1:1024", true },
		{ "[2001:db8::1]:5000", true },
		{ "[fd00::1]:5000", true },
		{ "192.0.2.1:1023", false },
		{ "192.0.2.1:500", true },
		{ "192.0.2.1:501", false },
		{ "127.0.0.1:5000", false },
		{ "[::ffff:127.0.0.1]:5000", false },
		{ "[::1]:5000", false },
		{ "0.1.2.3:5000", false },
		{ "169.254.169.254:5000", false },
		{ "224.0.0.1:5000", false },
		{ "255.255.255.255:5000", false },
		{ "[ff02::1]:5000", false },
		{ "[64:ff9b::7f00:1]:5000", false },
		{ "192.0.0.1:5000", false },
		{ "100.64.1.2:5000", false }, /* the overlay here */
		{ "100.65.1.2:5000", true },
		{ "[fd7a:1::5]:5000", false },
	};
	struct prefix overlay[2];

	(void)state;
	assert_true(prefix_parse("100.64.0.0/16", &overlay[0]));
	assert_true(prefix_parse("fd7a:1::/64", &overlay[1]));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct candidate c = make(rows[i].at, CANDIDATE_LAN);

		if (candidate_allowed(&c.at, overlay, 2) != rows[i].allowed)
			fail_msg("%s", rows[i].at);
		assert_int_equal(candidate_tcp_allowed(&c.at, overlay, 2),
				 rows[i].allowed && c.at.port != 500);
		c.at.port = 443;
		assert_false(candidate_allowed(&c.at, overlay, 2));
		c.at.port = 80;
		assert_false(candidate_tcp_allowed(&c.at, overlay, 2));
	}
}

static void wire_form(void **state)
{
	struct candidate_list l = { .count = 0 }, back = { .count = 0 };
	uint8_t buf[400];
	struct writer w = writer_of(buf, sizeof(buf));
	struct reader r;
	size_t n;

	(void)state;
	assert_true(add(&l, "192.0.2.1:5000", CANDIDATE_REFLEXIVE));
	assert_true(add(&l, "[2001:db8::1]:6000", CANDIDATE_V6));
	candidate_list_write(&l, &w);
	n = writer_len(&w);
	assert_int_equal(n, 41);
	r = reader_of(buf, n);
	assert_true(candidate_list_read(&r, &back));
	assert_int_equal(back.count, 2);
	assert_true(endpoint_eq(&back.c[1].at, &l.c[1].at));
	for (size_t cut = 0; cut < n; cut++) {
		struct candidate_list out = { .count = 7 };

		r = reader_of(buf, cut);
		assert_false(candidate_list_read(&r, &out));
		assert_int_equal(out.count, 7);
	}
	buf[1] = 99; /* an unknown kind is skipped */
	r = reader_of(buf, n);
	assert_true(candidate_list_read(&r, &back));
	assert_int_equal(back.count, 1);
}

/* the usual uplink's stand before a spare one's, whatever they are; known on the wire */
static void spare_ones_stand_behind(void **state)
{
	struct candidate_list l = { .count = 0 }, back = { .count = 0 };
	struct candidate c = { .kind = CANDIDATE_V6, .spare = true };
	uint8_t buf[400];
	struct writer w = writer_of(buf, sizeof(buf));
	struct reader r;

	(void)state;
	assert_true(endpoint_parse("[2001:db8::2]:6000", &c.at));
	assert_true(candidate_add(&l, &c));
	assert_true(add(&l, "192.0.2.1:5000", CANDIDATE_STATIC));
	assert_false(l.c[0].spare);
	assert_true(l.c[1].spare);
	candidate_list_write(&l, &w);
	buf[2] |= 0xfe; /* flags that we do not know */
	r = reader_of(buf, writer_len(&w));
	assert_true(candidate_list_read(&r, &back));
	assert_int_equal(back.count, 2);
	assert_false(back.c[0].spare);
	assert_true(back.c[1].spare);
	c.spare = false; /* the same endpoint by the usual one */
	assert_true(candidate_add(&l, &c));
	assert_int_equal(l.count, 2);
	assert_false(l.c[0].spare);
	assert_int_equal(l.c[0].kind, CANDIDATE_V6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(best_stand_first),
		cmocka_unit_test(an_endpoint_stands_once_by_its_best_kind),
		cmocka_unit_test(tcp_stands_beside_udp),
		cmocka_unit_test(a_full_list_refuses),
		cmocka_unit_test(forbidden_places),
		cmocka_unit_test(wire_form),
		cmocka_unit_test(spare_ones_stand_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
