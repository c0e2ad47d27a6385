/* SPDX-License-Identifier: MIT
 *
 * test_registry.c - what the database keeps, and what two users of an invite get
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/attr.h"
#include "coord/registry.h"

static char dir[] = "/tmp/adit-test-registry-XXXXXX";
static char path[64];
static struct registry *r;

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/db", dir);
	return 0;
}

static int teardown(void **state)
{
	static const char *const tails[] = { "", "-wal", "-shm" };
	char name[80];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(tails); i++) {
		snprintf(name, sizeof(name), "%s%s", path, tails[i]);
		unlink(name);
	}
	return rmdir(dir);
}

static int open_it(void **state)
{
	char why[256];

	(void)state;
	r = registry_open(path, why);
	return r ? 0 : -1;
}

static int close_it(void **state)
{
	(void)state;
	registry_close(r);
	return 0;
}

static struct registry_node node(uint8_t c, const char *name)
{
	struct registry_node n = { .fast_aes = true, .changed = c, .created_s = 5 };

	memset(n.machine.b, c, 32);
	memset(n.tunnel.b, c + 100, 32);
	n.v4 = ipaddr_v4(0x645a0000u + c);
	n.v6.b[15] = c;
	snprintf(n.name, sizeof(n.name), "%s", name);
	return n;
}

struct seen {
	unsigned count;
	struct registry_node last;
};

static void see(void *owner, const struct registry_node *n)
{
	struct seen *s = owner;

	s->count++;
	s->last = *n;
}

static void nodes_stay_and_are_unique(void **state)
{
	struct registry_node n = node(1, "a"), twin;
	struct seen s = { 0 };
	uint64_t id;
	struct stat st;

	assert_int_equal(registry_node_add(r, &n), 0);
	id = n.id;
	for (unsigned i = 0; i < 5; i++) {
		twin = node(2, "b");
		if (i == 0)
			twin.machine = n.machine;
		if (i == 1)
			twin.tunnel = n.tunnel;
		if (i == 2)
			twin.v4 = n.v4;
		if (i == 3)
			twin.v6 = n.v6;
		if (i == 4)
			strcpy(twin.name, "a");
		assert_int_equal(registry_node_add(r, &twin), -EEXIST);
	}
	close_it(state);
	open_it(state);
	assert_int_equal(registry_each_node(r, see, &s), 0);
	assert_int_equal(s.count, 1);
	assert_memory_equal(&s.last, &n, sizeof(n));
	assert_int_equal(registry_node_remove(r, id, 9), 0);
	assert_true(registry_was_removed(r, &n.machine));
	assert_int_equal(registry_node_add(r, &n), 0);
	assert_true(n.id > id); /* never reused */
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 077, 0);
}

struct published {
	unsigned count;
	uint64_t node, version;
	char text[32];
};

static void see_published(void *owner, uint64_t node, uint64_t version, const char *text)
{
	struct published *p = owner;

	p->count++;
	p->node = node;
	p->version = version;
	snprintf(p->text, sizeof(p->text), "%s", text);
}

static void what_nodes_published_ends_with_them(void **state)
{
	struct registry_node n = node(7, "g");
	struct published p = { 0 };

	assert_int_equal(registry_node_add(r, &n), 0);
	assert_int_equal(registry_published_set(r, n.id, 20, "{}"), 0);
	assert_int_equal(registry_published_set(r, n.id, 21, "{\"a\":1}"), 0);
	assert_true(registry_published_set(r, n.id + 1, 22, "{}") < 0); /* no node */
	close_it(state);
	open_it(state);
	assert_int_equal(registry_each_published(r, see_published, &p), 0);
	assert_int_equal(p.count, 1);
	assert_int_equal(p.node, n.id);
	assert_int_equal(p.version, 21);
	assert_string_equal(p.text, "{\"a\":1}");
	assert_int_equal(registry_node_remove(r, n.id, 23), 0);
	assert_int_equal(registry_each_published(r, see_published, &p), 0);
	assert_int_equal(p.count, 1); /* as before: none more */
}

static void invites(void **state)
{
	struct registry_invite i = { .hash = { 1 }, .expires_s = 100, .tags = "",
				     .name = "n" }, got;
	uint8_t other[REGISTRY_HASH] = { 2 };

	(void)state;
	assert_int_equal(registry_invite_add(r, &i), 0);
	assert_int_equal(registry_invite_use(r, other, 50, &got),
			 REGISTRY_UNKNOWN_INVITE);
	assert_int_equal(registry_invite_use(r, i.hash, 100, &got), REGISTRY_EXPIRED);
	assert_int_equal(registry_invite_use(r, i.hash, 99, &got), REGISTRY_USED_NOW);
	assert_string_equal(got.name, "n");
	assert_int_equal(registry_invite_use(r, i.hash, 99, &got),
			 REGISTRY_USED_BEFORE);
	i.hash[0] = 3;
	i.reusable = true;
	assert_int_equal(registry_invite_add(r, &i), 0);
	for (unsigned k = 0; k < 3; k++)
		assert_int_equal(registry_invite_use(r, i.hash, 1, &got),
				 REGISTRY_USED_NOW);
	assert_int_equal(registry_begin(r), 0);
	i.hash[0] = 4;
	i.reusable = false;
	assert_int_equal(registry_invite_add(r, &i), 0);
	registry_rollback(r);
	assert_int_equal(registry_invite_use(r, i.hash, 1, &got),
			 REGISTRY_UNKNOWN_INVITE);
}

/* 16 processes with connections of their own. */
static void one_process_gets_it(void **state)
{
	struct registry_invite i = { .hash = { 9 }, .expires_s = 100, .tags = "" };
	pid_t children[16];
	unsigned winners = 0;

	assert_int_equal(registry_invite_add(r, &i), 0);
	close_it(state);
	for (unsigned k = 0; k < ARRAY_SIZE(children); k++) {
		children[k] = fork();
		if (children[k] == 0) {
			char why[256];
			struct registry *own = registry_open(path, why);

			_exit(own && registry_invite_use(own, i.hash, 1, &i) ==
					     REGISTRY_USED_NOW ? 7 : 0);
		}
	}
	for (unsigned k = 0; k < ARRAY_SIZE(children); k++) {
		int status;

		assert_int_equal(waitpid(children[k], &status, 0), children[k]);
		winners += WIFEXITED(status) && WEXITSTATUS(status) == 7;
	}
	assert_int_equal(winners, 1);
	open_it(state);
}

static void settings(void **state)
{
	char text[16];

	(void)state;
	assert_false(registry_setting(r, "a", text, sizeof(text)));
	assert_int_equal(registry_set_setting(r, "a", "1"), 0);
	assert_int_equal(registry_set_setting(r, "a", "2"), 0);
	assert_true(registry_setting(r, "a", text, sizeof(text)));
	assert_string_equal(text, "2");
}

static void a_broken_database_is_named(void **state)
{
	char other[80], why[256];
	FILE *f;

	(void)state;
	snprintf(other, sizeof(other), "%s/no", dir);
	f = fopen(other, "w");
	assert_non_null(f);
	fprintf(f, "this is no database, and it is longer than a header is, so "
		   "that it is read and judged as a whole by its first page");
	fclose(f);
	assert_null(registry_open(other, why));
	assert_non_null(strstr(why, "not a database"));
	unlink(other);
	assert_null(registry_open("/nonexistent/db", why));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nodes_stay_and_are_unique, open_it, close_it),
		cmocka_unit_test_setup_teardown(what_nodes_published_ends_with_them,
						open_it, close_it),
		cmocka_unit_test_setup_teardown(invites, open_it, close_it),
		cmocka_unit_test_setup_teardown(one_process_gets_it, open_it, close_it),
		cmocka_unit_test_setup_teardown(settings, open_it, close_it),
		cmocka_unit_test(a_broken_database_is_named),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
