/* SPDX-License-Identifier: MIT
 *
 * test_status.c - a relay's page of figures as lines and as JSON
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/metrics.h"
#include "relay/relay_figures.h"
#include "relay/status.h"

static char *written(const char *page, bool json)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	assert_non_null(f);
	status_write(page, json, f);
	fclose(f);
	return text;
}

static void test_of_a_page(void **state)
{
	static const struct relay_service_stats st = {
		.clients = 3, .forwarded_octets = 123456789012,
		.drops[DROP_RELAY_TOKEN] = 5 };
	static char page[32768];
	struct metrics m;
	char *text;

	(void)state;
	metrics_init(&m, page, sizeof(page) - 1);
	metrics_family(&m, "adit_build_info", METRICS_GAUGE, "1.");
	metrics_sample(&m, "version", "1.2", 1);
	relay_figures_fill(&m, &st);
	page[m.n] = 0;
	text = written(page, true);
	assert_non_null(strstr(text, "{\"version\": \"1.2\", \"clients\": 3, "));
	assert_non_null(strstr(text, "\"bytes\": 123456789012"));
	assert_non_null(strstr(text, "\"relay_token\": 5"));
	assert_non_null(strstr(text, "}}\n"));
	free(text);
	text = written(page, false);
	assert_non_null(strstr(text, "nodes registered                 3\n"));
	assert_non_null(strstr(text, "dropped: 5 relay token invalid"));
	assert_null(strstr(text, "dropped: 0"));
	free(text);
}

static void test_of_rubbish(void **state)
{
	static const char *const pages[] = {
		"", "\n\n", "{", "adit_relay_clients", "adit_relay_clients x",
		"adit_drops_total{reason=\"", "adit_drops_total{reason=\"x\"}",
		"# HELP adit_relay_clients 1",
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		char *text = written(pages[i], true);

		assert_string_equal(text, "{\"version\": \"\", \"refused_streams\": {}, \"drops\": {}}\n");
		free(text);
		text = written(pages[i], false);
		assert_string_equal(text, "");
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_of_a_page),
		cmocka_unit_test(test_of_rubbish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
