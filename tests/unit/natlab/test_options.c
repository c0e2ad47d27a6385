/* SPDX-License-Identifier: MIT
 *
 * test_options.c - natlab's command line: what is taken, what is refused and why
 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "tests/natlab/options.h"

static struct options o;
static char why[OPTIONS_WHY];

/* parse() - the words of a line */
static bool parse(const char *line)
{
	char *copy = strdup(line), *argv[64] = { (char *)"natlab" }, *rest = copy, *word;
	int argc = 1;
	bool good;

	while ((word = strtok_r(rest, " ", &rest)) != NULL)
		argv[argc++] = word;
	memset(&o, 0, sizeof(o));
	why[0] = 0;
	good = options_parse(argc, argv, &o, why);
	free(copy);
	return good;
}

#define DEVICES "--inside a:eth0 --outside v1 "
#define NAT	DEVICES "--external 11.1.0.2 --gateway 10.0.0.1 "

static void taken(void **state)
{
	(void)state;
	assert_true(parse(DEVICES "--delay 2.5 --loss 10 --rate 20 --queue 100"));
	assert_string_equal(o.inside_ns, "a");
	assert_string_equal(o.inside, "eth0");
	assert_string_equal(o.outside_ns, "");
	assert_true(ipaddr_is_zero(&o.nat.external));
	assert_int_equal(o.wire.delay, USEC(2500));
	assert_true(o.wire.loss == 10 && o.wire.rate == 20);
	assert_true(parse(NAT "--mapping address-port --filtering address --pool 4 "
			      "--ports sequential:-2 --foreign 100 --timeout 30 "
			      "--ban 100:2:60 --accepts --seed 9 --keep 11.9.0.0/24"));
	assert_int_equal(prefix_family_bits(&o.keep), 24);
	assert_int_equal(o.mapping, NAT_KIND_ADDRESS_PORT);
	assert_int_equal(o.filtering, NAT_KIND_ADDRESS);
	assert_int_equal(o.nat.ports.kind, ALLOCATOR_SEQUENTIAL);
	assert_int_equal(o.nat.ports.step, -2);
	assert_int_equal(o.nat.ports.pool, 4);
	assert_int_equal(o.nat.foreign, 100);
	assert_int_equal(o.nat.lifetime, SEC(30));
	assert_int_equal(o.nat.ban_ports, 100);
	assert_int_equal(o.nat.ban_window, SEC(2));
	assert_int_equal(o.nat.ban_time, SEC(60));
	assert_true(o.nat.accepts && o.seed == 9);
	assert_true(parse(NAT "--pool 4 --ports block:8192-9215"));
	assert_int_equal(allocator_range(&o.nat.ports), 1024);
	assert_int_equal(o.nat.ports.pool, 4);
	assert_true(parse(NAT "--ports set:0xff0:0x120"));
	assert_int_equal(allocator_range(&o.nat.ports), 240);
	assert_true(parse("--help") && o.help);
}

static void refused(void **state)
{
	static const char *const lines[] = {
		"", "--inside a:eth0", DEVICES "--speed 1", DEVICES "delay 1",
		DEVICES "--delay", DEVICES "--delay x", DEVICES "--delay -1",
		DEVICES "--delay nan", DEVICES "--loss 101", DEVICES "--external 11.1.0.2",
		DEVICES "--gateway 10.0.0.1", NAT "--keep 11.9", NAT "--external fe80::1",
		NAT "--mapping symmetric", NAT "--ports sequential:0",
		NAT "--ports sequential:999", NAT "--ports block:9-8",
		NAT "--ports block:100-2000", NAT "--ports block:2000-70000",
		NAT "--ports set:0:0", NAT "--pool 17", NAT "--pool 1.5",
		NAT "--ban 100", NAT "--ban 0:1:1", NAT "--ban 1:1:1:1",
		NAT "--sessions 100000", NAT "--seed x", NAT "--external 11.1.0.254 --pool 4",
		"--inside a/b:eth0 --outside v1", "--inside :eth0 --outside v1",
		"--inside a: --outside v1", "--inside a-name-too-long-for-linux --outside v1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (parse(lines[i]))
			fail_msg("taken: %s", lines[i]);
		assert_true(strlen(why) > 10); /* a reason */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(taken),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
