/* SPDX-License-Identifier: MIT
 *
 * test_metrics.c - the text format as Prometheus documents it
 */
#include "tests/unit/unit.h"

#include "base/drop.h"
#include "base/metrics.h"

static void page_is_text_format(void **state)
{
	char out[512];
	struct metrics m;

	(void)state;
	metrics_init(&m, out, sizeof(out));
	metrics_one(&m, "adit_up", METRICS_GAUGE, "Whether it runs.", 1);
	metrics_family(&m, "adit_paths", METRICS_GAUGE, "Paths, by kind.");
	metrics_sample(&m, "kind", "direct", 3);
	metrics_sample(&m, "kind", "a\"b\\c\nd\x1b", UINT64_MAX);
	assert_false(m.full);
	assert_int_equal(m.n, strlen(out));
	assert_string_equal(out,
			    "# HELP adit_up Whether it runs.\n"
			    "# TYPE adit_up gauge\n"
			    "adit_up 1\n"
			    "# HELP adit_paths Paths, by kind.\n"
			    "# TYPE adit_paths gauge\n"
			    "adit_paths{kind=\"direct\"} 3\n"
			    "adit_paths{kind=\"a\\\"b\\\\c\\nd?\"} "
			    "18446744073709551615\n");
}

static void drops_have_a_sample_each(void **state)
{
	uint64_t n[DROP_COUNT] = { [DROP_REPLAY] = 7 };
	static char out[16384];
	struct metrics m;

	(void)state;
	metrics_init(&m, out, sizeof(out));
	metrics_drops(&m, n);
	assert_false(m.full);
	assert_non_null(strstr(out, "# TYPE adit_drops_total counter\n"));
	assert_non_null(
		strstr(out, "\nadit_drops_total{reason=\"replay\"} 7\n"));
	assert_null(strstr(out, "reason=\"none\""));
}

/* whatever the room, the page ends with a whole line */
static void full_page_has_whole_lines(void **state)
{
	char out[200];

	(void)state;
	for (size_t room = 1; room < sizeof(out); room++) {
		struct metrics m;

		metrics_init(&m, out, room);
		metrics_one(&m, "adit_a", METRICS_COUNTER, "One.", 1);
		metrics_family(&m, "adit_b", METRICS_COUNTER, "Two.");
		metrics_sample(&m, "label", "\"value\"", 12345);
		assert_true(m.n < room);
		assert_true(m.n == 0 || out[m.n - 1] == '\n');
		assert_true(m.full || strstr(out, "12345"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(page_is_text_format),
		cmocka_unit_test(drops_have_a_sample_each),
		cmocka_unit_test(full_page_has_whole_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
