/* SPDX-License-Identifier: MIT
 *
 * test_scrape.c - what a scraper gets, and what others get
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/scrape.h"

static struct loop loop;
static struct scrape *scrape;
static char dir[] = "/tmp/test_scrape.XXXXXX", path[64];

static void fill(void *owner, struct metrics *m)
{
	(void)owner;
	metrics_one(m, "adit_test", METRICS_GAUGE, "A figure.", 42);
}

static int set_up(void **state)
{
	struct scrape_params p = { .loop = &loop, .at = path, .fill = fill };
	char why[256];

	(void)state;
	if (!mkdtemp(dir) || loop_init(&loop))
		return -1;
	snprintf(path, sizeof(path), "%s/s", dir);
	scrape = scrape_new(&p, why);
	return scrape ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	scrape_free(scrape);
	loop_done(&loop);
	return access(path, F_OK) == 0 ? -1 : rmdir(dir);
}

static int dial(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(at.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	loop_turn(&loop); /* accept */
	return fd;
}

static void ask(const char *request, char *answer, size_t room)
{
	int fd = dial();
	size_t n = 0;
	ssize_t got;

	assert_int_equal(write(fd, request, strlen(request)), strlen(request));
	loop_turn(&loop);
	while (n + 1 < room && (got = read(fd, answer + n, room - 1 - n)) > 0)
		n += (size_t)got;
	answer[n] = 0;
	close(fd);
}

static void answers(void **state)
{
	static const struct {
		const char *request, *answer;
	} rows[] = {
		{ "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n",
		  "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4" },
		{ "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n",
		  "\r\n\r\n# HELP adit_test A figure.\n" },
		{ "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\nadit_test 42\n" },
		{ "POST /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 405 " },
		{ "GET /x HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 404 " },
		{ "hello\r\n\r\n", "HTTP/1.1 400 " },
		{ "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 400 " },
	};
	char answer[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ask(rows[i].request, answer, sizeof(answer));
		if (!strstr(answer, rows[i].answer))
			fail_msg("row %zu: %s", i, answer);
	}
}

/* callers that say nothing do not keep a scraper out */
static void silent_callers(void **state)
{
	int fd[SCRAPE_CONNECTIONS_MAX + 1];
	char answer[1024];

	(void)state;
	for (int i = 0; i <= SCRAPE_CONNECTIONS_MAX; i++)
		fd[i] = dial();
	ask("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", answer, sizeof(answer));
	assert_non_null(strstr(answer, "adit_test 42"));
	assert_int_equal(read(fd[0], answer, 1), 0); /* the oldest went */
	for (int i = 0; i <= SCRAPE_CONNECTIONS_MAX; i++)
		close(fd[i]);
}

static void places(void **state)
{
	(void)state;
	assert_true(scrape_valid("127.0.0.1:9100"));
	assert_true(scrape_valid("[::1]:9100"));
	assert_true(scrape_valid("/run/adit/metrics.sock"));
	assert_false(scrape_valid(""));
	assert_false(scrape_valid("/"));
	assert_false(scrape_valid("9100"));
	assert_false(scrape_valid("127.0.0.1"));
	assert_false(scrape_valid("127.0.0.1:0"));
	assert_false(scrape_valid("localhost:9100"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(silent_callers),
		cmocka_unit_test(places),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
