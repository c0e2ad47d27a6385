/* SPDX-License-Identifier: MIT
 *
 * test_coord_figures.c - the server's page for Prometheus, family by family
 */
#include "tests/unit/unit.h"

#include "coord/coord_figures.h"

static char page[65536];

/* every line is a comment of a family or a sample of the family before it */
static void well_formed(void **state)
{
	struct server_stats s = { .logins = 3, .joins = 2 };
	struct relay_service_stats r = { .clients = 5, .forwarded = 7 };
	char family[64] = "", *line, *rest = page;
	struct metrics m;

	(void)state;
	metrics_init(&m, page, sizeof(page));
	coord_figures_fill(&m, &s, &r);
	assert_false(m.full);
	assert_non_null(strstr(page, "\nadit_coord_logins_total 3\n"));
	assert_non_null(strstr(page, "\nadit_coord_joins_total 2\n"));
	assert_non_null(strstr(page, "\nadit_relay_clients 5\n"));
	assert_non_null(strstr(page, "\nadit_relay_frames_total 7\n"));
	while ((line = strsep(&rest, "\n")) && rest) {
		if (!strncmp(line, "# TYPE ", 7)) {
			assert_int_equal(strncmp(line + 7, family,
						 strlen(family)), 0);
			if (strstr(line, " counter"))
				assert_non_null(strstr(line, "_total "));
		} else if (!strncmp(line, "# HELP ", 7)) {
			size_t n = strcspn(line + 7, " ");

			assert_true(n < sizeof(family));
			memcpy(family, line + 7, n);
			family[n] = 0;
		} else {
			assert_int_equal(strncmp(line, family, strlen(family)),
					 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(well_formed) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
