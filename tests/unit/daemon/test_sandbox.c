/* SPDX-License-Identifier: MIT
 *
 * test_sandbox.c - what is forbidden fails, what is needed goes on
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/sandbox.h"

/* in_child() - its exit status: 0 good, else the number of what went wrong */
static int in_child(int (*try)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(try());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static bool refused(long result)
{
	return result < 0 && errno == EPERM;
}

static int worker_part(void)
{
	void *p;

	if (sandbox_worker())
		return 1;
	p = malloc(1 << 20);
	free(p);
	if (!p || write(STDERR_FILENO, "", 0) < 0)
		return 2;
	if (!refused(open("/dev/null", O_RDONLY | O_CLOEXEC)))
		return 3;
	if (!refused(socket(AF_INET, SOCK_STREAM, 0)))
		return 4;
	if (!refused(execl("/bin/true", "true", (char *)NULL)))
		return 5;
	return !refused(fork()) ? 6 : 0;
}

static int process_part(void)
{
	int fd;

	if (sandbox_process())
		return 1;
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 2;
	if (!refused(ptrace(PTRACE_TRACEME, 0, NULL, NULL)))
		return 3;
	if (!refused(unshare(0)))
		return 4;
	return in_child(worker_part) ? 5 : 0;
}

static void *worker_thread(void *unused)
{
	return worker_part() ? "failed" : NULL;
}

static int one_thread_alone(void)
{
	pthread_t t;
	void *result;

	if (pthread_create(&t, NULL, worker_thread, NULL) ||
	    pthread_join(t, &result) || result)
		return 1;
	return open("/dev/null", O_RDONLY | O_CLOEXEC) < 0 ? 2 : 0;
}

static void filters(void **state)
{
	(void)state;
	assert_int_equal(in_child(worker_part), 0);
	assert_int_equal(in_child(process_part), 0);
	assert_int_equal(in_child(one_thread_alone), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(filters) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
