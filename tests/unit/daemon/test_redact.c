/* SPDX-License-Identifier: MIT
 *
 * test_redact.c - what a bug report may not hold is not in it
 */
#include "tests/unit/unit.h"

#include "daemon/cli/redact.h"

#define KEY "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="

static const struct {
	bool addresses;
	const char *text;
	const char *never, *still; /* NULL: nothing */
} rows[] = {
	{ false, "PrivateKey = " KEY "\n", "xTIBA5", "PrivateKey = [key " },
	{ false, "\"key\": \"" KEY "\",", "NAB4", "\"key\": \"[key " },
	{ false, "key=" KEY, "8Dg", NULL },
	{ false, "url?k=a-_b" KEY "x", "Dg=", NULL },
	{ false, "adit1:AS_IGO more", "AS_IGO", " more" },
	{ false, "to 192.0.2.7:41641", NULL, "192.0.2.7:41641" },
	{ false, "peer web: path 2001:db8::7 alive", NULL, "2001:db8::7 alive" },
	{ true, "to 192.0.2.7:41641.", "192.0.2.7", "]:41641." },
	{ true, "https://192.0.2.7:443/", "192.0.2", "https://[address " },
	{ true, "[2001:db8::7]:443", "db8", "]]:443" },
	{ true, "fd00::1/64 dev", "fd00", "]/64 dev" },
	{ true, "at ::1, ::ffff:192.0.2.7", "::1", ", " },
	{ true, "at ::ffff:192.0.2.7", "192.0", "at " },
	{ true, "10:15:02 version 0.1.0", NULL, "10:15:02 version 0.1.0" },
	{ true, "remote=198.51.100.9", "198", "remote=[address " },
	{ true, "end 198.51.100.9", "198", "end [address " },
};

static void table(void **state)
{
	char out[512];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct redact r = { rows[i].addresses, 42 };
		size_t n = redact_text(&r, rows[i].text, out, sizeof(out));

		assert_int_equal(n, strlen(out));
		if (rows[i].never && strstr(out, rows[i].never))
			fail_msg("%s -> %s", rows[i].text, out);
		if (rows[i].still && !strstr(out, rows[i].still))
			fail_msg("%s -> %s", rows[i].text, out);
	}
}

static void same_stays_same(void **state)
{
	struct redact r = { true, 1 }, other = { true, 2 };
	char a[64], b[64], c[64];

	(void)state;
	redact_text(&r, "192.0.2.7", a, sizeof(a));
	redact_text(&r, "192.0.2.7", b, sizeof(b));
	assert_string_equal(a, b);
	redact_text(&other, "192.0.2.7", c, sizeof(c));
	assert_string_not_equal(a, c);
}

static void room_is_kept(void **state)
{
	struct redact r = { true, 1 };
	char out[64];

	(void)state;
	for (size_t room = 1; room < sizeof(out); room++) {
		memset(out, 'x', sizeof(out));
		assert_true(redact_text(&r, "a " KEY " 192.0.2.7 end", out,
					room) < room);
		assert_int_equal(out[room], 'x');
		assert_null(strstr(out, "xTIBA"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(same_stays_same),
		cmocka_unit_test(room_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
