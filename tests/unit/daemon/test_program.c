/* SPDX-License-Identifier: MIT
 *
 * test_program.c - programs run one after the other, are waited for, and guard us
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/attr.h"
#include "daemon/program.h"

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static char dir[] = "/tmp/adit-test-program-XXXXXX";
static char fifo[64];
static struct loop loop;
static struct program program;
static int ended; /* -1: not yet */

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir) || loop_init(&loop) < 0)
		return -1;
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	loop_done(&loop);
	unlink(fifo);
	return rmdir(dir);
}

static void waits_for_one(void **state)
{
	(void)state;
	assert_true(program_found("sh"));
	assert_false(program_found("there-is-no-such-program"));
	assert_int_equal(program_run(WORDS("true"), NULL, 5), 0);
	assert_int_equal(program_run(WORDS("false"), NULL, 5), -EIO);
	assert_int_equal(program_run(WORDS("there-is-no-such-program"), NULL, 5),
			 -ENOENT);
	assert_int_equal(program_run(WORDS("grep", "-q", "^word$"), "a\nword\n", 5),
			 0);
	assert_int_equal(program_run(WORDS("grep", "-q", "^word$"), "a\n", 5), -EIO);
	/* no shell of ours looks at the words */
	assert_int_equal(program_run(WORDS("test", "$(true)", "=", "$(true)"), NULL,
				     5), 0);
}

static void on_done(struct program *p, bool ok)
{
	(void)p;
	ended = ok;
}

static int run_steps(const char *const *first, const char *const *second)
{
	program = (struct program){ 0 };
	ended = -1;
	program_add(&program, first, NULL);
	program_add(&program, second, NULL);
	assert_int_equal(program_start(&program, &loop, on_done), 0);
	assert_int_equal(program_start(&program, &loop, on_done), -EBUSY);
	while (ended < 0)
		loop_turn(&loop);
	assert_int_equal(program.pid, 0);
	return ended;
}

static void steps_end_with_the_first_failure(void **state)
{
	char made[80];

	(void)state;
	snprintf(made, sizeof(made), "%s/made", dir);
	assert_int_equal(run_steps(WORDS("true"), WORDS("mkdir", made)), 1);
	assert_int_equal(rmdir(made), 0);
	assert_int_equal(run_steps(WORDS("false"), WORDS("mkdir", made)), 0);
	assert_int_equal(access(made, F_OK), -1);
	assert_int_equal(run_steps(WORDS("true"), WORDS("no-such-program")), 0);
}

static void stopped_is_gone(void **state)
{
	pid_t pid;

	(void)state;
	program = (struct program){ 0 };
	program_stop(&program); /* nothing runs: fine */
	program_add(&program, WORDS("sleep", "600"), NULL);
	assert_int_equal(program_start(&program, &loop, on_done), 0);
	pid = program.pid;
	program_stop(&program);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1); /* reaped */
	assert_int_equal(errno, ECHILD);
}

/* The guard writes into the pipe once our end of its own is closed, whatever signal it
 * got before. */
static void guard_runs_at_our_end(void **state)
{
	char word[8] = "";
	FILE *f;
	int fd;

	(void)state;
	assert_int_equal(program_run(WORDS("mkfifo", fifo), NULL, 5), 0);
	fd = program_guard(WORDS("cp", "/proc/sys/kernel/ostype", fifo));
	assert_true(fd >= 0);
	close(fd);
	f = fopen(fifo, "r"); /* waits for the writer */
	assert_non_null(f);
	assert_non_null(fgets(word, sizeof(word), f));
	assert_string_equal(word, "Linux\n");
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_for_one),
		cmocka_unit_test(steps_end_with_the_first_failure),
		cmocka_unit_test(stopped_is_gone),
		cmocka_unit_test(guard_runs_at_our_end),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
