/* SPDX-License-Identifier: MIT
 *
 * test_state.c - identity survives a restart; damage and open modes are refused
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "daemon/state.h"

static char dir[] = "/tmp/adit-test-state-XXXXXX";
static char path[PATH_MAX], why[512];

static int setup(void **state)
{
	(void)state;
	return key_setup() == 0 && mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	static const char *const names[] = { "node.json", "paths.json",
						   "carried" };
	struct state s = { 0 };

	(void)state;
	snprintf(s.dir, sizeof(s.dir), "%s", dir);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unlink(state_path(&s, names[i], path));
	return rmdir(dir);
}

static void identity_is_kept(void **state)
{
	struct state a, b;
	struct stat st;

	(void)state;
	assert_int_equal(state_open(&a, dir, why), 0);
	assert_in_range(a.port, 20000, 31999);
	a.joining = true;
	snprintf(a.coord.url, sizeof(a.coord.url), "https://192.0.2.1");
	memset(a.coord.secret, 7, sizeof(a.coord.secret));
	memset(a.coord.server.b, 9, sizeof(a.coord.server.b));
	assert_int_equal(state_save(&a), 0);
	assert_int_equal(state_open(&b, dir, why), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_int_equal(stat(state_path(&a, "node.json", path), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	state_done(&a);
	state_done(&b);
}

static void damage_is_refused(void **state)
{
	struct state s;
	char *good;
	size_t n;

	(void)state;
	assert_int_equal(state_open(&s, dir, why), 0);
	state_path(&s, "node.json", path);
	assert_int_equal(file_read(path, 1 << 16, &good, &n), 0);
	for (size_t cut = 0; cut < n; cut += 17) {
		assert_int_equal(file_replace(path, good, cut, 0600), 0);
		assert_int_equal(state_open(&s, dir, why), -EINVAL);
		assert_non_null(strstr(why, "join again"));
	}
	assert_int_equal(file_replace(path, good, n, 0644), 0);
	assert_int_equal(state_open(&s, dir, why), -EPERM);
	assert_non_null(strstr(why, "chmod 600"));
	assert_int_equal(file_replace(path, good, n, 0600), 0);
	assert_int_equal(state_open(&s, dir, why), 0);
	free(good);
}

static void peers_are_remembered(void **state)
{
	struct state s;
	struct state_peer in[2], *out;
	unsigned n;

	(void)state;
	assert_int_equal(state_open(&s, dir, why), 0);
	assert_int_equal(state_load_peers(&s, &out, &n), 0);
	assert_int_equal(n, 0);
	free(out);
	memset(in, 0, sizeof(in));
	in[0].active = true;
	memset(in[0].key.b, 1, 32);
	memset(in[1].key.b, 2, 32);
	memset(in[0].seen, 3, 12);
	memset(in[1].sent, 4, 12);
	assert_true(endpoint_parse("192.0.2.7:4000", &in[0].remote));
	assert_true(ipaddr_parse("192.0.2.1", &in[0].searched.self));
	assert_true(ipaddr_parse("203.0.113.9", &in[0].searched.peer));
	assert_int_equal(state_save_peers(&s, in, 2), 0);
	assert_int_equal(state_load_peers(&s, &out, &n), 0);
	assert_int_equal(n, 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_memory_equal(out[i].key.b, in[i].key.b, 32);
		assert_memory_equal(out[i].seen, in[i].seen, 12);
		assert_memory_equal(out[i].sent, in[i].sent, 12);
		assert_int_equal(out[i].active, in[i].active);
		assert_true(endpoint_eq(&out[i].remote, &in[i].remote));
		assert_true(ipaddr_eq(&out[i].searched.self, &in[i].searched.self));
		assert_true(ipaddr_eq(&out[i].searched.peer, &in[i].searched.peer));
	}
	free(out);
}

static void what_was_carried(void **state)
{
	uint64_t day = 7, octets = 8;
	struct state s;

	(void)state;
	assert_int_equal(state_open(&s, dir, why), 0);
	state_load_carried(&s, &day, &octets);
	assert_int_equal(day, 7); /* no file: as it was */
	assert_int_equal(state_save_carried(&s, 20000, UINT64_MAX), 0);
	state_load_carried(&s, &day, &octets);
	assert_int_equal(day, 20000);
	assert_true(octets == UINT64_MAX);
	assert_int_equal(file_replace(state_path(&s, "carried", path), "x", 1, 0600),
			 0);
	state_load_carried(&s, &day, &octets);
	assert_int_equal(day, 20000);
	state_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identity_is_kept),
		cmocka_unit_test(damage_is_refused),
		cmocka_unit_test(peers_are_remembered),
		cmocka_unit_test(what_was_carried),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
