/* SPDX-License-Identifier: MIT
 *
 * test_rotation.c - when a tunnel key is due, and which nodes keep theirs
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/rotation.h"

#define DAY UINT64_C(86400)

static void due(void **state)
{
	(void)state;
	assert_true(rotation_left_s(0, 0, 100 * DAY) == UINT64_MAX);
	assert_true(rotation_left_s(1000, 30, 1000) == 30 * DAY);
	assert_true(rotation_left_s(1000, 30, 1000 + 29 * DAY) == DAY);
	assert_true(rotation_left_s(1000, 30, 1000 + 30 * DAY) == 0);
	assert_true(rotation_left_s(1000, 30, 1000 + 99 * DAY) == 0);
	assert_true(rotation_left_s(99 * DAY, 30, 1000) == 30 * DAY);
}

static void kept(void **state)
{
	struct node *n = calloc(1, sizeof(*n));
	struct netmap_node guest = { .id = 9, .gateway = 5 };
	char why[ROTATION_WHY];

	(void)state;
	assert_non_null(n);
	assert_non_null(strstr(rotation_forbidden(n), "adit up"));
	n->up = n->state.enrolled = true;
	assert_non_null(strstr(rotation_forbidden(n), "not connected"));
	n->coord_connected = true;
	assert_null(rotation_forbidden(n));
	n->netmap.peers = &guest;
	n->netmap.peer_count = n->netmap.guest_count = 1;
	assert_null(rotation_forbidden(n)); /* another's */
	n->netmap.self.id = 5;
	assert_non_null(strstr(rotation_forbidden(n), "gateway"));
	n->conf.peer_count = 1;
	assert_non_null(strstr(rotation_forbidden(n), "[Peer]"));
	n->conf.have_private = true;
	assert_int_equal(rotation_now(n, why), -EINVAL);
	assert_non_null(strstr(why, "PrivateKey"));
	free(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(due),
		cmocka_unit_test(kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
