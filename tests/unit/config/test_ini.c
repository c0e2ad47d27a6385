/* SPDX-License-Identifier: MIT
 *
 * test_ini.c - sections that repeat, line numbers, and what is refused where
 */
#include "tests/unit/unit.h"

#include "config/ini.h"

static void items_in_order(void **state)
{
	static const char text[] = "top = 1\n"
				   "# comment\n"
				   "; another\n"
				   "\n"
				   "[ A ]\r\n"
				   "  key\t= a value # said here\r\n"
				   "empty =\n"
				   "[Peer]\n"
				   "hash = a#b=c;d\n"
				   "[Peer]\n"
				   "last=z";
	static const struct {
		const char *section, *key, *value;
		unsigned number, line;
	} rows[] = {
		{ "", "top", "1", 0, 1 },
		{ "A", "", "", 1, 5 },
		{ "A", "key", "a value", 1, 6 },
		{ "A", "empty", "", 1, 7 },
		{ "Peer", "", "", 2, 8 },
		{ "Peer", "hash", "a#b=c;d", 2, 9 },
		{ "Peer", "", "", 3, 10 },
		{ "Peer", "last", "z", 3, 11 },
	};
	struct ini_item item;
	struct ini i;

	(void)state;
	ini_init(&i, text, sizeof(text) - 1);
	for (size_t n = 0; n < ARRAY_SIZE(rows); n++) {
		assert_true(ini_next(&i, &item));
		assert_string_equal(item.section, rows[n].section);
		assert_string_equal(item.key, rows[n].key);
		assert_string_equal(item.value, rows[n].value);
		assert_int_equal(item.section_number, rows[n].number);
		assert_int_equal(item.line, rows[n].line);
	}
	assert_false(ini_next(&i, &item));
	assert_null(i.error);
}

static void refuses(const char *text, size_t n, unsigned line, const char *part)
{
	struct ini_item item;
	struct ini i;

	ini_init(&i, text, n);
	while (ini_next(&i, &item))
		;
	assert_non_null(i.error);
	assert_non_null(strstr(i.error, part));
	assert_non_null(strstr(i.error, "allowed "));
	assert_int_equal(i.line, line);
	assert_false(ini_next(&i, &item)); /* and stays at its end */
}

static void refusals(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
		const char *part;
	} rows[] = {
		{ "a=1\n[b\n", 2, "does not end" },
		{ "[]\n", 1, "section name" },
		{ "[  ]\n", 1, "section name" },
		{ "[01234567890123456789012345678901]", 1, "section name" },
		{ "\n\nword\n", 3, "neither" },
		{ " = 1\n", 1, "key name" },
		{ "[", 1, "does not end" },
	};

	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(rows); n++)
		refuses(rows[n].text, strlen(rows[n].text), rows[n].line,
			rows[n].part);
	refuses("a = \0b\n", 7, 1, "zero octet");
}

static void lengths(void **state)
{
	static char text[8192];
	struct ini_item item;
	struct ini i;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[1] = '=';
	ini_init(&i, text, 2 + INI_VALUE - 1);
	assert_true(ini_next(&i, &item));
	assert_int_equal(strlen(item.value), INI_VALUE - 1);
	refuses(text, 2 + INI_VALUE, 1, "value is too long");
	refuses(text, INI_LINE_MAX + 1, 1, "line is too long");
	text[1] = 'x';
	text[INI_KEY] = '=';
	refuses(text, INI_KEY + 2, 1, "key name");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(items_in_order),
		cmocka_unit_test(refusals),
		cmocka_unit_test(lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
