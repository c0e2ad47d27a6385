/* SPDX-License-Identifier: MIT
 *
 * test_settings.c - what adit-relay is told by flags and files
 */
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "relay/settings.h"

#define KEY "uTC5uIn/UPnFtKVIbOjX6Mqr0gmGWWKmBEVVoxV7P1c="

static char dir[] = "/tmp/test_settings.XXXXXX";

/* read_args() - by a list of arguments that ends with NULL; what is complained is not
 * for the test's output */
static int read_args(struct settings *s, const char *const *args)
{
	char *argv[16] = { (char *)"adit-relay" };
	int argc = 1, kept = dup(2), null = open("/dev/null", O_WRONLY), status;

	while (args[argc - 1] && argc < 15) {
		argv[argc] = (char *)args[argc - 1];
		argc++;
	}
	dup2(null, 2);
	status = settings_read(argc, argv, s);
	dup2(kept, 2);
	close(kept);
	close(null);
	return status;
}

static void write_file(const char *name, const char *text, char path[static 64])
{
	FILE *f;

	snprintf(path, 64, "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void test_flags(void **state)
{
	const char *const args[] = { "--coord-key", KEY, "--node-rate", "8",
				     "--total-rate", "80", "--node-quota", "3",
				     "--quota", "1000", "--allow-from", "192.0.2.0/24",
				     NULL };
	struct settings s;
	char path[SCRAPE_AT];

	(void)state;
	assert_int_equal(read_args(&s, args), 0);
	assert_int_equal(s.service.limits.rate, 1000000);
	assert_int_equal(s.service.limits.total_rate, 10000000);
	assert_int_equal(s.service.limits.node_daily, UINT64_C(3000000000));
	assert_int_equal(s.service.limits.monthly, UINT64_C(1000000000000));
	assert_int_equal(s.service.limits.allow.from_count, 1);
	assert_int_equal(s.service.port, 3478);
	assert_string_equal(settings_socket(&s, path),
			    "/var/lib/adit-relay/status.sock");
}

static void test_file_and_flags(void **state)
{
	char path[64];
	const char *args[] = { "--udp-port", "4000", "--config", path, NULL };
	struct settings s;

	(void)state;
	write_file("good.conf", "# what is said\ncoord-key = " KEY "\n\n"
		   "udp-port = 5000\nnode-rate = 1\n", path);
	assert_int_equal(read_args(&s, args), 0);
	assert_int_equal(s.service.port, 4000); /* a flag wins */
	assert_int_equal(s.service.limits.rate, 125000);
}

static void test_mistakes(void **state)
{
	static const char *const rows[][2] = {
		{ "--udp-port", "65535" },   { "--udp-port", "0" },
		{ "--udp-port", "12x" },     { "--node-rate", "0" },
		{ "--node-rate", "100001" }, { "--node-rate", "-1" },
		{ "--total-rate", "" },	     { "--node-quota", "1.5" },
		{ "--quota", "1000001" },    { "--allow-from", "here" },
		{ "--allow-node", "AAAA" },  { "--coord-key", "AAAA" },
		{ "--listen", "1.2.3.4:x" }, { "--metrics", "9100" },
		{ "--log-level", "loud" },   { "--no-such", "x" },
	};
	struct settings s;

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *args[] = { "--coord-key", KEY, rows[i][0], rows[i][1],
				       NULL };

		if (read_args(&s, args) != SETTINGS_USAGE)
			fail_msg("%s %s is taken", rows[i][0], rows[i][1]);
	}
	assert_int_equal(read_args(&s, (const char *const[]){ NULL }),
			 SETTINGS_USAGE); /* no key */
}

static void test_bad_lines(void **state)
{
	static const char *const rows[] = { "nothing", "no-such = 1",
					    "udp-port = x", "listen =" };
	char path[64];
	const char *args[] = { "--coord-key", KEY, "--config", path, NULL };
	struct settings s;

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		write_file("bad.conf", rows[i], path);
		if (read_args(&s, args) != SETTINGS_USAGE)
			fail_msg("%s is taken", rows[i]);
	}
	snprintf(path, sizeof(path), "%s/none.conf", dir);
	assert_int_equal(read_args(&s, args), EXIT_FAILURE);
}

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "%s/good.conf", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/bad.conf", dir);
	unlink(path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_file_and_flags),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_bad_lines),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
